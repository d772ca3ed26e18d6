"""The compiled engine: one tick, top to bottom. The order of the lines of `tick` is the semantics.

The twin of `world.reference.World`; both must agree event for event.
"""

from __future__ import annotations

import numpy as np

from ..world import entropy, log
from ..world.context import (
    agents_of,
    counts_of,
    op_rule,
    sights_at,
    sights_of,
    sites_of,
    thoughts_left,
    thoughts_left_at,
    world_of,
)
from ..world.events import answer_acts, world_events
from ..world.jit import compiled, how_many, inlined, lowest
from ..world.kernel import bit, credit, draw, emit, has, renew, sense_sites
from ..world.mail import deliver
from ..world.phases import enter
from ..world.rank_calls import RECALL, about
from ..world.scoring import score
from ..world.slips import slip
from ..world.speculation import speculate_compiled
from ..world.state import (
    COUNTER_INDEX,
    LOCKING,
    LOOK,
    NEVER,
    NO_SITE,
    NO_TXN,
    NOBODY,
    OUT,
    WALKING,
)
from ..world.vectors import LANES, count_down, who_meet
from .acting import attempt_op, stop_thought
from .admission import let_in
from .deciding import decide
from .epochs import holds_for_epoch, turn_epoch
from .forward import stop_readers
from .movement import end_look, walk
from .places import hand_out_places
from .token import grant
from .waiting import hold

_ZERO, _ONE = np.uint64(0), np.uint64(1)
_THINK, _BLOCKED = COUNTER_INDEX["think_ticks"], COUNTER_INDEX["blocked_ticks"]


@inlined
def tick(c, b, choices):
    """Advance one world by one tick, in place; `choices` is [B, A] int32."""
    world = world_of(c, b)
    world.tick += 1
    world.writer = NOBODY
    decide(c, b, choices)
    if c.stall > 0:
        count_stalled(c, b)
    thinking = who_thinks(c, b)
    if thinking != _ZERO:
        think(c, b, thinking)
    arrived = walk(c, b)
    if arrived != _ZERO:
        act(c, b, arrived)
    if (c.token | c.locks | c.thinkers | c.holds_back | c.ranks) != 0:
        count_queue(c, b)
    if world.next_event <= world.tick or (c.boats > 0 and sites_of(c, b)[c.gate].value == 1):
        world_events(c, b)
    if (c.stocked | c.posts) & world.dirty != _ZERO:
        answer_acts(c, b)
    if world.next_due <= world.tick:
        deliver(c, b)
    if c.forward != 0 and world.dirty != _ZERO:
        stop_readers(c, b)
    if c.epochs != 0 and world.turn_due <= world.tick:
        turn_epoch(c, b)
    if (world.dirty | world.moved) != _ZERO or (c.token | c.locks | c.ranks) != 0:
        sense(c, b)
    if c.stall > 0 and c.lockstep == 0:
        stall(c, b)
    if (world.touched_sites | world.touched_agents | np.uint64(world.happened)) != _ZERO or world.tick >= c.horizon:
        score(c, b)


@inlined
def who_thinks(c, b):
    """Return the set of agents that think."""
    world, agents = world_of(c, b), agents_of(c, b)
    thinking = world.thinking
    if c.speculates != 0:
        for a in range(c.agents):
            me = agents[a]
            thinks = (me.phase == LOCKING) & (me.speculates != 0) & (thoughts_left(c, b)[a] > 0)
            thinking |= np.uint64(thinks) << np.uint64(a)
    return thinking & ~world.stalled if c.stall > 0 else thinking


@compiled
def count_stalled(c, b):
    """Count the ticks in which somebody stands still who is held."""
    agents = agents_of(c, b)
    for a in range(c.agents):
        if has(world_of(c, b).stalled, a) and agents[a].holding != NOBODY:
            agents[a].stuck += 1
            counts_of(c, b)[_BLOCKED] += 1


@inlined
def think(c, b, thinking):
    """Spend a think tick, or get up and go."""
    agents, left = agents_of(c, b), thoughts_left(c, b)
    if c.thinkers > 0:
        hand_out_places(c, b, thinking)
    if (c.thinkers | c.speculates | c.stops) == 0 and c.think_cost == 0.0:
        thinking = think_on(c, b, thinking)
    while thinking != _ZERO:
        a = lowest(thinking)
        thinking &= thinking - _ONE
        me = agents[a]
        if c.speculates != 0 and me.phase == LOCKING:
            speculate_compiled(c, b, a)
            continue
        if c.stops != 0 and c.forward == 0 and stop_thought(c, b, a):
            continue
        if c.thinkers > 0 and me.waits != 0:
            continue  # for a place to think
        if left[a] > 0:
            left[a] -= 1
            counts_of(c, b)[_THINK] += 1
            credit(c, b, a, -c.think_cost)
            continue
        emit(c, b, log.THINK_END, a, me.txn, 0, NO_SITE, 0, 0, NOBODY, 0, 0, 0, 0, 0)
        enter(c, b, a, WALKING)
        if c.slip != 0:
            slip(c, b, a)


