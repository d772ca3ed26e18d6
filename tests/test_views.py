"""What all views have in common: what they show, `state()`, and which episodes they play where no seed is given."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import stalegrid
from stalegrid.world.engine import state_names, state_vectors
from stalegrid.world.state import IDLE, LOCKING, LOOKING, OUT, QUEUED, THINKING, WALKING

ONE_WORLD = [stalegrid.parallel_env, stalegrid.env, stalegrid.solo_env]
ALL_VIEWS = [*ONE_WORLD, stalegrid.vector_env]

SHOWN_BY_EACH = {
    "action_table", "observation_legend", "state_legend", "render_mode", "tick", "reset", "step", "state", "render",
    "close", "events_since", "digest",
}  # fmt: skip


@pytest.mark.parametrize("make_env", ONE_WORLD)
def test_every_view_shows_the_same(make_env: Any) -> None:
    env = make_env("ledger", size="tiny", log=True)
    env.reset(seed=3)
    assert SHOWN_BY_EACH <= set(dir(env))
    assert env.tick == 0
    assert env.state().shape == (len(env.state_legend),)
    twin = stalegrid.parallel_env("ledger", size="tiny", log=True)
    twin.reset(seed=3)
    assert env.digest() == twin.digest()
    assert env.events_since() == twin.events_since() != []


def seeds_of(env: Any, episodes: int) -> list[int]:
    """Return the seeds of the episodes that follow where none is given."""
    seeds: list[int] = []
    for _ in range(episodes):
        env.reset()
        native = getattr(env, "parallel", env)
        seeds += env.seeds.tolist() if hasattr(env, "seeds") else [native.seed]
    return seeds


@pytest.mark.parametrize("make_env", ALL_VIEWS)
def test_an_episode_without_a_seed_is_one_for_training_unless_told_otherwise(make_env: Any) -> None:
    env = make_env("ledger", size="tiny")
    env.reset(seed=1_000_000)
    seeds = seeds_of(env, 20)
    assert max(seeds) < 10_000
    assert len(set(seeds)) > 10
    for held_out in (range(1_000_000, 1_001_000), [7, 2**64 - 1]):
        seeds = seeds_of(make_env("ledger", size="tiny", episode_seeds=held_out), 20)
        assert set(seeds) <= set(held_out)
        assert len(set(seeds)) >= 2


@pytest.mark.parametrize("make_env", ALL_VIEWS)
@pytest.mark.parametrize(
    ("given", "told"),
    [(3, "range or list of seeds; got 3"), ((), "an empty one"), ([1, -1], "got -1"), (range(-2, 3), "got -2"),
     ([0.5], "got 0.5"), ("12", "got '12'"), ([2**64], "got 18446744073709551616")],
)  # fmt: skip
def test_seeds_that_no_episode_can_have_are_refused(make_env: Any, given: Any, told: str) -> None:
    with pytest.raises(ValueError, match=told):
        make_env("ledger", size="tiny", episode_seeds=given)


def test_each_phase_of_an_agent_looks_different_in_the_state() -> None:
    rules = stalegrid.make_rules("ledger", size="tiny", agents=2)
    shown = set()
    for phase in (IDLE, QUEUED, THINKING, WALKING, LOOKING, OUT, LOCKING):
        agents = tuple(np.full((1, 2), value) for value in (8, phase, 0, 0))
        sites, goals = np.zeros((1, len(rules.site_names))), np.zeros((1, len(rules.blueprint.goals)))
        vector = state_vectors(rules, np.zeros(1), (sites, sites), agents, goals)[0]  # type: ignore[arg-type]
        shown.add(float(vector[state_names(rules).index("porter_0: phase")]))
    assert len(shown) == 7
