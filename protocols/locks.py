"""Two-phase locking: every site of a task is locked before thought and until the task settles.

Prevents: everything that concurrency can do wrong: what a task has read cannot change before it has acted.
Costs: waiting, and deadlocks: locks are taken one after the other, so two tasks can wait for each other. A circle is
found at once, and its youngest member is the victim; its age is kept over retries, so nobody starves.
Source: Eswaran, Gray, Lorie, Traiger, The Notions of Consistency and Predicate Locks in a Database System, CACM 19(11),
1976; strict, with a waits-for graph. Differences take increment locks, compatible with each other (Bernstein,
Hadzilacos, Goodman, Concurrency Control and Recovery in Database Systems, 1987, section 3.8).

Locks live in the registry: remote, free, instant, first come first served. Locks let go in a tick are granted to tasks
at the next tick's decide; who waits to cross a border is let in by the tick's sensing, to choose on what it sees.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from ..world import entropy, log
from ..world.context import agents_of, counts_of, lock_rules, locks_of, regions, task_inputs, task_rules, world_of
from ..world.control import Answer, Blocked
from ..world.jit import compiled, lowest
from ..world.kernel import bit, draw, emit, has
from ..world.state import (
    COUNTER_INDEX,
    EXCLUSIVE,
    INCREMENT,
    LOCKING,
    NO_SITE,
    NO_TXN,
    NOBODY,
    OUT,
    SHARED,
)

if TYPE_CHECKING:
    from ..world.reference import World


class Wait(NamedTuple):
    """A request that waits; `since` and `key` are its place in the queue of the site."""

    since: int  # tick
    key: int
    agent: int
    site: int
    mode: int


class Locks:
    """The lock table, and who waits for what."""

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """An episode begins."""
        self.held: dict[int, set[tuple[int, int]]] = {}  # site -> (agent, mode)
        self.waiting: dict[int, Wait] = {}
        self.next: dict[int, int] = {}  # agent -> how many of its task's locks it has

    def admit(self, world: World, agent: int, task: int, moment: str) -> Answer:
        """Take what the task needs as far as it can be had; at a border that is the region's lock alone."""
        if moment == "act":
            return Answer.GO
        me = world.agents[agent]
        if me.txn is None or moment == "cross" or (moment == "retry" and me.phase != LOCKING):
            return Answer.GO if self._take(world, agent, me.border, INCREMENT) else Answer.WAIT
        if moment == "decide":
            self._release(world, agent, world.region_at(agent), settled=False)  # of a border that it did not cross
            self.next[agent] = 0
        for site, mode in world.rules.tasks[task].locks(world.rules.plan)[self.next[agent] :]:
            if not self._take(world, agent, site, mode):
                return Answer.WAIT
            self.next[agent] += 1
        return Answer.GO

    def waits_for(self, world: World, agent: int) -> Blocked:
        """Name a holder who is in the way, or the first in the queue; nobody if the lock has just been let go."""
        wait = self.waiting[agent]
        in_the_way = self._holders(wait) or self._ahead(wait)
        return Blocked(min(in_the_way, default=NOBODY), log.FOR_LOCK, wait.site, wait.mode)

    def settle(self, world: World, agent: int) -> None:
        """Let go of everything, but of the border of the region that the agent stands in."""
        self.waiting.pop(agent, None)
        settled = world.agents[agent].txn is not None
        self._release(world, agent, world.region_at(agent), settled)

    def _take(self, world: World, agent: int, site: int, mode: int) -> bool:
        if (agent, mode) in self.held.get(site, ()):
            return True
        is_new = agent not in self.waiting
        if is_new:
            self.waiting[agent] = Wait(world.now, world.tie(world.now, agent), agent, site, mode)
        wait = self.waiting[agent]
        if not self._holders(wait) and not self._ahead(wait):
            del self.waiting[agent]
            self.held.setdefault(site, set()).add((agent, mode))
            world.record(log.GRANT, agent, world.txn_of(agent), site=site, a=mode)
            return True
        if is_new:
            self._break_deadlocks(world, agent)
        return False

    def _holders(self, wait: Wait) -> set[int]:
        """Return who holds the site in a mode that does not go with the one that is wanted."""
        return {
            other
            for other, held in self.held.get(wait.site, ())
            if other != wait.agent and (held != wait.mode or held == EXCLUSIVE)
        }

    def _ahead(self, wait: Wait) -> set[int]:
        return {other.agent for other in self.waiting.values() if other.site == wait.site and other < wait}

    def _waits_for(self, agent: int) -> set[int]:
        wait = self.waiting.get(agent)
        return self._holders(wait) | self._ahead(wait) if wait else set()

    def _reach(self, agent: int) -> set[int]:
        reached: set[int] = set()
        border = self._waits_for(agent)
        while border:
            reached |= border
            border = set().union(*(self._waits_for(other) for other in border)) - reached
        return reached

    def _break_deadlocks(self, world: World, agent: int) -> None:
        while agent in self._reach(agent):
            circle = [other for other in self._reach(agent) if agent in self._reach(other)]
            open_txns = [other for other in circle if world.agents[other].txn is not None]
            victim = max(open_txns, key=lambda other: (world.agents[other].age, other))
            world.give_up(victim, self.waits_for(world, victim).whom)

    def _release(self, world: World, agent: int, kept: int, settled: bool) -> None:
        for site in sorted(self.held):
            for mode in sorted(mode for other, mode in self.held[site] if other == agent):
                if site == kept and mode == INCREMENT:
                    continue
                self.held[site].remove((agent, mode))
                world.record(log.RELEASE, agent, world.txn_of(agent), site=site, a=mode, b=int(settled))


