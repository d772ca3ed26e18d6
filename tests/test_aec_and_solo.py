"""The turn-based and the single-agent view show the same world as the native environment does."""

from __future__ import annotations

import copy
import pickle
import random
from typing import Any

import gymnasium
import numpy as np
import pytest
from pettingzoo.utils.conversions import aec_to_parallel, parallel_to_aec

import stalegrid
from stalegrid.world import solo_env

from .playing import PROTOCOLS, SCENARIOS, make, picker, play, same


def turns(env: Any, seed: int | None = 0, player: int = 0, limit: int = 10**6) -> list[Any]:
    """Play the turn-based view, any allowed action at each turn; return what each turn saw and was paid."""
    env.reset(seed=seed)
    return take_turns(env, random.Random(player), limit)


def take_turns(env: Any, chance: random.Random, limit: int = 10**6) -> list[Any]:
    seen = []
    for agent in env.agent_iter(limit):
        observation, reward, terminated, truncated, info = env.last()
        seen.append((agent, observation, reward, terminated, truncated, info["action_mask"]))
        over = terminated or truncated
        env.step(None if over else chance.choice(np.flatnonzero(info["action_mask"]).tolist()))
    return seen


def turn_based(scenario: str = "ledger", protocol: str = "none", **options: Any) -> Any:
    return stalegrid.env(scenario, protocol, **{"size": "tiny", "log": True, **options})


def solo(scenario: str = "ledger", protocol: str = "none", **options: Any) -> Any:
    return stalegrid.solo_env(scenario, protocol, **{"size": "tiny", "log": True, **options})


# ---------------------------------------------------------------------- turn by turn


@pytest.mark.parametrize("steps", ["tick", "decision"])
@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("scenario", SCENARIOS)
def test_turns_play_the_episode_that_parallel_steps_play(scenario: str, protocol: str, steps: str) -> None:
    options = {"steps": steps, "think_cost": 0.01}  # so that there is something to pay at most steps
    env, parallel = turn_based(scenario, protocol, **options), make(scenario, protocol, **options)
    env.reset(seed=5)
    observations, infos = parallel.reset(seed=5)
    rewards = dict.fromkeys(parallel.agents, 0.0)
    choose = picker(1)
    while parallel.agents:
        assert env.agents == parallel.agents
        actions = {}
        for agent in parallel.agents:
            assert env.agent_selection == agent
            observation, reward, terminated, truncated, info = env.last()
            assert same(observation, observations[agent])
            assert same(info, infos[agent])
            assert (reward, terminated, truncated) == (rewards[agent], False, False)
            actions[agent] = choose(agent, observation, info["action_mask"])
            env.step(actions[agent])
        observations, rewards, terminations, truncations, infos = parallel.step(actions)
        assert same(dict(env.terminations), terminations)
        assert same(dict(env.truncations), truncations)
    assert env.digest() == parallel.digest()
    assert same(env.state(), parallel.state())
    for agent in env.possible_agents:
        observation, reward, *_ = env.last()
        assert env.agent_selection == agent
        assert same(observation, observations[agent])
        assert reward == rewards[agent]
        env.step(None)
    assert env.agents == []


def test_it_needs_no_wrapper_and_raw_env_is_the_same() -> None:
    env = turn_based()
    assert env.unwrapped is env
    assert type(env) is type(stalegrid.raw_env(size="tiny"))
    assert str(env) == "stalegrid_v0"


@pytest.mark.parametrize("mask", ["info", "obs"])
def test_what_an_absent_agent_observes_is_zeros_in_its_space(mask: str) -> None:
    env = turn_based(action_mask=mask, max_cycles=2)
    for moment in ("before reset", "after the end"):
        for agent in env.possible_agents:
            observation = env.observe(agent)
            assert observation in env.observation_space(agent), moment
            row = observation["observation"] if mask == "obs" else observation
            assert not row.any()
            assert mask == "info" or observation["action_mask"].tolist() == [1] + [0] * (len(env.action_table) - 1)
        env.reset(seed=0)
        while env.agents:
            over = env.terminations[env.agent_selection] or env.truncations[env.agent_selection]
            env.step(None if over else 0)


@pytest.mark.parametrize("mask", ["info", "both"])
def test_what_is_observed_is_fresh_at_every_call(mask: str) -> None:
    env = turn_based(action_mask=mask)
    env.reset(seed=0)
    before = env.observe("porter_1")
    scribbled = env.observe("porter_1")
    for part in scribbled.values() if mask == "both" else [scribbled]:
        part[...] = 7
    assert same(env.observe("porter_1"), before)


