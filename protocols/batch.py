"""B worlds at once on the compiled engine: plain arrays in, plain arrays out."""

from __future__ import annotations

import os
from functools import cache
from math import prod
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..world import log
from ..world.binding import bind
from ..world.copying import give_back
from ..world.jit import address_of
from ..world.memory import NUMBERS
from ..world.observe import BLOCKS, ObservationLayout, observation_layout
from ..world.rule_arrays import compile_rules
from ..world.rules import Rules
from ..world.state import (
    AGENT_RECORD,
    BELIEF_RECORD,
    CACHE_LINE,
    CHAIN_RECORD,
    COUNTERS,
    EVENT_RECORD,
    FIGURE_SIZE,
    FOLLOWED_RECORD,
    GOAL_RECORD,
    INPUT_RECORD,
    JOB_RECORD,
    LOCK_RECORD,
    MAIL_RECORD,
    PARCEL_RECORD,
    RANK_RECORD,
    RUNNING,
    SETTLED_RECORD,
    SITE_RECORD,
    WORLD_RECORD,
    Rows,
    State,
)
from ..world.tailoring import tailored
from ..world.vectors import agent_lanes
from . import ranked
from .config import Config
from .crew import Crew
from .shares import call_alone
from .stepping import reset_chosen, show_rows, step_worlds

LARGE_PAGE = 2**21  # bytes