# ---------------------------------------------------------------------- compiled

_ZERO, _ONE = np.uint64(0), np.uint64(1)
_FALSE_STALL = COUNTER_INDEX["false_stall"]


@compiled
def take_lock(c, b, a, site, mode):
    """Take a lock, or queue up for it; tell whether it was to be had."""
    world, me, lock = world_of(c, b), agents_of(c, b)[a], locks_of(c, b)[site]
    mine = bit(a)
    held = lock.shared
    if mode == INCREMENT:
        held = lock.increment
    elif mode == EXCLUSIVE:
        held = lock.exclusive
    if held & mine != _ZERO:
        return True
    if me.lock_site == NO_SITE:
        me.lock_site = site
        me.lock_mode = mode
        me.lock_since = world.tick
    if in_the_way(c, b, a) != _ZERO:
        return False
    me.lock_site = NO_SITE
    if mode == SHARED:
        lock.shared |= mine
    elif mode == INCREMENT:
        lock.increment |= mine
    else:
        lock.exclusive |= mine
    lock.granted = world.tick
    me.locks |= bit(site)
    emit(c, b, log.GRANT, a, me.txn, 0, site, 0, 0, NOBODY, mode, 0, 0, 0, 0)
    return True


@compiled
def take_locks(c, b, a):
    """Take what is still missing of the task's list; tell whether all is there."""
    me = agents_of(c, b)[a]
    wanted = lock_rules(c, me.task)
    while wanted[me.lock_next].site != NO_SITE:
        if not take_lock(c, b, a, wanted[me.lock_next].site, wanted[me.lock_next].mode):
            return False
        me.lock_next += 1
    return True


@compiled
def holders_in_the_way(c, b, a):
    """Return the set of those who hold the site that an agent waits for in a mode that does not go with its own."""
    me = agents_of(c, b)[a]
    lock = locks_of(c, b)[me.lock_site]
    others = lock.exclusive
    if me.lock_mode != SHARED:
        others |= lock.shared
    if me.lock_mode != INCREMENT:
        others |= lock.increment
    return others & ~bit(a)


@compiled
def _is_before(c, b, one, other):
    """Tell whether an agent's request is before another's."""
    since, then = agents_of(c, b)[one].lock_since, agents_of(c, b)[other].lock_since
    if since != then:
        return since < then
    mine, theirs = draw(c, b, entropy.TIE, since, one, 0, 0), draw(c, b, entropy.TIE, since, other, 0, 0)
    return mine < theirs or (mine == theirs and one < other)


@compiled
def ahead(c, b, a):
    """Return the set of those who came before an agent and wait for the same site."""
    agents, before = agents_of(c, b), _ZERO
    for other in range(c.agents):
        if other != a and agents[other].lock_site == agents[a].lock_site and _is_before(c, b, other, a):
            before |= bit(other)
    return before


