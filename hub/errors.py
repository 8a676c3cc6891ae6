"""Every error the hub raises on purpose, grouped by what the caller can do about it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar


@dataclass(frozen=True, slots=True)
class FieldError:
    """One fault in one place of the caller's input; ``field`` is a dotted path such as ``dataset.field[3].type``."""

    field: str
    code: str
    message: str


class HubError(Exception):
    """Base of the tree. ``code`` is stable, ``message`` says what happened and where, ``hint`` what to do."""

    status: ClassVar[int] = 500
    code: str = "internal"

    def __init__(
        self, message: str, *, code: str | None = None, hint: str = "", errors: Sequence[FieldError] = ()
    ) -> None:
        super().__init__(message)
        self.message = message
        self.code = code or self.code
        self.hint = hint
        self.errors = tuple(errors)


class Invalid(HubError):
    """The request itself is wrong: change it and send it again."""

    status = 400
    code = "invalid"


class Unauthenticated(HubError):
    """Nobody known is asking: sign in or send a valid token."""

    status = 401
    code = "unauthenticated"


class Forbidden(HubError):
    """The caller is known and may not do this: ask for the permission that the message names."""

    status = 403
    code = "forbidden"


class NotFound(HubError):
    """There is no such thing for this caller."""

    status = 404
    code = "not-found"


class Conflict(HubError):
    """The thing is not in a state in which this can be done: look at it again first."""

    status = 409
    code = "conflict"


class Gone(HubError):
    """There was such a thing, and its time is over: ask for a new one, or start again from the beginning."""

    status = 410
    code = "gone"


class TooMany(HubError):
    """The caller asks too often or for too much: come back after ``retry_after`` seconds.

    ``limit`` is how much there may be; None where it is not told.
    """

    status = 429
    code = "too-many-requests"

    def __init__(
        self,
        message: str,
        *,
        retry_after: int = 1,
        limit: int | None = None,
        code: str | None = None,
        hint: str = "",
    ) -> None:
        super().__init__(message, code=code, hint=hint)
        self.retry_after = retry_after
        self.limit = limit


class Unavailable(HubError):
    """The hub cannot answer for now (database gone, disk full): try again later, nothing was changed."""

    status = 503
    code = "unavailable"


class SourceError(HubError):
    """A source system did not give what was asked of it; the dataset stays as it was."""

    status = 502
    code = "source-failed"


class SourceDown(SourceError):
    """Nothing answers there, or it broke off: the next run tries again by itself.

    ``retry_after`` is how many seconds the source asks to be left alone; None where it does not say.
    """

    code = "source-down"

    def __init__(
        self, message: str, *, code: str | None = None, hint: str = "", retry_after: float | None = None
    ) -> None:
        super().__init__(message, code=code, hint=hint)
        self.retry_after = retry_after


class SourceRefused(SourceError):
    """The source knows us not, or forbids this: check the account and its secrets."""

    code = "source-refused"


class SourceMissing(SourceError):
    """The source answers, but has no such table, file or path: check the stream's ``select``."""

    code = "source-missing"


class SourceLacks(SourceMissing):
    """The source has no such columns: ``absent`` are the names asked for, ``offered`` those that it has."""

    code = "source-no-column"

    def __init__(self, message: str, *, hint: str, absent: Sequence[str], offered: Sequence[str]) -> None:
        super().__init__(message, hint=hint)
        self.absent = tuple(absent)
        self.offered = tuple(offered)


class SourceMalformed(SourceError):
    """What came is not what was agreed (HTML for JSON, a cut file, an empty answer, two equal column names)."""

    code = "source-malformed"
