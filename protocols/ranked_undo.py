"""Taking back, compiled: in the registry at once, on physical sites by walking there, what hands did last first.

The twin of `preorder_undo`; what is done at a physical site stands in `ranked_hands`.
"""

from __future__ import annotations

import numpy as np

from ..world import log, verbs
from ..world.chains import fold, value_at
from ..world.context import (
    agents_of,
    correction_rule,
    counts_of,
    op_rule,
    rank_of,
    tally_of,
    task_rules,
    thoughts_left,
    world_of,
)
from ..world.jit import compiled
from ..world.kernel import emit, has, renew_as, touch_all
from ..world.phases import enter
from ..world.rank_writes import reinstall, take, tell
from ..world.ranks import OPEN, REOPENED, SETTLED, TOP, VOID
from ..world.rule_records import KEEP
from ..world.state import (
    ABORTED,
    COUNTER_INDEX,
    IDLE,
    NO_SITE,
    NO_TXN,
    NOBODY,
    QUEUED,
    REGISTRY,
    REJECTED,
    WALKING,
    WORLD,
)
from .ranked_hands import by_hand, last_done
from .ranked_judges import judges
from .ranked_slots import lowest_of
from .settling import settle
from .waiting import end_hold, end_wait, leave_queue

_VICTIMS, _COMMITTED = COUNTER_INDEX["victims"], COUNTER_INDEX["committed"]
_BROKE, _WASTED = COUNTER_INDEX["broke_invariant"], COUNTER_INDEX["wasted_think_ticks"]


@compiled
def recall(c, b):
    """The tick is over: who is free and was told something judges, takes back, and is asked to plan anew."""
    world, agents = world_of(c, b), agents_of(c, b)
    for a in range(c.agents):
        if (agents[a].phase == IDLE or agents[a].phase == QUEUED) and not has(world.stalled, a):
            recall_owner(c, b, a)
    grow_quiet(c, b)
    for a in range(c.agents):
        if agents[a].phase == IDLE and world.newest > world.quiet:
            rank = lowest_of(c, b, a, REOPENED)
            if rank >= 0:
                for site in range(c.sites):
                    renew_as(c, b, a, site, REGISTRY, 5, value_at(c, b, site, rank))


@compiled
def recall_owner(c, b, a):
    """Judge what an owner was told, and take back what is to be done again, the last first."""
    world, me = world_of(c, b), agents_of(c, b)[a]
    while me.txn == NO_TXN:
        last = -1
        for rank in range(world.quiet + 1, world.newest + 1):
            slot = rank_of(c, b, rank)
            if slot.agent != a or slot.state != SETTLED:
                continue
            if slot.forced != 0 or (slot.told != 0 and judges(c, b, rank)):
                slot.told = 0
                slot.forced = 0
                slot.doomed = 1
                for later in range(rank + 1, world.newest + 1):  # what hands did since is undone first
                    other = rank_of(c, b, later)
                    if other.agent == a and other.state == SETTLED and by_hand(c, b, later) != 0:
                        other.doomed = 1
            if slot.doomed != 0:
                last = rank
        if last < 0:
            return
        if me.phase == QUEUED:
            leave_queue(c, b, a)
        revoke(c, b, a, last)


@compiled
def revoke(c, b, a, rank):
    """Take back what had settled: its order is open again."""
    slot, me, counts = rank_of(c, b, rank), agents_of(c, b)[a], counts_of(c, b)
    slot.state = OPEN
    slot.told = 0
    slot.forced = 0
    slot.doomed = 0
    emit(c, b, log.REVOKED, a, slot.txn, 0, NO_SITE, 0, 0, NOBODY, slot.thought, 0, 0, 0, 0)
    counts[_WASTED] += slot.thought
    if slot.revoked == 0:
        counts[_COMMITTED] -= 1
        counts[_BROKE] -= slot.broke
        slot.revoked = 1
        slot.counted = 0
    if task_rules(c)[slot.task].jobs == 0:
        tally_of(c, b, a)[slot.task, 0] -= 1
        touch_all(c, b)
    me.txn = slot.txn
    me.task = slot.task
    me.job = slot.job
    me.argument = slot.argument
    me.rank = rank
    me.done = slot.ops
    me.op = 0
    me.thought = 0
    thoughts_left(c, b)[a] = 0
    me.stuck = 0
    me.look = NO_SITE
    enter(c, b, a, WALKING)
    if ends(c, b, a, REJECTED):
        settle(c, b, a, REJECTED, 0)


@compiled
def withdraw(c, b, a):
    """Give up a transaction that waits, while its owner is called for elsewhere."""
    me = agents_of(c, b)[a]
    emit(c, b, log.VICTIM, a, me.txn, 0, NO_SITE, 0, 0, me.blocker, 0, 0, 0, 0, 0)
    counts_of(c, b)[_VICTIMS] += 1
    end_hold(c, b, a)
    end_wait(c, b, a, me.task, world_of(c, b).tick - me.wait_since)
    if ends(c, b, a, ABORTED):
        settle(c, b, a, ABORTED, 0)


@compiled
def ends(c, b, a, outcome):
    """Undo what a transaction did: in the registry at once, else by walking; tell whether it may settle now."""
    me = agents_of(c, b)[a]
    if me.rank < 0:
        return True
    slot = rank_of(c, b, me.rank)
    for o in range(task_rules(c)[me.task].ops - 1, -1, -1):
        rule = op_rule(c, me.task, o)
        if not has(np.uint64(slot.done), o) or rule.record == 0:
            continue
        if rule.verb == verbs.CORRECT:
            for entry in range(c.sites - 1, -1, -1):
                if correction_rule(c, rule.correction)[entry] != KEEP:
                    take_record(c, b, a, o, entry)
        else:
            take_record(c, b, a, o, rule.site)
        slot.done &= ~(1 << o)
        me.done -= 1
    slot.state = REOPENED
    if slot.done == 0:
        return True
    me.undoing = 1
    slot.outcome = outcome
    me.op = last_done(slot)
    enter(c, b, a, WALKING)
    return False


@compiled
def take_record(c, b, a, o, site):
    """Take back what an op has written to a record site."""
    rank = agents_of(c, b)[a].rank
    take(c, b, rank, o, site)
    reinstall(c, b, log.UNDO, rank, site, value_at(c, b, site, TOP), 1)
    tell(c, b, site, rank, a)


@compiled
def grow_quiet(c, b):
    """The lowest ranks that have settled and owe nothing are quiet: nobody is left to tell them anything."""
    world = world_of(c, b)
    grown = world.quiet
    while grown < world.newest:
        slot = rank_of(c, b, grown + 1)
        called = (slot.told | slot.forced | slot.doomed) != 0
        if slot.state != VOID and (slot.state != SETTLED or called):
            break
        grown += 1
    if grown > world.quiet:
        fold(c, b, grown)
        emit(c, b, log.QUIET, WORLD, NO_TXN, 0, NO_SITE, grown, 0, NOBODY, 0, 0, 0, 0, 0)
    final = 1
    for rank in range(world.quiet + 1, world.newest + 1):
        slot = rank_of(c, b, rank)
        if slot.state == SETTLED or slot.state == REOPENED or slot.done != 0:
            final = 0
    if final != world.final:
        world.final = final
        touch_all(c, b)
