"""The named points of the design space: one literal table. To add a protocol made of known mechanisms, add a line."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import combinations
from typing import Any

from pydantic import ValidationError

from .config import AXES, Config

# Each preset: what differs from `none`.
PRESETS: dict[str, dict[str, Any]] = {
    "none": {},
    "fresh": {"reads": "admission"},
    "object_cas": {"scopes": ("written",), "validated": ("act",)},
    "sight_check": {"scopes": ("sensor",), "validated": ("act",)},
    "stamped": {"scopes": ("message",), "validated": ("act",), "messages": "stamped"},
    "read_committed": {"writes": "buffered", "transaction": "task"},
    "occ": {
        "writes": "buffered", "transaction": "task", "scopes": ("written", "sensor", "message", "plan"),
        "validated": ("act", "settle"), "messages": "stamped",
    },
    "merge_occ": {
        "writes": "branch", "transaction": "task", "scopes": ("written", "sensor", "message", "plan"),
        "validated": ("settle",), "messages": "stamped",
    },
    "epoch_plans": {"scopes": ("plan",), "validated": ("act",), "corrections": "epoch"},
    "stamped_epochs": {
        "scopes": ("message", "plan"), "validated": ("act",), "messages": "stamped", "corrections": "epoch",
    },
    "premise": {
        "writes": "buffered", "transaction": "task", "scopes": ("written", "sensor", "message", "plan"),
        "rule": "premise", "validated": ("act", "settle"), "messages": "stamped",
    },
    "snapshot": {
        "reads": "admission", "writes": "buffered", "transaction": "task", "order": "first committer wins",
    },
    "serializable_snapshot": {
        "reads": "admission", "writes": "buffered", "transaction": "task", "order": "first committer wins",
        "pivot": "aborts",
    },
    "occ_forward": {
        "writes": "buffered", "transaction": "task", "scopes": ("written", "sensor", "message", "plan"),
        "rule": "forward", "validated": ("act", "settle"), "messages": "stamped", "interruption": "stop",
    },
    "contention_aware": {
        "reads": "admission", "writes": "buffered", "transaction": "task",
        "scopes": ("written", "sensor", "message", "plan"), "validated": ("act", "settle"), "messages": "stamped",
        "scheduling": "contention-aware",
    },
    "two_phase_locking": {"reads": "admission", "locks": "site"},
    "region_locking": {"reads": "admission", "locks": "region"},
    "world_locking": {"reads": "admission", "locks": "world"},
    "locking_as_needed": {"reads": "admission", "locks": "site", "lock_moment": "as needed"},
    "wait_die": {"reads": "admission", "locks": "site", "deadlock": "wait-die"},
    "wound_wait": {"reads": "admission", "locks": "site", "deadlock": "wound-wait"},
    "timeout_locking": {"reads": "admission", "locks": "site", "deadlock": "timeout"},
    "speculative_locking": {"reads": "admission", "locks": "site", "speculation": "while waiting"},
    "full": {
        "writes": "buffered", "transaction": "task", "scopes": ("written", "sensor", "message", "plan"),
        "validated": ("act", "settle"), "messages": "stamped", "corrections": "epoch", "corrector": "checked",
        "interruption": "checkpoint",
    },
    "serial": {"order": "token"},
    "mtpo": {"reads": "admission", "order": "preorder", "messages": "stamped"},
}  # fmt: skip

# The four single defences, one a hazard, by the scope that each checks; their subsets are the sixteen sets.
DEFENCES = {"written": "object_cas", "sensor": "sight_check", "message": "stamped", "plan": "epoch_plans"}

ABOUT: dict[str, str] = {
    "none": "no concurrency control",
    "fresh": "none, with inputs renewed at admission: what is gained by knowing, not by control",
    "object_cas": "compare-and-set on the site that is written, against lost update",
    "sight_check": "an act needs what its agent saw to be current, against stale read",
    "stamped": "messages carry versions and an act needs them current, against action-message desync",
    "read_committed": "a task's writes take effect together, and nobody acts on what has not settled",
    "occ": "optimistic: writes buffered, every input validated at the act and at settle",
    "merge_occ": "optimistic: a task works on a branch of the record sites, validated where it merges and nowhere else",
    "epoch_plans": "plan corrections are adopted by all at one boundary, against stale correction",
    "stamped_epochs": "stamped messages and plans in epochs",
    "premise": "occ that refuses an act only if on the renewed inputs it would no longer be right",
    "snapshot": "all inputs read at admission; who would write over a newer version is refused",
    "serializable_snapshot": "snapshot, and whoever stands between two conflicts is refused: no write skew",
    "occ_forward": "occ with forward validation: who writes stops whose thought or way rests on the old version",
    "contention_aware": "occ that holds a task back from thought while others are about to write what it needs",
    "two_phase_locking": "every site of a task is locked before thought and until it settles; deadlocks are broken",
    "region_locking": "two-phase locking of whole regions of sites",
    "world_locking": "two-phase locking with one lock for the world",
    "locking_as_needed": "two-phase locking that locks what is read before thought and what is written at the act",
    "wait_die": "two-phase locking in which an older task waits for a younger, and a younger gives up at once",
    "wound_wait": "two-phase locking in which an older task takes locks from a younger, and a younger waits",
    "timeout_locking": "two-phase locking in which who waits too long for a lock gives up",
    "speculative_locking": "two-phase locking in which who waits for its locks thinks on what it believes",
    "full": "occ with plans in epochs, checked correctors, and stale thought stopped and half of it kept",
    "serial": "one token: one transaction at a time, the reference",
    "mtpo": "ranked as admitted: who comes late is slipped in beneath higher ranks, whose owners repair what they did, "
            "where the world lets them",
}

# Designed, named in docs/semantics.md, and not to be had yet.
NOT_YET = (
    "lease", "fenced_lease", "timestamp", "ticket", "saga",
    "gated_saga", "two_phase_commit", "lagging_replicas", "crdt",
)  # fmt: skip


def resolve(protocol: str | Config | Mapping[str, Any]) -> Config:
    """Return the config of a preset name, of a mapping of axes (with an optional `preset` to start from), or itself.

    Raises: ValueError that lists what is allowed, or says which axes contradict each other.
    """
    if isinstance(protocol, Config):
        return protocol
    if isinstance(protocol, str):
        return Config(**_axes_of(protocol))
    if not isinstance(protocol, Mapping):
        raise ValueError(_no_protocol(protocol))
    axes = dict(protocol)
    base = _axes_of(axes.pop("preset", "none"))
    try:
        return Config(**{**base, **axes})
    except ValidationError as error:
        problems = (problem["msg"].removeprefix("Value error, ") for problem in error.errors())
        raise ValueError("; ".join(problems)) from None


def _no_protocol(given: Any) -> str:
    is_class = isinstance(given, type)
    got = f"the class {given.__name__}, not a {given.__name__}()" if is_class else type(given).__name__
    return f"a protocol is a preset name, a Config, a mapping of axes or a Control; got {got}"


def defences(*scopes: str) -> dict[str, Any]:
    """Return one of the sixteen sets: the axes of the single defences that check these scopes, together."""
    axes: dict[str, Any] = {"scopes": scopes, "validated": ("act",)} if scopes else {}
    if "message" in scopes:
        axes["messages"] = "stamped"
    if "plan" in scopes:
        axes["corrections"] = "epoch"
    return axes


def sixteen_sets() -> dict[str, Config]:
    """Return every set of the four single defences by its name, such as written+message; the empty one is none."""
    sets = [s for many in range(len(DEFENCES) + 1) for s in combinations(DEFENCES, many)]
    return {name_of(config): config for config in (Config(**defences(*scopes)) for scopes in sets)}


def _axes_of(name: Any) -> dict[str, Any]:
    if name in PRESETS:
        return PRESETS[name]
    scopes = tuple(str(name).split("+"))
    if all(scope in DEFENCES for scope in scopes):
        return defences(*scopes)
    return PRESETS[_known(name)]


def _known(name: Any) -> str:
    if name in NOT_YET:
        raise ValueError(f"protocol {name!r} is not available yet; available are {', '.join(PRESETS)}")
    if name not in PRESETS:
        known = ", ".join(PRESETS)
        sets = f"sets of defences such as written+message, of {', '.join(DEFENCES)}"
        raise ValueError(f"unknown protocol {name!r}; available are {known}; {sets} (axes: {', '.join(AXES)})")
    return str(name)


def name_of(config: Config) -> str:
    """Return a config's preset, or the set of defences that it is; of any other the nearest preset, and the rest."""
    for name, axes in PRESETS.items():
        if config == Config(**axes):
            return name
    if config == Config(**defences(*config.scopes)):
        return "+".join(config.scopes)
    unlike = {name: config.differences(Config(**axes)) for name, axes in PRESETS.items()}
    nearest = min(unlike, key=lambda name: len(unlike[name]))
    parts = [f"{axis}={'+'.join(v) if isinstance(v, tuple) else v}" for axis, v in unlike[nearest].items()]
    return ", ".join([nearest, *parts])
