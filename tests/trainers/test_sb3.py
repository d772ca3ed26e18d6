"""Stable-Baselines3, MaskablePPO and SuperSuit's path: the scripts learn, and our VecEnv is what they take it for."""

import warnings

import numpy as np
import pytest

import stalegrid

from .running import script

pytest.importorskip("stable_baselines3")
pytestmark = [pytest.mark.long, pytest.mark.filterwarnings("default")]
SETTING = {"size": "tiny", "max_cycles": 50}


def make(**options):
    return stalegrid.sb3_env("ledger", "occ", **{**SETTING, "worlds": 4, **options})


@pytest.mark.parametrize(("name", "steps"), [("sb3_solo", 16_000), ("maskable_ppo", 50_000), ("supersuit_ppo", 30_000)])
def test_the_script_of_a_trainer_learns(name, steps):
    before, after = script(name).main(steps)
    assert after > before + 0.2


@pytest.mark.parametrize("scenario", ["ledger", "moved_key", "drawbridge"])
def test_the_solo_view_passes_both_checkers_without_a_warning(scenario):
    import gymnasium
    from gymnasium.utils.env_checker import check_env
    from stable_baselines3.common.env_checker import check_env as check_env_of_sb3

    env = gymnasium.make("stalegrid:stalegrid/solo-v0", scenario=scenario, protocol="occ", size="tiny")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        check_env(env.unwrapped, skip_render_check=True)
        check_env_of_sb3(env.unwrapped, skip_render_check=True)


def test_masks_are_where_sb3_contrib_looks_for_them():
    from sb3_contrib.common.maskable.utils import get_action_masks, is_masking_supported
    from stable_baselines3.common.vec_env import VecMonitor

    env = make()
    env.reset()
    for view in (env, VecMonitor(env)):
        assert is_masking_supported(view)
        assert np.array_equal(get_action_masks(view), env.env.action_masks())
    (ask,) = env.get_attr("action_masks", indices=3)
    assert np.array_equal(ask(), env.env.action_masks()[3])


def test_a_rows_end_gives_its_last_observation_and_the_next_episodes_first():
    env, twin = make(), stalegrid.vector_env(
        "ledger", "occ", **SETTING, worlds=4, steps="decision", autoreset_mode="same_step"
    )  # fmt: skip
    env.seed(7)
    observations, (expected, _) = env.reset(), twin.reset(seed=7)
    assert np.array_equal(observations, expected)
    rng, ends = np.random.default_rng(0), 0
    for _ in range(200):
        masks = np.stack(env.env_method("action_masks"))
        actions = (rng.random(masks.shape) * masks).argmax(axis=1)
        observations, rewards, dones, infos = env.step(actions)
        expected, paid, terminated, truncated, told = twin.step(actions)
        assert np.array_equal(observations, expected)
        assert rewards.dtype == np.float32
        assert np.allclose(rewards, paid)
        assert np.array_equal(dones, terminated | truncated)
        assert [info["ready"] for info in infos] == twin.ready.tolist()
        assert [info["TimeLimit.truncated"] for info in infos] == truncated.tolist()
        for row in np.flatnonzero(dones):
            ends += 1
            assert np.array_equal(infos[row]["terminal_observation"], told["final_obs"][row])
            assert not np.array_equal(infos[row]["terminal_observation"], observations[row])
            assert infos[row]["is_success"] == told["final_info"]["success"][row]
            assert infos[row]["elapsed"] == told["final_info"]["elapsed"][row] > 0
    assert ends > 0


def test_a_seed_names_the_first_episodes_once_and_later_ones_are_for_training():
    env = make()
    assert env.seed(5_000_000) == [5_000_000 + world for world in range(4) for _ in range(2)]
    env.reset()
    assert env.env.seeds.tolist() == [5_000_000, 5_000_001, 5_000_002, 5_000_003]
    assert env.get_attr("seeds", indices=[0, 1, 2]) == [5_000_000, 5_000_000, 5_000_001]
    env.reset()
    assert (env.env.seeds < 10_000).all()


def test_one_environment_stands_behind_all_rows():
    env = make()
    env.reset()
    assert env.get_attr("render_mode") == [None] * 8
    assert env.get_attr("ready", indices=[0, 7]) == env.env.ready[[0, 7]].tolist()
    assert env.env_is_wrapped(object, indices=0) == [False]
    env.set_attr("note", "here")
    assert env.get_attr("note", indices=2) == ["here"]
    with pytest.raises(AttributeError):
        env.get_attr("nothing")


def test_an_environment_that_resets_later_is_refused():
    from stalegrid.sb3 import StaleGridVecEnv

    with pytest.raises(ValueError, match="autoreset_mode is same_step; got next_step"):
        StaleGridVecEnv(stalegrid.vector_env("ledger", size="tiny", worlds=2))
