"""Two-phase locking: what a task reads and writes is locked until the task settles.

Prevents: everything that concurrency can do wrong: what a task has read cannot change before it has acted.
Costs: waiting, and deadlocks: locks are taken one after the other, so two tasks can wait for each other (`deadlocks`).
Coarse locks cost more of the first and less of the second. Taken as needed, reads are locked before thought and writes
once the task is to act: thought goes on side by side, and two readers of what both will write deadlock always.
Source: Eswaran, Gray, Lorie, Traiger, The Notions of Consistency and Predicate Locks in a Database System, CACM 19(11),
1976. Grains, and the conversion of locks: Gray, Lorie, Putzolu, Traiger, Granularity of Locks and Degrees of
Consistency in a Shared Data Base, IFIP 1976. Differences take increment locks, compatible with each other (Bernstein,
Hadzilacos, Goodman, Concurrency Control and Recovery in Database Systems, 1987, section 3.8).

Locks live in the registry: remote, free, instant, first come first served; who holds a lock and wants another mode of
it goes before those who hold none. Locks let go in a tick are granted to tasks at the next tick's decide; who waits to
cross a border is let in by the tick's sensing, to choose on what it sees.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from ..world import entropy, log
from ..world.context import (
    agents_of,
    cell_rule,
    counts_of,
    lock_rules,
    lock_sites,
    locks_of,
    op_rule,
    task_inputs,
    task_rules,
    world_of,
)
from ..world.control import Answer, Blocked
from ..world.jit import compiled, lowest
from ..world.kernel import bit, draw, emit, has
from ..world.rules import GRAINS
from ..world.state import (
    COUNTER_INDEX,
    EXCLUSIVE,
    INCREMENT,
    LOCKING,
    NO_SITE,
    NOBODY,
    OUT,
    SHARED,
)

if TYPE_CHECKING:
    from ..world.reference import World
    from .deadlocks import Deadlocks


class Wait(NamedTuple):
    """A request that waits; `is_new`, `place` and `key` are its place in the queue of the lock."""

    is_new: bool  # its agent holds the lock in no other mode
    place: int  # tick, later where its agent stands back
    key: int
    agent: int
    site: int  # that stands for the lock
    mode: int
    since: int  # tick


class Locks:
    """The lock table, and who waits for what."""

    def __init__(self, grain: str, as_needed: bool, deadlocks: Deadlocks) -> None:
        self.grain = GRAINS.index(grain)
        self.as_needed = as_needed
        self.deadlocks = deadlocks
        self.reset()

    def reset(self) -> None:
        """An episode begins."""
        self.held: dict[int, set[tuple[int, int]]] = {}  # lock -> (agent, mode)
        self.waiting: dict[int, Wait] = {}
        self.next: dict[int, int] = {}  # agent -> how many of its task's locks it has

    def admit(self, world: World, agent: int, task: int, moment: str) -> Answer:
        """Take what the task needs as far as it can be had; at a border, or to act, that is one lock."""
        me = world.agents[agent]
        if moment == "act":
            has_all = not self.as_needed or world.rules.settings.lockstep or self._take_to_act(world, agent)
        elif me.txn is None or moment == "cross":
            has_all = self._take(world, agent, self._lock_of(world, me.border), INCREMENT)
        elif moment == "retry" and me.phase != LOCKING:
            has_all = self._take(world, agent, self.waiting[agent].site, self.waiting[agent].mode)
        else:
            if moment == "decide":
                self._release(world, agent, world.region_at(agent), settled=False)  # of a border that it did not cross
                self.next[agent] = 0
            has_all = self._take_ahead(world, agent, task)
        if moment == "retry" and not has_all:
            self.deadlocks.time_out(world, self, agent)
        return Answer.GO if has_all else Answer.WAIT

    def in_the_way(self, agent: int) -> set[int]:
        """Return those that an agent waits for."""
        wait = self.waiting.get(agent)
        return self._holders(wait) | self._ahead(wait) if wait else set()

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

    def _lock_of(self, world: World, site: int) -> int:
        return NO_SITE if site == NO_SITE else world.rules.lock_of[self.grain][site]

    def _take_ahead(self, world: World, agent: int, task: int) -> bool:
        """Take the locks of a task that is to think, one after the other."""
        txn = world.agents[agent].txn
        assert txn is not None
        wanted = world.rules.tasks[task].locks(world.rules.lock_of[self.grain], not self.as_needed, txn.known)
        for site, mode in wanted[self.next[agent] :]:
            if not self._take(world, agent, site, mode):
                return False
            self.next[agent] += 1
        return True

    def _take_to_act(self, world: World, agent: int) -> bool:
        """Lock what the next op writes."""
        txn = world.agents[agent].txn
        assert txn is not None
        op = world.rules.tasks[txn.task].ops[txn.op]
        return self._take(world, agent, self._lock_of(world, op.site), op.lock_mode)

    def _take(self, world: World, agent: int, site: int, mode: int) -> bool:
        held = self.held.setdefault(site, set())
        if (agent, mode) in held:
            return True
        is_asked = agent not in self.waiting
        if is_asked:
            is_new = all(other != agent for other, _ in held)
            place, key = world.now + world.agents[agent].stands_back, world.tie(world.now, agent)
            self.waiting[agent] = Wait(is_new, place, key, agent, site, mode, world.now)
        wait = self.waiting[agent]
        if not self._holders(wait) and not self._ahead(wait):
            del self.waiting[agent]
            held.add((agent, mode))
            world.record(log.GRANT, agent, world.txn_of(agent), site=site, a=mode)
            return True
        if is_asked:
            self.deadlocks.avert(world, self, agent)
        return False

    def _holders(self, wait: Wait) -> set[int]:
        """Return who holds the lock in a mode that does not go with the one that is wanted."""
        return {
            other
            for other, held in self.held.get(wait.site, ())
            if other != wait.agent and (held != wait.mode or held == EXCLUSIVE)
        }

    def _ahead(self, wait: Wait) -> set[int]:
        return {other.agent for other in self.waiting.values() if other.site == wait.site and other < wait}

    def _release(self, world: World, agent: int, kept: int, settled: bool) -> None:
        border = self._lock_of(world, kept)
        for site in sorted(self.held):
            for mode in sorted(mode for other, mode in self.held[site] if other == agent):
                if site == border and mode == INCREMENT:
                    continue
                self.held[site].remove((agent, mode))
                world.record(log.RELEASE, agent, world.txn_of(agent), site=site, a=mode, b=int(settled))


# ---------------------------------------------------------------------- compiled

_ZERO, _ONE = np.uint64(0), np.uint64(1)
_NOT_DECLARED = -1
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
        site, mode = wanted[me.lock_next].site, wanted[me.lock_next].mode
        if c.imperfect != 0:
            mode = declared_mode(c, me, site)
        if mode != _NOT_DECLARED and not take_lock(c, b, a, site, mode):
            return False
        me.lock_next += 1
    if c.imperfect != 0 and me.added != NO_SITE:
        extra = lock_sites(c)[me.added]
        for n in range(me.lock_next):
            if wanted[n].site == extra:
                return True
        return take_lock(c, b, a, extra, SHARED)
    return True


@compiled
def declared_mode(c, me, lock):
    """Return the mode in which a task needs a lock by its declared footprint, or _NOT_DECLARED."""
    reads, mode = me.added != NO_SITE and lock_sites(c)[me.added] == lock, _NOT_DECLARED
    for o in range(task_rules(c)[me.task].ops):
        rule = op_rule(c, me.task, o)
        for slot in range(task_rules(c)[me.task].inputs):
            site = task_inputs(c)[me.task, slot]
            seen = has(rule.pre, slot) and site != me.missed and not has(me.hidden, site)
            reads |= seen and lock_sites(c)[site] == lock
        if c.as_needed == 0 and rule.site != me.missed and lock_sites(c)[rule.site] == lock:
            mode = max(mode, INCREMENT if rule.relative != 0 else EXCLUSIVE)
    if reads and mode == INCREMENT:
        return EXCLUSIVE
    return max(mode, SHARED) if reads else mode


@compiled
def take_to_act(c, b, a, rule):
    """Lock what an op writes."""
    return take_lock(c, b, a, lock_sites(c)[rule.site], INCREMENT if rule.relative != 0 else EXCLUSIVE)


@compiled
def holders_in_the_way(c, b, a):
    """Return the set of those who hold the lock that an agent waits for in a mode that does not go with its own."""
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
    """Tell whether an agent's request for a lock is before another's: first those who hold it in another mode."""
    lock = locks_of(c, b)[agents_of(c, b)[one].lock_site]
    held = lock.shared | lock.increment | lock.exclusive
    if has(held, one) != has(held, other):
        return has(held, one)
    since, then = agents_of(c, b)[one].lock_since, agents_of(c, b)[other].lock_since
    place, others = since + agents_of(c, b)[one].back, then + agents_of(c, b)[other].back
    if place != others:
        return place < others
    mine, theirs = draw(c, b, entropy.TIE, since, one, 0, 0), draw(c, b, entropy.TIE, then, other, 0, 0)
    return mine < theirs or (mine == theirs and one < other)


@compiled
def ahead(c, b, a):
    """Return the set of those who come before an agent and wait for the same lock."""
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
def release_locks(c, b, a, settled):
    """Let go of everything, but of the border of the region one stands in; count who waited for it in vain."""
    me = agents_of(c, b)[a]
    me.lock_site = NO_SITE
    kept = cell_rule(c, me.cell).region if me.phase != OUT else NO_SITE
    if kept != NO_SITE:
        kept = lock_sites(c)[kept]
    held = me.locks
    while held != _ZERO:
        site = lowest(held)
        held &= held - _ONE
        lock, mine = locks_of(c, b)[site], bit(a)
        if site != kept or lock.increment & mine == _ZERO:
            me.locks &= ~bit(site)
        released = 0
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
            released |= 1 << mode
        if settled != 0 and released != 0:
            count_false_stalls(c, b, a, site, released)


@compiled
def count_false_stalls(c, b, a, site, released):
    """Count the ticks of those who waited for a lock of a transaction that changed none of their inputs.

    `released` is the set of modes that it let go of.
    """
    agents, now = agents_of(c, b), world_of(c, b).tick
    for other in range(c.agents):
        they = agents[other]
        waits = they.waits != 0 and they.wait_site == site and they.lock_site == site
        goes_with = 1 << they.lock_mode if they.lock_mode != EXCLUSIVE else 0
        if not waits or released & ~goes_with == 0:
            continue
        if they.task < 0 or task_rules(c)[they.task].needs & agents[a].wrote == _ZERO:
            counts_of(c, b)[_FALSE_STALL] += now - max(they.wait_since, locks_of(c, b)[site].granted) + 1
