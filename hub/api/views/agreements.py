"""Applications and agreements: an agency asks for more than is open to it, the owner answers, either side ends it."""

from uuid import UUID

from rest_framework.request import Request
from rest_framework.response import Response

from hub.accounts.caller import Caller
from hub.accounts.keys import address_of, the_one
from hub.accounts.models import Agency
from hub.accounts.queries import of_agency
from hub.api.base import ApiView, ListView, found, named
from hub.api.params import Parameter
from hub.api.schema import list_of, operation
from hub.api.serializers.agreements import (
    Agreeing,
    AgreementBody,
    AgreementChange,
    AgreementShown,
    ApplicationBody,
    ApplicationShown,
    Question,
    Refusal,
    Supplement,
)
from hub.catalog.models import Dataset
from hub.query.catalogue import visible_datasets
from hub.query.decisions import secret_fields
from policies import commands
from policies.lists import agreements_for, applications_for
from policies.models import Agreement, Application


class Agreements(ListView):
    """What agencies were granted, on your data or for your agency."""

    is_administrative = False
    filters = (
        Parameter("dataset", "Key of a dataset.", lookup="dataset__key"),
        Parameter("agency", "Code of the agency that was granted it.", lookup="agency__code"),
    )

    @operation("List the agreements that your agency is part of", list_of(AgreementShown))
    def get(self, request: Request) -> Response:
        return self.page(agreements_for(self.caller), AgreementShown, ("key", "owner__code"))

    @operation("Make an agreement", AgreementShown, status=201, body=AgreementBody, problems=(403, 409))
    def post(self, request: Request) -> Response:
        body = self.body(AgreementBody)
        body["agency"] = named(Agency.objects.all(), "agency", code=body["agency"])
        datasets = Dataset.objects.filter(of_agency(self.caller, "agency__code"))
        body["dataset"] = named(datasets, "dataset", key=body["dataset"])
        agreement = commands.make_agreement(actor=self.caller, **body)
        key = address_of(agreements_for(self.caller), agreement.owner, agreement.key)
        return self.one(agreement, AgreementShown, status=201, at=f"agreements/{key}")


class OneAgreement(ApiView):
    """One agreement."""

    is_administrative = False

    @operation("Describe an agreement", AgreementShown)
    def get(self, request: Request, key: str) -> Response:
        return self.one(_agreement(self.caller, key), AgreementShown)

    @operation("Change an agreement", AgreementShown, body=AgreementChange, problems=(403, 409))
    def patch(self, request: Request, key: str) -> Response:
        agreement = _agreement(self.caller, key)
        changed = commands.edit_agreement(actor=self.caller, agreement=agreement, **self.body(AgreementChange))
        return self.one(changed, AgreementShown)


class EndAgreement(ApiView):
    """The end of an agreement before its time."""

    @operation("End an agreement, as either side may", AgreementShown, problems=(403, 409))
    def post(self, request: Request, key: str) -> Response:
        agreement = commands.end_agreement(actor=self.caller, agreement=_agreement(self.caller, key))
        return self.one(agreement, AgreementShown)


class Applications(ListView):
    """What your agency asks for, and what is asked of it."""

    filters = (
        Parameter("status", "State of the application.", choices=tuple(Application.Status.values), lookup="status"),
        Parameter("dataset", "Key of a dataset.", lookup="dataset__key"),
        Parameter("agency", "Code of the agency that asks.", lookup="agency__code"),
    )

    @operation("List your agency's applications and those for its data, the latest first", list_of(ApplicationShown))
    def get(self, request: Request) -> Response:
        return self.page(applications_for(self.caller), ApplicationShown, ("-submitted_at", "-id"))

    @operation(
        "Apply for a dataset or fields of it", ApplicationShown, status=201, body=ApplicationBody, problems=(409,)
    )
    def post(self, request: Request) -> Response:
        body = self.body(ApplicationBody)
        body["dataset"] = named(visible_datasets(self.caller), "dataset", key=body["dataset"])
        body["unknown"] = secret_fields(self.caller, body["dataset"].key)
        application = commands.apply_for(actor=self.caller, **body)
        return self.one(application, ApplicationShown, status=201, at=f"applications/{application.pk}")


class OneApplication(ApiView):
    """One application."""

    @operation("Describe an application", ApplicationShown)
    def get(self, request: Request, id: UUID) -> Response:
        return self.one(_application(self.caller, id), ApplicationShown)


class Ask(ApiView):
    """The owner's question."""

    @operation("Ask the applicant, once, for what is missing", ApplicationShown, body=Question, problems=(409,))
    def post(self, request: Request, id: UUID) -> Response:
        application, body = _application(self.caller, id), self.body(Question)
        return self.one(commands.ask_for_more(actor=self.caller, application=application, **body), ApplicationShown)


class Supply(ApiView):
    """The applicant's reply."""

    @operation("Give what was missing", ApplicationShown, body=Supplement, problems=(409,))
    def post(self, request: Request, id: UUID) -> Response:
        application, body = _application(self.caller, id), self.body(Supplement)
        body["unknown"] = secret_fields(self.caller, application.dataset.key)
        return self.one(commands.supplement(actor=self.caller, application=application, **body), ApplicationShown)


class Agree(ApiView):
    """The owner's yes."""

    @operation("Agree to all or a part, which makes an agreement", ApplicationShown, body=Agreeing, problems=(409,))
    def post(self, request: Request, id: UUID) -> Response:
        commands.agree_to(actor=self.caller, application=_application(self.caller, id), **self.body(Agreeing))
        return self.one(_application(self.caller, id), ApplicationShown)


class Refuse(ApiView):
    """The owner's no."""

    @operation("Refuse, with the reasons", ApplicationShown, body=Refusal, problems=(409,))
    def post(self, request: Request, id: UUID) -> Response:
        application, body = _application(self.caller, id), self.body(Refusal)
        return self.one(
            commands.refuse_application(actor=self.caller, application=application, **body), ApplicationShown
        )


class Withdraw(ApiView):
    """The applicant's change of mind."""

    @operation("Withdraw an application", ApplicationShown, problems=(409,))
    def post(self, request: Request, id: UUID) -> Response:
        application = commands.withdraw_application(actor=self.caller, application=_application(self.caller, id))
        return self.one(application, ApplicationShown)


def _agreement(caller: Caller, key: str) -> Agreement:
    return the_one(agreements_for(caller), "agreement", key)


def _application(caller: Caller, id: UUID) -> Application:
    return found(applications_for(caller), "application", pk=id)
