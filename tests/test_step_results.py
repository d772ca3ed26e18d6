"""What reset and step give: types, shapes, flags, masks and infos over whole episodes of every scenario."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest

from .playing import PROTOCOLS, SCENARIOS, Step, events, go_on, make, picker, play, same

KINDS = list(itertools.product(SCENARIOS, PROTOCOLS, ("auto", "manual")))


@pytest.fixture(scope="module", params=KINDS, ids="-".join)
def episode(request: pytest.FixtureRequest) -> tuple[Any, list[Step]]:
    """An environment that has played an episode at random, and its steps."""
    scenario, protocol, navigation = request.param
    env = make(scenario, protocol, navigation=navigation, action_mask="both")
    return env, play(env, seed=3)


def test_observations_are_in_their_space_at_every_step(episode: tuple[Any, list[Step]]) -> None:
    env, steps = episode
    for step in steps:
        for agent, observation in step.observations.items():
            space = env.observation_space(agent)
            assert observation["observation"].dtype == np.float32
            assert observation in space
            assert np.isfinite(observation["observation"]).all()
            assert observation["observation"].any()


def test_rewards_are_python_floats_and_flags_python_bools(episode: tuple[Any, list[Step]]) -> None:
    for step in episode[1]:
        assert {type(reward) for reward in step.rewards.values()} <= {float}
        assert {type(flag) for flag in (*step.terminations.values(), *step.truncations.values())} <= {bool}


def test_every_dict_has_exactly_the_live_agents(episode: tuple[Any, list[Step]]) -> None:
    env, steps = episode
    for step in steps[1:]:
        assert all(list(given) == env.possible_agents for given in step[1:])
    assert list(steps[0].observations) == list(steps[0].infos) == env.possible_agents


def test_all_agents_end_together_with_the_same_flag_and_none_is_mixed(episode: tuple[Any, list[Step]]) -> None:
    env, steps = episode
    for step in steps[1:-1]:
        assert not any((*step.terminations.values(), *step.truncations.values()))
    terminated, truncated = set(steps[-1].terminations.values()), set(steps[-1].truncations.values())
    assert (terminated, truncated) in (({True}, {False}), ({False}, {True}))
    assert env.agents == []


def test_infos_are_flat_and_numeric_with_the_same_keys_types_and_shapes_from_reset_on(
    episode: tuple[Any, list[Step]],
) -> None:
    _, steps = episode

    def form(info: dict[str, Any]) -> list[tuple[str, type, Any, Any]]:
        return [(name, type(value), np.shape(value), np.asarray(value).dtype.kind) for name, value in info.items()]

    expected = form(next(iter(steps[0].infos.values())))
    assert [name for name, *_ in expected] == ["action_mask", "busy", "ready_in", "elapsed", "ready"]
    assert all(kind == "i" for *_, kind in expected)
    for step in steps:
        for info in step.infos.values():
            assert form(info) == expected


def test_masks_are_int8_with_a_one_and_let_the_busy_only_wait(episode: tuple[Any, list[Step]]) -> None:
    env, steps = episode
    only_wait = [1] + [0] * (len(env.action_table) - 1)
    for step in steps:
        for agent, info in step.infos.items():
            mask = info["action_mask"]
            assert mask.dtype == np.int8
            assert set(mask.tolist()) <= {0, 1}
            assert mask.any()
            assert np.array_equal(mask, step.observations[agent]["action_mask"])
            if info["busy"]:
                assert mask.tolist() == only_wait


def test_busy_ready_and_ready_in_say_the_same(episode: tuple[Any, list[Step]]) -> None:
    for step in episode[1][:-1]:
        for info in step.infos.values():
            assert info["busy"] == 1 - info["ready"]
            assert (info["ready_in"] == 0) == (info["ready"] == 1)
        assert {info["elapsed"] for info in step.infos.values()} == ({1} if step.actions or step.rewards else {0})


def test_nobody_has_to_act_after_the_end(episode: tuple[Any, list[Step]]) -> None:
    for info in episode[1][-1].infos.values():
        assert (info["ready"], info["ready_in"]) == (0, 0)


def test_what_a_busy_agent_sees_is_what_it_decided_on(episode: tuple[Any, list[Step]]) -> None:
    _, steps = episode
    frozen = 0
    for before, step in itertools.pairwise(steps[:-1]):
        for agent, info in step.infos.items():
            if info["busy"]:
                frozen += 1
                shown, decided_on = step.observations[agent], before.observations[agent]
                assert np.array_equal(shown["observation"], decided_on["observation"])
    assert frozen > 5


def test_an_agent_thinks_as_many_ticks_as_it_drew_and_ready_in_foretells_the_end_of_thought() -> None:
    env = make("ledger", think=9, think_law="constant")
    env.reset(seed=0)
    steps = [env.step(dict.fromkeys(env.agents, 1)), *(env.step({}) for _ in range(9))]
    # They think in ticks 1 to 9 and get up in tick 10.
    assert [infos["porter_0"]["ready_in"] for *_, infos in steps[:9]] == [9, 8, 7, 6, 5, 4, 3, 2, 1]
    assert [event["tick"] for event in events(env, "think_end")] == [10, 10]


def test_state_is_a_fresh_vector(episode: tuple[Any, list[Step]]) -> None:
    env, _ = episode
    one, other = env.state(), env.state()
    assert one is not other
    assert not np.shares_memory(one, other)
    assert one.dtype == np.float32


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("scenario", SCENARIOS)
def test_every_state_of_an_episode_is_in_its_space_and_never_all_zero(scenario: str, protocol: str) -> None:
    env = make(scenario, protocol)
    observations, infos = env.reset(seed=0)
    assert env.state() in env.state_space
    assert env.state().any()
    for _ in go_on(env, observations, infos, picker()):
        assert env.state() in env.state_space
        assert env.state().any()


@pytest.mark.parametrize("mask", ["info", "both"])
@pytest.mark.parametrize("engine", ["compiled", "reference"])
def test_dicts_and_arrays_are_fresh_so_scribbling_on_them_changes_nothing(engine: str, mask: str) -> None:
    env, clean = (make("drawbridge", engine=engine, action_mask=mask) for _ in range(2))

    def scribble(thing: Any) -> None:
        if isinstance(thing, np.ndarray):
            thing[...] = 0
        elif isinstance(thing, dict):
            for part in thing.values():
                scribble(part)
            thing.clear()

    _, infos = clean.reset(seed=0)
    for thing in env.reset(seed=0):
        scribble(thing)
    choose = picker()
    while clean.agents:
        actions = {a: choose(a, None, infos[a]["action_mask"]) for a in clean.agents if infos[a]["ready"]}
        given, (observations, rewards, terminations, truncations, infos) = env.step(actions), clean.step(actions)
        assert same(given, (observations, rewards, terminations, truncations, infos))
        for thing in given:
            scribble(thing)
        scribble(env.state())
    assert env.digest() == clean.digest()


@pytest.mark.parametrize("engine", ["compiled", "reference"])
def test_no_two_arrays_that_a_step_gives_share_memory(engine: str) -> None:
    env = make("drawbridge", engine=engine, action_mask="both")
    observations, infos = env.reset(seed=0)
    arrays = [part for agent in env.agents for part in (*observations[agent].values(), infos[agent]["action_mask"])]
    assert not any(np.shares_memory(one, other) for one, other in itertools.combinations(arrays, 2))


def test_masks_can_be_left_out_and_put_where_they_are_wanted() -> None:
    for place, in_info, in_observation in (("info", 1, 0), ("obs", 0, 1), ("both", 1, 1), ("off", 0, 0)):
        observations, infos = make(action_mask=place).reset(seed=0)
        assert ("action_mask" in infos["porter_0"]) == in_info
        assert isinstance(observations["porter_0"], dict) == in_observation


@pytest.mark.parametrize("steps", ["tick", "decision"])
@pytest.mark.parametrize(("scenario", "protocol", "navigation"), KINDS)
def test_both_engines_give_the_same_at_every_step(scenario: str, protocol: str, navigation: str, steps: str) -> None:
    extra = {"reward": "own", "think_cost": 0.01, "message_cost": 0.02, "accident_cost": 0.03, "discount": 0.99}
    episodes = [
        play(make(scenario, protocol, navigation=navigation, engine=engine, steps=steps, loss=0.2, **extra), seed=4)
        for engine in ("compiled", "reference")
    ]
    for compiled, reference in zip(*episodes, strict=True):
        assert same(compiled.actions, reference.actions)
        for agent, row in compiled.observations.items():
            assert np.allclose(row, reference.observations[agent], atol=1e-6)
        assert compiled.rewards == pytest.approx(reference.rewards, abs=1e-9)
        assert {type(reward) for reward in reference.rewards.values()} <= {float}
        assert same(compiled[3:], reference[3:])
