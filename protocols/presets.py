"""The named points of the design space: one literal table. To add a protocol made of known mechanisms, add a line."""

from __future__ import annotations

from collections.abc import Mapping
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
    "occ": {
        "writes": "buffered", "transaction": "task", "scopes": ("written", "sensor", "message", "plan"),
        "validated": ("act", "settle"), "messages": "stamped",
    },
    "serial": {"order": "token"},
}  # fmt: skip

ABOUT: dict[str, str] = {
    "none": "no concurrency control",
    "fresh": "none, with inputs renewed at admission: what is gained by knowing, not by control",
    "object_cas": "compare-and-set on the site that is written, against lost update",
    "sight_check": "an act needs what its agent saw to be current, against stale read",
    "stamped": "messages carry versions and an act needs them current, against action-message desync",
    "occ": "optimistic: writes buffered, every input validated at the act and at settle",
    "serial": "one token: one transaction at a time, the reference",
}

# Designed, named in docs/semantics.md, and not to be had yet.
LATER = (
    "epoch_plans", "stamped_epochs", "read_committed", "occ_forward", "premise", "merge_occ", "snapshot",
    "serializable_snapshot", "two_phase_locking", "lease", "fenced_lease", "timestamp", "ticket", "mtpo", "saga",
    "gated_saga", "two_phase_commit", "lagging_replicas", "crdt", "full",
)  # fmt: skip


def resolve(protocol: str | Config | Mapping[str, Any]) -> Config:
    """Return the config of a preset name, of a mapping of axes (with an optional `preset` to start from), or itself.

    Raises: ValueError that lists what is allowed, or says which axes contradict each other.
    """
    if isinstance(protocol, Config):
        return protocol
    if isinstance(protocol, str):
        return Config(**PRESETS[_known(protocol)])
    if not isinstance(protocol, Mapping):
        raise ValueError(f"a protocol is a preset name, a Config or a mapping of axes; got {type(protocol).__name__}")
    axes = dict(protocol)
    base = PRESETS[_known(axes.pop("preset", "none"))]
    try:
        return Config(**{**base, **axes})
    except ValidationError as error:
        problems = (problem["msg"].removeprefix("Value error, ") for problem in error.errors())
        raise ValueError("; ".join(problems)) from None


def _known(name: Any) -> str:
    if name in LATER:
        raise ValueError(f"protocol {name!r} is not available yet; available are {', '.join(PRESETS)}")
    if name not in PRESETS:
        raise ValueError(f"unknown protocol {name!r}; available are {', '.join(PRESETS)} (axes: {', '.join(AXES)})")
    return str(name)


def name_of(config: Config) -> str:
    """Return a config's preset; of any other the nearest preset, and how it differs."""
    unlike = {name: config.differences(Config(**axes)) for name, axes in PRESETS.items()}
    nearest = min(unlike, key=lambda name: len(unlike[name]))
    parts = [f"{axis}={'+'.join(v) if isinstance(v, tuple) else v}" for axis, v in unlike[nearest].items()]
    return ", ".join([nearest, *parts])
