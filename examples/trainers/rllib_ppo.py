"""RLlib's PPO (new API stack) on the PettingZoo environments, with masks: all porters learn, with one policy.

pip install -e . -r examples/trainers/rllib.txt; python examples/trainers/rllib_ppo.py
"""

import ray
from ray.rllib.algorithms.ppo import PPOConfig
from ray.rllib.core.rl_module.rl_module import RLModuleSpec
from ray.rllib.env.wrappers.pettingzoo_env import ParallelPettingZooEnv, PettingZooEnv
from ray.rllib.examples.rl_modules.classes.action_masking_rlm import ActionMaskingTorchRLModule
from ray.tune.registry import register_env

import stalegrid

# RLlib's masking module looks for `action_mask` and `observations` in what an agent observes.
SETTING = {"scenario": "ledger", "protocol": "occ", "size": "tiny", "max_cycles": 50, "steps": "decision",
           "action_mask": "obs", "observation_key": "observations"}  # fmt: skip


def main(kind: str = "parallel", iterations: int = 15) -> tuple[float, float]:
    """Train on the "parallel" or the "aec" environment; return S in the first and in the last iteration."""
    register_env("stalegrid_parallel", lambda config: ParallelPettingZooEnv(stalegrid.parallel_env(**config)))
    register_env("stalegrid_aec", lambda config: PettingZooEnv(stalegrid.env(**config)))
    config = (
        PPOConfig()
        .environment(f"stalegrid_{kind}", env_config=SETTING)
        .env_runners(num_env_runners=0)
        .multi_agent(policies={"porter"}, policy_mapping_fn=lambda agent, episode, **kwargs: "porter")
        .rl_module(rl_module_spec=RLModuleSpec(module_class=ActionMaskingTorchRLModule))
        .training(lr=1e-3, gamma=0.999, lambda_=0.98, entropy_coeff=0.01, train_batch_size_per_learner=2_000,
                  minibatch_size=500, num_epochs=5)
        .debugging(seed=0)
    )  # fmt: skip
    algorithm = config.build_algo()
    returns = []
    for _ in range(iterations):
        means = algorithm.train()["env_runners"]["agent_episode_returns_mean"]
        returns.append(sum(means.values()) / len(means))
    algorithm.stop()
    ray.shutdown()
    print(f"RLlib's PPO, {kind}: S {returns[0]:.2f} at first, {returns[-1]:.2f} after {iterations} iterations")
    return returns[0], returns[-1]


if __name__ == "__main__":
    for kind in ("parallel", "aec"):
        main(kind)
