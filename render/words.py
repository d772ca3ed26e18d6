"""Few words for small places: what it means that a site holds a value, and how a site is called where room is short."""

from __future__ import annotations

from functools import lru_cache

from ..world.scenario import SHUT
from ..world.state import MESSAGE, PROMISE, REGISTRY, SYMBOL
from .scene import MessageView, Stage


def short_claim(kind: str, value: int) -> str:
    """Say what it means that a site of some kind has a value, in a word or two."""
    if kind == "region":
        return "empty" if value == 0 else f"{value} on it"
    if kind == "switch":
        return "closed" if value else "open"
    if kind == "guard_post" and value in (0, 1):
        return "manned" if value else "empty"
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


@lru_cache(maxsize=4096)
def agent_mark(stage: Stage, agent: int) -> str:
    """Return what stands on an agent: its role's initial, and its number among several, as in W2; O."""
    roles = stage.agent_roles
    name = stage.role_names[roles[agent]]
    others = [other for other in stage.role_names if other != name]
    length = next((n for n in range(1, len(name)) if all(other[:n] != name[:n] for other in others)), len(name))
    same = [index for index, role in enumerate(roles) if role == roles[agent]]
    return name[:length].capitalize() + (str(same.index(agent)) if len(same) > 1 else "")


def agent_label(stage: Stage, agent: int) -> str:
    """Return an agent's name in words: operator; walker 2."""
    roles = stage.agent_roles
    same = [index for index, role in enumerate(roles) if role == roles[agent]]
    return stage.role_names[roles[agent]] + (f" {same.index(agent)}" if len(same) > 1 else "")


def letter_text(stage: Stage, mail: MessageView) -> str:
    """Say what a letter tells: deck empty; deck: 2; promise: deck empty; symbol 3."""
    if mail.kind == SYMBOL:
        return f"symbol {mail.value}"
    name, kind = short_names(stage.site_names[mail.site])[0], stage.site_kinds[mail.site]
    said = f"{name}: {short_claim(kind, mail.value)}"
    if kind == "region":
        said = f"{name} empty" if mail.value == 0 else f"{name}: {mail.value}"
    return f"promise: {said}" if mail.kind == PROMISE else said
