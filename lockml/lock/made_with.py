"""How a lock is made again, as `MadeWith`, in; the facts that the lock writes of it out."""

from dataclasses import replace as replaced

from msgspec.structs import replace

from lockml.lock.model import Lock, MadeWith

__all__ = ["made_facts", "restated"]

_KEYS = ("command", "extras", "groups")


def made_facts(made_with: MadeWith) -> dict[str, object]:
    """Return what the lock writes of *made_with*, by its key."""
    values = (made_with.command, made_with.extras, made_with.groups)
    return {key: list(value) for key, value in zip(_KEYS, values, strict=True) if value}


def restated(lock: Lock, made_with: MadeWith) -> Lock:
    """Return *lock* with other words on how it is made again."""
    if lock.made_with == made_with:
        return lock
    tool = lock.pylock.tool or {}
    kept = {key: value for key, value in tool.get("lockml", {}).items() if key not in _KEYS}
    pylock = replaced(lock.pylock, tool={**tool, "lockml": {**kept, **made_facts(made_with)}})
    return replace(lock, pylock=pylock, made_with=made_with)
