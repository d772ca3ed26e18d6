"""Stable-Baselines3's PPO by way of SuperSuit, from the PettingZoo environment: all porters learn, with one policy.

pip install -e . -r examples/trainers/sb3.txt; python examples/trainers/supersuit_ppo.py
"""

import supersuit
from stable_baselines3 import PPO
from stable_baselines3.common.evaluation import evaluate_policy
from stable_baselines3.common.utils import set_random_seed
from stable_baselines3.common.vec_env import VecMonitor

from stalegrid import stalegrid_v0

SETTING = {"scenario": "ledger", "protocol": "occ", "size": "tiny", "max_cycles": 50, "steps": "decision"}


def vectors(worlds: int = 8, **options):
    """Return `worlds` copies as SuperSuit makes a VecEnv of them, a row for each agent."""
    env = stalegrid_v0.parallel_env(**SETTING, **options)
    env = supersuit.pettingzoo_env_to_vec_env_v1(env)
    return supersuit.concat_vec_envs_v1(env, worlds, num_cpus=1, base_class="stable_baselines3")


def main(steps: int = 80_000) -> tuple[float, float]:
    """Train; return S before and after, over about 100 episodes."""
    # SuperSuit's vectors take no seed from PPO: torch is seeded by hand, and episodes are drawn.
    set_random_seed(0)
    model = PPO("MlpPolicy", vectors(), learning_rate=1e-3, n_steps=256, batch_size=512, gamma=0.999,
                gae_lambda=0.98, ent_coef=0.01)  # fmt: skip
    test = VecMonitor(vectors(episode_seeds=range(1_000_000, 1_001_000)))
    before, _ = evaluate_policy(model, test, n_eval_episodes=200, deterministic=False)
    model.learn(steps)
    after, _ = evaluate_policy(model, test, n_eval_episodes=200, deterministic=False)
    print(f"PPO over SuperSuit: S {before:.2f} untrained, {after:.2f} after {steps:,} rows")
    return float(before), float(after)


if __name__ == "__main__":
    main()