@inlined
def think_on(c, b, thinking):
    """Spend a think tick of each who has one left, where nothing keeps anybody from it; return who has none."""
    ended = _ZERO
    for first in range(0, c.agents, LANES):
        ended |= count_down(thoughts_left_at(c, b) + 4 * first, thinking >> np.uint64(first)) << np.uint64(first)
    counts_of(c, b)[_THINK] += how_many(thinking & ~ended)
    return ended


@compiled
def count_queue(c, b):
    """Count the agents that wait for admission in this tick."""
    counts_of(c, b)[_BLOCKED] += how_many(world_of(c, b).queued | world_of(c, b).waiting)


@compiled
def act(c, b, arrived):
    """Judge the acts of this tick one after the other, in the tick's seeded order."""
    world, agents = world_of(c, b), agents_of(c, b)
    waiting = arrived & world.walking  # and no victims of those who walked after them
    looking = arrived & world.looking
    while looking != _ZERO:
        a = lowest(looking)
        looking &= looking - _ONE
        renew(c, b, a, agents[a].look, LOOK, 3)
        end_look(c, b, a)
    if c.epochs != 0 and world.corrector != NOBODY:
        waiting = without_held(c, b, waiting)
    if waiting & (waiting - _ONE) != _ZERO:
        left = waiting
        while left != _ZERO:
            a = lowest(left)
            left &= left - _ONE
            agents[a].turn = draw(c, b, entropy.TIE, world.tick, a, 0, 0)
    while waiting != _ZERO:
        first = lowest(waiting)
        if waiting & (waiting - _ONE) != _ZERO:
            first = whose_turn(c, b, waiting)
        waiting &= ~bit(first)
        txn = agents[first].txn
        while txn != NO_TXN and agents[first].txn == txn and attempt_op(c, b, first) and c.lockstep != 0:
            pass


@inlined
def without_held(c, b, waiting):
    """Let those wait on who were held for the boundary of this epoch before, and still are; return the others.

    Nobody's act can free them in this tick, so that they need no turn.
    """
    world, agents, left = world_of(c, b), agents_of(c, b), waiting
    while left != _ZERO:
        a = lowest(left)
        left &= left - _ONE
        me = agents[a]
        rule = op_rule(c, me.task, me.op)
        was_held = (me.holding == world.corrector) & (me.hold == log.FOR_EPOCH) & (rule.correction < 0)
        if was_held and holds_for_epoch(c, b, a, rule):
            hold(c, b, a, me.holding, log.FOR_EPOCH)
            waiting &= ~bit(a)
    return waiting


@compiled
def whose_turn(c, b, waiting):
    """Return who of several comes first, by what was drawn for this tick."""
    agents, first = agents_of(c, b), lowest(waiting)
    while waiting != _ZERO:
        a = lowest(waiting)
        waiting &= waiting - _ONE
        if agents[a].turn < agents[first].turn:
            first = a
    return first


@inlined
def sense(c, b):
    """Let everyone see what changed in sight, and hand on the token."""
    world, agents = world_of(c, b), agents_of(c, b)
    due = world.moved
    if world.dirty != _ZERO:
        for first in range(0, c.agents, LANES):
            due |= who_meet(sights_at(c, b) + 8 * first, world.dirty) << np.uint64(first)
    while due != _ZERO:
        a = lowest(due)
        due &= due - _ONE
        me = agents[a]
        if me.phase != OUT:
            sense_sites(c, b, a, sights_of(c, b)[a] & (me.fresh | world.dirty))
        me.fresh = _ZERO
    world.dirty = _ZERO
    world.moved = _ZERO
    if c.token != 0:
        grant(c, b)
    if c.locks != 0:
        let_in(c, b)
    if c.ranks != 0 and c.lockstep == 0:
        about(c, b, RECALL, 0, 0)


@compiled
def stall(c, b):
    """Let those stand still from the next tick on whose moment has come."""
    world = world_of(c, b)
    for a in range(c.agents):
        me = agents_of(c, b)[a]
        if me.stalled > 0:
            me.stalled -= 1
        if me.stall_at < world.tick or me.stall_at == NEVER:
            late = draw(c, b, entropy.STALL, a, me.stalls, 0, 0) % np.uint64(c.stall_every - c.stall)
            me.stall_at = c.stall_every * me.stalls + np.int64(late) + 1
            me.stalls += 1
        if me.stall_at == world.tick and me.phase != OUT:
            me.stalled = c.stall
            emit(c, b, log.STALLED, a, NO_TXN, 0, NO_SITE, 0, 0, NOBODY, c.stall, 0, 0, 0, 0)
        if me.stalled > 0:
            world.stalled |= bit(a)
        else:
            world.stalled &= ~bit(a)
