"""What a wrong filter says, and where it is wrong."""

from hub.errors import Invalid


class FilterError(Invalid):
    """A filter that cannot be read. ``position`` counts characters from 0; none where the whole filter is meant."""

    code = "filter-invalid"

    def __init__(self, message: str, *, position: int | None = None, code: str | None = None, hint: str = "") -> None:
        place = "" if position is None else f" (character {position})"
        super().__init__(f"{message}{place}", code=code, hint=hint)
        self.position = position
