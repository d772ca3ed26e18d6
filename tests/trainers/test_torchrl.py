"""TorchRL: its own check of specs passes, and the script learns."""

import pytest

import stalegrid

from .running import script

pytest.importorskip("torchrl")
pytestmark = [pytest.mark.long, pytest.mark.filterwarnings("default")]


@pytest.mark.parametrize("scenario", ["ledger", "moved_key", "drawbridge"])
def test_the_wrapped_environment_keeps_to_its_specs(scenario):
    from torchrl.envs import PettingZooWrapper
    from torchrl.envs.utils import check_env_specs

    env = PettingZooWrapper(stalegrid.parallel_env(scenario, "occ", size="tiny"), return_state=True)
    check_env_specs(env)
    roles = {name.rsplit("_", 1)[0] for name in env.possible_agents}
    assert set(env.group_map) == roles
    assert all("action_mask" in env.observation_spec[role].keys() for role in roles)


def test_a_turn_based_environment_can_be_wrapped_too():
    from torchrl.envs import PettingZooWrapper
    from torchrl.envs.utils import check_env_specs

    check_env_specs(PettingZooWrapper(stalegrid.env("ledger", "occ", size="tiny"), use_mask=True))


def test_the_script_of_the_trainer_learns():
    before, after = script("torchrl_ppo").main(batches=12, episodes=30)
    assert after > before + 0.15
