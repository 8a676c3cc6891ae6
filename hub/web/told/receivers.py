"""Why a notice did not reach its receiver, and why nothing more is sent."""

from typing import Final

from django.utils.translation import gettext_noop

SENTENCES: Final = (
    gettext_noop("The call ended the hub's worker each time."),
    gettext_noop("The hub may not send to this address."),
    gettext_noop("Ask the hub's administrators to name its host or network in HUB_WEBHOOK_HOSTS."),
    gettext_noop("There was no answer in time."),
    gettext_noop("The call could not be made, or broke off."),
    gettext_noop("The receiver answered with HTTP %(status)s."),
    gettext_noop("The receiver answered with HTTP %(status)s; redirects are not followed."),
    gettext_noop("The receiver says that it is gone (HTTP %(status)s)."),
    gettext_noop("No delivery for about a day."),
    gettext_noop("The subscriber's client or membership has ended."),
)
