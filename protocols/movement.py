"""Walking, looking and crossing borders, compiled: physics, and what a protocol may ask at a border."""

from __future__ import annotations

import numpy as np

from ..world import log, verbs
from ..world.context import (
    agent_rules,
    agents_of,
    beliefs_of,
    cell_rule,
    counts_of,
    inputs_of,
    lock_sites,
    next_cell,
    op_rule,
    sight_of,
    sights_of,
    sites_of,
    task_inputs,
    task_rules,
    way,
    world_of,
)
from ..world.jit import compiled, inlined, lowest
from ..world.kernel import bit, emit, has, is_current, stand_on
from ..world.phases import enter, mark_near
from ..world.rank_calls import MAY_ENTER, TAKE_BACK, about
from ..world.rule_records import NO_WAY
from ..world.state import (
    COUNTER_INDEX,
    FAILED,
    IDLE,
    INCREMENT,
    NO_CELL,
    NO_RANK,
    NO_SITE,
    NO_TASK,
    NO_TXN,
    NOBODY,
    QUEUED,
)
from ..world.writes import write
from .deadlocks import avert_deadlock
from .effects import own_write
from .locks import take_lock
from .scheduling import ticks_back
from .settling import let_all_go, settle
from .token import join_queue
from .waiting import begin_lock_wait

_ZERO, _ONE = np.uint64(0), np.uint64(1)
_COMMITTED, _BROKE = COUNTER_INDEX["committed"], COUNTER_INDEX["broke_invariant"]


@inlined
def walk(c, b):
    """Move those who are on their way by a cell: steps chosen, looks, and the way to the next op.

    Return the set of those who have arrived: who may look, or try their op.
    """
    world = world_of(c, b)
    moving = (on_the_way(c, b) & ~world.near) | world.stepping
    if c.stall > 0:
        moving &= ~world.stalled
    while moving != _ZERO:
        a = lowest(moving)
        moving &= moving - _ONE
        if has(world.stepping, a):
            take_step(c, b, a)
        elif (c.locks | c.ranks) != 0 and not has(on_the_way(c, b), a):
            continue  # a victim of one who walked before it
        elif c.manual != 0 and has(world.walking, a):
            stuck(c, b, a)
        else:
            walk_towards(c, b, a)
    arrived = on_the_way(c, b) & world.near
    return arrived & ~world.stalled if c.stall > 0 else arrived


@inlined
def on_the_way(c, b):
    """Return the set of agents who go to look or to do an op, and wait for nothing there."""
    world = world_of(c, b)
    return (world.looking | world.walking) & ~world.waiting


@inlined
def take_step(c, b, a):
    """Take the step chosen in this tick; in lockstep a crossing is made whole."""
    me = agents_of(c, b)[a]
    cell = me.step
    me.step = NO_CELL
    world_of(c, b).stepping &= ~bit(a)
    moved = step_to(c, b, a, cell)
    if not moved:
        gate = cell_rule(c, cell).gate
        emit(c, b, log.REFUSED_BY_WORLD, a, NO_TXN, 0, gate, 0, 0, NOBODY, verbs.GATE_CLOSED, 0, 0, 0, 0)
    target = agent_rules(c)[a].stations[me.side]
    if c.lockstep != 0 and c.manual == 0 and target >= 0:
        while moved and next_cell(c, target, me.cell) != me.cell:
            moved = step_to(c, b, a, next_cell(c, target, me.cell))
    count_trip(c, b, a)
    if (c.token | c.locks | c.ranks) != 0 and me.phase == IDLE and cell_rule(c, me.cell).region < 0:
        let_all_go(c, b, a)


@inlined
def count_trip(c, b, a):
    """A crossing is made on reaching the station that the agent is bound for."""
    me = agents_of(c, b)[a]
    if agent_rules(c)[a].ends[me.side] == me.cell:
        me.side = 1 - me.side
        me.trips += 1
        me.remask = 1
        world_of(c, b).touched_agents |= bit(a)


@inlined
def walk_towards(c, b, a):
    """Take a step on a shortest path to what is sought, or be stopped."""
    me = agents_of(c, b)[a]
    step, cell = way(c, me.sought, me.cell), next_cell(c, me.sought, me.cell)
    if (c.token | c.locks | c.ranks) != 0:
        region = region_entered(c, me, cell)
        if region != NO_SITE and not may_enter(c, b, a, region, NO_TASK):
            return  # waits at the border, and goes on once it is let in
    if step != NO_WAY and step_to(c, b, a, cell):
        me.stuck = 0
        count_trip(c, b, a)
    else:
        stuck(c, b, a)


@inlined
def stuck(c, b, a):
    """Physics fails and never waits inside a transaction: after `patience` ticks the agent gives up."""
    me = agents_of(c, b)[a]
    me.stuck += 1
    if me.stuck >= c.patience:
        turn_back(c, b, a)


@compiled
def turn_back(c, b, a):
    """Give up on the way: the op fails, or the look is over."""
    me = agents_of(c, b)[a]
    me.stuck = 0
    if me.undoing != 0:
        about(c, b, TAKE_BACK, a, 1)
    elif me.txn != NO_TXN:
        site = op_rule(c, me.task, me.op).site
        emit(c, b, log.REFUSED_BY_WORLD, a, me.txn, me.op, site, 0, 0, NOBODY, verbs.GATE_CLOSED, 0, 0, 0, 0)
        settle(c, b, a, FAILED, 0)
    else:
        emit(c, b, log.REFUSED_BY_WORLD, a, NO_TXN, 0, me.look, 0, 0, NOBODY, verbs.GATE_CLOSED, 0, 0, 0, 0)
        end_look(c, b, a)


