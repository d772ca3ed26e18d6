"""Stable-Baselines3's PPO on the solo view: one porter learns among scripted ones.

pip install -e . -r examples/trainers/sb3.txt; python examples/trainers/sb3_solo.py
"""

from stable_baselines3 import PPO
from stable_baselines3.common.env_util import make_vec_env
from stable_baselines3.common.evaluation import evaluate_policy

SETTING = {"scenario": "ledger", "protocol": "occ", "size": "tiny", "max_cycles": 50}


def main(steps: int = 40_000) -> tuple[float, float]:
    """Train; return S before and after, over 100 episodes."""
    env = make_vec_env("stalegrid:stalegrid/solo-v0", n_envs=8, seed=0, env_kwargs=SETTING)
    held_out = {**SETTING, "episode_seeds": range(1_000_000, 1_001_000)}
    test = make_vec_env("stalegrid:stalegrid/solo-v0", n_envs=8, seed=1_000_000, env_kwargs=held_out)
    model = PPO("MlpPolicy", env, n_steps=256, batch_size=256, gamma=0.999, gae_lambda=0.98, ent_coef=0.01, seed=0)
    before, _ = evaluate_policy(model, test, n_eval_episodes=100, deterministic=False)
    model.learn(steps)
    after, _ = evaluate_policy(model, test, n_eval_episodes=100, deterministic=False)
    print(f"PPO on the solo view: S {before:.2f} untrained, {after:.2f} after {steps:,} decisions")
    return float(before), float(after)


if __name__ == "__main__":
    main()
