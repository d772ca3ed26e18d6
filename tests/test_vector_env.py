"""The vector environment: Gymnasium's contract, and rows that are what the native environment would give."""

from __future__ import annotations

import pickle
from typing import Any

import gymnasium
import numpy as np
import pytest
from gymnasium.vector import AutoresetMode, VectorEnv
from gymnasium.wrappers.vector import DictInfoToList, RecordEpisodeStatistics

import stalegrid
from stalegrid.protocols.presets import resolve

from .playing import SCENARIOS, make


def vector(scenario: str = "ledger", protocol: Any = "none", **options: Any) -> Any:
    return stalegrid.vector_env(scenario, protocol, **{"size": "tiny", "worlds": 4, **options})


def random_actions(env: Any, rng: np.random.Generator) -> np.ndarray:
    masks = env.action_masks()
    return (rng.random(masks.shape) * masks).argmax(axis=1)


@pytest.mark.parametrize("steps", ["tick", "decision"])
@pytest.mark.parametrize("scenario", SCENARIOS)
def test_rows_are_what_the_native_environment_gives(scenario: str, steps: str) -> None:
    many = vector(scenario, "occ", worlds=3, steps=steps, autoreset_mode="disabled")
    ones = [make(scenario, "occ", steps=steps) for _ in range(3)]
    observations, infos = many.reset(seed=[5, 6, 7])
    singles = [one.reset(seed=seed) for one, seed in zip(ones, (5, 6, 7), strict=True)]
    rng = np.random.default_rng(0)
    for _ in range(60):
        names = ones[0].possible_agents
        for world, (seen, info) in enumerate(singles):
            for agent, name in enumerate(names):
                row = world * len(names) + agent
                assert np.array_equal(observations[row], seen[name])
                assert np.array_equal(infos["action_mask"][row], info[name]["action_mask"] == 1)
                assert infos["ready"][row] == info[name]["ready"]
                assert infos["elapsed"][row] == info[name]["elapsed"]
            assert np.array_equal(many.state()[world], ones[world].state())
        actions = random_actions(many, rng)
        observations, rewards, terminated, truncated, infos = many.step(actions)
        per_world = actions.reshape(3, -1).tolist()
        stepped = [one.step(dict(zip(names, row, strict=True))) for one, row in zip(ones, per_world, strict=True)]
        for at, mine in ((1, rewards), (2, terminated), (3, truncated)):
            assert mine.tolist() == [step[at][name] for step in stepped for name in names]
        singles = [(step[0], step[4]) for step in stepped]
        if (terminated | truncated).any():
            break


def test_it_is_a_gymnasium_vector_environment_with_the_declared_shapes_and_dtypes() -> None:
    env = vector()
    observations, _ = env.reset(seed=0)
    assert isinstance(env, VectorEnv)
    assert observations in env.observation_space
    assert env.metadata["autoreset_mode"] is AutoresetMode.NEXT_STEP
    actions = env.action_space.sample()
    observations, rewards, terminated, truncated, infos = env.step(actions)
    assert observations in env.observation_space
    assert observations.dtype == np.float32
    assert rewards.dtype == np.float64
    assert terminated.dtype == truncated.dtype == infos["ready"].dtype == infos["action_mask"].dtype == np.bool_
    assert rewards.shape == terminated.shape == truncated.shape == infos["ready"].shape == (env.num_envs,)
    env.close()
    env.close()


