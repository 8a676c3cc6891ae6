"""Mails to an agency's people: written with the act that they tell of, sent by the hub's clock until they are gone."""

import logging
from datetime import timedelta
from smtplib import SMTPException
from typing import Final

from django.conf import settings
from django.core.mail import send_mail
from django.db import transaction
from django.db.models import F, Q
from django.template.loader import render_to_string
from django.utils import translation
from django.utils.timezone import now

from hub.accounts.models import Mail, User

_ATTEMPTS: Final = 8
_AT_ONCE: Final = 20
log = logging.getLogger(__name__)


def post(*, agency: str, roles: tuple[str, ...], subject: str, text: str) -> None:
    """A mail to the members of ``agency`` (a code) who hold one of ``roles``; goes out if this transaction stands."""
    here = Q(memberships__agency__code=agency, memberships__roles__overlap=list(roles))
    to = User.objects.filter(here, is_active=True).order_by("email").values_list("email", flat=True).distinct()
    if to:
        Mail.objects.create(to=list(to), subject=subject, text=text)


def post_to(*, to: list[str], subject: str, text: str) -> None:
    """A mail to these addresses; goes out if this transaction stands."""
    Mail.objects.create(to=to, subject=subject[:300], text=text)


def written(template: str, **words: object) -> dict[str, str]:
    """Subject and text by the templates ``web/mails/…``, for whoever reads them: in the hub's language of mails."""
    with translation.override(settings.HUB_MAIL_LANGUAGE):
        subject = render_to_string(f"web/mails/{template}_subject.txt", words).strip()
        return {"subject": subject, "text": render_to_string(f"web/mails/{template}.txt", words)}


def address(path: str) -> str:
    """The whole address of a page of the portal."""
    return f"{settings.HUB_URL}{path}"


def send_waiting() -> int:
    """Send what waits, answering how many went out; what a server refuses is tried again, ever later."""
    moment = now()
    due = Q(attempts=0)
    for attempt in range(1, _ATTEMPTS):
        due |= Q(attempts=attempt, created_at__lt=moment - timedelta(minutes=2**attempt))
    waiting = Mail.objects.filter(due, sent_at=None).order_by("created_at")[:_AT_ONCE]
    return sum(_send(mail.pk) for mail in waiting)


@transaction.atomic
def _send(pk: int) -> bool:
    mail = Mail.objects.select_for_update(skip_locked=True).filter(pk=pk, sent_at=None).first()
    if mail is None:
        return False
    try:
        send_mail(mail.subject, mail.text, None, mail.to)
    except (OSError, SMTPException) as error:
        log.warning("mail %s, attempt %s: %s", mail.pk, mail.attempts + 1, error)
        Mail.objects.filter(pk=pk).update(attempts=F("attempts") + 1)
        return False
    Mail.objects.filter(pk=pk).update(attempts=F("attempts") + 1, sent_at=now())
    return True
