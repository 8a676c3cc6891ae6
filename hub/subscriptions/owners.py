"""Lets go of a receiver that cannot be reached, and writes to those whose subscription it is."""

from hub.accounts import mail
from hub.accounts.caller import HUB
from hub.accounts.models import MEMBER_ROLES
from hub.audit.commands import record
from hub.subscriptions.models import Subscription


def give_up(subscription: Subscription, state: str, reason: str) -> None:
    """Send nothing more from now on; said once, in the transaction at hand."""
    active = Subscription.objects.filter(pk=subscription.pk, state=Subscription.State.ACTIVE)
    if not active.update(state=state, reason=reason):
        return
    kind = f"subscription.{state}"
    record(actor=HUB, kind=kind, subject=str(subscription.pk), about=subscription.agency, reason=reason)
    words = {"target": subscription.target, "state": state, "reason": reason, "address": mail.address("/subscriptions")}
    written = mail.written("given_up", **words)
    if subscription.is_client:
        mail.post(agency=subscription.agency, roles=MEMBER_ROLES, **written)
    else:
        mail.post_to(to=[subscription.actor], **written)
