"""PPO in one file: porters who share a policy learn to add without undoing one another. Needs torch (extra `learn`).

Three porters make two additions each to two shared counters, and thinking takes time. Without concurrency control
(`none`) two who read the same value lose one of their additions: the policy must learn to take turns. Under `occ` the
later one is refused and thinks again: only time is lost, and the deadline leaves little. Run `python examples/ppo.py`:
about a minute, and half a minute before the first row when the engine has yet to be compiled.
"""

import time

import numpy as np
import torch
from torch import nn

import stalegrid
from stalegrid.protocols.batch import Batch
from stalegrid.protocols.presets import resolve

# Whoever has all the time in the world wins under occ by playing at random; 40 ticks are enough for a good policy only.
SETTING = {"size": "tiny", "agents": 3, "counters": 2, "jobs": 2, "max_cycles": 40}
TRAINING_SEEDS, HELD_OUT_SEED, HELD_OUT = 10_000, 1_000_000, 512  # train on seeds below the first; test on others
WORLDS, ITERATIONS, EPOCHS, MINIBATCH, RATE = 256, 30, 4, 1024, 3e-3
GAMMA, LAMBDA, CLIP, ENTROPY = 0.999, 0.98, 0.2, 0.01  # gamma is per tick, lambda per decision


class Policy(nn.Module):
    """What every agent runs on its own observation: a distribution over actions, and a value."""

    def __init__(self, width, actions):
        super().__init__()
        self.trunk = nn.Sequential(nn.Linear(width, 64), nn.Tanh(), nn.Linear(64, 64), nn.Tanh())
        self.actor, self.critic = nn.Linear(64, actions), nn.Linear(64, 1)

    def forward(self, observation, mask):
        """Return both for N rows; an action that is masked is never drawn."""
        seen = self.trunk(observation)
        logits = self.actor(seen).masked_fill(~mask, -1e9)
        return torch.distributions.Categorical(logits=logits, validate_args=False), self.critic(seen).squeeze(-1)

    @torch.no_grad()
    def choose(self, observation, mask):
        """Draw actions, in tests too: if each did what is most likely, two might wait for each other for ever."""
        return self(torch.as_tensor(observation), torch.as_tensor(mask))[0].sample().numpy()


def timed(call, *arguments):
    """Return the CPU seconds that a call takes."""
    begun = time.process_time()
    call(*arguments)
    return time.process_time() - begun


def play(batch, seeds, choose):
    """Play one episode in each world; yield what PPO needs of each step, [B, A, ...], and the environment's seconds."""
    state, bits = batch.state, np.arange(len(batch.rules.actions), dtype=np.uint64)
    seconds = timed(batch.reset, seeds)
    while batch.running.any():
        ready = state.agent["ready"] == 1  # the others think, walk, or have finished their episode
        mask = (state.mask[..., :1] >> bits & np.uint64(1)) == 1  # bit i of the first word = action i, up to 64
        observation, choices = state.observation.copy(), np.zeros(ready.shape, np.int32)
        choices[ready] = choose(observation[ready], mask[ready])
        seconds += timed(batch.step, choices, True)  # True: each world runs on until one of its agents must decide
        yield ready, observation, mask, choices, state.agent["earned"].copy(), state.world["elapsed"].copy(), seconds
        seconds = 0.0


def success(batch, choose):
    """Return the mean share of goals met on held-out seeds, and the half-width of its 95 % interval."""
    for _ in play(batch, np.arange(HELD_OUT_SEED, HELD_OUT_SEED + batch.worlds, dtype=np.uint64), choose):
        pass
    share = batch.state.world["goals_met"] / batch.state.goal.shape[1]
    return share.mean(), 1.96 * share.std() / len(share) ** 0.5


def advantages(ready, value, reward, ticks):
    """Return generalized advantages, [T, B, A], right where `ready`.

    Decisions take as long as they take: a semi-Markov decision process. All that an agent earns from one decision to
    its next counts as one reward, each part discounted by the ticks until then; so is the value of the next decision.
    Walking back in time, `earned` and `discount` gather both until a row is met where the agent decided. Nothing
    follows the last decision: the deadline is part of the task, and the observation shows the time.
    """
    result = np.zeros_like(value)
    earned, discount, later, advantage = (np.full(value.shape[1:], start) for start in (0.0, 1.0, 0.0, 0.0))
    for t in reversed(range(len(value))):
        fade = GAMMA ** ticks[t][:, None]
        earned, discount = reward[t] + fade * earned, fade * discount
        result[t] = earned + discount * (later + LAMBDA * advantage) - value[t]
        later, advantage = np.where(ready[t], value[t], later), np.where(ready[t], result[t], advantage)
        earned, discount = np.where(ready[t], 0.0, earned), np.where(ready[t], 1.0, discount)
    return result