def test_a_busy_agent_has_its_turn_and_any_action_counts_as_none() -> None:
    digests = set()
    for player in (0, 1):
        env = turn_based("disjoint", think=9, think_law="constant")
        env.reset(seed=0)
        chance = random.Random(player)
        for turn in range(16):  # all think from the second turn on
            env.step(1 + turn if turn < 2 else chance.randrange(len(env.action_table)))
        digests.add(env.digest())
    assert len(digests) == 1


@pytest.mark.parametrize("steps", ["tick", "decision"])
@pytest.mark.parametrize("engine", ["compiled", "reference"])
def test_a_learner_is_paid_discounted_from_its_decision_on(engine: str, steps: str) -> None:
    options: dict[str, Any] = {"size": "tiny", "think_cost": 0.1, "engine": engine, "discount": 0.5}
    env = stalegrid.solo_env("ledger", steps=steps, **options)
    # The same team in single ticks, where nothing is discounted within a step.
    twin = stalegrid.parallel_env("ledger", **options)
    _, info = env.reset(seed=4)
    observations, _ = twin.reset(seed=4)
    mates = {"porter_1": env._make_teammate(4, 1)}
    chance, several = np.random.default_rng(1), 0
    while twin.agents:
        choice = int(chance.choice(np.flatnonzero(info["action_mask"])))
        _, paid, *_, info = env.step(choice)
        actions, due = {"porter_0": choice}, 0.0
        for tick in range(info["elapsed"]):
            for name, mate in mates.items():
                index = twin.possible_agents.index(name)
                if twin.engine.ready[index]:
                    actions[name] = mate(observations[name], twin.engine.masks()[index])
            observations, rewards, *_ = twin.step(actions)
            due += 0.5**tick * rewards["porter_0"]
            actions = {}
        assert paid == pytest.approx(due)
        several += info["elapsed"] > 1 and due != 0
    assert several >= 3


def test_each_action_of_a_large_table_has_keys() -> None:
    env = stalegrid.solo_env("warehouse", size="medium")
    keys = env.get_keys_to_action()
    assert sorted(keys.values()) == list(range(len(env.action_table)))
    pygame = pytest.importorskip("pygame")
    assert (ord("0"), pygame.K_LSHIFT) in keys
    assert (pygame.K_LSHIFT, pygame.K_LCTRL, pygame.K_LALT) == solo_env.HELD


@pytest.mark.parametrize("action", [-1, 4, None, 1.0, "wait"])
def test_a_wrong_action_is_a_value_error_that_leaves_the_turn_where_it_was(action: Any) -> None:
    env = turn_based()
    env.reset(seed=0)
    env.step(0)
    with pytest.raises(ValueError, match=r"porter_1 is an integer from 0 to 3; got"):
        env.step(action)
    assert env.agent_selection == "porter_1"
    assert env.events_since(0) == []


def test_turns_before_reset_are_a_runtime_error_and_turns_after_the_end_change_nothing() -> None:
    env = turn_based(max_cycles=3)
    for call in (lambda: env.step(0), env.render, env.state, env.snapshot):
        with pytest.raises(RuntimeError, match="reset"):
            call()
    turns(env)
    digest = env.digest()
    env.step(None)
    env.step(0)
    assert env.digest() == digest
    env.close()
    env.close()


@pytest.mark.parametrize("how", ["deepcopy", "pickle", "snapshot"])
def test_copies_from_the_middle_of_a_round_play_on_identically(how: str) -> None:
    env = turn_based("drawbridge", "occ", agents=4, delay=9)
    turns(env, seed=3, limit=4 * 20 + 2)
    assert env.agents.index(env.agent_selection) == 2
    if how == "snapshot":
        other = turn_based("drawbridge", "occ", agents=4, delay=9)
        other.restore(env.snapshot())
    else:
        other = copy.deepcopy(env) if how == "deepcopy" else pickle.loads(pickle.dumps(env))
    assert same(take_turns(other, random.Random(9)), take_turns(env, random.Random(9)))
    assert other.digest() == env.digest()