@inlined
def step_to(c, b, a, cell):
    """Move to a neighbouring cell unless a closed gate stops it; a region's border settles at once."""
    me = agents_of(c, b)[a]
    if cell == me.cell:
        return True
    place = cell_rule(c, cell)
    if (place.gate >= 0) & (sites_of(c, b)[max(place.gate, 0)].value == 1):
        return False
    before, after = cell_rule(c, me.cell).region, place.region
    if agent_rules(c)[a].radius >= 0:  # who sees all sees the same from anywhere
        turn_eyes(c, b, a, sight_of(c, a)[cell])
    me.reseen = 1
    me.cell = cell
    mark_near(c, b, a)
    me.remask |= np.int64(before != after)
    stand_on(c, b, a, place)
    if before != after:
        if before >= 0:
            border(c, b, a, before, -1)
        if after >= 0:
            border(c, b, a, after, 1)
        elif me.txn == NO_TXN:
            let_all_go(c, b, a)
    return True


@inlined
def turn_eyes(c, b, a, sight):
    """Note on a step what comes into sight, and when what goes out of sight was last seen.

    Beliefs of what is in sight are not dated anew in every tick, and are current: they need no second look. In
    lockstep a step may be one of many in a tick; the first one dates all that was in sight.
    """
    world, me = world_of(c, b), agents_of(c, b)[a]
    seen = sights_of(c, b)[a]
    gone, come = seen & ~sight, sight & ~seen
    sights_of(c, b)[a] = sight
    me.show |= gone | come
    if c.lockstep != 0:
        gone = _ZERO if has(world.moved, a) else seen
        come = sight
    me.fresh |= come
    world.moved |= np.uint64(come != _ZERO or c.lockstep != 0) << np.uint64(a)
    date(c, b, a, gone)


@inlined
def date(c, b, a, gone):
    """Note of sites that go out of sight that they were last seen at the end of the tick before this one.

    At most steps it is none or one: that is done without a branch to guess.
    """
    beliefs, last = beliefs_of(c, b, a), world_of(c, b).tick - 1
    first, is_any = 0, gone != _ZERO
    if is_any:
        first = lowest(gone)
    tick = beliefs[first].tick
    beliefs[first].tick = max(tick, last if is_any else tick)
    gone &= gone - _ONE
    while gone != _ZERO:
        site = lowest(gone)
        gone &= gone - _ONE
        beliefs[site].tick = max(beliefs[site].tick, last)


@compiled
def border(c, b, a, region, change):
    """Cross a region's border: a relative write that settles at once."""
    world, me = world_of(c, b), agents_of(c, b)[a]
    txn = world.next_txn
    world.next_txn += 1
    emit(c, b, log.BORDER, a, txn, 0, region, 0, 0, NOBODY, change, me.cell, 0, 0, 0)
    me.promised = 0
    broke = me.broke
    me.broke = 0
    there = sites_of(c, b)[region]
    value, knew = there.value + change, False
    if me.txn != NO_TXN:
        for slot in range(task_rules(c)[me.task].inputs):
            if task_inputs(c)[me.task, slot] == region and is_current(there, inputs_of(c, b, a, 0)[slot]):
                knew = True
    write(c, b, a, txn, 0, region, value, 1, change, verbs.CROSS, 0, 0, NOBODY)
    # Its own crossing is no news to it, on top of what is so at its rank, where it has one.
    if me.rank != NO_RANK:
        own_write(c, b, a, region, change, 1, False)
    elif knew:
        own_write(c, b, a, region, value, 0, False)
    emit(c, b, log.COMMIT, a, txn, 0, NO_SITE, 0, 0, NOBODY, 0, 0, 0, 0, 0)
    counts_of(c, b)[_COMMITTED] += 1
    counts_of(c, b)[_BROKE] += me.broke
    me.broke = broke
    if world.holder == a:
        world.holder_settled = 1


@compiled
def end_look(c, b, a):
    """A look is over; outside a region nothing is held for it any more."""
    me = agents_of(c, b)[a]
    enter(c, b, a, IDLE)
    me.look = NO_SITE
    if (c.token | c.locks | c.ranks) != 0 and cell_rule(c, me.cell).region < 0:
        let_all_go(c, b, a)


@inlined
def may_start(c, b, a):
    """Tell whether the token, where there is one, lets the agent start."""
    return c.token == 0 or c.lockstep != 0 or world_of(c, b).holder == a


@inlined
def region_entered(c, me, cell):
    """Return the region that a step of the agent to a cell would enter, or NO_SITE."""
    region = cell_rule(c, cell).region
    return region if region != cell_rule(c, me.cell).region else NO_SITE


@compiled
def may_enter(c, b, a, region, task):
    """Tell whether an agent may step into a region; one that may not waits for the token or for the region's lock."""
    me = agents_of(c, b)[a]
    if c.lockstep != 0 or (c.token | c.locks | c.ranks) == 0:
        return True
    if c.ranks != 0:
        return about(c, b, MAY_ENTER, a, task) != 0
    if c.token != 0:
        if me.txn == NO_TXN and world_of(c, b).holder != a:
            join_queue(c, b, a, task)
            return False
        return True
    if c.contention_aware != 0 and me.txn == NO_TXN:
        me.back = ticks_back(c, b, a, task)
    if take_lock(c, b, a, lock_sites(c)[region], INCREMENT):
        return True
    txn = me.txn
    if txn == NO_TXN:
        enter(c, b, a, QUEUED)
        me.queued_task = task
        me.queued_since = world_of(c, b).tick
    avert_deadlock(c, b, a)
    if me.txn == txn:
        begin_lock_wait(c, b, a, me.task if txn != NO_TXN else task)
    return False
