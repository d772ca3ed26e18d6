"""MAPPO: PPO whose critic sees the state of the world while each agent acts on its own observation. Needs torch.

Porters see two cells far and hear nothing, so what an observation shows of the counters is old; `env.state()` is what
is true. The critic is needed in training only. All else is examples/ppo.py. Run `python examples/mappo.py`.
"""

import numpy as np
import torch
from ppo import HELD_OUT, ITERATIONS, WORLDS, Policy, Worlds, allowed, success, train
from torch import nn

TASKS = {"ledger": ("porter", {"size": "tiny", "agents": 3, "counters": 2, "jobs": 2, "sight": 2, "max_cycles": 55})}


class OpenWorlds(Worlds):
    """Worlds that show what is true behind each observation."""

    def __init__(self, *arguments):
        super().__init__(*arguments)
        self.view_width += len(self.env.state_legend)

    def view(self):
        """Return each row's observation and then the state of its world, [N, D + S]."""
        state = self.env.state()
        of_rows = np.repeat(state, self.env.num_envs // len(state), axis=0)
        return np.concatenate([self.observations, of_rows], axis=1)


class CentralCritic(Policy):
    """A policy that acts on the observation alone, and a critic that sees the state as well."""

    def __init__(self, width, seen, actions):
        super().__init__(width, actions)
        self.width = width
        self.critic = nn.Sequential(nn.Linear(seen, 64), nn.Tanh(), nn.Linear(64, 64), nn.Tanh(), nn.Linear(64, 1))

    def forward(self, seen, mask):
        """Return a distribution over actions and a value for N rows."""
        return allowed(self.actor(self.trunk(seen[:, : self.width])), mask), self.critic(seen).squeeze(-1)


def main(seeds=(0, 1), iterations=ITERATIONS):
    """Train with a critic of its own observation and with a central one, and print a table."""
    torch.set_num_threads(1)
    _, setting = TASKS["ledger"]
    print("ledger under occ,", ", ".join(f"{key}={value}" for key, value in setting.items()))
    print(f"S on {HELD_OUT} held-out seeds, with 95 % intervals")
    print("critic       seed  PPO           samples/s  environment", flush=True)
    for kind in (Worlds, OpenWorlds):
        for seed in seeds:
            torch.manual_seed(seed)
            worlds = kind("ledger", "occ", WORLDS, TASKS)
            width, actions = len(worlds.env.observation_legend), len(worlds.env.action_table)
            policy = Policy(width, actions) if kind is Worlds else CentralCritic(width, worlds.view_width, actions)
            speed, share = train(worlds, policy, seed, iterations)
            mean, half = success(kind("ledger", "occ", HELD_OUT, TASKS), policy.choose)
            name = "own view" if kind is Worlds else "state"
            print(f"{name:11}  {seed:4}  {mean:.2f} +- {half:.2f}  {speed:9,.0f}  {share:11.0%}", flush=True)


if __name__ == "__main__":
    main()
