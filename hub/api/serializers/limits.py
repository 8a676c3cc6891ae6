"""Shapes of what may be asked, and what was."""

from typing import Any

from rest_framework import serializers


def _limit() -> serializers.IntegerField:
    return serializers.IntegerField(allow_null=True)


class PartyLimits(serializers.Serializer[Any]):
    """Each is null where there is no limit."""

    requests_per_minute = _limit()
    burst = _limit()
    concurrent = _limit()
    requests_per_day = _limit()
    rows_per_day = _limit()
    bytes_per_day = _limit()


class Taken(serializers.Serializer[Any]):
    """What was taken since midnight UTC."""

    requests = serializers.IntegerField()
    rows = serializers.IntegerField()
    bytes = serializers.IntegerField()


class PartyShown(serializers.Serializer[Any]):
    """Who it is, what it may do and what it did."""

    name = serializers.CharField()
    limits = PartyLimits()
    taken_today = Taken()


class LimitsShown(serializers.Serializer[Any]):
    """Of the caller, and of its agency with all who ask for it; null for a client that speaks for the public."""

    caller = PartyShown()
    agency = PartyShown(allow_null=True)
    day_ends_at = serializers.DateTimeField()
