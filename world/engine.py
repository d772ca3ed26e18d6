"""What the environment classes ask of an engine that runs one world; `protocols/single.py` has both engines."""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from .observe import ObservationLayout
from .rules import Rules
from .state import HAND_SCALE, LOCKING, State


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
    discount: float  # of rewards, for each tick within a step

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


def state_vectors(
    rules: Rules,
    ticks: NDArray[Any],
    sites: tuple[NDArray[Any], NDArray[Any]],
    agents: tuple[NDArray[Any], NDArray[Any], NDArray[Any], NDArray[Any]],
    goals: NDArray[Any],
) -> NDArray[np.float32]:
    """Build `state()` of B worlds, [B, entries] float32.

    `ticks` are [B]; `sites` are value and whether it is unsettled, [B, S]; `agents` are cell, phase, hand and thought
    left, [B, A]; `goals` are whether they are met, [B, G].
    """
    worlds, longest = len(ticks), max(1, int(rules.thought.max()))
    scales = np.array([site.scale for site in rules.blueprint.sites])
    cell, phase, hand, left = agents
    row, column = np.divmod(cell, rules.layout.columns)
    where = 2 * row / (rules.layout.rows - 1) - 1, 2 * column / (rules.layout.columns - 1) - 1
    of_sites = np.stack([sites[0] / scales, sites[1].astype(float)], axis=-1)
    of_agents = np.stack([*where, phase / LOCKING, hand / HAND_SCALE, left / longest], axis=-1)
    parts = (
        np.ones((worlds, 1)), 2 * ticks[:, None] / rules.max_cycles - 1, of_sites.reshape(worlds, -1),
        of_agents.reshape(worlds, -1), goals.astype(float),
    )  # fmt: skip
    vectors: NDArray[np.float32] = np.clip(np.concatenate(parts, axis=1).astype(np.float32), -1, 1)
    return vectors


def states_of(rules: Rules, state: State) -> NDArray[np.float32]:
    """Build `state()` of every world of a batch, [B, entries] float32."""
    site, agent = state.site, state.agent
    return state_vectors(
        rules,
        state.world["tick"],
        (site["value"], site["unsettled"] >= 0),
        (agent["cell"], agent["phase"], agent["hand"], state.thought_left[:, : agent.shape[1]]),
        state.goal["met"],
    )
