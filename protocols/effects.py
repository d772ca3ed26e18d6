"""What an act does when it takes effect, compiled: a write, in place or into the buffer, and what follows from it."""

from __future__ import annotations

import numpy as np

from ..world import log, scenario, verbs
from ..world.context import (
    agents_of,
    cell_rule,
    counts_of,
    figures_of,
    inputs_of,
    jobs_of,
    parcels_of,
    site_rules,
    sites_of,
    task_inputs,
    task_rules,
    world_of,
)
from ..world.jit import compiled, how_many, lowest
from ..world.judging import argument_of, outcome_on
from ..world.kernel import bit, credit, emit, take_in_hand
from ..world.phases import enter, wait_for
from ..world.rank_calls import value_now
from ..world.scoring import put_out_boat
from ..world.state import (
    COUNTER_INDEX,
    FAILED,
    FAR,
    MESSAGE,
    NO_CELL,
    NO_SITE,
    NO_TXN,
    NOBODY,
    OUT,
    QUEUED,
    REGISTRY,
    ROW,
    WORLD,
)
from ..world.writes import write
from .settling import count_job, let_all_go, publish, settle

hand_after = compiled(verbs.hand_after)

_ZERO, _ONE = np.uint64(0), np.uint64(1)
_ACCIDENTS = COUNTER_INDEX["accidents"]


@compiled
def take_effect(c, b, a, o, rule, last):
    """Write, in place or into the buffer; the later ops of the task see it."""
    me, there = agents_of(c, b)[a], sites_of(c, b)[rule.site]
    written = outcome_on(c, b, a, 0, o, _ZERO)[1]
    if c.buffered != 0 and rule.record != 0:
        me.pending |= 1 << o
        me.pending_value[o] = written
        emit(
            c, b, log.BUFFER, a, me.txn, o, rule.site, written, 0, NOBODY, rule.relative, argument_of(me, rule), 0,
            rule.verb, 0,
        )  # fmt: skip
        own_write(c, b, a, rule.site, written, rule.relative, True)
        return
    if rule.verb == verbs.CORRECT:
        publish(c, b, a, o, rule)
        return
    before = there.value
    if rule.verb == verbs.DELIVER:
        land(c, b, a, rule.site)
    hand = hand_after(rule.verb, before, me.hand)
    if c.shipped_goals != 0:
        world_of(c, b).touched_agents |= bit(a)
    value = before + written if rule.relative != 0 else written
    unsettled = 1 if c.buffered != 0 and not last else 0
    write(
        c, b, a, me.txn, o, rule.site, value, rule.relative, argument_of(me, rule), rule.verb, unsettled,
        c.mail_at_settle, NOBODY,
    )  # fmt: skip
    take_in_hand(c, b, a, hand)
    own_write(c, b, a, rule.site, value_now(c, b, a, rule.site), 0, False)
    if rule.verb == verbs.SET and written == 1:
        close_on_bodies(c, b, a, rule.site)


@compiled
def own_write(c, b, a, site, value, relative, buffered):
    """An agent's own write renews the later ops' inputs of the same task."""
    me = agents_of(c, b)[a]
    inputs = inputs_of(c, b, a, 0)
    for slot in range(task_rules(c)[me.task].inputs):
        if task_inputs(c)[me.task, slot] != site:
            continue
        read = inputs[slot]
        read.value = read.value + value if relative != 0 else value
        if buffered:
            read.own = 1
        else:
            read.promise = 0
            read.version = sites_of(c, b)[site].version
            read.outdated = 0
            if read.channel == MESSAGE:
                read.channel = REGISTRY


@compiled
def land(c, b, a, depot):
    """Note what is delivered where, and whether the depot is open."""
    me, sites = agents_of(c, b)[a], sites_of(c, b)
    sites[depot].got |= bit(me.hand)
    if me.landed < c.parcels:
        notice, parcel = site_rules(c)[depot].notice, parcels_of(c, b, a)[me.landed]
        parcel.site = depot
        parcel.good = 1 if notice < 0 or sites[notice].value < scenario.SHUT else 0
        me.landed += 1
        world_of(c, b).touched_agents |= bit(a)


@compiled
def close_on_bodies(c, b, a, gate):
    """A gate that closes on bodies is an accident: it costs a boat, and puts the bodies out of play."""
    agents = agents_of(c, b)
    caught = _ZERO
    for other in range(c.agents):
        if agents[other].phase != OUT and cell_rule(c, agents[other].cell).gate == gate:
            caught |= bit(other)
    if caught == _ZERO:
        return
    counts_of(c, b)[_ACCIDENTS] += 1
    credit(c, b, a, -c.accident_cost)
    put_out_boat(c, b, a, gate, how_many(caught))
    while caught != _ZERO:
        other = lowest(caught)
        caught &= caught - _ONE
        put_out(c, b, other, a)


@compiled
def put_out(c, b, a, cause):
    """Take an agent out of play; a region it stood in is cleared by the world."""
    world, me = world_of(c, b), agents_of(c, b)[a]
    emit(c, b, log.PUT_OUT, a, NO_TXN, 0, NO_SITE, 0, 0, cause, 0, 0, 0, 0, 0)
    if me.txn != NO_TXN and a != cause:
        settle(c, b, a, FAILED, 0)
    elif me.phase == QUEUED:
        waited = world.tick - me.queued_since  # this tick's waiting is not over
        site, kind = (me.wait_site, log.FOR_LOCK) if c.locks != 0 else (NO_SITE, log.ADMISSION)
        if c.ranks != 0:
            kind = log.FOR_RANK
        emit(c, b, log.WAIT_END, a, NO_TXN, 0, site, 0, 0, world.holder, me.queued_task, kind, waited, 0, 0)
        wait_for(c, b, a, 0)
    region = cell_rule(c, me.cell).region
    enter(c, b, a, OUT)
    world.turn_due = 0
    world.touched_agents |= bit(a)
    jobs = jobs_of(c, b, a)
    for n in range(c.jobs):
        if jobs[n].used == 0:
            count_job(c, b, jobs[n], -1)
    figures_of(c, b)[ROW, a] = np.float32(FAR)
    me.step = NO_CELL
    world.stepping &= ~bit(a)
    me.look = NO_SITE
    if region >= 0:
        value = sites_of(c, b)[region].value - 1
        write(c, b, WORLD, NO_TXN, 0, region, value, 1, -1, verbs.CROSS, 0, 0, a)
    let_all_go(c, b, a)
