"""Taking back in the open, compiled: inverses at physical sites, and who is called back from there.

The twin of `take_back` and `force` in `preorder_undo`.
"""

from __future__ import annotations

import numpy as np

from ..world import log, verbs
from ..world.chains import is_refilled, value_at
from ..world.context import agents_of, cell_rule, chain_at, op_rule, rank_of, sites_of, task_rules, world_of
from ..world.jit import compiled
from ..world.kernel import bit, emit, has, take_in_hand, touch_all
from ..world.phases import head_for_op
from ..world.rank_writes import agree, lay, notify, refill, take, tell, top_rank
from ..world.ranks import DIFFERENCE, REFILLED, VALUE
from ..world.state import NO_RANK, NO_SITE, NO_TXN, NOBODY, OUT, UNLAID, WORLD
from ..world.tasks import MAX_OPS
from ..world.versions import install
from .settling import settle
from .waiting import end_hold, hold

inverse_of = compiled(verbs.inverse_of)

_ZERO = np.uint64(0)


@compiled
def last_done(slot):
    """Return the last op whose effect stands."""
    o = MAX_OPS - 1
    while not has(np.uint64(slot.done), o):
        o -= 1
    return o


@compiled
def by_hand(c, b, rank):
    """Return the set of ops of a rank whose effects stand on physical sites, as bits."""
    slot, found = rank_of(c, b, rank), 0
    for o in range(task_rules(c)[slot.task].ops):
        if has(np.uint64(slot.done), o) and op_rule(c, slot.task, o).record == 0:
            found |= 1 << o
    return found


@compiled
def take_back(c, b, a, is_stuck):
    """Stand at a site and perform the inverse there; what the world refuses stays."""
    me, rank = agents_of(c, b)[a], agents_of(c, b)[a].rank
    slot = rank_of(c, b, rank)
    o = last_done(slot)
    rule = op_rule(c, me.task, o)
    site, there = rule.site, sites_of(c, b)[rule.site]
    refilled, item = is_refilled(c, b, site, rank), chain_at(c, b, site, rank).value
    filled = bit(site) if refilled and there.value == value_at(c, b, site, rank) else _ZERO
    if is_stuck == 0 and rule.relative == 0 and force(c, b, a, bit(site), filled):
        hold(c, b, a, me.blocker, log.FOR_RANK)
        return
    end_hold(c, b, a)
    lowest = gone_already(c, b, rank, site) if rule.verb == verbs.SET else NO_RANK
    if lowest != NO_RANK:
        take_unseen(c, b, lowest, rank, site)
        return_or_settle(c, b, a)
        return
    slot.done &= ~(1 << o)
    before, written = slot.before[o], slot.written[o]
    has_filling = refilled and there.value == item
    left = item if has_filling else written
    can, value, hand = inverse_of(rule.verb, before, left, slot.hand[o], there.value, me.hand)
    if rule.verb == verbs.SET and before == 1:
        for other in range(c.agents):
            they = agents_of(c, b)[other]
            if they.phase != OUT and cell_rule(c, they.cell).gate == site:
                can = False
    if is_stuck != 0 or not can:
        slot.stays |= bit(site)
        reason = verbs.GATE_CLOSED if is_stuck != 0 else verbs.WRONG_ITEM
        emit(c, b, log.REFUSED_BY_WORLD, a, me.txn, o, site, 0, 0, NOBODY, reason, 0, 0, 0, 0)
    else:
        take_in_hand(c, b, a, hand)
        me.done -= 1
        touch_all(c, b)
        if refilled:
            lay(c, b, WORLD, NO_TXN, site, rank, VALUE, 0, 0, 1)
        if value != there.value:
            install(c, b, log.UNDO, a, me.txn, o, site, value, 1, rank, 0, 0, 1)
        earlier = -1
        for other in range(o):
            if has(np.uint64(slot.done), other) and op_rule(c, me.task, other).site == site:
                earlier = other
        if rule.relative != 0:
            lay(c, b, a, me.txn, site, rank, DIFFERENCE, -written, o, 1)
        elif earlier >= 0:
            was_refilled = has(c.stocked, site) and slot.written[earlier] == 0 and before != 0
            lay(c, b, a, me.txn, site, rank, REFILLED if was_refilled else VALUE, before, o, 1)
        else:
            take(c, b, rank, o, site)
        if has_filling:
            there.stock += 1  # what the world has laid out goes back with it
        elif refilled:
            refill(c, b, site, item)
        agree(c, b, site)
        tell(c, b, site, rank, a)
    return_or_settle(c, b, a)


@compiled
def return_or_settle(c, b, a):
    """Go on to what is to be taken back before that, or settle if that was all."""
    me = agents_of(c, b)[a]
    slot = rank_of(c, b, me.rank)
    if slot.done != 0:
        me.op = last_done(slot)
        head_for_op(c, b, a)
        return
    me.undoing = 0
    settle(c, b, a, slot.outcome, 0)


@compiled
def gone_already(c, b, rank, site):
    """Return down to which rank nothing need be done in the open to take back what its agent has set, else NO_RANK.

    It has been written over; or all is as before what the agent did there first, which it takes back next.
    """
    if top_rank(c, b, site) > rank:
        return rank
    a, now = rank_of(c, b, rank).agent, sites_of(c, b)[site].value
    for lower in range(rank, world_of(c, b).quiet, -1):
        if lower == rank or chain_at(c, b, site, lower).how != UNLAID:
            slot = rank_of(c, b, lower)
            if slot.agent != a or (lower != rank and slot.doomed == 0):
                break
            if value_at(c, b, site, lower) == now:
                return lower
    return NO_RANK


@compiled
def take_unseen(c, b, lowest, rank, site):
    """Take back all that an agent has set there from one of its ranks to another: that is so in the open already."""
    a = rank_of(c, b, rank).agent
    for lower in range(rank, lowest - 1, -1):
        slot = rank_of(c, b, lower)
        for o in range(MAX_OPS - 1, -1, -1):
            if slot.agent == a and has(np.uint64(slot.done), o) and op_rule(c, slot.task, o).site == site:
                take(c, b, lower, o, site)
                slot.done &= ~(1 << o)
                if lower == rank:
                    agents_of(c, b)[a].done -= 1
                else:
                    slot.ops -= 1
    agree(c, b, site)
    tell(c, b, site, lowest, a)


@compiled
def force(c, b, a, sites, filled):
    """Call back the owners of higher-ranked effects on a set of physical sites; tell whether there are any.

    Who has emptied a shelf that is filled again is not in the way on sites that are as the caller's rank sees them.
    """
    world, me, found = world_of(c, b), agents_of(c, b)[a], False
    for rank in range(me.rank + 1, world.newest + 1):
        slot = rank_of(c, b, rank)
        if slot.agent == a or slot.done == 0 or agents_of(c, b)[slot.agent].phase == OUT:
            continue
        site, stands = NO_SITE, False
        for o in range(MAX_OPS):
            here = op_rule(c, slot.task, o).site
            if has(np.uint64(slot.done), o) and has(sites, here):
                if site == NO_SITE:
                    site = here
                if not has(slot.stays, here) and not (has(filled, here) and is_refilled(c, b, here, rank)):
                    stands = True
        if not stands:
            continue
        if slot.forced == 0:
            slot.forced = 1
            notify(c, b, rank, site, a, 1)
        me.blocker = slot.agent
        found = True
    return found
