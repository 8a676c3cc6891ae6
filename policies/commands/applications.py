"""Applications: an agency asks for what is not open to it, and the owner's reviewer answers."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from django.db import transaction
from django.utils.timezone import now

from hub.accounts import mail
from hub.accounts.caller import Caller
from hub.accounts.models import Agency
from hub.audit.commands import record
from hub.catalog.models import Dataset
from hub.catalog.permissions import require_dataset_reviewer
from hub.catalog.texts import text_faults
from hub.errors import Conflict, FieldError
from policies.access import Access, strictest
from policies.checks import empty_faults, refuse
from policies.commands.agreements import make_agreement
from policies.commands.keeping import check_known, set_columns
from policies.granting import TERMS, clients_of, terms_faults
from policies.models import Agreement, Application
from policies.permissions import require_applicant

APPLICATION_KEYS: Final = (*TERMS, "clients")
_ANSWERING: Final = ("publisher", "reviewer")
_ASKING: Final = ("requester", "reviewer")


@transaction.atomic
def apply_for(
    *, actor: Caller, dataset: Dataset, valid_to: datetime, unknown: frozenset[str] = frozenset(), **values: Any
) -> Application:
    """Ask the owner of ``dataset`` for what ``values`` (``APPLICATION_KEYS``) say.

    ``unknown`` are the fields that are secret to the actor: they do not exist for it. Raises ``Invalid`` with every
    fault at its place, and ``Conflict`` where there is nothing to ask for.
    """
    require_applicant(actor)
    if dataset.agency.code == actor.agency:
        raise Conflict(f"{dataset.key} is your own.", code="own", hint="There is nothing to apply for.")
    if dataset.sharing_class == "closed" or dataset.status != Dataset.Status.PUBLISHED:
        message = f"{dataset.key} is {'closed' if dataset.sharing_class == 'closed' else dataset.status}."
        raise Conflict(message, code="closed", hint="Ask its owner about the legal basis that it names.")
    agency = Agency.objects.get(code=actor.agency)
    application = Application(dataset=dataset, agency=agency, applicant=actor.name)
    _set_application(application, {**values, "valid_to": valid_to}, unknown)
    _tell(actor, application, "application.submitted")
    _write_to_owner(application, "asks for", "Answer it")
    return application


@transaction.atomic
def ask_for_more(*, actor: Caller, application: Application, question: str) -> Application:
    """Ask the applicant, once, for what is missing; nothing is refused for it."""
    _lock(application)
    require_dataset_reviewer(actor, application.dataset, "Answering applications")
    _require(application, Application.Status.SUBMITTED)
    if application.asked_at is not None:
        raise Conflict("More was asked for already, and that is done once.", code="asked", hint="Agree, or refuse.")
    refuse(text_faults("question", question, is_required=True))
    application.status = Application.Status.INCOMPLETE
    application.question, application.asked_at = question, now()
    return _kept(actor, application, "application.returned", question, "is missing something")


@transaction.atomic
def supplement(
    *, actor: Caller, application: Application, note: str, unknown: frozenset[str] = frozenset(), **values: Any
) -> Application:
    """Give what was asked for: a note, and whatever of the application's ``values`` changes with it."""
    _lock(application)
    require_applicant(actor, application.agency.code)
    _require(application, Application.Status.INCOMPLETE)
    refuse(text_faults("note", note, is_required=True))
    application.status = Application.Status.SUBMITTED
    application.supplement, application.supplemented_at = note, now()
    _set_application(application, values, unknown)
    _tell(actor, application, "application.supplemented")
    _write_to_owner(application, "has completed its application for", "Answer it")
    return application


@transaction.atomic
def agree_to(*, actor: Caller, application: Application, key: str = "", answer: str = "", **values: Any) -> Agreement:
    """Agree to the application, or to the part of it that ``values`` leave; answers the agreement, in force at once.

    What is granted is never more than what was asked for.
    """
    _lock(application)
    require_dataset_reviewer(actor, application.dataset, "Answering applications")
    _require(application, *Application.OPEN)
    refuse(text_faults("answer", answer))
    granted = {**_asked(application), **{name: value for name, value in values.items() if value is not None}}
    refuse(_excess(application, granted))
    agreement = make_agreement(
        actor=actor,
        key=key or f"{application.agency.code}-{application.dataset.key}-{application.pk.hex[:8]}",
        dataset=application.dataset,
        agency=application.agency,
        **granted,
    )
    application.status, application.agreement, application.answer = Application.Status.AGREED, agreement, answer
    _decide(actor, application)
    _kept(actor, application, "application.agreed", f"The agreement is {agreement.key}. {answer}", "is agreed to")
    return agreement


