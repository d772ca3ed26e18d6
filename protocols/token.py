"""The token: one transaction at a time, first come first served.

Prevents: everything that concurrency can do wrong; the reference that the others are measured against.
Costs: all waiting; thought is never wasted.
Source: Le Lann, Distributed systems: towards a formal approach, IFIP 1977 (mutual exclusion by a circulating token).
"""

from __future__ import annotations

import numpy as np

from ..world import entropy, log
from ..world.context import agents_of, counts_of, task_rules, world_of
from ..world.control import Answer
from ..world.jit import compiled, inlined
from ..world.kernel import draw, emit, renew
from ..world.phases import enter
from ..world.reference import World
from ..world.reference_state import Mail
from ..world.state import COUNTER_INDEX, IDLE, LOOKING, NO_SITE, NO_TXN, NOBODY, QUEUED, REGISTRY
from .scheduling import ticks_back


class Token:
    """Grant in a tick's sensing, after acts, world events and mail: the holder then chooses on a renewed view."""

    def admit(self, world: World, agent: int, task: int, moment: str) -> Answer:
        """Go if the token is mine, or free at the granting moment; what it let begin it does not hold up."""
        if moment in ("act", "cross"):
            return Answer.GO
        if world.holder == NOBODY and moment == "sense":
            world.holder = agent
        return Answer.GO if world.holder == agent else Answer.WAIT

    def settle(self, world: World, agent: int) -> None:
        """Let the token go, but not inside a region: it is kept from the entry to the exit."""
        if world.holder == agent and world.region_at(agent) == NO_SITE:
            world.holder = NOBODY
            world.record(log.RELEASE, agent)

    def deliver(self, world: World, mail: Mail) -> bool:
        """Nothing changes while I hold the token: what was under way is older than what the registry told me."""
        return world.holder != mail.receiver


_ZERO = np.uint64(0)
_FALSE_STALL = COUNTER_INDEX["false_stall"]


@compiled
def join_queue(c, b, a, task):
    """Wait, first come first served; those who come in one tick in its seeded order."""
    world, me = world_of(c, b), agents_of(c, b)[a]
    enter(c, b, a, QUEUED)
    me.queued_task = task
    me.queued_since = world.tick
    if c.contention_aware != 0:
        me.back = ticks_back(c, b, a, task)
    emit(c, b, log.WAIT_BEGIN, a, NO_TXN, 0, NO_SITE, 0, 0, world.holder, task, 0, 0, 0, 0)


@inlined
def let_go(c, b, a):
    """Let the token go, where the agent holds it."""
    if c.token != 0 and world_of(c, b).holder == a:
        _give_up(c, b, a)


@compiled
def _give_up(c, b, a):
    # Counts who waited for the token in vain.
    world = world_of(c, b)
    if world.holder_settled != 0:
        for other in range(c.agents):
            waiter = agents_of(c, b)[other]
            if waiter.phase != QUEUED:
                continue
            needs = task_rules(c)[waiter.queued_task].needs if waiter.queued_task >= 0 else _ZERO
            if needs & world.holder_wrote == _ZERO:
                counts_of(c, b)[_FALSE_STALL] += world.tick - max(waiter.queued_since, world.holder_since + 1) + 1
    world.holder = NOBODY
    emit(c, b, log.RELEASE, a, NO_TXN, 0, NO_SITE, 0, 0, NOBODY, 0, 0, 0, 0, 0)


@compiled
def grant(c, b):
    """Give a free token to the first in the queue, with all its beliefs renewed."""
    world, agents = world_of(c, b), agents_of(c, b)
    if world.holder != NOBODY:
        return
    first, first_since, first_key = NOBODY, 0, draw(c, b, entropy.TIE, 0, 0, 0, 0)
    for a in range(c.agents):
        if agents[a].phase != QUEUED:
            continue
        since = agents[a].queued_since + agents[a].back
        key = draw(c, b, entropy.TIE, since, a, 0, 0)
        if first == NOBODY or since < first_since or (since == first_since and key < first_key):
            first, first_since, first_key = a, since, key
    if first == NOBODY:
        return
    me = agents[first]
    waited = world.tick - me.queued_since + 1
    emit(c, b, log.WAIT_END, first, NO_TXN, 0, NO_SITE, 0, 0, NOBODY, me.queued_task, 0, waited, 0, 0)
    emit(c, b, log.GRANT, first, NO_TXN, 0, NO_SITE, 0, 0, NOBODY, 0, 0, 0, 0, 0)
    for site in range(c.sites):
        renew(c, b, first, site, REGISTRY, 2)
    enter(c, b, first, IDLE if me.look == NO_SITE else LOOKING)
    me.queued_task = -1
    world.holder = first
    world.holder_since = world.tick
    world.holder_settled = 0
    world.holder_wrote = 0
