"""Few words for small places: what it means that a site holds a value, and how a site is called where room is short."""

from __future__ import annotations

from ..world.scenario import SHUT
from ..world.state import MESSAGE, REGISTRY


def short_claim(kind: str, value: int) -> str:
    """Say what it means that a site of some kind has a value, in a word or two."""
    if kind == "region":
        return "empty" if value == 0 else f"{value} on it"
    if kind == "switch":
        return "closed" if value else "open"
    if kind == "guard_post" and value in (0, 1):
        return "manned" if value else "left"
    if kind == "shelf":
        return f"item {value}" if value else "nothing"
    if kind == "interface":
        return str(value) if value else "not built"
    if kind == "plan":
        return f"depot {value}"
    return str(value)


def short_names(name: str) -> tuple[str, ...]:
    """List ways to write a site's name, longest first: counter 3, c3; gate, g."""
    first, *rest = name.split("_")
    return " ".join([first, *rest]), first[0] + "".join(one if one[0].isdigit() else one[0] for one in rest)


def how_known(channel: int, promise: bool) -> str:
    """Say in a word how an agent came to hold a belief."""
    if promise:
        return "promised"
    return {MESSAGE: "told", REGISTRY: "read"}.get(channel, "saw")


def notice(value: int) -> str:
    """Say what a depot's notice says."""
    return ("open", "closing", "shut")[min(value, SHUT)]