@transaction.atomic
def refuse_application(*, actor: Caller, application: Application, answer: str) -> Application:
    """Refuse, with the reasons."""
    _lock(application)
    require_dataset_reviewer(actor, application.dataset, "Answering applications")
    _require(application, *Application.OPEN)
    refuse(text_faults("answer", answer, is_required=True))
    application.status, application.answer = Application.Status.REFUSED, answer
    _decide(actor, application)
    return _kept(actor, application, "application.refused", answer, "is refused")


@transaction.atomic
def withdraw_application(*, actor: Caller, application: Application) -> Application:
    """Take an application back before it is decided."""
    _lock(application)
    require_applicant(actor, application.agency.code)
    _require(application, *Application.OPEN)
    application.status = Application.Status.WITHDRAWN
    _decide(actor, application)
    application.save()
    _tell(actor, application, "application.withdrawn")
    return application


def _set_application(application: Application, values: Mapping[str, Any], unknown: frozenset[str]) -> None:
    check_known(values, APPLICATION_KEYS, "An application")
    refuse(empty_faults(values))
    clients = clients_of(application.agency, values["clients"] or ()) if "clients" in values else None
    set_columns(application, {key: value for key, value in values.items() if key != "clients"})
    refuse(terms_faults(application, application.dataset, application.valid_from, application.valid_to, unknown))
    if application.valid_to <= now():
        refuse([FieldError("valid_to", "invalid", "valid_to is over already.")])
    application.save()
    if clients is not None:
        application.clients.set(clients)


def _asked(application: Application) -> dict[str, Any]:
    """The application's words as an agreement takes them."""
    asked = {key: getattr(application, key) for key in TERMS}
    asked["filter"] = asked["filter"] or None
    return {**asked, "clients": [str(client) for client in application.clients.select_related("agency")]}


def _excess(application: Application, granted: Mapping[str, Any]) -> list[FieldError]:
    """What would be granted beyond what was asked for."""
    types = dict(application.dataset.fields.values_list("name", "type"))
    errors = []
    fields = granted["fields"] if isinstance(granted["fields"], Mapping) else {}
    for name, access in fields.items():
        if name in types and not _is_within(access, application.fields.get(name), types[name]):
            message = f"{name} was not asked for in this form."
            errors.append(FieldError(f"fields.{name}", "beyond-application", message))
    if isinstance(granted["valid_to"], datetime) and granted["valid_to"] > application.valid_to:
        errors.append(FieldError("valid_to", "beyond-application", "valid_to is later than what was asked for."))
    if granted["may_pass_on"] and not application.may_pass_on:
        errors.append(FieldError("may_pass_on", "beyond-application", "Passing the data on was not asked for."))
    modes: Sequence[str] = granted["modes"] or ()
    if application.modes and not (modes and set(modes) <= set(application.modes)):
        errors.append(FieldError("modes", "beyond-application", "More modes than were asked for."))
    return errors


def _is_within(given: object, asked: object, type_: Any) -> bool:
    """Whether ``given`` shows no more than ``asked``; one that cannot be read is refused in its own place."""
    if asked is None:
        return False
    wished, granted = Access.parse(asked), Access.parse(given)
    return strictest([wished, granted], type_) == granted


def _decide(actor: Caller, application: Application) -> None:
    application.decided_by, application.decided_at = actor.name, now()


def _kept(actor: Caller, application: Application, kind: str, said: str, how: str) -> Application:
    """Save what the owner said, and tell the applicant."""
    application.save()
    _tell(actor, application, kind)
    mail.post(
        agency=application.agency.code,
        roles=_ASKING,
        subject=f"Your application for {application.dataset.key} {how}",
        text=f"{said}\n\n{_link(application)}\n",
    )
    return application


def _write_to_owner(application: Application, asks: str, todo: str) -> None:
    mail.post(
        agency=application.dataset.agency.code,
        roles=_ANSWERING,
        subject=f"{application.agency.code} {asks} {application.dataset.key}",
        text=f"Purpose: {application.purpose}\n\n{todo}: {_link(application)}\n",
    )


def _link(application: Application) -> str:
    return mail.address(f"/applications/{application.pk}")


def _tell(actor: Caller, application: Application, kind: str) -> None:
    about = application.agency.code
    record(actor=actor, kind=kind, dataset=application.dataset.key, subject=str(application.pk), about=about)


def _require(application: Application, *statuses: str) -> None:
    if application.status not in statuses:
        raise Conflict(f"The application is {application.status}.", hint="Look at it again.")


def _lock(application: Application) -> None:
    """From here to the commit the application is as it stands, whenever the caller read it."""
    locked = Application.objects.select_for_update(of=("self",)).select_related("dataset__agency", "agency")
    application.refresh_from_db(from_queryset=locked)