def update(policy, optimizer, observation, mask, choice, before, advantage, target):
    """Make one step up the clipped objective on one minibatch."""
    drawn, value = policy(observation, mask)
    ratio = (drawn.log_prob(choice) - before).exp()
    advantage = (advantage - advantage.mean()) / (advantage.std() + 1e-8)
    gain = torch.min(ratio * advantage, ratio.clamp(1 - CLIP, 1 + CLIP) * advantage).mean()
    loss = -gain - ENTROPY * drawn.entropy().mean() + 0.5 * (value - target).square().mean()
    optimizer.zero_grad()
    loss.backward()
    nn.utils.clip_grad_norm_(policy.parameters(), 0.5)
    optimizer.step()


def train(protocol, seed, iterations=ITERATIONS):
    """Return a policy, the decisions it learnt from per CPU-second, and the environment's share of that time."""
    torch.manual_seed(seed)
    rng, begun, samples, environment = np.random.default_rng(seed), time.process_time(), 0, 0.0
    # The batch discounts what is earned within a step; `advantages` does so from step to step.
    batch = Batch(stalegrid.make_rules("ledger", **SETTING), resolve(protocol), WORLDS, discount=GAMMA)
    policy = Policy(batch.layout.width, len(batch.rules.actions))
    optimizer = torch.optim.Adam(policy.parameters(), lr=RATE)
    for iteration in range(iterations):
        optimizer.param_groups[0]["lr"] = RATE * (1 - iteration / iterations)
        steps = play(batch, rng.integers(TRAINING_SEEDS, size=WORLDS).astype(np.uint64), policy.choose)
        ready, observation, mask, choices, reward, ticks, seconds = map(np.stack, zip(*steps, strict=True))
        rows = [torch.as_tensor(array[ready]) for array in (observation, mask, choices)]  # [N, ...]: decisions only
        with torch.no_grad():
            drawn, value = policy(rows[0], rows[1])
        values = np.zeros(ready.shape)
        values[ready] = value.numpy()
        advantage = torch.as_tensor(advantages(ready, values, reward, ticks)[ready], dtype=torch.float32)
        rows += [drawn.log_prob(rows[2]), advantage, advantage + value]
        for _ in range(EPOCHS):
            for chosen in torch.randperm(len(value)).split(MINIBATCH):
                update(policy, optimizer, *(row[chosen] for row in rows))
        samples, environment = samples + len(value), environment + seconds.sum()
    spent = time.process_time() - begun
    return policy, samples / spent, environment / spent


def baselines(batch):
    """Return the success of random play, and of the best policy that always does the same where it may, else waits."""
    rng = np.random.default_rng(0)
    at_random = success(batch, lambda observation, mask: (rng.random(mask.shape) * mask).argmax(axis=1))
    constant = [
        success(batch, lambda observation, mask, action=action: np.where(mask[:, action], action, 0))
        for action in range(len(batch.rules.actions))
    ]
    return at_random, max(constant)


def main(protocols=("none", "occ"), seeds=(0, 1, 2), iterations=ITERATIONS):
    """Train under each protocol with each seed and print a table."""
    torch.set_num_threads(1)  # nets this small do not gain from more; and CPU seconds are then seconds
    begun = time.perf_counter()
    print("ledger,", ", ".join(f"{name}={value}" for name, value in SETTING.items()))
    print(f"S (share of counters that end right) on {HELD_OUT} held-out seeds, with 95 % intervals:")
    print("protocol  seed  random        best constant PPO           samples/s  environment", flush=True)
    for protocol in protocols:
        batch = Batch(stalegrid.make_rules("ledger", **SETTING), resolve(protocol), HELD_OUT)
        at_random, constant = baselines(batch)
        for seed in seeds:
            policy, speed, share = train(protocol, seed, iterations)
            results = at_random, constant, success(batch, policy.choose)
            scores = "  ".join(f"{mean:.2f} +- {half:.2f}" for mean, half in results)
            print(f"{protocol:8}  {seed:4}  {scores}  {speed:9,.0f}  {share:11.0%}", flush=True)
    print(f"{time.perf_counter() - begun:.0f} s by the clock, {time.process_time():.0f} s of CPU time")


if __name__ == "__main__":
    main()
