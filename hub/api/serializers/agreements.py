"""Shapes of agreements and applications."""

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from hub.accounts.caller import Caller
from hub.api.serializers.parts import KEY_LENGTH, AccessField, Body, LegalBasis, words
from hub.api.serializers.rules import MODES
from hub.query.explaining import is_filter_told
from policies.models import Agreement, Application

_TERMS = (
    "fields",
    "filter",
    "modes",
    "clients",
    "purpose",
    "legal_basis",
    "may_pass_on",
    "keep_until",
    "disposal",
    "assessment",
    "valid_from",
    "valid_to",
)


class _Terms(serializers.Serializer[Any]):
    """What is asked for, or granted."""

    fields = serializers.DictField(child=AccessField())  # type: ignore[assignment]
    modes = serializers.ListField(child=serializers.ChoiceField(choices=MODES))
    clients = serializers.SerializerMethodField()
    legal_basis = LegalBasis(many=True)

    def get_clients(self, terms: Agreement | Application) -> list[str]:
        return sorted(str(client) for client in terms.clients.all())


class AgreementShown(_Terms, serializers.ModelSerializer[Agreement]):
    """What one agency was granted on one dataset, for a purpose and a time.

    `filter` is null where it is kept from the caller, as it uses a field that the caller does not see in clear.
    """

    filter = serializers.SerializerMethodField()
    dataset = serializers.CharField(source="dataset.key")
    agency = serializers.CharField(source="agency.code")
    application = serializers.SerializerMethodField()

    class Meta:
        model = Agreement
        fields = (
            *("key", "dataset", "agency", *_TERMS),
            *("ended_at", "ended_by", "agreed_by", "created_at", "application"),
        )

    @extend_schema_field(serializers.CharField(allow_null=True, allow_blank=True))
    def get_filter(self, agreement: Agreement) -> str | None:
        """The owner and the platform's roles see it; the grantee as far as `/access` tells it."""
        caller: Caller = self.context["caller"]
        is_overseer = caller.has_role("system", "authority", "auditor")
        if not agreement.filter or is_overseer or caller.agency == agreement.dataset.agency.code:
            return agreement.filter
        return agreement.filter if is_filter_told(caller, agreement) else None

    def get_application(self, agreement: Agreement) -> str | None:
        application = getattr(agreement, "application", None)
        return str(application.pk) if application is not None else None


class _TermsBody(Body):
    """What is asked for, or granted: an access for each field, perhaps a filter of rows, modes and clients."""

    fields = serializers.DictField(child=AccessField())  # type: ignore[assignment]
    filter = serializers.CharField(max_length=8192, required=False, allow_null=True)
    modes = serializers.ListField(child=serializers.ChoiceField(choices=MODES), required=False)
    clients = words(required=False, help_text="Clients such as `ops/dashboard`; all of the agency's without.")
    purpose = serializers.CharField()
    legal_basis = LegalBasis(many=True)
    may_pass_on = serializers.BooleanField(required=False)
    keep_until = serializers.DateTimeField(required=False, allow_null=True)
    disposal = serializers.CharField(required=False, help_text="What becomes of the data then.")
    assessment = serializers.CharField(required=False, help_text="Cited where personal or sensitive fields are opened.")
    valid_from = serializers.DateTimeField(required=False)
    valid_to = serializers.DateTimeField()


class AgreementChange(_TermsBody):
    """What can be changed of an agreement."""


class AgreementBody(_TermsBody):
    """An agreement in force, with what it grants."""

    key = serializers.CharField(max_length=KEY_LENGTH)
    dataset = serializers.CharField(max_length=93)
    agency = serializers.CharField(max_length=31)


class ApplicationShown(_Terms, serializers.ModelSerializer[Application]):
    """What an agency asks of a dataset's owner, and what was answered."""

    dataset = serializers.CharField(source="dataset.key")
    agency = serializers.CharField(source="agency.code")
    agreement = serializers.CharField(source="agreement.key", default=None, allow_null=True)

    class Meta:
        model = Application
        fields = (
            *("id", "dataset", "agency", "status", *_TERMS),
            *("applicant", "submitted_at", "question", "asked_at", "supplement", "supplemented_at"),
            *("answer", "decided_by", "decided_at", "agreement"),
        )


class ApplicationBody(_TermsBody):
    """What is asked for; `fields` names those wished for, each with its access."""

    dataset = serializers.CharField(max_length=93)
    legal_basis = LegalBasis(many=True, required=False)


class Question(Body):
    """What is missing."""

    question = serializers.CharField()


class Supplement(_TermsBody):
    """What was missing: a note, and what of the application changes with it."""

    note = serializers.CharField()
    fields = serializers.DictField(child=AccessField(), required=False)
    purpose = serializers.CharField(required=False)
    legal_basis = LegalBasis(many=True, required=False)
    valid_to = serializers.DateTimeField(required=False)


class Agreeing(_TermsBody):
    """The part that is agreed to, where it is not all; `key` names the agreement, `answer` is for the applicant."""

    key = serializers.CharField(max_length=KEY_LENGTH, required=False)
    answer = serializers.CharField(required=False, allow_blank=True)
    fields = serializers.DictField(child=AccessField(), required=False)
    purpose = serializers.CharField(required=False)
    legal_basis = LegalBasis(many=True, required=False)
    valid_to = serializers.DateTimeField(required=False)


class Refusal(Body):
    """The reasons."""

    answer = serializers.CharField()
