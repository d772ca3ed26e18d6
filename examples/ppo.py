"""PPO in one file: porters who share one policy learn when not to write. Needs the extra `learn` (torch).

Three porters add to two shared counters while thinking takes time. Without concurrency control (`none`) two who read the
same value and both write back lose an addition, so haste loses; under `occ` the second is refused and tries again, and
the deadline punishes idling. Run `python examples/ppo.py`.
"""

import time

import numpy as np
import torch
from torch import nn

import stalegrid
from stalegrid.protocols.batch import Batch
from stalegrid.protocols.presets import resolve

SETTING = {"size": "tiny", "agents": 3, "counters": 2, "jobs": 3, "max_cycles": 50}  # no policy dawdles with impunity
TRAINING_SEEDS, HELD_OUT_SEED, WORLDS = 10_000, 1_000_000, 256
GAMMA, LAMBDA, CLIP, ENTROPY, EPOCHS, MINIBATCH, RATE = 0.999, 0.95, 0.2, 0.01, 4, 2048, 1e-3


class Policy(nn.Module):
    """What every agent runs on its own observation: logits of the actions, and a value."""

    def __init__(self, width: int, actions: int) -> None:
        super().__init__()
        self.trunk = nn.Sequential(nn.Linear(width, 64), nn.Tanh(), nn.Linear(64, 64), nn.Tanh())
        self.actor, self.critic = nn.Linear(64, actions), nn.Linear(64, 1)

    def forward(self, observation: torch.Tensor, mask: torch.Tensor) -> tuple[torch.distributions.Categorical, torch.Tensor]:
        seen = self.trunk(observation)
        logits = self.actor(seen).masked_fill(~mask, -1e9)  # an action that is masked is never drawn
        return torch.distributions.Categorical(logits=logits, validate_args=False), self.critic(seen).squeeze(-1)


class Clock:
    """CPU seconds spent in the environment."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def __call__(self, function, *arguments) -> None:
        begun = time.process_time()
        function(*arguments)
        self.seconds += time.process_time() - begun


def play(batch, seeds, choose, clock):
    """Play one episode a world; yield each step's (ready, observation, mask, choices, reward, ticks), all [B, A, ...]."""
    state, bits = batch.state, np.arange(len(batch.rules.actions), dtype=np.uint64)
    clock(batch.reset, seeds)
    while batch.running.any():
        ready = state.agent["ready"] == 1  # the others think or walk, or their episode is over
        mask = (state.mask[..., :1] >> bits & np.uint64(1)) == 1  # bit i = action i; up to 64 actions
        observation, choices = state.observation.copy(), np.zeros(ready.shape, np.int32)
        choices[ready] = choose(observation[ready], mask[ready])
        clock(batch.step, choices, True)  # each world runs on until one of its agents must decide
        yield ready, observation, mask, choices, state.agent["earned"].copy(), state.world["age"].copy()


def success(batch, choose):
    """Return the mean share of goals met on the held-out seeds and the half-width of its 95 % interval."""
    seeds = np.arange(HELD_OUT_SEED, HELD_OUT_SEED + batch.worlds, dtype=np.uint64)
    for _ in play(batch, seeds, choose, Clock()):
        pass
    share = batch.state.world["goals_met"] / batch.state.goal.shape[1]
    return share.mean(), 1.96 * share.std() / len(share) ** 0.5


def advantages(value, ready, reward, ticks):
    """Return generalized advantages, [T, B, A], right where `ready`.

    A semi-Markov decision process: a decision takes as long as it takes. What an agent earns from one of its decisions to
    its next is one reward, discounted by the ticks that pass, and so is the value of the next. Walking backwards, `earned`
    and `discount` gather both until a row is met at which the agent decided. At the end nothing follows: the deadline is
    part of the task, and the observation shows the time.
    """
    out = np.zeros_like(value)
    earned, discount, after, advantage = (np.full(value.shape[1:], start) for start in (0.0, 1.0, 0.0, 0.0))
    for t in reversed(range(len(value))):
        fade = GAMMA ** ticks[t][:, None]
        earned, discount = reward[t] + fade * earned, fade * discount
        out[t] = earned + discount * (after + LAMBDA * advantage) - value[t]
        now = ready[t]
        advantage, after = np.where(now, out[t], advantage), np.where(now, value[t], after)
        earned, discount = np.where(now, 0.0, earned), np.where(now, 1.0, discount)
    return out


def train(protocol, seed, iterations=60, setting=SETTING):
    """Return a trained policy, decisions learnt from per CPU-second, and the environment's share of the CPU time."""
    torch.manual_seed(seed)
    rng, clock, begun, samples = np.random.default_rng(seed), Clock(), time.process_time(), 0
    # The batch discounts what is earned within a step; `advantages` goes on from there.
    batch = Batch(stalegrid.make_rules("ledger", **setting), resolve(protocol), WORLDS, discount=GAMMA)
    policy = Policy(batch.layout.width, len(batch.rules.actions))
    optimizer = torch.optim.Adam(policy.parameters(), lr=RATE)
    for iteration in range(iterations):
        optimizer.param_groups[0]["lr"] = RATE * (1 - iteration / iterations)
        seeds = rng.integers(TRAINING_SEEDS, size=WORLDS).astype(np.uint64)
        ready, observation, mask, choices, reward, ticks = map(np.stack, zip(*play(batch, seeds, sampler(policy), clock)))
        rows = [torch.as_tensor(array[ready]) for array in (observation, mask, choices)]  # only decisions are learnt from
        with torch.no_grad():
            drawn, value = policy(*rows[:2])
        values = np.zeros(ready.shape)
        values[ready] = value.numpy()
        advantage = torch.as_tensor(advantages(values, ready, reward, ticks)[ready], dtype=torch.float32)
        rows += [drawn.log_prob(rows[2]), advantage, advantage + value]
        samples += len(value)
        for _ in range(EPOCHS):
            for chosen in torch.randperm(len(value)).split(MINIBATCH):
                update(policy, optimizer, *(row[chosen] for row in rows))
    spent = time.process_time() - begun
    return policy, samples / spent, clock.seconds / spent


def update(policy, optimizer, observation, mask, choice, old, advantage, target):
    """Make one step of the clipped objective."""
    drawn, value = policy(observation, mask)
    ratio = (drawn.log_prob(choice) - old).exp()
    advantage = (advantage - advantage.mean()) / (advantage.std() + 1e-8)
    gain = torch.min(ratio * advantage, ratio.clamp(1 - CLIP, 1 + CLIP) * advantage).mean()
    loss = -gain + 0.5 * (value - target).square().mean() - ENTROPY * drawn.entropy().mean()
    optimizer.zero_grad()
    loss.backward()
    nn.utils.clip_grad_norm_(policy.parameters(), 0.5)
    optimizer.step()


def sampler(policy):
    """Return the policy as a function of observations and masks, [N, ...] arrays."""

    @torch.no_grad()
    def choose(observation, mask):
        drawn, _ = policy(torch.as_tensor(observation), torch.as_tensor(mask))
        return drawn.sample().numpy()

    return choose
