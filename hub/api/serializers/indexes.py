"""Shapes of indexes, as those who administer a dataset see them."""

from typing import Any

from rest_framework import serializers

from hub.store.models import Index


class NewIndex(serializers.Serializer[Any]):
    """The terms in order, such as `["origin"]` or `["-dep_delay", "flight"]`."""

    fields = serializers.ListField(  # type: ignore[assignment]
        child=serializers.CharField(max_length=61),
        help_text="Names of fields; `-` descends. The key follows by itself.",
    )


class IndexShown(serializers.ModelSerializer[Index]):
    """An index. `origin` says whether somebody `asked` for it or it was `measured` that reads gain by it.

    `size` is in bytes; `uses` and `used_at` say how often it was read since it was built, and when last.
    """

    status = serializers.ChoiceField(choices=Index.Status.values)
    origin = serializers.ChoiceField(choices=Index.Origin.values)

    class Meta:
        model = Index
        fields = (
            *("id", "fields", "origin", "status", "created_at", "built_at", "dropped_at"),
            *("size", "uses", "used_at", "error"),
        )
