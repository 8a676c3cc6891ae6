"""Keys of what agencies make, so chosen that a key which is taken tells nobody of another agency's things."""

from hub.accounts.caller import Caller
from hub.accounts.queries import sees_all
from hub.errors import FieldError, Invalid


def require_own_key(actor: Caller, key: str, owner: str) -> None:
    """Whether ``actor`` may call a thing of the agency ``owner`` (empty for the catalogue's) ``key``.

    A key is one thing's in the whole hub, and to hear that it is taken must not tell what others have. So an agency's
    people choose keys that begin with its code and a dot, and all such keys are its own; plain keys are for those who
    see everything: manifests and platform roles. Raises ``Invalid``.
    """
    code, dot, _ = key.partition(".")
    if (code != owner) if dot else not sees_all(actor):
        begins = f"begin with {owner}. such as {owner}.{key.rpartition('.')[2][:40]}" if owner else "have no dot"
        message = f"{key!r} is no key of {owner or 'the catalogue'}: its keys {begins}."
        raise Invalid(message, errors=[FieldError("key", "invalid", message)])


def made_key(owner: str, name: str) -> str:
    """A key that the hub chooses for a thing of ``owner``."""
    return f"{owner}.{name}" if owner else name