@pytest.mark.parametrize("mode", ["next_step", "same_step"])
def test_a_world_that_ended_begins_anew_as_its_mode_says(mode: str) -> None:
    env = vector(max_cycles=12, autoreset_mode=mode)
    env.reset(seed=0)
    first, rows = env.seeds.copy(), env.batch.agents
    rng, over = np.random.default_rng(0), np.zeros(env.num_envs, bool)
    for _ in range(30):
        before, seeds = over, env.seeds.copy()
        observations, rewards, terminated, truncated, infos = env.step(random_actions(env, rng))
        over = terminated | truncated
        assert (over.reshape(-1, rows).all(axis=1) == over.reshape(-1, rows).any(axis=1)).all()
        begun = np.repeat(env.batch.state.world["tick"] == 0, rows)
        assert (observations[begun, env.observation_legend.index("time")] == -1).all()
        if mode == "same_step":
            assert (begun == over).all()
            assert ("final_obs" in infos) == over.any()
            if over.any():
                assert (infos["_final_obs"] == over).all()
                assert not np.array_equal(infos["final_obs"][over], observations[over])
                assert ((0 <= infos["final_info"]["success"]) & (infos["final_info"]["success"] <= 1)).all()
        else:
            assert (begun == before).all()
            assert not over[before].any()
            assert (rewards[before] == 0).all()
            assert "final_obs" not in infos
        changed = np.repeat(env.seeds != seeds, rows)
        assert not changed[~begun].any()
    assert (env.seeds != first).any()
    assert (env.seeds < 10_000).all()


def test_without_autoreset_the_caller_resets_whole_worlds() -> None:
    env = vector(max_cycles=3, autoreset_mode="disabled", worlds=2)
    env.reset(seed=0)
    for _ in range(3):
        *_, truncated, _ = env.step(np.zeros(env.num_envs, int))
    assert truncated.all()
    with pytest.raises(RuntimeError, match="world 0 has ended"):
        env.step(np.zeros(env.num_envs, int))
    half = np.arange(env.num_envs) < env.num_envs // 2
    with pytest.raises(ValueError, match="only some of world 0"):
        env.reset(options={"reset_mask": np.arange(env.num_envs) < 1})
    env.reset(options={"reset_mask": half})
    with pytest.raises(RuntimeError, match="world 1 has ended"):
        env.step(np.zeros(env.num_envs, int))
    env.reset(seed=3, options={"reset_mask": ~half})
    assert env.seeds[1] == 4
    env.step(np.zeros(env.num_envs, int))


def test_one_seed_names_everything_that_follows() -> None:
    def played(looks: bool = False) -> list[Any]:
        env = vector("drawbridge", "occ", max_cycles=20, steps="decision")
        rng, (first, _) = np.random.default_rng(0), env.reset(seed=11)
        if looks:
            assert env.np_random_seed == 11
        steps = [env.step(random_actions(env, rng)) for _ in range(40)]
        return [first, env.seeds, *[part for step in steps for part in step[:4]]]

    assert all(np.array_equal(one, other) for one, other in zip(played(), played(looks=True), strict=True))


@pytest.mark.parametrize("threads", [2, 3])
def test_threads_change_nothing(threads: int) -> None:
    envs = [vector("drawbridge", "occ", worlds=5, threads=many) for many in (1, threads)]
    rng = np.random.default_rng(0)
    for env in envs:
        env.reset(seed=0)
    for _ in range(100):
        actions = random_actions(envs[0], rng)
        one, other = (env.step(actions) for env in envs)
        assert all(np.array_equal(a, b) for a, b in zip(one[:4], other[:4], strict=True))
    copied = pickle.loads(pickle.dumps(envs[1]))
    assert np.array_equal(copied.step(actions)[0], envs[1].step(actions)[0])
    envs[1].close()


def test_observations_go_to_the_callers_memory() -> None:
    width = vector(agents=3).single_observation_space.shape[0]
    memory = np.full((12, width), np.nan, np.float32)
    env = vector(agents=3, observations=memory, copy=False)
    observations, _ = env.reset(seed=0)
    assert np.shares_memory(observations, memory)
    plain = vector(agents=3)
    assert np.array_equal(plain.reset(seed=0)[0], memory)
    actions = np.zeros(12, int)
    assert env.step(actions)[0] is observations
    assert np.array_equal(plain.step(actions)[0], memory)
    for wrong in (np.zeros((11, width), np.float32), np.zeros((12, width)), memory[:, ::-1]):
        with pytest.raises(ValueError, match="observations are"):
            vector(agents=3, observations=wrong)


