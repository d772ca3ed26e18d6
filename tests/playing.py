"""What the tests of the environment classes share: the points of the design space they visit, and whole episodes."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple

import numpy as np
import pytest
from numpy.typing import NDArray

import stalegrid
from stalegrid.world.parallel_env import StaleGridParallelEnv

SCENARIOS = tuple(stalegrid.SCENARIOS)
# One that refuses nothing, one with every check, one with a queue.
PROTOCOLS = ("none", "occ", "serial")


def every(minds: Iterable[str], quick: Iterable[str] = ("none", "full", "serial")) -> list[Any]:
    """Return every scenario under every preset played by these minds, as parameters of a test.

    The quick suite has every preset with the first mind, and the others under a few presets; `long` has the rest.
    """
    first, *_ = minds = tuple(minds)
    return [
        pytest.param(
            scenario, protocol, mind, marks=() if mind == first or protocol in quick else pytest.mark.long,
            id=f"{scenario}-{protocol}-{mind}",
        )
        for scenario in SCENARIOS
        for protocol in stalegrid.PRESETS
        for mind in minds
    ]  # fmt: skip


Choose = Callable[[str, Any, NDArray[np.int8]], int]


class Step(NamedTuple):
    """What one step was given and what it gave; the first of an episode is the reset, with empty dicts."""

    actions: dict[str, int]
    observations: dict[str, Any]
    rewards: dict[str, float]
    terminations: dict[str, bool]
    truncations: dict[str, bool]
    infos: dict[str, dict[str, Any]]


def make(scenario: str = "ledger", protocol: Any = "none", **options: Any) -> StaleGridParallelEnv:
    """Make a small environment that keeps its log."""
    return stalegrid.parallel_env(scenario, protocol, **{"size": "tiny", "log": True, **options})


def picker(seed: int = 0) -> Choose:
    """Return a player that picks any allowed action, each as likely."""
    chance = random.Random(seed)
    return lambda agent, observation, mask: chance.choice(np.flatnonzero(mask).tolist())


def play(
    env: StaleGridParallelEnv, seed: int | None = 0, choose: Choose | None = None, limit: int = 10**6
) -> list[Step]:
    """Play an episode, or its first `limit` steps, busy agents left out."""
    observations, infos = env.reset(seed=seed)
    return [Step({}, observations, {}, {}, {}, infos), *go_on(env, observations, infos, choose or picker(), limit)]


def go_on(
    env: StaleGridParallelEnv, observations: Any, infos: Any, choose: Choose, limit: int = 10**6
) -> Iterator[Step]:
    """Play on from what was last given."""
    while env.agents and limit > 0:
        ready = [agent for agent in env.agents if infos[agent]["ready"]]
        seen = {agent: row["observation"] if isinstance(row, dict) else row for agent, row in observations.items()}
        actions = {agent: choose(agent, seen[agent], infos[agent]["action_mask"]) for agent in ready}
        observations, rewards, terminations, truncations, infos = env.step(actions)
        yield Step(actions, observations, rewards, terminations, truncations, infos)
        limit -= 1


def same(one: Any, other: Any) -> bool:
    """Tell whether two nested results are equal, in types too."""
    if type(one) is not type(other):
        return False
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(same(one[key], other[key]) for key in one)
    if isinstance(one, (list, tuple)):
        return len(one) == len(other) and all(map(same, one, other))
    if isinstance(one, np.ndarray):
        return one.dtype == other.dtype and np.array_equal(one, other)
    return bool(one == other)


def share_of_goals(env: StaleGridParallelEnv) -> float:
    """Return S: the share of goals met, as `state()` has it."""
    met = [value for name, value in zip(env.state_legend, env.state(), strict=True) if name.startswith("goal ")]
    return float(sum(met)) / len(met)


def events(env: Any, kind: str) -> list[dict[str, Any]]:
    """Return the events of one kind, those of the reset included."""
    return [event for event in env.events_since(-1) if event["kind"] == kind]
