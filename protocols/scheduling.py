"""Contention-aware scheduling: who is let in first, and who is held back before it thinks.

Prevents: thought that would be refused. Where nothing is locked, a task that needs a site which somebody else is under
way to write is held back until that one has settled, and reads then: what it would have thought on is about to change.
Costs: waiting, also for those who would not have changed what it needs, or would have been too late to. The footprint
must be declared before the thought: what that misses holds nobody back, what it has too much holds back in vain.
Source: Dragojevic, Guerraoui, Singh, Singh, Preventing versus Curing: Avoiding Conflicts in Transactional Memories,
PODC 2009; Cao, Fan, Ou, Xie, Zhao, Transaction Scheduling: From Conflicts to Runtime Conflicts, SIGMOD 2023
(deferring).

Who waits is let in by the conflicts that it had with others when it came, the fewest first, with a bound on age: a task
that is in conflict with all others counts as having come `age_bound` ticks later, one in conflict with some of them in
proportion. So nobody goes before who has waited `age_bound` ticks longer, and who is held back so long is let in
whatever runs. The place in line is fixed as the wait begins: an order that changed under way could close circles of
waits for locks that nobody looks for. Hence not the largest dependency set first (Tian, Huang, Mozafari, Schoenebeck,
Contention-Aware Lock Scheduling for Transactional Databases, VLDB 2018), which grows while one waits.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from ..world import log
from ..world.context import agents_of, counts_of, task_rules, world_of
from ..world.control import Answer, Blocked
from ..world.jit import compiled
from ..world.kernel import bit
from ..world.state import COUNTER_INDEX, LOCKING, NO_SITE, NO_TASK, NO_TXN, NOBODY, QUEUED, THINKING, WALKING
from ..world.tasks import KNOWN, Footprint, ResolvedTask

if TYPE_CHECKING:
    from ..world.reference import World


class Uses(NamedTuple):
    """What a task declares to read, to change by a difference, and to write."""

    needs: frozenset[int]  # its inputs
    reads: frozenset[int]
    differences: frozenset[int]
    overwrites: frozenset[int]

    @property
    def writes(self) -> frozenset[int]:
        """All that it changes."""
        return self.differences | self.overwrites

    def conflicts(self, other: Uses) -> bool:
        """Tell whether the order of two tasks matters: all but readers among each other, and differences."""
        return bool(
            self.overwrites & (other.reads | other.writes)
            or other.overwrites & (self.reads | self.writes)
            or self.differences & other.reads
            or other.differences & self.reads
        )


def uses(task: ResolvedTask, known: Footprint = KNOWN) -> Uses:
    """Return what a task declares, of which the protocol knows so much."""
    unread, missed = known.hidden | {known.missed}, {known.missed}
    added = {known.added} - {NO_SITE}
    return Uses(
        frozenset(task.inputs) - unread | added, task.reads - unread | added, task.differences - missed,
        task.overwrites - missed,
    )  # fmt: skip


class ContentionAware:
    """Places in line for whatever protocol there is; where nothing else lets tasks in, it holds them back itself."""

    def __init__(self, age_bound: int, holds_back: bool) -> None:
        self.age_bound = age_bound
        self.holds_back = holds_back

    def admit(self, world: World, agent: int, task: int, moment: str) -> Answer:
        """Give a place in line, and hold back whoever needs what others are about to write."""
        me = world.agents[agent]
        if moment == "decide":
            me.stands_back = self._stands_back(world, agent, task)
        if not self.holds_back or moment not in ("decide", "retry") or me.txn is None or me.phase != LOCKING:
            return Answer.GO
        is_held = world.now - me.txn.decided < self.age_bound and self._held_by(world, agent) != NOBODY
        return Answer.WAIT if is_held else Answer.GO

    def waits_for(self, world: World, agent: int) -> Blocked:
        """Name the first who is about to write what the agent needs."""
        return Blocked(self._held_by(world, agent), log.HELD_BACK)

    def _held_by(self, world: World, agent: int) -> int:
        mine = self._uses(world, agent)
        for other, they in enumerate(world.agents):
            if other != agent and they.txn is not None and they.phase in (THINKING, WALKING):
                theirs = self._uses(world, other)
                if mine and theirs and mine.needs & theirs.writes:
                    return other
        return NOBODY

    def _uses(self, world: World, agent: int) -> Uses | None:
        """Return what is declared of what an agent is at, or waits in a queue for."""
        me = world.agents[agent]
        if me.txn is not None:
            return uses(world.rules.tasks[me.txn.task], me.txn.known)
        return uses(world.rules.tasks[me.queued_task]) if me.phase == QUEUED and me.queued_task != NO_TASK else None

    def _stands_back(self, world: World, agent: int, task: int) -> int:
        """Return the ticks by which a task that is about to begin counts as later."""
        if task == NO_TASK:
            return 0
        txn = world.agents[agent].txn
        mine = uses(world.rules.tasks[task], txn.known if txn else KNOWN)
        others = [self._uses(world, other) for other in range(len(world.agents)) if other != agent]
        return self.age_bound * sum(mine.conflicts(other) for other in others if other) // max(1, len(others))


# ---------------------------------------------------------------------- compiled

_ZERO = np.uint64(0)
_FALSE_STALL = COUNTER_INDEX["false_stall"]


@compiled
def _known(c, b, a, declared, is_read):
    """Return those of a set of sites that are declared of what an agent is at, and what is declared too much."""
    me = agents_of(c, b)[a]
    if c.imperfect == 0 or me.txn == NO_TXN:
        return declared
    if me.missed != NO_SITE:
        declared &= ~bit(me.missed)
    if is_read != 0:
        declared &= ~me.hidden
        if me.added != NO_SITE:
            declared |= bit(me.added)
    return declared


@compiled
def _is_in_conflict(c, b, a, task, other, theirs):
    """Tell whether the order of two agents' tasks matters."""
    mine, yours = task_rules(c)[task], task_rules(c)[theirs]
    reads, differences = _known(c, b, a, mine.reads, 1), _known(c, b, a, mine.differences, 0)
    overwrites = _known(c, b, a, mine.overwrites, 0)
    their_reads, their_differences = _known(c, b, other, yours.reads, 1), _known(c, b, other, yours.differences, 0)
    their_overwrites = _known(c, b, other, yours.overwrites, 0)
    meets = overwrites & (their_reads | their_differences | their_overwrites)
    meets |= their_overwrites & (reads | differences | overwrites)
    return meets | differences & their_reads | their_differences & reads != _ZERO


