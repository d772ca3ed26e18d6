"""PPO in one file on the vector environment: agents who share a policy learn to act. Needs torch (extra `learn`).

In ledger porters add to shared counters, and thinking takes time. Without concurrency control (`none`) two who read the
same value lose one of their additions: they must learn to take turns. Under `occ` the later one is refused and thinks
again: only time is lost, and the deadline leaves little. In moved_key seekers fetch keys that scripted movers shift
about: who takes what lies where the key was delivers a decoy under `none`, and is refused under `occ`. Run
`python examples/ppo.py`: two minutes, and half a minute before the first row when the engine has yet to be compiled.
"""

import time

import numpy as np
import torch
from torch import nn

import stalegrid

# Who learns, and where; scripted minds play the rest. Whoever has all the time in the world wins the ledger under occ
# by playing at random, so there is a deadline. A wrong key delivered is not made good by time: moved_key needs none.
TASKS = {
    "ledger": ("porter", {"size": "tiny", "agents": 3, "counters": 2, "jobs": 2, "max_cycles": 45}),
    "moved_key": ("seeker", {"size": "tiny"}),
}
HELD_OUT_SEED, HELD_OUT = 1_000_000, 512  # the vector environment trains on seeds below 10,000; test on others
WORLDS, STEPS, ITERATIONS, EPOCHS, MINIBATCH, RATE = 256, 32, 40, 4, 1024, 3e-3
GAMMA, LAMBDA, CLIP, ENTROPY = 0.999, 0.98, 0.2, 0.01  # gamma is per tick, lambda per decision


def allowed(logits, mask):
    """Return a distribution over actions, [N, actions], in which what is masked is never drawn."""
    return torch.distributions.Categorical(logits=logits.masked_fill(~mask, -1e9), validate_args=False)


class Policy(nn.Module):
    """What every learner runs on its own observation: a distribution over actions, and a value."""

    def __init__(self, width, actions):
        super().__init__()
        self.trunk = nn.Sequential(nn.Linear(width, 64), nn.Tanh(), nn.Linear(64, 64), nn.Tanh())
        self.actor, self.critic = nn.Linear(64, actions), nn.Linear(64, 1)

    def forward(self, observation, mask):
        """Return both for N rows."""
        seen = self.trunk(observation)
        return allowed(self.actor(seen), mask), self.critic(seen).squeeze(-1)

    @torch.no_grad()
    def choose(self, observation, mask):
        """Draw actions, in tests too: if each did what is most likely, two might wait for each other for ever."""
        return self(torch.as_tensor(observation), torch.as_tensor(mask))[0].sample().numpy()


class Worlds:
    """Worlds of a scenario, stepped from decision to decision, in which the rows of one role are ours."""

    def __init__(self, scenario, protocol, worlds, tasks=TASKS):
        role, setting = tasks[scenario]
        # Rewards within a step come discounted; `advantages` discounts from step to step.
        self.env = stalegrid.vector_env(
            scenario, protocol, worlds=worlds, steps="decision", autoreset_mode="same_step", discount=GAMMA, **setting
        )
        self.others = stalegrid.team("naive", self.env)
        self.ours = np.tile([name.startswith(role) for name in self.env.rules.agent_names], worlds)
        self.view_width = self.env.single_observation_space.shape[0]
        self.seconds = 0.0  # of CPU time that the environment and its scripted minds took

    def reset(self, seed):
        """Begin an episode in each world: world w plays `seed + w`."""
        self.observations, self.infos = self.env.reset(seed=seed)
        self.others.reset()

    def view(self):
        """Return what a learner and its critic are shown, [N, D]; examples/mappo.py shows the critic more."""
        return self.observations

    def step(self, choose):
        """Step once; return who decided, what was seen, allowed and chosen, and what came of it, all [N, ...]."""
        begun = time.process_time()
        seen, mask, ready = self.view(), self.infos["action_mask"], self.infos["ready"]
        actions = self.others.act(self.observations, mask, ready & ~self.ours)
        self.seconds += time.process_time() - begun
        decided = ready & self.ours  # the others think, walk, or are not ours
        actions[decided] = choose(seen[decided], mask[decided])
        begun = time.process_time()
        self.observations, reward, terminated, truncated, self.infos = self.env.step(actions)
        over = terminated | truncated
        self.others.reset(over)
        self.seconds += time.process_time() - begun
        return decided, seen, mask, actions, reward, self.infos["elapsed"], over


def success(worlds, choose):
    """Return the mean S, the share of goals met, on held-out seeds, and the half-width of its 95 % interval."""
    worlds.reset(HELD_OUT_SEED)
    share = np.full(worlds.env.num_envs, np.nan)
    while np.isnan(share).any():
        *_, over = worlds.step(choose)
        first = over & np.isnan(share)  # each world's first episode; some are at their second or third
        if first.any():
            share[first] = worlds.infos["final_info"]["success"][first]
    return share.mean(), 1.96 * share.std() / (len(share) / len(worlds.env.rules.agent_names)) ** 0.5


