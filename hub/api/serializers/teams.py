"""Shapes of teams and of what they look after."""

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from hub.accounts.models import Team
from hub.accounts.stewardship import ACTS, stewardship_words
from hub.api.serializers.parts import KEY_LENGTH, Body, words


class Stewardship(Body):
    """What a team may do with one dataset, source or rule: exactly one of the three is named."""

    dataset = serializers.CharField(max_length=KEY_LENGTH, required=False)
    source = serializers.CharField(max_length=KEY_LENGTH, required=False)  # type: ignore[assignment]
    rule = serializers.CharField(max_length=KEY_LENGTH, required=False)
    acts = serializers.ListField(child=serializers.ChoiceField(choices=ACTS), allow_empty=False)


class TeamShown(serializers.ModelSerializer[Team]):
    """Members of one agency, and what they look after together."""

    agency = serializers.CharField(source="agency.code")
    members = serializers.SerializerMethodField()
    stewardships = serializers.SerializerMethodField()

    class Meta:
        model = Team
        fields = ("id", "agency", "name", "members", "stewardships")

    def get_members(self, team: Team) -> list[str]:
        return sorted(user.email for user in team.group.user_set.all())

    @extend_schema_field(Stewardship(many=True))
    def get_stewardships(self, team: Team) -> list[dict[str, Any]]:
        return stewardship_words(team)


class TeamChange(Body):
    """What can be changed of a team: each list stands for all of it."""

    members = words(required=False)
    stewardships = Stewardship(many=True, required=False)


class TeamBody(TeamChange):
    """A team to make."""

    agency = serializers.CharField(max_length=31)
    name = serializers.CharField(max_length=60)
