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
    subject = f"The subscription to {subscription.target} is {state}"
    text = (
        f"{reason}\n\nNothing more is sent. Notices that wait are kept; once it is active again they are sent.\n\n"
        f"{mail.address('/subscriptions')}\n"
    )
    if subscription.is_client:
        mail.post(agency=subscription.agency, roles=MEMBER_ROLES, subject=subject, text=text)
    else:
        mail.post_to(to=[subscription.actor], subject=subject, text=text)
