"""Copies of an environment, however made, play on as it does: mail in flight, open transactions and all."""

from __future__ import annotations

import copy
import itertools
import pickle
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest

from stalegrid.world.parallel_env import StaleGridParallelEnv

from .playing import PROTOCOLS, SCENARIOS, Step, go_on, make, picker, play, same

OPTIONS: dict[str, Any] = {"delay": 9, "loss": 0.1, "duplication": 0.2, "think": 7, "agents": 3}
COPIES: dict[str, Callable[[Any], Any]] = {
    "deepcopy": copy.deepcopy,
    "pickle": lambda env: pickle.loads(pickle.dumps(env)),
}


def midway(env: StaleGridParallelEnv, seed: int = 2) -> Step:
    """Play until somebody thinks, and mail is in flight where there is any; return the last step."""
    observations, infos = env.reset(seed=seed)
    for step in go_on(env, observations, infos, picker(1)):
        counted = Counter(event["kind"] for event in env.events_since(-1) if event["e"] != 1 or event["kind"] != "send")
        opened, thought_out = counted["decide"], counted["think_end"]
        flying = counted["send"] > counted["deliver"] or env.engine.rules.name != "drawbridge"
        if env.engine.tick > 10 and opened > thought_out and flying:
            assert env.agents
            return step
    raise AssertionError("nobody thought")


@pytest.mark.parametrize("engine", ["compiled", "reference"])
@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("scenario", SCENARIOS)
@pytest.mark.parametrize("how", ["deepcopy", "pickle", "snapshot"])
def test_a_copy_from_the_middle_plays_on_as_the_original(how: str, scenario: str, protocol: str, engine: str) -> None:
    env = make(scenario, protocol, engine=engine, **OPTIONS)
    last = midway(env)
    if how == "snapshot":  # given to another environment of the same making
        other = make(scenario, protocol, engine=engine, **OPTIONS)
        other.restore(env.snapshot())
    else:
        other = COPIES[how](env)
    assert other.digest() == env.digest()
    played = [list(go_on(one, last.observations, last.infos, picker(3))) for one in (env, other)]
    assert same(*played)
    assert other.digest() == env.digest()
    assert same(env.state(), other.state())
    # What comes after is the same too: the copy has the generator that seeds episodes.
    assert same(play(env, seed=None, limit=20), play(other, seed=None, limit=20))


@pytest.mark.parametrize("how", ["deepcopy", "pickle"])
def test_what_happens_to_a_copy_does_not_happen_to_the_original(how: str) -> None:
    env = make("drawbridge", **OPTIONS)
    last = midway(env)
    before = env.digest(), env.state().tolist()
    list(go_on(COPIES[how](env), last.observations, last.infos, picker(3)))
    assert (env.digest(), env.state().tolist()) == before


@pytest.mark.parametrize("engine", ["compiled", "reference"])
def test_a_snapshot_can_be_restored_as_often_as_wanted(engine: str) -> None:
    env = make("drawbridge", "occ", engine=engine, **OPTIONS)
    last = midway(env)
    start = env.snapshot()
    futures = []
    for player in (3, 4, 3):
        env.restore(start)
        futures.append((list(go_on(env, last.observations, last.infos, picker(player))), env.digest()))
    assert same(futures[0], futures[2])
    assert futures[0][1] != futures[1][1]


def test_a_snapshot_of_the_end_and_of_the_beginning_work_as_well() -> None:
    env = make("ledger")
    play(env, seed=1, limit=0)
    beginning = env.snapshot()
    play(env, seed=1)
    end, digest = env.snapshot(), env.digest()
    env.restore(beginning)
    assert env.agents
    assert env.digest() != digest
    env.restore(end)
    assert env.digest() == digest
    assert env.step({}) == ({}, {}, {}, {}, {})


def test_an_environment_that_was_never_reset_can_be_copied() -> None:
    for how in ("deepcopy", "pickle"):
        env = make("ledger")
        assert same(play(COPIES[how](env), seed=1), play(env, seed=1))


def test_spaces_of_a_copy_are_the_same_at_each_call_and_equal_to_the_originals() -> None:
    env = make("drawbridge", action_mask="obs")
    for how in ("deepcopy", "pickle"):
        other = COPIES[how](env)
        for agent in env.possible_agents:
            assert other.observation_space(agent) is other.observation_space(agent)
            assert other.observation_space(agent) == env.observation_space(agent)
            assert other.action_space(agent) == env.action_space(agent)


@pytest.mark.parametrize("mode", ["rgb_array", "ansi"])
def test_copies_draw_the_same_picture(mode: str) -> None:
    env = make("drawbridge", render_mode=mode)
    play(env, seed=2, limit=30)
    pictures = [env.render(), *(COPIES[how](env).render() for how in ("deepcopy", "pickle"))]
    assert all(same(one, other) for one, other in itertools.pairwise(pictures))


@pytest.mark.parametrize("how", COPIES)
def test_copies_of_a_new_environment_play_episodes_of_their_own(how: str) -> None:
    env = make("ledger")
    seeds = []
    for copied in (env, COPIES[how](env), COPIES[how](env)):
        copied.reset()
        seeds.append(copied.seed)
    assert len(set(seeds)) == 3