def allocate(rules: Rules, worlds: int, width: int, logs: int, ranks: int = 0) -> State:
    """Return the zeroed arrays of so many worlds, with room for so many ranks that are not quiet.

    All but the log lie in one piece of memory: a large one is given pages of 2 MB, and a world's records, which lie far
    from each other, would else need more small pages than the processor keeps the addresses of.
    """
    shapes = _shapes(rules, worlds, width, ranks)
    sizes = [-(-(prod(shape) * np.dtype(kind).itemsize) // CACHE_LINE) * CACHE_LINE for shape, kind in shapes.values()]
    page = LARGE_PAGE if sum(sizes) >= LARGE_PAGE else CACHE_LINE
    memory = np.zeros(-(-sum(sizes) // page) * page + page, np.uint8)
    at = -memory.ctypes.data % page
    arrays: dict[str, Any] = {"log": np.zeros((worlds, logs), log.EVENT)}
    for (name, (shape, kind)), size in zip(shapes.items(), sizes, strict=True):
        arrays[name] = np.ndarray(shape, kind, memory, at)
        at += size
    return State(**arrays)


def _shapes(rules: Rules, worlds: int, width: int, ranks: int) -> dict[str, tuple[tuple[int, ...], Any]]:
    r = 1 << (ranks - 1).bit_length() if ranks else 0
    a, s, t = len(rules.agent_names), len(rules.site_names), len(rules.tasks)
    i = max(1, max(len(task.inputs) for task in rules.tasks))
    j = rules.blueprint.jobs.count if rules.blueprint.jobs else 0
    return {
        "world": ((worlds,), WORLD_RECORD),
        "agent": ((worlds, a), AGENT_RECORD),
        "figure": ((worlds, FIGURE_SIZE, agent_lanes(a)), np.float32),
        "thought_left": ((worlds, agent_lanes(a)), np.int32),
        "sight": ((worlds, agent_lanes(a)), np.uint64),
        "site": ((worlds, s), SITE_RECORD),
        "belief": ((worlds, a, s), BELIEF_RECORD),
        "input": ((worlds, a, 5, i), INPUT_RECORD),
        "seen": ((worlds, a, t, i, 2), np.int32),
        "job": ((worlds, a, j), JOB_RECORD),
        "parcel": ((worlds, a, rules.blueprint.parcels), PARCEL_RECORD),
        "tally": ((worlds, a, t, 3), np.int32),
        "goal": ((worlds, len(rules.blueprint.goals)), GOAL_RECORD),
        "event": ((worlds, len(rules.world_events)), EVENT_RECORD),
        "mail": ((worlds, rules.mail_capacity), MAIL_RECORD),
        "sent": ((worlds, a, a, 4), np.int32),
        "heard": ((worlds, a, a), np.int8),
        "pipe": ((worlds, a, a), np.int32),
        "lock": ((worlds, s), LOCK_RECORD),
        "settled": ((worlds, s), SETTLED_RECORD),
        "followed": ((worlds, len(rules.constraints), a), FOLLOWED_RECORD),
        "rank": ((worlds, r), RANK_RECORD),
        "rank_read": ((worlds, r, i), np.int32),
        "chain": ((worlds, s, 1 + r if r else 0), CHAIN_RECORD),
        "counts": ((worlds, len(COUNTERS)), np.int64),
        "observation": ((worlds, a, width), np.float32),
        "mask": ((worlds, a, 2), np.uint64),
    }


def allocate_rows(worlds: int, agents: int, actions: int) -> Rows:
    """Return the arrays of what views read: nobody is ready yet, so that everybody may only wait."""
    each = (worlds, agents)
    allowed = np.zeros((*each, actions), np.bool_)
    allowed[..., 0] = True
    return Rows(
        ready=np.zeros(each, np.bool_),
        ready_in=np.zeros(each, np.int32),
        reward=np.zeros(each, np.float64),
        elapsed=np.zeros(each, np.int64),
        terminated=np.zeros(each, np.bool_),
        truncated=np.zeros(each, np.bool_),
        allowed=allowed,
        clock=np.zeros((worlds, 3), np.int32),
    )


class Part(NamedTuple):
    """Some worlds of a batch, and what compiled code knows of them."""

    first: int
    last: int
    context: NDArray[Any]
    address: int  # of the context
    step: int  # the address of what steps them, a job of a crew


class Call(NamedTuple):
    """What a step was given, and where it lies: to ask for the address of an array takes as long as a world's step."""

    choices: NDArray[np.int32] | None = None
    choices_at: int = 0
    streams: NDArray[np.uint64] | None = None
    streams_at: int = 0
    ticks: int = 0


class Batch:
    """`worlds` episodes of one scenario under one protocol, stepped together.

    The arrays of `state` are live views; see `world.state` for every field. A row of the batch does not feel its
    neighbours. `threads`, the caller's among them, share the worlds, for compiled code holds no lock. `observations` is
    memory of the caller's to write observations to, [B * A, D] float32. With `keep_rows` the arrays of `rows` are kept
    up to date: readiness, rewards, ends and masks as views hand them out, see `world.state.Rows`. `tailor` compiles the
    step for this scenario and protocol, which takes some seconds once, for some 1.4 times the speed. Threads are
    64 at most.

    Raises: ValueError for a batch that does not fit into the machine's memory, with the estimate.
    """

    def __init__(
        self,
        rules: Rules,
        config: Config,
        worlds: int = 1,
        *,
        keep_log: bool = False,
        blocks: tuple[str, ...] = BLOCKS,
        costs: dict[str, float] | None = None,
        own_reward: bool = False,
        discount: float = 1.0,
        threads: int = 1,
        observations: NDArray[np.float32] | None = None,
        keep_rows: bool = False,
        tailor: bool = False,
    ) -> None:
        if worlds < 1 or threads < 1:
            raise ValueError(f"worlds and threads are whole numbers from 1; got {worlds} and {threads}")
        self.rules = rules
        self.config = config
        self.worlds = worlds
        self.agents = len(rules.agent_names)
        self.layout: ObservationLayout = observation_layout(rules, blocks, config.messages == "stamped")
        # What one tick can log at the most; a step that runs on to a decision stops before it could overflow.
        a, s = self.agents, len(rules.site_names)
        self.margin = 64 + a * (3 * s + 80) + 4 * (rules.mail_capacity + len(rules.world_events))
        self.margin += 2 * len(rules.blueprint.goals)
        self.margin += 48 * config.ranks  # what is undone, done again and told
        logs = max(4096, 4 * self.margin) if keep_log else 0
        one = allocate(rules, 1, self.layout.width, logs, config.ranks)
        self._refuse_what_does_not_fit(sum(array.nbytes for array in one))
        self.state = allocate(rules, worlds, self.layout.width, logs, config.ranks)
        if observations is not None:
            self._take(observations)
        self.threads = min(threads, worlds, 64)
        self.rows = allocate_rows(worlds if keep_rows else 0, self.agents, len(rules.actions))
        self._crew: Crew | None = None
        self._tailors = tailor
        self._last = Call()
        view = {**self.layout.view, "own_reward": own_reward, "discount": discount}
        view |= {"think_cost": 0.0, "message_cost": 0.0, "accident_cost": 0.0, **(costs or {})}
        self._view = view
        self._bind()

    def _bind(self) -> None:
        self.arrays = compile_rules(self.rules)
        self._view["answer"] = ranked.address() if self.config.ranks else 0
        self.context = bind(self.state, self.rows, self.arrays, self.config.policy, self._view)
        self.parts = [self._part(0, self.worlds, self.context)]

    def _part(self, first: int, last: int, context: NDArray[Any]) -> Part:
        step = tailored(step_worlds, context) if self._tailors else _address(step_worlds)
        return Part(first, last, context, context.ctypes.data, step)

    def _refuse_what_does_not_fit(self, bytes_a_world: int) -> None:
        names = os.sysconf_names if hasattr(os, "sysconf") else {}
        if not {"SC_PHYS_PAGES", "SC_PAGE_SIZE"} <= names.keys():
            return
        needed, there = bytes_a_world * self.worlds, os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
        if needed > there:
            fits = there // bytes_a_world
            raise ValueError(
                f"{self.worlds:,} worlds of {self.rules.name} need {needed / 1e9:,.1f} GB, {bytes_a_world:,} bytes "
                f"each; this machine has {there / 1e9:,.1f} GB, room for {fits:,}"
            )

    def _take(self, observations: NDArray[np.float32]) -> None:
        """Write observations into the caller's memory from now on."""
        shape = self.state.observation.shape
        good = observations.dtype == np.float32 and observations.flags.c_contiguous and observations.flags.writeable
        if not good or observations.size != self.state.observation.size:
            rows = f"[{shape[0] * shape[1]}, {shape[2]}] float32, contiguous and writeable"
            raise ValueError(f"observations are {rows}; got {list(observations.shape)} {observations.dtype}")
        observations[:] = 0
        self.state = self.state._replace(observation=observations.reshape(shape))

    def __getstate__(self) -> dict[str, Any]:
        # Addresses and threads do not travel: the context is bound anew.
        state = {key: value for key, value in self.__dict__.items() if key not in ("context", "arrays", "parts")}
        return {**state, "_crew": None, "_last": Call()}

    def __setstate__(self, state: dict[str, Any]) -> None:
        give_back(self, state)
        self._bind()

    def reset(self, seeds: NDArray[np.uint64]) -> None:
        """Begin an episode in every world; `seeds` is [B] uint64."""
        self.reset_chosen(np.ones(self.worlds, np.bool_), seeds)

    def reset_chosen(self, chosen: NDArray[np.bool_], seeds: NDArray[np.uint64]) -> None:
        """Begin a new episode in the `chosen` worlds, [B] bool, from their `seeds`, [B] uint64; the others go on."""
        if len(seeds) != self.worlds:
            raise ValueError(f"one seed a world: {self.worlds}; got {len(seeds)}")
        if np.shape(chosen) != (self.worlds,):
            raise ValueError(f"chosen are [{self.worlds}] bool; got {list(np.shape(chosen))}")
        self._begin(chosen, seeds, False)

    def show_anew(self) -> None:
        """Write the observations and masks of all agents again, after `state` was changed from outside.

        What is out of date must be marked so in the agents' records; see `observe.write_observation`.
        """
        self._begin(np.ones(self.worlds, np.bool_), self.state.world["seed"].copy(), True)

    def _begin(self, chosen: NDArray[np.bool_], seeds: NDArray[np.uint64], anew: bool) -> None:
        chosen, seeds = np.ascontiguousarray(chosen, np.bool_), np.ascontiguousarray(seeds, np.uint64)
        which, their = chosen.ctypes.data, seeds.ctypes.data
        for part in self.parts:
            at = part.first
            self._run((chosen, seeds), _address(reset_chosen), part, which + at, their + 8 * at, int(anew), 0)

    def step(self, choices: NDArray[np.int32], to_decision: bool = False) -> None:
        """Advance every running world by a tick, or to its next decision; `choices` is [B, A] int32."""
        _check("choices", choices, (self.worlds, self.agents), np.int32)
        self.advance(choices, to_decision)

    def advance(self, choices: NDArray[np.int32], to_decision: bool) -> None:
        """Do what `step` does for one who knows that the choices are as they must be: they are not looked at."""
        if choices is not self._last.choices:
            choices = np.ascontiguousarray(choices)
            self._last = Call(choices, choices.ctypes.data)
        self._step(choices, self._last.choices_at, 0, 0 if to_decision else 1)

    def play(self, choices: NDArray[np.int32], streams: NDArray[np.uint64], ticks: int = 1) -> None:
        """Advance every running world by some `ticks`, by a random allowed action of each agent that must act.

        `choices`, [B, A] int32, are filled with what is chosen. `streams` are [B, 2] uint64, moved on in place: of each
        world a generator, which is any number but 0 at first, and how many choices it has made. Several ticks leave
        everything as so many calls would, and take less time: a world plays all of them while it lies in the cache.
        One that keeps a log plays fewer where that could overflow: it goes on once the log is drained.

        Raises: ValueError for arrays of another shape or dtype, or that cannot be written in place; for a generator 0,
        or less than one tick.
        """
        last = self._last
        if choices is not last.choices or streams is not last.streams or ticks is not last.ticks:
            if not isinstance(ticks, (int, np.integer)) or ticks < 1:
                raise ValueError(f"ticks are a whole number from 1; got {ticks!r}")
            _check("choices", choices, (self.worlds, self.agents), np.int32)
            _check("streams", streams, (self.worlds, 2), np.uint64)
            if not (choices.flags.carray and streams.flags.carray and streams[:, 0].all()):
                raise ValueError("choices and streams are contiguous and writeable, and no generator is 0")
            last = self._last = Call(choices, choices.ctypes.data, streams, streams.ctypes.data, ticks)
        self._step((choices, streams), last.choices_at, last.streams_at, ticks)

    def _step(self, held: Any, choices: int, streams: int, ticks: int) -> None:
        for part in self.parts:
            theirs = streams + 16 * part.first if streams else 0
            self._run(held, part.step, part, choices + 4 * self.agents * part.first, theirs, ticks, self.margin)

    def _run(self, held: Any, function: int, part: Part, *numbers: int) -> None:
        """Do a job, see `shares`, for some worlds, in this thread or in all; it points to what is `held`."""
        if self.threads == 1:
            call_alone(function, part.address, part.last - part.first, *numbers)
            return
        if self._crew is None:
            self._crew = Crew(self.threads - 1)
        held = (held, part, self.state, self.rows, self.arrays)
        self._crew.share(held, function, part.address, part.last - part.first, *numbers)

    def close(self) -> None:
        """End the threads, if there are any; the next step would begin new ones."""
        if self._crew is not None:
            self._crew.dismiss()
            self._crew = None

    def show_rows(self) -> None:
        """Fill `rows` again, after `state` was changed from outside."""
        for part in self.parts:
            show_rows(part.context, part.last - part.first)

    @property
    def layout_seeds(self) -> NDArray[np.int64]:
        """[B] int64: the layout of each world, 0 where the scenario has but one."""
        return np.full(self.worlds, self.rules.parameters.get("layout_seed", 0), np.int64)

    @property
    def running(self) -> NDArray[np.bool_]:
        """[B] bool: the episode goes on."""
        running: NDArray[np.bool_] = self.state.world["status"] == RUNNING
        return running

    def drain(self, world: int = 0) -> NDArray[Any]:
        """Return and forget the events that one world logged since the last call.

        Raises: RuntimeError if the log or the mailbox overflowed, which is a defect.
        """
        count = int(self.state.world["log_count"][world])
        if count > self.state.log.shape[1] or self.state.world["mail_count"][world] > self.state.mail.shape[1]:
            raise RuntimeError("the log or the mailbox overflowed: please report this scenario and its settings")
        self.state.world["log_count"][world] = 0
        return self.state.log[world, :count].copy()


def _check(name: str, array: NDArray[Any], shape: tuple[int, ...], kind: Any) -> None:
    if array.shape != shape or array.dtype != kind:
        raise ValueError(f"{name} are {list(shape)} {np.dtype(kind)}; got {list(array.shape)} {array.dtype}")


@cache
def _address(job: Any) -> int:
    return address_of(job, NUMBERS)
