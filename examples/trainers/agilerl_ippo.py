"""AgileRL's IPPO on the PettingZoo environment: porters are one group and share a policy.

Without masks: 2.58.0 compares a group's masks with None and stops.

pip install -e . -r examples/trainers/agilerl.txt; python examples/trainers/agilerl_ippo.py
"""

from functools import partial

import torch
from agilerl.algorithms import IPPO
from agilerl.training.train_multi_agent_on_policy import train_multi_agent_on_policy
from agilerl.vector.pz_async_vec_env import AsyncPettingZooVecEnv

import stalegrid

SETTING = {"scenario": "ledger", "protocol": "occ", "size": "tiny", "max_cycles": 50, "steps": "decision",
           "action_mask": "off"}  # fmt: skip


def main(steps: int = 20_000) -> tuple[float, float]:
    """Train; return S before and after."""
    torch.manual_seed(0)
    env, test = (
        AsyncPettingZooVecEnv([partial(stalegrid.parallel_env, **SETTING, episode_seeds=seeds) for _ in range(4)])
        for seeds in (range(10_000), range(1_000_000, 1_001_000))
    )
    names = env.possible_agents
    agent = IPPO(
        observation_spaces=[env.single_observation_space(name) for name in names],
        action_spaces=[env.single_action_space(name) for name in names],
        agent_ids=names,
        batch_size=256,
        lr=1e-3,
        learn_step=1_024,
        gamma=0.999,
        gae_lambda=0.98,
    )
    before = agent.test(test, loop=20) / len(names)  # it sums over the porters, and each is paid S
    train_multi_agent_on_policy(  # closes env
        env, "ledger", "IPPO", [agent], max_steps=steps, evo_steps=steps // 4, eval_loop=1, verbose=False
    )
    after = agent.test(test, loop=20) / len(names)
    test.close()
    print(f"AgileRL's IPPO: S {before:.2f} untrained, {after:.2f} after {steps:,} steps")
    return float(before), float(after)


if __name__ == "__main__":
    main()