@compiled
def ticks_back(c, b, a, task):
    """Return the ticks by which a task that is about to begin counts as later."""
    agents, many = agents_of(c, b), 0
    if task == NO_TASK:
        return 0
    for other in range(c.agents):
        they, theirs = agents[other], NO_TASK
        if they.txn != NO_TXN:
            theirs = they.task
        elif they.phase == QUEUED:
            theirs = they.queued_task
        if other != a and theirs != NO_TASK and _is_in_conflict(c, b, a, task, other, theirs):
            many += 1
    return c.age_bound * many // max(1, c.agents - 1)


@compiled
def held_back_by(c, b, a):
    """Name the first who is about to write what an agent's task needs, or NOBODY."""
    agents = agents_of(c, b)
    needs = _known(c, b, a, task_rules(c)[agents[a].task].needs, 1)
    for other in range(c.agents):
        they = agents[other]
        if other == a or they.txn == NO_TXN or (they.phase != THINKING and they.phase != WALKING):
            continue
        task = task_rules(c)[they.task]
        if needs & _known(c, b, other, task.differences | task.overwrites, 0) != _ZERO:
            return other
    return NOBODY


@compiled
def count_held_in_vain(c, b, a):
    """Count the ticks of those who were held back by a transaction that has changed none of their inputs."""
    agents, now = agents_of(c, b), world_of(c, b).tick
    for other in range(c.agents):
        they = agents[other]
        if they.waits != log.HELD_BACK or they.wait_whom != a:
            continue
        if task_rules(c)[they.task].needs & agents[a].wrote == _ZERO:
            counts_of(c, b)[_FALSE_STALL] += now - they.wait_since + 1
