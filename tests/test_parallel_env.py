"""The native environment keeps the contract that trainers rely on: attributes, reset, who must act, the end, events."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from gymnasium import spaces

import stalegrid
from stalegrid.world import log
from stalegrid.world.state import COUNTER_INDEX

from .playing import SCENARIOS, events, make, picker, play, same

# ---------------------------------------------------------------------- attributes


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_attributes_are_there_before_reset_and_stay(scenario: str) -> None:
    env = make(scenario, max_cycles=30)
    assert {"name", "render_modes", "render_fps", "is_parallelizable"} <= env.metadata.keys()
    assert set(env.metadata["render_modes"]) == {"human", "rgb_array", "ansi"}
    assert {"render_mode", "max_cycles", "possible_agents", "np_random"} <= vars(env).keys()
    assert (env.render_mode, env.max_cycles) == (None, 30)
    before = list(env.possible_agents)
    play(env)
    assert env.possible_agents == before
    assert env.max_cycles == 30


def test_agents_are_named_by_role_and_number() -> None:
    assert make("drawbridge", agents=3).possible_agents == ["walker_0", "walker_1", "operator_0"]
    assert make("ledger", agents=3).possible_agents == ["porter_0", "porter_1", "porter_2"]


@pytest.mark.parametrize("mask", ["info", "obs", "both", "off"])
def test_spaces_are_the_identical_objects_at_each_call_and_equal_for_all_agents(mask: str) -> None:
    env = make("drawbridge", action_mask=mask)
    first = env.possible_agents[0]
    for agent in env.possible_agents:
        assert env.observation_space(agent) is env.observation_space(agent)
        assert env.action_space(agent) is env.action_space(agent)
        assert env.observation_space(agent) == env.observation_space(first)
        assert env.action_space(agent) == env.action_space(first) == spaces.Discrete(len(env.action_table))
    assert isinstance(env.observation_space(first), spaces.Dict) == (mask in ("obs", "both"))
    env.reset(seed=0)
    assert env.observation_space(first) is env.observation_space(first)


def test_every_entry_of_observation_and_state_has_a_name() -> None:
    env = make("drawbridge")
    observations, _ = env.reset(seed=0)
    assert observations["operator_0"].shape == (len(env.observation_legend),)
    assert env.state().shape == env.state_space.shape == (len(env.state_legend),)
    assert len(set(env.observation_legend)) == len(env.observation_legend)
    assert len(set(env.state_legend)) == len(env.state_legend)


def test_the_action_table_names_every_action_once() -> None:
    names = [action.name for action in make("drawbridge", navigation="manual").action_table]
    assert names[0] == "wait"
    assert {"do cross", "do set closed", "look deck", "check", "tell deck", "promise cross"} <= set(names)
    assert sum(name.startswith("move ") for name in names) == 4
    assert len(set(names)) == len(names)
    assert not any(action.name.startswith("move ") for action in make("drawbridge").action_table)


def test_switchable_blocks_leave_the_observation_together_with_their_names() -> None:
    whole, bare = make("drawbridge", "stamped"), make("drawbridge", "stamped", observe=())
    gone = set(whole.observation_legend) - set(bare.observation_legend)
    assert {"deck: age", "deck: stamp age", "deck: not current", "other 1: in view"} <= gone
    observations, _ = bare.reset(seed=0)
    assert observations["operator_0"].shape == (len(bare.observation_legend),)


# ---------------------------------------------------------------------- reset


def test_at_reset_all_possible_agents_are_live_in_order() -> None:
    env = make("drawbridge", agents=4)
    observations, infos = env.reset(seed=0)
    assert env.agents == env.possible_agents == list(observations) == list(infos)


def test_a_seed_rebuilds_the_streams_and_none_continues_them() -> None:
    env = make()

    def three() -> list[str]:
        digests = []
        for seed in (5, None, None):
            play(env, seed)
            digests.append(env.digest())
        return digests

    first = three()
    assert len(set(first)) == 3
    assert three() == first


def test_episodes_without_a_seed_are_drawn_from_np_random() -> None:
    env, other = make(), make()
    env.np_random, other.np_random = np.random.default_rng(3), np.random.default_rng(3)
    assert same(play(env, None), play(other, None))
    seeds = set()
    for _ in range(3):
        unseeded = make()
        unseeded.reset()
        seeds.add(unseeded.seed)
    assert len(seeds) == 3


def test_reset_in_the_middle_begins_anew() -> None:
    env, fresh = make("drawbridge"), make("drawbridge")
    play(env, seed=1, limit=40)
    assert same(play(env, seed=2), play(fresh, seed=2))
    assert env.digest() == fresh.digest()


def test_unknown_options_are_ignored() -> None:
    env = make()
    with_options = env.reset(seed=1, options={"options": 1, "nonsense": None})
    assert same(with_options, env.reset(seed=1))


@pytest.mark.parametrize("seed", [-1, 2**64, 1.5, "7"])
def test_an_impossible_seed_is_a_value_error_that_leaves_the_game_as_it_was(seed: Any) -> None:
    env = make()
    play(env, seed=1, limit=10)
    before = env.digest()
    with pytest.raises(ValueError, match="whole number from 0"):
        env.reset(seed=seed)
    assert env.digest() == before


@pytest.mark.parametrize("seed", [2**64 - 1, np.int64(7), np.uint64(2**63)])
def test_any_whole_number_of_64_bits_is_a_seed_of_both_engines(seed: Any) -> None:
    digests = set()
    for engine in ("compiled", "reference"):
        env = make("drawbridge", engine=engine, loss=0.3, delay=4)
        play(env, seed, limit=60)
        digests.add(env.digest())
    assert len(digests) == 1


@pytest.mark.parametrize("call", ["step", "render", "state", "events_since", "digest", "snapshot"])
def test_before_reset_there_is_a_runtime_error_that_says_reset(call: str) -> None:
    env = make(render_mode="ansi")
    with pytest.raises(RuntimeError, match="reset"):
        getattr(env, call)(*([{}] if call == "step" else []))


# ---------------------------------------------------------------------- step: who must act


def busy_one(env: Any) -> str:
    """Play until somebody is busy while somebody else must act, and return who is busy."""
    _, infos = env.reset(seed=0)
    choose = picker()
    while True:
        busy = [agent for agent in env.agents if infos[agent]["busy"]]
        if busy and len(busy) < len(env.agents):
            return busy[0]
        actions = {a: choose(a, None, infos[a]["action_mask"]) for a in env.agents if infos[a]["ready"]}
        *_, infos = env.step(actions)


@pytest.mark.parametrize("engine", ["compiled", "reference"])
def test_a_busy_agent_may_be_left_out_or_send_anything_with_the_same_result(engine: str) -> None:
    env = make("ledger", engine=engine)
    busy = busy_one(env)
    start = env.snapshot()
    results = []
    for extra in ({}, *({busy: action} for action in range(len(env.action_table)))):
        env.restore(start)
        step = env.step({**{agent: 0 for agent in env.agents if agent != busy}, **extra})
        results.append((step, env.digest()))
    assert all(same(result, results[0]) for result in results)


@pytest.mark.parametrize("missing", ["left out", "None"])
def test_leaving_out_an_agent_that_must_act_is_a_value_error_that_names_it(missing: str) -> None:
    env = make("drawbridge")
    env.reset(seed=0)
    actions = {"walker_0": 0} | ({"operator_0": None} if missing == "None" else {})
    with pytest.raises(ValueError, match="operator_0 must act"):
        env.step(actions)


@pytest.mark.parametrize(
    ("actions", "says"),
    [
        ({"walker_0": 10, "operator_0": 0}, ["walker_0", "0 to 9", "got 10"]),
        ({"walker_0": 0, "operator_0": -1}, ["operator_0", "0 to 9", "got -1"]),
        ({"walker_0": 0, "operator_0": 1.0}, ["operator_0", "0 to 9", "got 1.0"]),
        ({"walker_0": 0, "operator_0": "wait"}, ["operator_0", "0 to 9", "got 'wait'"]),
        ({"walker_0": 0, "operator_0": np.nan}, ["operator_0", "0 to 9", "got nan"]),
        ({"walker_0": 0, "operator_0": 0, "porter_0": 3}, ["porter_0", "3", "walker_0, operator_0"]),
        ({"walker_0": 1}, ["operator_0", "must act", "walker_0, operator_0"]),
        ({}, ["walker_0", "must act"]),
    ],
)
@pytest.mark.parametrize("engine", ["compiled", "reference"])
def test_a_wrong_action_dict_is_a_value_error_and_leaves_the_game_as_it_was(
    actions: dict[str, Any], says: list[str], engine: str
) -> None:
    env, untouched = make("drawbridge", engine=engine), make("drawbridge", engine=engine)
    env.reset(seed=0)
    untouched.reset(seed=0)
    assert len(env.action_table) == 10
    before = env.digest(), env.state().tolist(), list(env.agents)
    with pytest.raises(ValueError, match=r"agent|action") as error:
        env.step(actions)
    assert all(part in str(error.value) for part in says), str(error.value)
    assert (env.digest(), env.state().tolist(), list(env.agents)) == before
    for chosen in ({"walker_0": 1, "operator_0": 2}, {"walker_0": 1, "operator_0": 0}):
        assert same(env.step(chosen), untouched.step(chosen))
    assert env.digest() == untouched.digest()


@pytest.mark.parametrize("kind", [int, np.int64, np.int32, np.uint8, np.array])
def test_any_kind_of_integer_is_an_action(kind: Any) -> None:
    env = make()
    env.reset(seed=0)
    env.step(dict.fromkeys(env.agents, kind(1)))
    assert len(events(env, "decide")) == 2


@pytest.mark.parametrize("engine", ["compiled", "reference"])
def test_a_masked_action_is_a_wait_that_is_counted(engine: str) -> None:
    env, waiting = make("drawbridge", engine=engine), make("drawbridge", engine=engine)
    _, infos = env.reset(seed=0)
    waiting.reset(seed=0)
    cross = [action.name for action in env.action_table].index("do cross")
    assert infos["operator_0"]["action_mask"][cross] == 0
    step, wait = env.step({"walker_0": 0, "operator_0": cross}), waiting.step({"walker_0": 0, "operator_0": 0})
    assert same(step, wait)
    assert np.array_equal(env.state(), waiting.state())
    assert [(event["agent"], event["a"], event["b"]) for event in events(env, "choose")] == [(0, 0, 0), (1, 0, 1)]
    assert [event["b"] for event in events(waiting, "choose")] == [0, 0]
    if engine == "compiled":
        assert [e.engine.batch.state.counts[0, COUNTER_INDEX["illegal_actions"]] for e in (env, waiting)] == [1, 0]


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_no_action_whatever_its_mask_says_is_an_exception(scenario: str) -> None:
    env = make(scenario, "occ")
    env.reset(seed=0)
    chance = np.random.default_rng(0)
    while env.agents:
        env.step({agent: int(chance.integers(len(env.action_table))) for agent in env.agents})


# ---------------------------------------------------------------------- out of play


@pytest.fixture(params=["compiled", "reference"])
def accident(request: pytest.FixtureRequest) -> tuple[Any, str]:
    """A game that goes on, and an agent that an accident has put out of play."""
    env = make("drawbridge", size="tiny", agents=3, engine=request.param)
    names = [action.name for action in env.action_table]
    wishes = {"walker": ["do cross"], "operator": ["do set closed", "do set open"]}
    _, infos = env.reset(seed=0)
    chance = np.random.default_rng(0)
    while not events(env, "out"):
        actions = {a: names.index(chance.choice(wishes[a.split("_")[0]])) for a in env.agents if infos[a]["ready"]}
        *_, infos = env.step(actions)
    assert env.agents
    return env, env.possible_agents[events(env, "out")[0]["agent"]]


def test_an_agent_out_of_play_stays_and_may_only_wait(accident: tuple[Any, str]) -> None:
    env, out = accident
    while env.agents:
        assert env.agents == env.possible_agents
        ready = {a: 0 for a, now in zip(env.agents, env.engine.ready, strict=True) if now}
        assert out not in ready
        observations, _, _, _, infos = env.step(ready)
        assert infos[out]["action_mask"].tolist() == [1] + [0] * (len(env.action_table) - 1)
        assert infos[out]["busy"] == 1 or not env.agents
        assert observations[out] in env.observation_space(out)


def test_actions_of_an_agent_out_of_play_are_ignored(accident: tuple[Any, str]) -> None:
    env, out = accident
    start = env.snapshot()
    ready = {a: 0 for a, now in zip(env.agents, env.engine.ready, strict=True) if now}
    results = []
    for extra in ({}, {out: 0}, {out: 1}, {out: len(env.action_table) - 1}):
        env.restore(start)
        results.append((env.step({**ready, **extra}), env.digest()))
    assert all(same(result, results[0]) for result in results)


# ---------------------------------------------------------------------- the end


@pytest.mark.parametrize("engine", ["compiled", "reference"])
def test_steps_after_the_end_give_five_empty_dicts_and_change_nothing(engine: str) -> None:
    env = make(engine=engine, max_cycles=5)
    play(env)
    digest = env.digest()
    for actions in ({}, {"porter_0": 0}):
        assert env.step(actions) == ({}, {}, {}, {}, {})
    assert env.digest() == digest
    assert env.state().any()


def test_an_episode_is_truncated_at_max_cycles_and_terminated_when_every_goal_is_decided() -> None:
    short = play(make("ledger", max_cycles=7), choose=lambda *_: 0)
    assert len(short) - 1 == 7
    assert all(short[-1].truncations.values())
    whole = make("ledger", "serial")
    done = play(whole, choose=lambda agent, row, mask: int(mask[1]))  # do the next job wherever there is one
    assert all(done[-1].terminations.values())
    assert whole.engine.tick < whole.max_cycles


# ---------------------------------------------------------------------- events, engines


def test_events_since_a_tick_are_those_after_it_by_name() -> None:
    env = make("ledger")
    env.reset(seed=0)
    env.step(dict.fromkeys(env.agents, 1))
    assert {event["tick"] for event in env.events_since(0)} == {1}
    assert {"decide", "input"} <= {event["kind"] for event in env.events_since(0)}
    assert set(env.events_since(0)[0]) == set(log.COLUMNS)
    assert env.events_since(1) == []
    before = env.tick
    env.step({})
    assert before == 1
    assert {event["tick"] for event in env.events_since(before)} <= {2}
    assert [event["tick"] for event in env.events_since()] == [event["tick"] for event in env.events_since(-1)]
    assert env.events_since()[0]["tick"] == 0


@pytest.mark.parametrize("engine", ["compiled", "reference", "a protocol of one's own"])
def test_events_and_digest_need_a_log_and_say_so(engine: str) -> None:
    own = engine not in ("compiled", "reference")
    options: dict[str, Any] = {"protocol": stalegrid.Control()} if own else {"engine": engine}
    env = stalegrid.parallel_env("ledger", size="tiny", **options)
    env.reset(seed=0)
    for call in (env.events_since, env.digest):
        with pytest.raises(RuntimeError, match="log=True"):
            call()


def test_a_users_own_protocol_plays_behind_the_same_face() -> None:
    class Reluctant(stalegrid.Control):
        name = "reluctant"

        def check(self, world: Any, txn: Any, op: int, moment: Any) -> list[stalegrid.Stale]:
            return [stalegrid.Stale(0, 1)]

    env = make("ledger", Reluctant())
    steps = play(env, choose=lambda agent, row, mask: 1)
    assert events(env, "reject")
    assert not events(env, "commit")
    assert all(steps[-1].truncations.values())
