"""What the benchmark runs, and how it is timed: loads at random play, and medians of rounds that take turns."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from copy import copy
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from .make import env, parallel_env, vector_env
from .protocols.batch import Batch
from .protocols.config import Config
from .protocols.stepping import random_choices, random_streams
from .world.parallel_env import StaleGridParallelEnv
from .world.rules import Rules
from .world.state import COUNTER_INDEX

ROUNDS = 30  # short ones: a shared machine changes its speed within seconds
PATIENCE = 20  # runs in a row after which it is taken that observations do not move
TAPE = 2000  # steps of the episode that is played again and again
_COMMITTED = COUNTER_INDEX["committed"]


class Rate(NamedTuple):
    """What was done in a second; 0 where the load does not tell."""

    agent_steps: float
    decisions: float
    commits: float
    share: float = 1.0  # of the agent-steps of the first load that it is measured beside, round by round


class Load(Protocol):
    """Something to be timed. The counts grow with every `run`."""

    @property
    def agent_steps(self) -> int:
        """Steps of all agents so far."""

    @property
    def decisions(self) -> int:
        """Choices of agents that had to act."""

    @property
    def commits(self) -> int:
        """Transactions that took effect."""

    def run(self) -> None:
        """Do a little of it."""

    def seen(self) -> NDArray[np.float32]:
        """Return a copy of what the agents observe."""


def measure(
    loads: Mapping[str, Load], seconds: float, clock: Callable[[], float] = time.process_time
) -> dict[str, Rate]:
    """Return the median rate of each load over rounds of `seconds` / ROUNDS of the clock, CPU time by default.

    The loads take turns, so that what else goes on in the machine falls on all of them: a load's `share` is the median
    over rounds of what it did beside what the first load did in the same one.

    Raises: RuntimeError for a load whose observations stay the same: it measures nothing.
    """
    rounds: dict[str, list[Rate]] = {name: [] for name in loads}
    for load in loads.values():
        load.run()
    for _ in range(ROUNDS):
        for name, load in loads.items():
            _refuse_what_stays(name, load)
            before = (load.agent_steps, load.decisions, load.commits)
            start = clock()
            load.run()
            while clock() - start < seconds / ROUNDS:
                load.run()
            spent = clock() - start
            after = (load.agent_steps, load.decisions, load.commits)
            rounds[name].append(Rate(*((now - then) / spent for now, then in zip(after, before, strict=True))))
    first = np.array(next(iter(rounds.values())))[:, 0]
    rates = {}
    for name, found in rounds.items():
        done = np.array(found)[:, :3]
        steps, decisions, commits = np.median(done, axis=0).tolist()
        rates[name] = Rate(steps, decisions, commits, float(np.median(done[:, 0] / first)))
    return rates


def _refuse_what_stays(name: str, load: Load) -> None:
    """Run until the observations move: in a few worlds it may be that all think or walk for a while.

    They are compared from one run to the next, for a whole round may be whole episodes, and end where it began.
    """
    for _ in range(PATIENCE):
        first = load.seen()
        load.run()
        if not np.array_equal(first, load.seen()):
            return
    raise RuntimeError(f"{name}: the observations did not move, so nothing was measured")


class BatchLoad:
    """A batch at random play: an action of its mask for every agent that must act, and a new episode after each.

    It plays so many `ticks` a call.
    """

    def __init__(self, rules: Rules, config: Config, worlds: int, *, ticks: int = 1, **options: Any) -> None:
        self.batch = Batch(rules, config, worlds, **options)
        self.play: Callable[[NDArray[np.int32], NDArray[np.uint64], int], None] = self.batch.play
        self.ticks = ticks
        self._choices = np.zeros((worlds, self.batch.agents), np.int32)
        self._streams = random_streams(worlds)
        self._seeds = np.arange(worlds, dtype=np.uint64)
        self._ended = np.zeros(2, np.int64)  # ticks and commits of the episodes that are over
        self.batch.reset(self._seeds)

    def taking(self, ticks: int) -> BatchLoad:
        """Return the same batch, with what is counted of it, played so many ticks a call."""
        load = copy(self)
        load.ticks = ticks
        return load

    def run(self) -> None:
        """Begin anew where an episode has ended, then play for some 16 ticks, or one call of more.

        In this order what is seen afterwards is what play has led to, also where all episodes end within a run.
        """
        batch, world = self.batch, self.batch.state.world
        ended = ~batch.running
        if ended.any():
            self._ended += np.array([world["tick"][ended].sum(), batch.state.counts[ended, _COMMITTED].sum()])
            self._seeds[ended] += np.uint64(batch.worlds)
            batch.reset_chosen(ended, self._seeds)
        for _ in range(max(1, 16 // self.ticks)):
            self.play(self._choices, self._streams, self.ticks)
            if batch.state.log.size:
                world["log_count"] = 0  # whoever keeps a log reads it between two steps

    @property
    def agent_steps(self) -> int:
        """Ticks of all worlds, times agents."""
        return (int(self._ended[0]) + int(self.batch.state.world["tick"].sum())) * self.batch.agents

    @property
    def decisions(self) -> int:
        """Choices of agents that had to act."""
        return int(self._streams[:, 1].sum())

    @property
    def commits(self) -> int:
        """Transactions that took effect, those of past episodes included."""
        return int(self._ended[1]) + int(self.batch.state.counts[:, _COMMITTED].sum())

    def seen(self) -> NDArray[np.float32]:
        """Return what the first worlds show."""
        return self.batch.state.observation[:64].copy()


class VectorLoad:
    """The vector environment at random play, as it comes; its masks are unpacked into every step's infos."""

    def __init__(self, scenario: str, config: Config, worlds: int, **options: Any) -> None:
        self._env = vector_env(scenario, config, worlds=worlds, **options)
        self._env.reset(seed=0)
        self._choices = np.zeros((worlds, self._env.num_envs // worlds), np.int32)
        self._streams = random_streams(worlds)
        self._ended = np.zeros(worlds, np.bool_)
        self.agent_steps = self.commits = 0

    def run(self) -> None:
        """Step 16 times; the step after an episode's end begins the next one and is none of its own."""
        batch: Any = self._env.batch
        committed = batch.state.counts[:, _COMMITTED]
        for _ in range(16):
            random_choices(batch.context, self._choices, self._streams)
            before = int(committed[~self._ended].sum())
            _, _, terminated, truncated, _ = self._env.step(self._choices.reshape(-1))
            self.commits += int(committed.sum()) - before
            self.agent_steps += int((~self._ended).sum()) * batch.agents
            self._ended = (terminated | truncated)[:: batch.agents]

    @property
    def decisions(self) -> int:
        """Choices of agents that had to act."""
        return int(self._streams[:, 1].sum())

    def seen(self) -> NDArray[np.float32]:
        """Return what the first worlds show."""
        return self._env.batch.state.observation[:64].copy()


class Tape(NamedTuple):
    """An episode of random play: what was done in each step, and how much had been decided and committed before it."""

    chosen: list[dict[str, int]]
    decisions: list[int]  # one more than steps: at the end stands what the whole episode has
    commits: list[int]


def record(parallel: StaleGridParallelEnv) -> Tape:
    """Play from seed 0 on at random, for `TAPE` steps at the most: the same can be done again."""
    rng = np.random.default_rng(0)
    engine: Any = parallel.engine  # the compiled one: its batch counts
    tape = Tape([], [0], [0])
    _, infos = parallel.reset(seed=0)
    while parallel.agents and len(tape.chosen) < TAPE:
        masks = [infos[name]["action_mask"] for name in parallel.agents]
        chosen = [int(rng.choice(np.flatnonzero(mask))) for mask in masks]
        tape.chosen.append(dict(zip(parallel.agents, chosen, strict=True)))
        tape.decisions.append(tape.decisions[-1] + sum(info["ready"] for info in infos.values()))
        _, _, _, _, infos = parallel.step(tape.chosen[-1])
        tape.commits.append(int(engine.batch.state.counts[0, _COMMITTED]))
    return tape


class Replay:
    """An episode of random play over and over: nothing is drawn and nothing counted while the clock runs."""

    def __init__(self, parallel: StaleGridParallelEnv) -> None:
        self._tape = record(parallel)
        self._agents = len(parallel.possible_agents)
        self._laps = self._at = 0
        self.agent_steps = self.decisions = self.commits = 0
        self.begin()

    def begin(self) -> None:
        """Begin the episode."""
        raise NotImplementedError

    def take(self, chosen: dict[str, int]) -> None:
        """Take one step of it."""
        raise NotImplementedError

    def run(self) -> None:
        """Step 100 times."""
        tape = self._tape
        for _ in range(100):
            if self._at == len(tape.chosen):
                self.begin()
                self._laps, self._at = self._laps + 1, 0
            self.take(tape.chosen[self._at])
            self._at += 1
        self.agent_steps += 100 * self._agents
        self.decisions, self.commits = (
            self._laps * before[-1] + before[self._at] for before in (tape.decisions, tape.commits)
        )


class ParallelLoad(Replay):
    """A ParallelEnv."""

    def __init__(self, scenario: str, config: Config, **options: Any) -> None:
        self._env = parallel_env(scenario, config, **options)
        super().__init__(self._env)

    def begin(self) -> None:
        """Begin the episode."""
        self._observed, self._infos = self._env.reset(seed=0)

    def take(self, chosen: dict[str, int]) -> None:
        """Take one step of it."""
        self._observed, _, _, _, self._infos = self._env.step(chosen)

    def seen(self) -> NDArray[np.float32]:
        """Return what the agents observed last."""
        return np.stack(list(self._observed.values()))


class TurnLoad(Replay):
    """An AEC environment: `last` and `step` for each agent in turn."""

    def __init__(self, scenario: str, config: Config, **options: Any) -> None:
        self._env = env(scenario, config, **options)
        super().__init__(self._env.parallel)

    def begin(self) -> None:
        """Begin the episode."""
        self._env.reset(seed=0)

    def take(self, chosen: dict[str, int]) -> None:
        """Take a turn of every agent."""
        for action in chosen.values():
            self._env.last()
            self._env.step(action)

    def seen(self) -> NDArray[np.float32]:
        """Return what the agents observed last."""
        return np.stack([self._env.observe(name) for name in self._env.possible_agents])
