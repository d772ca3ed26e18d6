"""The exhaustive small scope: every pair of small transactions in every interleaving, under one protocol.

A transaction begins, makes two reads or writes of two sites, and ends in a commit or an abort: 16 programs for each of
two agents, 70 interleavings of their steps and 4 endings are 71,680 schedules. A step is one tick in which the other
stands still. All sites are in sight and within reach, so nothing but the protocol orders the steps.

What is read is what the protocol shows at the beginning, for nothing is read later; a read copies it onto a pad of the
agent's own, so that it matters. No two writes leave the same value. To abort is to grasp at an empty shelf: the world
refuses, and the task fails with what it has done. A step that the protocol holds up is made as soon as it is let.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import cache
from itertools import combinations, product
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from .findings import Episode
from .protocols.batch import Batch
from .protocols.config import Config
from .world.control import Control
from .world.reference import World
from .world.rules import Rules
from .world.scenario import VALUE, Blueprint, Goal, Op, Role, Site, Task
from .world.settings import Settings
from .world.state import COUNTERS, NEVER, NO_TXN, QUEUED

# Which sites the programs are about: records, that can be buffered, or physical ones, that change in the open.
KINDS = ("record", "physical")
AGENTS, OBJECTS = "ab", "xy"
STEPS = 8  # begin, two operations and an end, of both
WORDS = ("rx", "ry", "wx", "wy")
PROGRAMS = tuple((first, second) for first in WORDS for second in WORDS)
ENDINGS = ("commit", "abort")
INTERLEAVINGS = tuple(
    "".join("a" if step in mine else "b" for step in range(STEPS)) for mine in combinations(range(STEPS), STEPS // 2)
)
SHAPE = (len(PROGRAMS), len(PROGRAMS), len(ENDINGS), len(ENDINGS), len(INTERLEAVINGS))
SCHEDULES = int(np.prod(SHAPE))
HORIZON = 200  # no protocol keeps two tasks for so long
AT_ONCE = 512  # worlds of a batch


class Schedule(NamedTuple):
    """One schedule: what a and b do, how they end, and whose step is when."""

    a: tuple[str, str]
    b: tuple[str, str]
    ends: tuple[str, str]
    order: str

    def __str__(self) -> str:
        said = [f"{who}: {' '.join(ops)} {end}" for who, ops, end in zip(AGENTS, self[:2], self.ends, strict=True)]
        return f"{' | '.join(said)} | {self.order}"


def schedule(number: int) -> Schedule:
    """Return a schedule by its number, from 0 to `SCHEDULES` - 1."""
    a, b, end_a, end_b, order = (int(part) for part in np.unravel_index(number, SHAPE))
    return Schedule(PROGRAMS[a], PROGRAMS[b], (ENDINGS[end_a], ENDINGS[end_b]), INTERLEAVINGS[order])


def number_of(text: str) -> int:
    """Return the number of a schedule that is written as `Schedule` prints it.

    Raises: ValueError for one that is not of the small scope.
    """
    try:
        *told, order = text.split(" | ")
        words = [one.partition(": ")[2].split() for one in told]
        places = [PROGRAMS.index((first, second)) for first, second, _ in words]
        ends = [ENDINGS.index(end) for _, _, end in words]
        return int(np.ravel_multi_index((*places, *ends, INTERLEAVINGS.index(order)), SHAPE))
    except ValueError:
        raise ValueError(
            f"a schedule reads as '{schedule(0)}': of each agent two of rx, ry, wx, wy and commit or abort, then the "
            f"agent of each of {STEPS} steps; got {text!r}"
        ) from None


@cache
def rules_of(kind: str) -> Rules:
    """Return the scenario of the small scope over sites of one of `KINDS`."""
    here = (0, 0)
    site, verb = {"record": ("board", "write"), "physical": ("switch", "set")}[kind]
    sites = [Site("x", site, here, 10), Site("y", site, here, 20)]
    tasks = []
    for who in AGENTS:
        sites += [Site(f"{name} of {who}", "interface", here, depends=(name,)) for name in OBJECTS]
        sites += [Site(f"desk of {who}", "board", here), Site(f"shelf of {who}", "shelf", here)]
        ends = {"commit": Op(f"desk of {who}", "write"), "abort": Op(f"shelf of {who}", "take", 1)}
        for ops, end in product(PROGRAMS, ENDINGS):
            # Values from 2: a switch that is set to 1 closes.
            said = [
                Op(f"{name[1]} of {who}", "build") if name[0] == "r" else Op(name[1], verb, 2 + nth + 2 * (who == "b"))
                for nth, name in enumerate(ops)
            ]
            tasks.append(Task(f"{who}: {' '.join(ops)} {end}", (*said, ends[end]), (who,)))
    blueprint = Blueprint(
        map=("..", ".."),
        sites=tuple(sites),
        roles=tuple(Role(who, 1, (here,)) for who in AGENTS),
        tasks=tuple(tasks),
        goals=(Goal(VALUE, "x", target=-1),),
        bound=lambda think, delay: HORIZON,
    )
    # A think tick lies between the decision and the first operation. Stalls must be on for agents to be made to stand
    # still; none is drawn, for the first is put off for ever. Patience outlasts the steps of the other.
    usual: dict[str, Any] = {"think": 1, "think_law": "constant", "stall": 1, "patience": 12, "max_cycles": HORIZON}
    return Rules(f"small scope, {kind} sites", blueprint, Settings(**usual))


def _choices(numbers: NDArray[np.int64]) -> tuple[NDArray[np.int32], NDArray[np.bool_]]:
    """Return the action that begins each agent's task, [B, 2], and whose step each is, [B, STEPS, 2]."""
    a, b, end_a, end_b, order = np.unravel_index(numbers, SHAPE)
    many = len(PROGRAMS) * len(ENDINGS)
    first = np.stack([1 + len(ENDINGS) * a + end_a, 1 + many + len(ENDINGS) * b + end_b], axis=1)
    whose = np.array([[[step == who for who in AGENTS] for step in told] for told in INTERLEAVINGS])
    return first.astype(np.int32), whose[order]


