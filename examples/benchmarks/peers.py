"""Put StaleGrid's speed beside that of other grid worlds, in one run: `make peers`.

They have an environment of their own (`peers.txt`). What is not installed, or does not start beside what is, is named
and left out. Eight agents on a grid of about 16x16, random actions, agent-steps per CPU-second, medians of rounds that
take turns. StaleGrid plays at think 0 and manual navigation, so that every move is a decision and every row is observed
anew in every step, as in the others; in its usual play most agents think or walk, and a step costs less. Rollouts are
many random steps a call, as jumanji's are. The worlds differ in what they do and show: read it as orders of magnitude.
"""

from __future__ import annotations

import argparse
import time
from importlib.metadata import version

import numpy as np

from stalegrid.bench_parts import Job, machine
from stalegrid.protocols.presets import resolve
from stalegrid.rates import ParallelLoad, TurnLoad, measure

AGENTS, SIDE, STEPS = 8, 16, 100
BATCH = "stalegrid, batch of 256"


class Peer:
    """Another environment as a load: `step` takes the n-th drawn actions and returns what is observed."""

    def __init__(self, step, agents, steps=STEPS):
        self.step, self.agents, self.steps = step, agents, steps
        self.turn = self.agent_steps = self.decisions = self.commits = 0
        self.observed = None

    def run(self):
        """Step a hundred times, or once where that is a call of many."""
        for _ in range(self.steps):
            self.turn += 1
            self.observed = self.step(self.turn)
        self.agent_steps += self.steps * self.agents

    def seen(self):
        """Return what is observed, in one row."""
        rows = self.observed.values() if isinstance(self.observed, dict) else self.observed
        return np.concatenate([np.asarray(row, np.float32).ravel() for row in rows])


def drawn(actions):
    """Draw actions for many steps."""
    return np.random.default_rng(0).integers(0, actions, (4096, AGENTS)).tolist()


def of_gym(env, actions):
    """Step a gymnasium environment whose actions and observations are tuples."""
    tape = drawn(actions)
    env.reset(seed=0)

    def step(turn):
        observed, _, done, truncated, _ = env.step(tape[turn % len(tape)])
        if np.all(done) or np.all(truncated):
            observed, _ = env.reset()
        return observed

    return Peer(step, AGENTS)


def rware():
    """Robotic Warehouse, small."""
    from rware.warehouse import RewardType, Warehouse

    return of_gym(Warehouse(3, 8, 1, AGENTS, 0, 1, AGENTS, None, 500, RewardType.INDIVIDUAL), 5)


def lbforaging():
    """Level-based foraging."""
    from lbforaging.foraging import ForagingEnv

    return of_gym(ForagingEnv(AGENTS, 1, 2, 1, 2, (SIDE, SIDE), AGENTS, 2, 500, False), 6)


def pogema():
    """Pathfinding; 1.4 wants pydantic 1 and does not start beside pydantic 2."""
    from pogema import GridConfig, pogema_v0

    return of_gym(pogema_v0(GridConfig(num_agents=AGENTS, size=SIDE, density=0.2, seed=0, max_episode_steps=500)), 5)


def magent2():
    """A battle of two teams on a map of this side; some die."""
    from magent2.environments import battle_v4

    env = battle_v4.parallel_env(map_size=SIDE, max_cycles=500)
    env.reset(seed=0)
    agents = len(env.possible_agents)
    tape = np.random.default_rng(0).integers(0, 21, (4096, agents)).tolist()

    def step(turn):
        observed = env.step(dict(zip(env.agents, tape[turn % len(tape)], strict=False)))[0]
        if not env.agents:
            observed, _ = env.reset()
        return observed

    return Peer(step, agents)


def jumanji(worlds=256):
    """Jumanji's copy of rware, batched: compiled beforehand, 100 steps of all worlds a call."""
    import jax
    from jumanji.environments.routing.robot_warehouse.env import RobotWarehouse
    from jumanji.environments.routing.robot_warehouse.generator import RandomGenerator
    from jumanji.wrappers import AutoResetWrapper, VmapWrapper

    env = VmapWrapper(AutoResetWrapper(RobotWarehouse(RandomGenerator(3, 3, 5, AGENTS, 1, AGENTS), time_limit=500)))
    state, _ = env.reset(jax.random.split(jax.random.PRNGKey(0), worlds))

    @jax.jit
    def play(state, key):
        def one(state, key):
            state, shown = env.step(state, jax.random.randint(key, (worlds, AGENTS), 0, 5))
            return state, shown.observation.agents_view.sum()

        return jax.lax.scan(one, state, jax.random.split(key, STEPS))

    held = {"state": state}

    def step(turn):
        held["state"], sums = play(held["state"], jax.random.PRNGKey(turn))
        return [np.asarray(sums)]

    return Peer(step, AGENTS * worlds * STEPS, 1)


PEERS = {"rware": rware, "lbforaging": lbforaging, "pogema": pogema, "magent2": magent2, "jumanji": jumanji}


def main():
    """Time whatever starts, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--seconds", type=float, default=2.0, help="CPU seconds for each number")
    seconds = parser.parse_args().seconds
    free = {"think": 0, "navigation": "manual"}
    job = Job("warehouse", resolve("stamped_epochs"), "medium", 256, seconds, settings=free)
    loads = {
        BATCH: job.batch(ticks=1),
        f"{BATCH}, rollouts": job.batch(),
        "stalegrid, ParallelEnv": ParallelLoad(job.scenario, job.config, **job.options),
        "stalegrid, AEC": TurnLoad(job.scenario, job.config, **job.options),
    }
    missing = []
    for name, make in PEERS.items():
        begun = time.perf_counter()
        try:
            peer = make()
            peer.run()
        except Exception as error:  # whatever keeps a peer from starting is its own affair, and is told
            missing.append(f"{name}: {type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}")
            continue
        loads[f"{name} {version(name)}"] = peer
        print(f"{name} is ready after {time.perf_counter() - begun:.1f} s", flush=True)
    rates = measure(loads, seconds)
    first = rates[BATCH].agent_steps
    print(f"\n{'':36}{'agent-steps a CPU-second':>26}{'share of the batch':>20}")
    for name, rate in sorted(rates.items(), key=lambda pair: -pair[1].agent_steps):
        print(f"{name:36}{rate.agent_steps:26,.0f}{rate.agent_steps / first:20.2%}")
    for line in missing:
        print(f"not measured: {line}")
    print(machine())


if __name__ == "__main__":
    main()