def advantages(decided, value, reward, ticks, over, last, last_decides):
    """Return generalized advantages, [T, N], and where they are right: where an agent decided and its next is known.

    Decisions take as long as they take: a semi-Markov decision process. All that an agent earns from one decision to
    its next counts as one reward, each part discounted by the ticks until then; so is the value of the next decision.
    Walking back in time, `earned` and `fade` gather both until a row is met where the agent decided. Nothing follows
    the last decision of an episode: the deadline is part of the task, and the observation shows the time. `last` are
    the values of what is seen after the rollout; an agent that is busy then is left out back to its last decision.
    """
    result, right = np.zeros_like(value), np.zeros_like(decided)
    earned, fade, advantage = (np.full(last.shape, start) for start in (0.0, 1.0, 0.0))
    later, known = last, last_decides
    for t in reversed(range(len(value))):
        earned, fade, known = np.where(over[t], 0.0, earned), np.where(over[t], 0.0, fade), known | over[t]
        passed = GAMMA ** ticks[t]
        earned, fade = reward[t] + passed * earned, passed * fade
        result[t], right[t] = earned + fade * (later + LAMBDA * advantage) - value[t], decided[t] & known
        later, advantage = np.where(decided[t], value[t], later), np.where(decided[t], result[t], advantage)
        earned, fade, known = np.where(decided[t], 0.0, earned), np.where(decided[t], 1.0, fade), known | decided[t]
    return result, right


def update(policy, optimizer, observation, mask, choice, before, advantage, target):
    """Make one step up the clipped objective on one minibatch."""
    drawn, value = policy(observation, mask)
    ratio = (drawn.log_prob(choice) - before).exp()
    advantage = (advantage - advantage.mean()) / (advantage.std(correction=0) + 1e-8)  # one row may be left over
    gain = torch.min(ratio * advantage, ratio.clamp(1 - CLIP, 1 + CLIP) * advantage).mean()
    loss = -gain - ENTROPY * drawn.entropy().mean() + 0.5 * (value - target).square().mean()
    optimizer.zero_grad()
    loss.backward()
    nn.utils.clip_grad_norm_(policy.parameters(), 0.5)
    optimizer.step()


@torch.no_grad()
def judged(policy, seen, mask, choice):
    """Return the log-probabilities of what was chosen in N rows, and the values of what was seen."""
    drawn, value = policy(torch.as_tensor(seen), torch.as_tensor(mask))
    return drawn.log_prob(torch.as_tensor(choice)), value


def train(worlds, policy, seed, iterations=ITERATIONS):
    """Train a policy; return the decisions it learnt from per CPU-second, and the environment's share of that time."""
    begun, samples, worlds.seconds = time.process_time(), 0, 0.0
    optimizer = torch.optim.Adam(policy.parameters(), lr=RATE)
    worlds.reset(seed)
    for iteration in range(iterations):
        optimizer.param_groups[0]["lr"] = RATE * (1 - iteration / iterations)
        rollout = [worlds.step(policy.choose) for _ in range(STEPS)]
        decided, seen, mask, choice, reward, ticks, over = map(np.stack, zip(*rollout, strict=True))
        before, value = (np.zeros(decided.shape, np.float32) for _ in range(2))
        before[decided], value[decided] = judged(policy, seen[decided], mask[decided], choice[decided])
        _, last = judged(policy, worlds.view(), worlds.infos["action_mask"], np.zeros(worlds.env.num_envs, np.int64))
        decides = worlds.infos["ready"] & worlds.ours
        advantage, right = advantages(decided, value, reward, ticks, over, last.numpy(), decides)
        advantage = advantage.astype(np.float32)
        rows = [torch.as_tensor(part[right]) for part in (seen, mask, choice, before, advantage, advantage + value)]
        for _ in range(EPOCHS):
            for chosen in torch.randperm(len(rows[0])).split(MINIBATCH):
                update(policy, optimizer, *(row[chosen] for row in rows))
        samples += len(rows[0])
    spent = time.process_time() - begun
    return samples / spent, worlds.seconds / spent


def baselines(worlds):
    """Return the success of random play, and of the best policy that always does the same where it may, else waits."""
    rng = np.random.default_rng(0)
    at_random = success(worlds, lambda seen, mask: (rng.random(mask.shape) * mask).argmax(axis=1))
    constant = [
        success(worlds, lambda seen, mask, action=action: np.where(mask[:, action], action, 0))
        for action in range(len(worlds.env.action_table))
    ]
    return at_random, max(constant)


def main(scenarios=tuple(TASKS), protocols=("none", "occ"), seeds=(0, 1), iterations=ITERATIONS):
    """Train in each scenario under each protocol with each seed and print a table."""
    torch.set_num_threads(1)  # nets this small do not gain from more; and CPU seconds are then seconds
    begun = time.perf_counter()
    for name in scenarios:
        role, setting = TASKS[name]
        print(f"{name}: {role}s learn;", ", ".join(f"{key}={value}" for key, value in setting.items()))
    print(f"S (share of goals met) on {HELD_OUT} held-out seeds, with 95 % intervals:")
    print("scenario   protocol  seed  random        best constant PPO           samples/s  environment", flush=True)
    for name in scenarios:
        for protocol in protocols:
            worlds = Worlds(name, protocol, HELD_OUT)
            at_random, constant = baselines(worlds)
            for seed in seeds:
                torch.manual_seed(seed)
                policy = Policy(worlds.view_width, len(worlds.env.action_table))
                speed, share = train(Worlds(name, protocol, WORLDS), policy, seed, iterations)
                results = at_random, constant, success(worlds, policy.choose)
                scores = "  ".join(f"{mean:.2f} +- {half:.2f}" for mean, half in results)
                print(f"{name:9}  {protocol:8}  {seed:4}  {scores}  {speed:9,.0f}  {share:11.0%}", flush=True)
    print(f"{time.perf_counter() - begun:.0f} s by the clock, {time.process_time():.0f} s of CPU time")


if __name__ == "__main__":
    main()
