"""Waits, compiled: how they begin and end in the log, and who of those who wait comes first.

An agent that stands at a site and is *held* is asked again in each tick; whoever else waits is let go on by what it
waits for.
"""

from __future__ import annotations

import numpy as np

from ..world import entropy, log
from ..world.context import agents_of, counts_of, world_of
from ..world.jit import compiled, lowest
from ..world.kernel import draw, emit
from ..world.phases import enter, wait_for
from ..world.state import COUNTER_INDEX, IDLE, LOOKING, NO_SITE, NO_TASK, NOBODY
from .locks import lock_blocker

_ZERO, _ONE = np.uint64(0), np.uint64(1)
_BLOCKED = COUNTER_INDEX["blocked_ticks"]


@compiled
def begin_wait(c, b, a, kind, site, whom, task, mode):
    """Log that an agent waits from this tick on."""
    world, me = world_of(c, b), agents_of(c, b)[a]
    wait_for(c, b, a, kind)
    me.wait_site = site
    me.wait_since = world.tick
    emit(c, b, log.WAIT_BEGIN, a, me.txn, 0, site, 0, 0, whom, task, kind, mode, 0, 0)


@compiled
def begin_lock_wait(c, b, a, task):
    """Log that an agent waits for a lock."""
    me = agents_of(c, b)[a]
    begin_wait(c, b, a, log.FOR_LOCK, me.lock_site, lock_blocker(c, b, a), task, me.lock_mode)


@compiled
def hold_back(c, b, a, whom):
    """Log that an agent is held back from thought, and by whom."""
    me = agents_of(c, b)[a]
    me.wait_whom = whom
    begin_wait(c, b, a, log.HELD_BACK, NO_SITE, whom, me.task, 0)


@compiled
def begin_rank_wait(c, b, a, task):
    """Log that an agent waits for ranks to be quiet."""
    begin_wait(c, b, a, log.FOR_RANK, NO_SITE, agents_of(c, b)[a].blocker, task, 0)


@compiled
def end_wait(c, b, a, task, waited):
    """Log that an agent waits no more, if it did."""
    me = agents_of(c, b)[a]
    if me.waits != 0:
        emit(c, b, log.WAIT_END, a, me.txn, 0, me.wait_site, 0, 0, NOBODY, task, me.waits, waited, 0, 0)
        wait_for(c, b, a, 0)


@compiled
def queued(c, b):
    """Return the set of agents that wait without a transaction."""
    return world_of(c, b).queued


@compiled
def leave_queue(c, b, a):
    """Log that an agent waits no more without a transaction: it goes on with its look, or chooses anew."""
    me = agents_of(c, b)[a]
    end_wait(c, b, a, me.queued_task, world_of(c, b).tick - me.queued_since + 1)
    enter(c, b, a, IDLE if me.look == NO_SITE else LOOKING)
    me.queued_task = NO_TASK


@compiled
def longest_waiting(c, b, waiting):
    """Return who of a set, which is not empty, counts as having come first, by the seeded order within a tick."""
    agents, first, first_since, first_key = agents_of(c, b), NOBODY, 0, _ZERO
    while waiting != _ZERO:
        a = lowest(waiting)
        waiting &= waiting - _ONE
        since = agents[a].back + (agents[a].decided if agents[a].waits == log.HELD_BACK else agents[a].wait_since)
        key = draw(c, b, entropy.TIE, since, a, 0, 0)
        if first == NOBODY or since < first_since or (since == first_since and key < first_key):
            first, first_since, first_key = a, since, key
    return first


@compiled
def hold(c, b, a, others, kind):
    """Let an agent stand where it is and wait, one tick more; tell whether it has waited for the same before."""
    me = agents_of(c, b)[a]
    counts_of(c, b)[_BLOCKED] += 1
    if others == me.holding and kind == me.hold:
        me.stuck += 1
        return True
    end_hold(c, b, a)
    emit(c, b, log.WAIT_BEGIN, a, me.txn, 0, NO_SITE, 0, 0, others, me.task, kind, 0, 0, 0)
    me.holding = others
    me.hold = kind
    me.stuck = 1
    return False


@compiled
def end_hold(c, b, a):
    """Log that an op is held no more."""
    me = agents_of(c, b)[a]
    if me.holding != NOBODY:
        emit(c, b, log.WAIT_END, a, me.txn, 0, NO_SITE, 0, 0, me.holding, me.task, me.hold, me.stuck, 0, 0)
        me.holding = NOBODY
        me.stuck = 0
