"""The shape of a file brought by hand."""

from rest_framework import serializers

from connectors.models import Stream
from hub.api.serializers.parts import Body


class UploadBody(Body):
    """A file, and how it is written where its name does not say; without a mode it replaces what there is."""

    file = serializers.FileField(allow_empty_file=True)
    mode = serializers.ChoiceField(choices=Stream.Mode.values, required=False)
    format = serializers.CharField(max_length=10, required=False)
    encoding = serializers.CharField(max_length=40, required=False)
    delimiter = serializers.CharField(max_length=1, required=False, trim_whitespace=False)
    sheet = serializers.CharField(max_length=100, required=False)
    records = serializers.CharField(max_length=200, required=False)
    missing = serializers.ListField(
        child=serializers.CharField(max_length=60, allow_blank=True, trim_whitespace=False),
        required=False,
        help_text="Texts that stand for no value; repeat the part for several.",
    )
    timezone = serializers.CharField(max_length=60, required=False)
