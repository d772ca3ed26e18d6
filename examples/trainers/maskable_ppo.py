"""MaskablePPO of sb3-contrib on many worlds at once: all porters learn, with one policy.

pip install -e . -r examples/trainers/sb3.txt; python examples/trainers/maskable_ppo.py
"""

from sb3_contrib import MaskablePPO
from sb3_contrib.common.maskable.evaluation import evaluate_policy
from stable_baselines3.common.vec_env import VecMonitor

import stalegrid

SETTING = {"scenario": "ledger", "protocol": "occ", "size": "tiny", "max_cycles": 50}


def main(steps: int = 150_000) -> tuple[float, float]:
    """Train; return S before and after, over 256 held-out episodes."""
    env = stalegrid.sb3_env(**SETTING, worlds=32)
    test = VecMonitor(stalegrid.sb3_env(**SETTING, worlds=32, episode_seeds=range(1_000_000, 1_000_256)))
    model = MaskablePPO("MlpPolicy", env, learning_rate=1e-3, n_steps=128, batch_size=1024, gamma=0.999,
                        gae_lambda=0.98, ent_coef=0.01, seed=0)  # fmt: skip
    before, _ = evaluate_policy(model, test, n_eval_episodes=512, deterministic=False)
    model.learn(steps)
    after, _ = evaluate_policy(model, test, n_eval_episodes=512, deterministic=False)
    print(f"MaskablePPO on all porters: S {before:.2f} untrained, {after:.2f} after {steps:,} rows")
    return float(before), float(after)


if __name__ == "__main__":
    main()
