"""Deadlocks: who gives up where tasks wait for each other's locks, or might come to.

Prevents: that tasks wait for each other for ever. Detection looks for a circle as a wait begins; wait-die and
wound-wait compare ages, so that hardly any circle can close; a timeout ends every long wait, circle or none.
Costs: what the victim has thought. Detection gives up the fewest, by age or by the thought that is lost; the others
also give up tasks that would have got their locks.
Source: strict locking with a waits-for graph: Eswaran, Gray, Lorie, Traiger, CACM 19(11), 1976. Wait-die and
wound-wait: Rosenkrantz, Stearns, Lewis, System Level Concurrency Control for Distributed Database Systems, TODS 3(2),
1978. In all policies age is kept over retries, so nobody loses for ever by being young.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ..world.context import agents_of, thoughts_left
from ..world.jit import compiled, lowest
from ..world.kernel import has
from ..world.state import NO_TXN, NOBODY
from .locks import in_the_way, lock_blocker
from .settling import give_up

if TYPE_CHECKING:
    from ..world.reference import World
    from .locks import Locks


class Deadlocks:
    """A policy; the lock table asks it as a wait begins, and as it goes on."""

    def __init__(self, policy: str = "detection", least_sunk: bool = False, timeout: int = 0) -> None:
        self.policy = policy
        self.least_sunk = least_sunk
        self.timeout = timeout

    def avert(self, world: World, locks: Locks, agent: int) -> None:
        """Compare ages as a wait begins, or look for a circle.

        Ages leave two circles possible, which are found as under detection: through an agent that is in a region
        without a transaction, and so cannot be a victim, and through a conversion that went before others.
        """
        if self.policy == "timeout":
            return
        in_the_way = [other for other in sorted(locks.in_the_way(agent)) if world.agents[other].txn is not None]
        if world.agents[agent].txn is not None and self.policy == "wait-die":
            if any(self._age(world, other) < self._age(world, agent) for other in in_the_way):
                world.give_up(agent, locks.waits_for(world, agent).whom)
        elif world.agents[agent].txn is not None and self.policy == "wound-wait":
            for other in in_the_way:
                if self._age(world, other) > self._age(world, agent):
                    world.give_up(other, agent)
        while agent in self._reach(locks, agent):
            circle = [other for other in self._reach(locks, agent) if agent in self._reach(locks, other)]
            open_txns = [other for other in circle if world.agents[other].txn is not None]
            victim = max(open_txns, key=lambda other: (-self._sunk(world, other), self._age(world, other)))
            world.give_up(victim, locks.waits_for(world, victim).whom)

    def time_out(self, world: World, locks: Locks, agent: int) -> None:
        """Give up who has waited for one lock for too long."""
        wait = locks.waiting.get(agent)
        if self.policy == "timeout" and wait and world.now - wait.since >= self.timeout:
            world.give_up(agent, locks.waits_for(world, agent).whom)

    def _reach(self, locks: Locks, agent: int) -> set[int]:
        """Return those that an agent waits for, directly or over others."""
        reached: set[int] = set()
        border = locks.in_the_way(agent)
        while border:
            reached |= border
            border = set().union(*(locks.in_the_way(other) for other in border)) - reached
        return reached

    def _age(self, world: World, agent: int) -> tuple[int, int]:
        """Return what is greater for the younger of two."""
        return world.agents[agent].age, agent

    def _sunk(self, world: World, agent: int) -> int:
        """Return the ticks thought so far, where they decide who is the victim."""
        me = world.agents[agent]
        return me.txn.thought - me.thought_left if self.least_sunk and me.txn else 0


# ---------------------------------------------------------------------- compiled

DETECTION, WAIT_DIE, WOUND_WAIT, TIMEOUT = range(4)  # in the order of the axis `deadlock`
_ZERO, _ONE = np.uint64(0), np.uint64(1)


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
def is_younger(c, b, one, other):
    """Tell whether an agent is younger than another; of one age it is the higher number."""
    mine, theirs = agents_of(c, b)[one].age, agents_of(c, b)[other].age
    return mine > theirs or (mine == theirs and one > other)


@compiled
def deadlock_victim(c, b, a):
    """Return the youngest of those who wait for each other in a circle with an agent, or NOBODY.

    Where thought sunk decides, it is the youngest of those who have thought least.
    """
    agents, reached = agents_of(c, b), _reach(c, b, a)
    victim, least = NOBODY, 0
    if not has(reached, a):
        return victim
    for other in range(c.agents):
        if has(reached, other) and agents[other].txn != NO_TXN and has(_reach(c, b, other), a):
            sunk = agents[other].thought - thoughts_left(c, b)[other] if c.least_sunk != 0 else 0
            if victim == NOBODY or sunk < least or (sunk == least and is_younger(c, b, other, victim)):
                victim, least = other, sunk
    return victim


@compiled
def avert_deadlock(c, b, a):
    """Compare ages as a wait begins, or abort a victim of each circle that it has closed: see `Deadlocks`."""
    agents = agents_of(c, b)
    if c.deadlock == TIMEOUT:
        return
    others = in_the_way(c, b, a) if agents[a].txn != NO_TXN else _ZERO
    if c.deadlock == WAIT_DIE:
        dies = False
        while others != _ZERO:
            other = lowest(others)
            others &= others - _ONE
            if agents[other].txn != NO_TXN and is_younger(c, b, a, other):
                dies = True
        if dies:
            give_up(c, b, a, lock_blocker(c, b, a))
    elif c.deadlock == WOUND_WAIT:
        while others != _ZERO:
            other = lowest(others)
            others &= others - _ONE
            if agents[other].txn != NO_TXN and is_younger(c, b, other, a):
                give_up(c, b, other, a)
    victim = deadlock_victim(c, b, a)
    while victim != NOBODY:
        give_up(c, b, victim, lock_blocker(c, b, victim))
        victim = deadlock_victim(c, b, a)
