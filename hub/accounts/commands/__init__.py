"""Changes to agencies, groups, members, teams, clients and tokens."""

from hub.accounts.commands.agencies import create_agency, edit_agency, switch_agency
from hub.accounts.commands.clients import create_client, edit_client, switch_client
from hub.accounts.commands.epoch import bump_epoch
from hub.accounts.commands.groups import approve_group, set_group
from hub.accounts.commands.members import remove_member, set_member
from hub.accounts.commands.teams import end_team, make_team, set_stewardships, set_team
from hub.accounts.commands.tokens import DEFAULT_LIFETIME, issue_token, revoke_token, rotate_token

__all__ = [
    "DEFAULT_LIFETIME",
    "approve_group",
    "bump_epoch",
    "create_agency",
    "create_client",
    "edit_agency",
    "edit_client",
    "end_team",
    "issue_token",
    "make_team",
    "remove_member",
    "revoke_token",
    "rotate_token",
    "set_group",
    "set_member",
    "set_stewardships",
    "set_team",
    "switch_agency",
    "switch_client",
]