def test_a_snapshot_of_turns_can_be_restored_as_often_as_wanted() -> None:
    env = turn_based("drawbridge", delay=9)
    turns(env, seed=3, limit=41)
    start = env.snapshot()
    futures = []
    for _ in range(3):
        futures.append((take_turns(env, random.Random(9)), env.digest()))
        env.restore(start)
    assert same(futures[0], futures[1])
    assert same(futures[0], futures[2])


def test_reset_while_agents_leave_one_by_one_begins_a_clean_episode() -> None:
    env, fresh = turn_based(max_cycles=3), turn_based(max_cycles=3)
    env.reset(seed=0)
    for _ in range(3 * 2):
        env.step(0)
    env.step(None)
    assert len(env.agents) == 1
    assert same(turns(env, seed=4), turns(fresh, seed=4))


def test_pettingzoos_own_converters_take_both() -> None:
    expected = make()
    play(expected, 2, lambda agent, observation, mask: int(np.flatnonzero(mask)[-1]))
    converted = aec_to_parallel(turn_based())
    _, infos = converted.reset(seed=2)
    while converted.agents:
        actions = {agent: int(np.flatnonzero(infos[agent]["action_mask"])[-1]) for agent in converted.agents}
        *_, infos = converted.step(actions)
    assert converted.unwrapped.digest() == expected.digest()
    assert turns(parallel_to_aec(make()), seed=2)[-1][0] in expected.possible_agents


# ---------------------------------------------------------------------- one learner


def alone(env: Any, seed: int | None = 0, player: int = 0) -> list[Any]:
    """Play the solo view, any allowed action at each step."""
    observation, info = env.reset(seed=seed)
    return [(observation, info), *go_alone(env, random.Random(player))]


def go_alone(env: Any, chance: random.Random, limit: int = 10**6) -> list[Any]:
    given = []
    while len(given) < limit and not (given and (given[-1][2] or given[-1][3])):
        given.append(env.step(chance.choice(np.flatnonzero(env.action_masks()).tolist())))
    return given


@pytest.mark.parametrize("teammates", ["naive", "careful", "random"])
@pytest.mark.parametrize("scenario", SCENARIOS)
def test_each_solo_step_is_a_decision_of_the_learners_own(scenario: str, teammates: str) -> None:
    for learner in stalegrid.parallel_env(scenario, size="tiny").possible_agents:
        env = solo(scenario, learner=learner, teammates=teammates)
        steps = alone(env)
        for observation, reward, terminated, truncated, info in steps[1:-1]:
            assert env.observation_space.contains(observation)
            assert type(reward) is float
            assert (terminated, truncated) == (False, False)
            assert info["elapsed"] >= 1
        assert type(steps[-1][2]) is type(steps[-1][3]) is bool
        assert steps[-1][2] != steps[-1][3]
        mine = [event for event in env.parallel.events_since(-1) if event["kind"] in ("choose", "decide")]
        index = env.parallel.possible_agents.index(learner)
        assert len([event for event in mine if event["agent"] == index]) == len(steps) - 1
        assert sum(info["elapsed"] for *_, info in steps) == env.parallel.engine.tick


def test_the_solo_return_is_the_share_of_goals_met() -> None:
    env = solo("disjoint", teammates="naive")
    _, info = env.reset(seed=1)
    returns, over = 0.0, False
    while not over:
        _, reward, terminated, truncated, info = env.step(int(np.flatnonzero(info["action_mask"])[1]))
        returns, over = returns + reward, terminated or truncated
    assert terminated
    assert returns == pytest.approx(1)


def test_solo_masks_are_int8_in_infos_and_bool_for_maskable_learners() -> None:
    env = solo("drawbridge", learner="operator_0")
    _, info = env.reset(seed=0)
    assert info["action_mask"].dtype == np.int8
    assert env.action_masks().dtype == np.bool_
    assert np.array_equal(info["action_mask"], env.action_masks())
    assert env.action_space.sample(info["action_mask"]) in np.flatnonzero(env.action_masks())
    observation, info = solo("drawbridge", action_mask="obs").reset(seed=0)
    assert observation["action_mask"].dtype == np.int8
    assert "action_mask" not in info


@pytest.mark.parametrize("action", [-1, 10, 1.0, None, "wait"])
def test_a_wrong_solo_action_is_a_value_error_and_leaves_the_game_and_the_team_mates_as_they_were(action: Any) -> None:
    env, untouched = (solo("drawbridge", teammates="random") for _ in range(2))
    env.reset(seed=0)
    untouched.reset(seed=0)
    with pytest.raises(ValueError, match=r"walker_0 is an integer from 0 to 9; got"):
        env.step(action)
    assert same(go_alone(env, random.Random(1)), go_alone(untouched, random.Random(1)))
    assert env.parallel.digest() == untouched.parallel.digest()