@compiled
def in_the_way(c, b, a):
    """Return the set of those that an agent waits for."""
    if agents_of(c, b)[a].lock_site == NO_SITE:
        return _ZERO
    return holders_in_the_way(c, b, a) | ahead(c, b, a)


@compiled
def lock_blocker(c, b, a):
    """Name a holder who is in the way, or the first in the queue; nobody if the lock has just been let go."""
    others = holders_in_the_way(c, b, a)
    if others == _ZERO:
        others = ahead(c, b, a)
    return lowest(others) if others != _ZERO else NOBODY


@compiled
def _reach(c, b, a):
    """Return the set of those that an agent waits for, directly or over others."""
    reached, border = _ZERO, in_the_way(c, b, a)
    while border != _ZERO:
        reached |= border
        further = _ZERO
        while border != _ZERO:
            other = lowest(border)
            border &= border - _ONE
            further |= in_the_way(c, b, other)
        border = further & ~reached
    return reached


@compiled
def deadlock_victim(c, b, a):
    """Return the youngest of those who wait for each other in a circle with an agent, or NOBODY."""
    agents, reached = agents_of(c, b), _reach(c, b, a)
    victim = NOBODY
    if not has(reached, a):
        return victim
    for other in range(c.agents):
        if has(reached, other) and agents[other].txn != NO_TXN and has(_reach(c, b, other), a):
            if victim == NOBODY or agents[other].age >= agents[victim].age:
                victim = other
    return victim


@compiled
def longest_waiting(c, b, waiting):
    """Return who of a set, which is not empty, began to wait for a lock first, by the seeded order within a tick."""
    agents, first, first_key = agents_of(c, b), NOBODY, _ZERO
    while waiting != _ZERO:
        a = lowest(waiting)
        waiting &= waiting - _ONE
        since = agents[a].wait_since
        key = draw(c, b, entropy.TIE, since, a, 0, 0)
        earlier = first == NOBODY or since < agents[first].wait_since
        if earlier or (since == agents[first].wait_since and key < first_key):
            first, first_key = a, key
    return first


@compiled
def release_locks(c, b, a, settled):
    """Let go of everything, but of the border of the region one stands in; count who waited for it in vain."""
    me = agents_of(c, b)[a]
    me.lock_site = NO_SITE
    kept = regions(c)[me.cell] if me.phase != OUT else NO_SITE
    held = me.locks
    while held != _ZERO:
        site = lowest(held)
        held &= held - _ONE
        lock, mine = locks_of(c, b)[site], bit(a)
        if site != kept or lock.increment & mine == _ZERO:
            me.locks &= ~bit(site)
        for mode in range(3):
            if site == kept and mode == INCREMENT:
                continue
            has_it = lock.shared
            if mode == INCREMENT:
                has_it = lock.increment
            elif mode == EXCLUSIVE:
                has_it = lock.exclusive
            if has_it & mine == _ZERO:
                continue
            if mode == SHARED:
                lock.shared &= ~mine
            elif mode == INCREMENT:
                lock.increment &= ~mine
            else:
                lock.exclusive &= ~mine
            emit(c, b, log.RELEASE, a, me.txn, 0, site, 0, 0, NOBODY, mode, settled, 0, 0, 0)
            if settled != 0:
                count_false_stalls(c, b, a, site, mode)


@compiled
def count_false_stalls(c, b, a, site, mode):
    """Count the ticks of those who waited for a lock of a transaction that changed none of their inputs."""
    agents, now = agents_of(c, b), world_of(c, b).tick
    for other in range(c.agents):
        they = agents[other]
        waits = they.waits != 0 and they.wait_site == site and they.lock_site == site
        if not waits or (they.lock_mode == mode and mode != EXCLUSIVE):
            continue
        touched = False
        if they.task >= 0:
            for slot in range(task_rules(c)[they.task].inputs):
                if has(agents[a].wrote, task_inputs(c)[they.task, slot]):
                    touched = True
        if not touched:
            counts_of(c, b)[_FALSE_STALL] += now - max(they.wait_since, locks_of(c, b)[site].granted) + 1
