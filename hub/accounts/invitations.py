"""Links that work once: to set a password, and to become the first administrator."""

import hashlib
import secrets
from datetime import timedelta
from typing import Final

from django.conf import settings
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.core.mail import send_mail
from django.core.validators import validate_email
from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils.timezone import now
from django.utils.translation import gettext as _

from hub.accounts.caller import HUB
from hub.accounts.models import PLATFORM_ROLES, Agency, Invitation, Membership, User
from hub.audit.commands import record
from hub.errors import FieldError, Invalid, NotFound

LIFETIME: Final = timedelta(days=7)
RESET_LIFETIME: Final = timedelta(hours=2)
ADMINISTRATION: Final = "hub"


@transaction.atomic
def invite(user: User, lifetime: timedelta = LIFETIME) -> str:
    """The path of a fresh link for ``user``, mailed too; links given before are void."""
    path = _link(user, lifetime)
    subject, text = _("Your access to the data-sharing hub"), _("Set your password here; the link works once:")
    transaction.on_commit(lambda: _mail(user.email, subject, f"{text}\n\n{settings.HUB_URL}{path}\n"))
    return path


@transaction.atomic
def first_administrator_link() -> str | None:
    """The path of a fresh link for whoever is to be the first administrator; None where there is one."""
    return None if has_administrator() else _link(None, LIFETIME)


def has_administrator() -> bool:
    """Whether somebody may run the hub, be it that the password is yet to be set."""
    return Membership.objects.filter(roles__contains=["system"], user__is_active=True, agency__is_active=True).exists()


def open_invitation(secret: str) -> Invitation | None:
    """The invitation behind a link, while it is good."""
    invitation = _good(secret).select_related("user").first()
    return None if invitation is None or _is_too_late(invitation) else invitation


@transaction.atomic
def accept_invitation(secret: str, password: str, email: str = "") -> User:
    """Set the password behind the link. The first administrator gives a mail address too.

    Raises ``NotFound`` for a link that is used, old or unknown, ``Invalid`` for a weak password or a bad address.
    """
    invitation = _good(secret).select_for_update(of=("self",)).first()
    if invitation is None or _is_too_late(invitation):
        raise NotFound("This link is not good any more.", hint="Ask for a new one; a link works once, for some days.")
    user = invitation.user or _first_administrator(email)
    try:
        validate_password(password, user)
    except ValidationError as error:
        raise Invalid(
            " ".join(error.messages), errors=[FieldError("password", "weak", text) for text in error.messages]
        ) from None
    user.set_password(password)
    user.save(update_fields=["password"])
    invitation.used_at = now()
    invitation.save(update_fields=["used_at"])
    record(actor=HUB, kind="password.set", subject=user.email)
    return user


@transaction.atomic
def request_password_reset(email: str) -> None:
    """Mail a link to ``email`` if somebody here has it; the answer is the same either way."""
    user = User.objects.filter(email=email.strip().lower(), is_active=True).first()
    if user is not None:
        invite(user, RESET_LIFETIME)
        record(actor=HUB, kind="password.reset-requested", subject=user.email)


def _good(secret: str) -> QuerySet[Invitation]:
    found = Invitation.objects.filter(digest=_digest(secret), used_at=None, expires_at__gt=now())
    return found.filter(Q(user=None) | Q(user__is_active=True))


def _is_too_late(invitation: Invitation) -> bool:
    """Once somebody runs the hub, the printed link for the first administrator opens nothing."""
    return invitation.user_id is None and has_administrator()


def _first_administrator(email: str) -> User:
    email = email.strip().lower()
    try:
        validate_email(email)
    except ValidationError:
        message = "This is no mail address."
        raise Invalid(message, errors=[FieldError("email", "invalid", message)]) from None
    agency, _made = Agency.objects.get_or_create(
        code=ADMINISTRATION, defaults={"name": "Hub administration", "name_zh": "平台管理"}
    )
    if not agency.is_active:
        agency.is_active = True
        agency.save(update_fields=["is_active"])
    user = User.objects.filter(email=email).first() or User.objects.create_user(email)
    Membership.objects.update_or_create(user=user, agency=agency, defaults={"roles": sorted(PLATFORM_ROLES)})
    record(actor=HUB, kind="administrator.made", subject=email)
    return user


def _link(user: User | None, lifetime: timedelta) -> str:
    Invitation.objects.filter(user=user, used_at=None).delete()
    secret = secrets.token_urlsafe(32)
    Invitation.objects.create(digest=_digest(secret), user=user, expires_at=now() + lifetime)
    return f"/invitations/{secret}"


def _digest(secret: str) -> bytes:
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).digest()


def _mail(to: str, subject: str, text: str) -> None:
    """A mail server that is down fails nothing: a new link can be asked for at any time."""
    send_mail(subject, text, None, [to], fail_silently=True)