def test_solo_steps_before_reset_and_after_the_end_are_runtime_errors_that_say_reset() -> None:
    env = solo(max_cycles=4)
    with pytest.raises(RuntimeError, match="reset"):
        env.step(0)
    alone(env)
    with pytest.raises(RuntimeError, match="reset"):
        env.step(0)
    env.close()
    env.close()


def test_a_solo_seed_names_the_episode_and_none_continues() -> None:
    env = solo(teammates="random")
    digests = []
    for seed in (3, None, None, 3, None, None):
        alone(env, seed)
        digests.append(env.parallel.digest())
    assert digests[:3] == digests[3:]
    assert len(set(digests)) == 3


@pytest.mark.parametrize("learner", ["porter_0", "porter_2"])
def test_in_lockstep_too_the_learner_must_act_at_every_step(learner: str) -> None:
    env = solo("ledger", learner=learner, lockstep=True, agents=3)
    _, info = env.reset(seed=0)
    turn = env.parallel.possible_agents.index(learner)
    assert info["elapsed"] == env.parallel.engine.tick == turn
    assert env.parallel.engine.ready[turn] == 1
    returns = sum(reward for _, reward, *_ in go_alone(env, random.Random(0)))
    met = [value for name, value in zip(env.parallel.state_legend, env.parallel.state(), strict=True) if "goal" in name]
    assert returns == pytest.approx(sum(met) / len(met))


def test_what_is_paid_before_the_learners_first_turn_comes_with_its_first_step() -> None:
    env = solo("disjoint", learner="porter_1", lockstep=True, jobs=1)
    env.reset(seed=0)
    assert env.parallel.engine.tick == 1  # in which porter_0 met its goal
    _, reward, terminated, _, _ = env.step(int(np.flatnonzero(env.action_masks())[1]))
    assert terminated
    assert reward == pytest.approx(1)


@pytest.mark.parametrize("how", ["deepcopy", "pickle"])
@pytest.mark.parametrize("teammates", ["careful", "random"])
def test_a_copied_solo_view_plays_on_identically_and_shares_nothing(how: str, teammates: str) -> None:
    env = solo("drawbridge", teammates=teammates, agents=4, delay=5)
    env.reset(seed=2)
    go_alone(env, random.Random(0), limit=8)
    copies = [copy.deepcopy(env) if how == "deepcopy" else pickle.loads(pickle.dumps(env)) for _ in range(2)]
    # One after the other: had they a mind in common, the second would find it further on.
    played = [go_alone(one, random.Random(1)) for one in (*copies, env)]
    assert same(played[0], played[1])
    assert same(played[0], played[2])
    assert len({one.parallel.digest() for one in (*copies, env)}) == 1


def test_keys_for_playing_by_hand_name_actions_of_the_table() -> None:
    env = solo("drawbridge")
    keys = env.get_keys_to_action()
    assert sorted(keys.values()) == list(range(len(env.action_table)))
    assert all(isinstance(key, tuple) for key in keys)


def test_gymnasium_makes_the_solo_view_of_any_scenario() -> None:
    for scenario in SCENARIOS:
        env = gymnasium.make("stalegrid:stalegrid/solo-v0", scenario=scenario, protocol="occ", size="tiny")
        observation, _ = env.reset(seed=0)
        assert env.observation_space.contains(observation)
        assert env.unwrapped.parallel.engine.rules.name == scenario


def test_the_observation_beside_the_mask_goes_by_the_name_that_was_asked_for() -> None:
    options: dict[str, Any] = {"action_mask": "obs", "observation_key": "observations", "size": "tiny"}
    parallel = stalegrid.parallel_env("ledger", **options)
    seen = parallel.reset(seed=0)[0]["porter_0"]
    assert seen in parallel.observation_space("porter_0")
    turns = stalegrid.env("ledger", **options)
    turns.reset(seed=0)
    solo = stalegrid.solo_env("ledger", **options)
    solo.reset(seed=0)
    observation, *_ = solo.step(1)  # the team-mates read theirs by that name too
    assert set(seen) == set(turns.observe("porter_0")) == set(observation) == {"observations", "action_mask"}
