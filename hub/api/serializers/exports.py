"""Shapes of exports: what is asked for, how far it is, and the manifest that says what the file is."""

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from hub.api.serializers.parts import Body
from hub.exports.models import Export
from hub.query.formats import FORMATS


class NewExport(Body):
    """The view, or what of it is wanted."""

    format = serializers.ChoiceField(choices=list(FORMATS))
    filter = serializers.CharField(
        max_length=8192, required=False, help_text="CQL2 text over the fields of the schema."
    )
    properties = serializers.ListField(
        child=serializers.CharField(), required=False, help_text="Fields to give; all without."
    )


class Manifest(serializers.Serializer[Any]):
    """What the file is. `decision` is the digest of what its requester may see, `receipt` the event of the request."""

    dataset = serializers.CharField()
    version = serializers.IntegerField()
    format = serializers.CharField()
    rows = serializers.IntegerField()
    size = serializers.IntegerField()
    sha256 = serializers.CharField()
    policy_epoch = serializers.IntegerField()
    decision = serializers.CharField()
    agreement = serializers.CharField(allow_blank=True)
    purpose = serializers.CharField(allow_blank=True)
    receipt = serializers.UUIDField()


class ExportError(serializers.Serializer[Any]):
    """Why there is no file, and what to do."""

    code = serializers.CharField()
    message = serializers.CharField()
    hint = serializers.CharField(allow_blank=True)


class ExportShown(serializers.ModelSerializer[Export]):
    """An export; `file` is the address of its file once it is ready."""

    dataset = serializers.CharField(source="dataset.key")
    status = serializers.ChoiceField(choices=Export.Status.values)
    properties = serializers.ListField(child=serializers.CharField())
    file = serializers.SerializerMethodField()
    manifest = serializers.SerializerMethodField()
    error = serializers.SerializerMethodField()

    class Meta:
        model = Export
        fields = (
            *("id", "dataset", "format", "filter", "properties", "status", "rows_written"),
            *("created_at", "started_at", "finished_at", "expires_at", "file", "manifest", "error"),
        )

    @extend_schema_field(serializers.CharField(allow_null=True))
    def get_file(self, export: Export) -> str | None:
        return f"/api/v1/exports/{export.pk}/file" if export.status == Export.Status.READY else None

    @extend_schema_field(Manifest(allow_null=True))
    def get_manifest(self, export: Export) -> dict[str, Any] | None:
        if export.version is None:
            return None
        names = ("version", "format", "rows", "size", "sha256", "decision", "agreement", "purpose")
        told = {name: getattr(export, name) for name in names}
        return {"dataset": export.dataset.key, **told, "policy_epoch": export.epoch, "receipt": str(export.receipt)}

    @extend_schema_field(ExportError(allow_null=True))
    def get_error(self, export: Export) -> dict[str, str] | None:
        if not export.error_code:
            return None
        return {"code": export.error_code, "message": export.error_message, "hint": export.error_hint}
