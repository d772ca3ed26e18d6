"""PPO with a memory: a GRU that steps once for each decision of an agent. Needs torch (extra `learn`).

Porters see two cells far, and observations are stripped of ages, stamps, feedback and the others: what an agent did and
saw before, it must remember itself. Worlds, advantages and the rest are those of examples/ppo.py. Run
`python examples/recurrent_ppo.py`.
"""

import time

import numpy as np
import torch
from ppo import (
    CLIP,
    ENTROPY,
    EPOCHS,
    HELD_OUT,
    ITERATIONS,
    RATE,
    STEPS,
    WORLDS,
    Policy,
    Worlds,
    advantages,
    allowed,
    success,
)
from ppo import train as train_without
from torch import nn

TASKS = {
    "ledger": (
        "porter",
        {"size": "tiny", "agents": 3, "counters": 2, "jobs": 2, "sight": 2, "observe": (), "max_cycles": 55},
    )
}
PARTS = 4  # a minibatch is a quarter of the agents, with all of their steps


class Recurrent(nn.Module):
    """A GRU over an agent's decisions, and on it a distribution over actions and a value."""

    def __init__(self, width, actions, size=64):
        super().__init__()
        self.size = size
        self.inlet, self.memory = nn.Sequential(nn.Linear(width, size), nn.Tanh()), nn.GRUCell(size, size)
        self.actor, self.critic = nn.Linear(size, actions), nn.Linear(size, 1)

    def forward(self, observation, mask, memory):
        """Return a distribution and a value for N rows, and the memories, [N, size], after what they see now."""
        memory = self.memory(self.inlet(observation), memory)
        return allowed(self.actor(memory), mask), self.critic(memory).squeeze(-1), memory

    def replay(self, observation, mask, choice, decided, over, memory):
        """Return log-probabilities, entropies and values of a rollout, [T, N], as the present weights have them."""
        steps = []
        for t in range(len(observation)):
            drawn, value, after = self(observation[t], mask[t], memory)
            steps.append((drawn.log_prob(choice[t]), drawn.entropy(), value))
            memory = torch.where(decided[t][:, None], after, memory)  # who is busy sees nothing new
            memory = torch.where(over[t][:, None], 0.0, memory)
        return tuple(torch.stack(part) for part in zip(*steps, strict=True))


class RememberingWorlds(Worlds):
    """Worlds that keep a memory for each row, forgotten at the end of an episode."""

    def reset(self, seed):
        """Begin an episode in each world, with nothing to remember."""
        super().reset(seed)
        self.memory = None

    def step(self, policy):
        """Step once with a recurrent policy; return what `Worlds.step` does."""
        if self.memory is None:
            self.memory = torch.zeros(self.env.num_envs, policy.size)
        decided = torch.as_tensor(self.infos["ready"] & self.ours)

        @torch.no_grad()
        def choose(seen, mask):
            drawn, _, after = policy(torch.as_tensor(seen), torch.as_tensor(mask), self.memory[decided])
            self.memory[decided] = after
            return drawn.sample().numpy()

        stepped = super().step(choose)
        self.memory[torch.as_tensor(stepped[-1])] = 0.0
        return stepped


def train(worlds, policy, seed, iterations=ITERATIONS):
    """Train a recurrent policy; return the decisions it learnt from per CPU-second, and the environment's share."""
    begun, samples, worlds.seconds = time.process_time(), 0, 0.0
    optimizer = torch.optim.Adam(policy.parameters(), lr=RATE)
    worlds.reset(seed)
    memory = torch.zeros(worlds.env.num_envs, policy.size)
    for iteration in range(iterations):
        optimizer.param_groups[0]["lr"] = RATE * (1 - iteration / iterations)
        rollout = [worlds.step(policy) for _ in range(STEPS)]
        decided, seen, mask, choice, reward, ticks, over = map(np.stack, zip(*rollout, strict=True))
        rows = [torch.as_tensor(part) for part in (seen, mask, choice, decided, over)]
        with torch.no_grad():
            before, _, value = policy.replay(*rows, memory)
            now = torch.as_tensor(worlds.observations), torch.as_tensor(worlds.infos["action_mask"])
            last = policy(*now, worlds.memory)[1].numpy()
        decides = worlds.infos["ready"] & worlds.ours
        advantage, right = advantages(decided, value.numpy(), reward, ticks, over, last, decides)
        right, advantage = torch.as_tensor(right), torch.as_tensor(advantage, dtype=torch.float32)
        target, advantage = advantage + value, (advantage - advantage[right].mean()) / (advantage[right].std() + 1e-8)
        for _ in range(EPOCHS):
            for chosen in torch.randperm(worlds.env.num_envs).chunk(PARTS):
                log, entropy, judged = policy.replay(*(row[:, chosen] for row in rows), memory[chosen])
                weight = right[:, chosen].float() / right[:, chosen].sum()
                ratio, gain = (log - before[:, chosen]).exp(), advantage[:, chosen]
                gain = torch.min(ratio * gain, ratio.clamp(1 - CLIP, 1 + CLIP) * gain)
                loss = weight * (-gain - ENTROPY * entropy + 0.5 * (judged - target[:, chosen]).square())
                optimizer.zero_grad()
                loss.sum().backward()
                nn.utils.clip_grad_norm_(policy.parameters(), 0.5)
                optimizer.step()
        memory, samples = worlds.memory.clone(), samples + int(right.sum())
    spent = time.process_time() - begun
    return samples / spent, worlds.seconds / spent


def main(seeds=(0, 1), iterations=ITERATIONS):
    """Train without and with a memory and print a table."""
    torch.set_num_threads(1)
    _, setting = TASKS["ledger"]
    print("ledger under occ,", ", ".join(f"{key}={value}" for key, value in setting.items()))
    print(f"S on {HELD_OUT} held-out seeds, with 95 % intervals")
    print("memory  seed  PPO           samples/s  environment", flush=True)
    for kind, make, learn in ((Worlds, Policy, train_without), (RememberingWorlds, Recurrent, train)):
        for seed in seeds:
            torch.manual_seed(seed)
            worlds, test = (kind("ledger", "occ", many, TASKS) for many in (WORLDS, HELD_OUT))
            policy = make(worlds.view_width, len(worlds.env.action_table))
            speed, share = learn(worlds, policy, seed, iterations)
            mean, half = success(test, policy if make is Recurrent else policy.choose)
            name = "GRU" if make is Recurrent else "none"
            print(f"{name:6}  {seed:4}  {mean:.2f} +- {half:.2f}  {speed:9,.0f}  {share:11.0%}", flush=True)


if __name__ == "__main__":
    main()