def play(config: Config, kind: str, numbers: Sequence[int]) -> Iterator[Episode]:
    """Play schedules on the compiled engine."""
    rules = rules_of(kind)
    for start in range(0, len(numbers), AT_ONCE):
        chosen = np.asarray(numbers[start : start + AT_ONCE], np.int64)
        batch = Batch(rules, config, len(chosen), keep_log=True, blocks=())
        batch.reset(np.zeros(len(chosen), np.uint64))
        agent, world = batch.state.agent, batch.state.world
        agent["stall_at"] = NEVER - 1
        first, whose = _choices(chosen)
        has_begun = np.zeros(first.shape, np.bool_)
        may_begin = np.zeros(first.shape, np.bool_)
        for tick in range(HORIZON - 1):
            if tick < STEPS:
                may_begin |= whose[:, tick]
                agent["stalled"] = (agent["txn"] != NO_TXN) & ~whose[:, tick]
                world["stalled"] = (agent["stalled"] << np.arange(len(AGENTS))).sum(axis=1)
            begins = may_begin & ~has_begun & (agent["ready"] != 0)
            batch.step(np.where(begins, first, 0).astype(np.int32))
            has_begun |= begins & (agent["phase"] != QUEUED)
            if tick >= STEPS and has_begun.all() and (agent["txn"] == NO_TXN).all():
                break
        for row, number in enumerate(chosen.tolist()):
            yield Episode(number, batch.drain(row), dict(zip(COUNTERS, batch.state.counts[row].tolist(), strict=True)))


def play_on_reference(make: Callable[[], Control], kind: str, number: int) -> World:
    """Play one schedule on the reference engine under any protocol, and return the world as it ends."""
    control = make()
    control.reset()
    world = World(rules_of(kind), control, 0)
    (first,), (whose,) = _choices(np.array([number]))
    has_begun, may_begin = [False] * len(AGENTS), [False] * len(AGENTS)
    for me in world.agents:
        me.stall_at = NEVER - 1
    for tick in range(HORIZON - 1):
        chosen = [0] * len(AGENTS)
        for who, me in enumerate(world.agents):
            if tick < STEPS:
                may_begin[who] |= bool(whose[tick, who])
                me.stalled = int(me.txn is not None and not whose[tick, who])
            if may_begin[who] and not has_begun[who] and world.is_ready(who):
                chosen[who] = int(first[who])
        world.tick(chosen)
        for who, me in enumerate(world.agents):
            has_begun[who] |= chosen[who] > 0 and me.phase != QUEUED
        if tick >= STEPS and all(has_begun) and all(me.txn is None for me in world.agents):
            break
    return world