def test_a_team_of_scripted_minds_plays_every_row() -> None:
    env = vector("ledger", "occ", autoreset_mode="same_step", worlds=8)
    team = stalegrid.team("naive", env)
    observations, infos = env.reset(seed=0)
    shares: list[float] = []
    for _ in range(300):
        actions = team.act(observations, infos["action_mask"], infos["ready"])
        observations, _, terminated, truncated, infos = env.step(actions)
        over = terminated | truncated
        team.reset(over)
        if over.any():
            shares += infos["final_info"]["success"][over].tolist()
    assert len(shares) > 8
    assert np.mean(shares) > 0.9
    with pytest.raises(ValueError, match="unknown mind"):
        stalegrid.team("wise", env)


def test_gymnasiums_vector_wrappers_work() -> None:
    env = RecordEpisodeStatistics(vector(max_cycles=8))
    env.reset(seed=0)
    for _ in range(20):
        *_, infos = env.step(np.zeros(env.num_envs, int))
        if "episode" in infos:
            assert set(infos["episode"]["l"].tolist()) == {8}
    listed = DictInfoToList(vector())
    _, infos = listed.reset(seed=0)
    assert infos[0]["ready"]
    assert gymnasium.wrappers.vector.NormalizeObservation(vector()).reset(seed=0)[0].shape[0] == 4 * 2


@pytest.mark.parametrize(
    ("actions", "told"),
    [
        ([0, 99, 0, 0], r"got 99 in row 1 \(world 0, porter_1\)"),
        ([0, 0, -1, 0], r"got -1 in row 2 \(world 1, porter_0\)"),
        ([0, 0, 0, 0.5], "got an array of float64"),
        ([0, 0, 0], r"shape \[3\]"),
        ([[0, 0], [0, 0]], r"shape \[2, 2\]"),
        (["a", "b", "c", "d"], "got an array of <U1"),
    ],
)
def test_a_bad_action_is_named_and_nothing_moves(actions: Any, told: str) -> None:
    env = vector(worlds=2, agents=2)
    env.reset(seed=0)
    before = env.batch.state.world["tick"].copy()
    with pytest.raises(ValueError, match=told):
        env.step(np.array(actions))
    assert np.array_equal(env.batch.state.world["tick"], before)


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"worlds": 0}, "worlds is a whole number from 1; got 0"), ({"threads": True}, "threads is a whole number"),
        ({"steps": "turn"}, "steps is one of tick, decision; got 'turn'"), ({"episode_seeds": ()}, "an empty one"),
        ({"autoreset_mode": "later"}, "next_step, same_step, disabled; got 'later'"),
        ({"worlds": 10**9}, "worlds of ledger need .* GB"), ({"think_cost": -1}, "think_cost is a number from 0"),
        ({"protocol": "nothing"}, "unknown protocol"),
    ],
)  # fmt: skip
def test_a_bad_argument_is_told(options: dict[str, Any], told: str) -> None:
    with pytest.raises(ValueError, match=told):
        vector(**options)


def test_bad_seeds_and_steps_before_reset_are_told() -> None:
    env = vector(worlds=2)
    with pytest.raises(RuntimeError, match=r"reset\(\)"):
        env.step(np.zeros(env.num_envs, int))
    bad = {"got -1 for world 0": -1, "for each of 2 worlds; got 1": [1], "got 2.5": [1, 2.5], "got 1.0": 1.0}
    for told, seed in bad.items():
        with pytest.raises(ValueError, match=told):
            env.reset(seed=seed)
    with pytest.raises(ValueError, match="reset_mask is"):
        env.reset(options={"reset_mask": [True, False]})
    second = np.arange(env.num_envs) >= env.num_envs // 2
    with pytest.raises(ValueError, match="the first reset is of all worlds; reset_mask leaves out world 0"):
        env.reset(options={"reset_mask": second})
    with pytest.raises(RuntimeError, match=r"reset\(\)"):
        env.step(np.zeros(env.num_envs, int))


def test_a_users_own_protocol_is_refused_with_the_reason() -> None:
    with pytest.raises(ValueError, match="one world at a time"):
        vector(protocol=stalegrid.Control())
    assert vector(protocol=resolve("occ")).batch.config == resolve("occ")
