"""What a user's own protocol may say of itself: read before it runs, for a typo would be measured as a protocol."""

from __future__ import annotations

from ..world.control import Control
from .config import AXES
from .presets import NOT_YET, PRESETS

_WORDS = ("reads", "writes", "transaction", "mail", "delivery", "feedback")
_SWITCHES = ("stamped", "stops", "speculates", "renews")


def check_own(protocol: Control) -> None:
    """Refuse attributes that a world would not understand, and the name of a built-in protocol.

    Raises: ValueError that names the attribute, what was got and what is allowed.
    """
    name = protocol.name
    if not isinstance(name, str) or not name:
        raise ValueError(f"the name of a protocol is a word; got {name!r}")
    if name in PRESETS or name in NOT_YET:
        raise ValueError(f"{name!r} is the name of a preset: a protocol of your own has another")
    for word in _WORDS:
        allowed = AXES[word].values
        if getattr(protocol, word) not in allowed:
            raise ValueError(f"{name}: {word} is one of {', '.join(allowed)}; got {getattr(protocol, word)!r}")
    for switch in _SWITCHES:
        if not isinstance(getattr(protocol, switch), bool):
            raise ValueError(f"{name}: {switch} is True or False; got {getattr(protocol, switch)!r}")
    kept = protocol.kept
    if not isinstance(kept, int) or isinstance(kept, bool) or not 0 <= kept <= 100:
        raise ValueError(f"{name}: kept is a percentage from 0 to 100; got {kept!r}")
