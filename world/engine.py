"""What the environment classes ask of an engine that runs one world; `protocols/single.py` has both engines."""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from .observe import ObservationLayout
from .rules import Rules


class Engine(Protocol):
    """One world, from seed to seed. Arrays are live: copy what you keep."""

    rules: Rules
    layout: ObservationLayout
    ready: list[int]  # [A] 1 if the agent must act now
    ready_in: list[int]  # [A] ticks until it may act again, as far as can be told; 0 if ready
    rewards: list[float]  # [A] of the last step
    status: int  # state.RUNNING, TERMINATED or TRUNCATED
    tick: int  # ticks completed
    elapsed: int  # ticks of the last step

    def reset(self, seed: int) -> None:
        """Begin an episode."""

    def step(self, choices: NDArray[np.int32], to_decision: bool) -> None:
        """Advance by a tick, or to the next decision; `choices` is [1, A]."""

    def observations(self) -> NDArray[np.float32]:
        """Return a fresh [A, D] array."""

    def masks(self) -> NDArray[np.int8]:
        """Return a fresh [A, actions] array of 0 and 1."""

    def true_values(self) -> NDArray[np.float32]:
        """Return `state()`: a fresh vector of what is true, see `state_names`."""

    def events(self) -> NDArray[Any]:
        """Return the log of the episode so far.

        Raises: RuntimeError if no log is kept.
        """

    def digest(self) -> str:
        """Return the digest of the episode so far; needs the log."""

    def save(self) -> Any:
        """Return a copy of the world as it stands, without its log, for `load`."""

    def load(self, saved: Any) -> None:
        """Go on from a copy that an engine of the same rules and protocol saved; the log begins there."""


def state_names(rules: Rules) -> tuple[str, ...]:
    """Name the entries of `state()`."""
    names = ["one", "time"]
    names += [f"{site}: {what}" for site in rules.site_names for what in ("value", "unsettled")]
    per_agent = ("row", "column", "phase", "hand", "thought left")
    names += [f"{agent}: {what}" for agent in rules.agent_names for what in per_agent]
    names += [f"goal {index} met" for index in range(len(rules.blueprint.goals))]
    return tuple(names)


def state_vector(
    rules: Rules,
    tick: int,
    sites: list[tuple[int, bool]],
    agents: list[tuple[int, int, int, int]],
    goals: list[bool],
) -> NDArray[np.float32]:
    """Build `state()`: `sites` are (value, unsettled), `agents` are (cell, phase, hand, thought left)."""
    longest = max(1, int(rules.thought.max()))
    out = [1.0, 2 * tick / rules.max_cycles - 1]
    for (value, unsettled), site in zip(sites, rules.blueprint.sites, strict=True):
        out += [value / site.scale, float(unsettled)]
    for cell, phase, hand, left in agents:
        row, column = rules.layout.place(cell)
        out += [2 * row / (rules.layout.rows - 1) - 1, 2 * column / (rules.layout.columns - 1) - 1]
        out += [phase / 5, hand / 10, left / longest]
    out += [float(met) for met in goals]
    vector: NDArray[np.float32] = np.clip(np.array(out, np.float32), -1, 1)
    return vector
