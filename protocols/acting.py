"""The acts of a transaction, compiled: an op is held, refused, fails or takes effect."""

from __future__ import annotations

import numpy as np

from ..world import log, verbs
from ..world.context import (
    agents_of,
    beliefs_of,
    inputs_of,
    op_rule,
    site_rules,
    sites_of,
    task_inputs,
    task_rules,
    world_of,
)
from ..world.jit import compiled, inlined, lowest
from ..world.judging import argument_of, count_told, judge_executed, judge_refused, outcome_on
from ..world.kernel import bit, emit, has, renew
from ..world.phases import head_for_op
from ..world.rank_calls import ADMIT_ACT, ENDS, about
from ..world.state import (
    AT_ACT,
    AT_SETTLE,
    COMMITTED,
    FAILED,
    IN_THOUGHT,
    NOBODY,
    NONE,
    OUT,
    PLANNED,
    REGISTRY,
    REJECTED,
    SENSED,
    WRITTEN,
)
from .deadlocks import avert_deadlock
from .effects import take_effect
from .epochs import carry_epoch, holds_for_epoch
from .locks import take_to_act
from .pivots import conflict_scope, pivot_reads, pivot_that_blocks
from .premises import wrong_scope
from .settling import give_up, settle
from .snapshots import overwrites
from .validation import stale_scope
from .waiting import begin_lock_wait, end_hold, end_wait, hold

world_refuses = compiled(verbs.world_refuses)

_ZERO, _ONE = np.uint64(0), np.uint64(1)


@compiled
def attempt_op(c, b, a):
    """Try the next op: hold, refuse, fail or take effect. Return True if the transaction goes on in this tick."""
    me, task = agents_of(c, b)[a], task_rules(c)[agents_of(c, b)[a].task]
    o = me.op
    rule = op_rule(c, me.task, o)
    if (c.closed | c.epochs | c.as_needed) != 0 and holds(c, b, a, rule):
        return False
    again = _ZERO
    if c.ranks != 0 and c.lockstep == 0:
        refused = about(c, b, ADMIT_ACT, a, 0)
        if refused < 0:
            return False
        again = np.uint64(refused)
    use_inputs(c, b, a, o, rule)
    if again != _ZERO:
        judge_refused(c, b, a, 1 << o, first_changed(c, b, a, o, again))
        refuse(c, b, a, again)
        return False
    if (c.at_act | c.snapshots) != 0:
        scope, stale = first_stale(c, b, a, 0 if c.whole_task != 0 else o, o, AT_ACT)
        if scope != 0:
            dropped = me.pending if c.whole_task != 0 else 0
            judge_refused(c, b, a, dropped | (1 << o), scope)
            refuse(c, b, a, stale)
            return False
    there = sites_of(c, b)[rule.site]
    if c.buffered == 0 or rule.record == 0:
        judge_executed(c, b, a, o)
    reason = world_refuses(rule.verb, there.value, me.hand, argument_of(me, rule), site_rules(c)[rule.site].room)
    if reason != verbs.POSSIBLE:
        emit(c, b, log.REFUSED_BY_WORLD, a, me.txn, o, rule.site, 0, 0, NOBODY, reason, 0, 0, 0, 0)
        settle(c, b, a, FAILED, 0)
        return False
    take_effect(c, b, a, o, rule, o == task.ops - 1)
    me.done += 1
    if me.phase == OUT and o < task.ops - 1:
        settle(c, b, a, FAILED, 0)  # its own gate closed on it
        return False
    if o < task.ops - 1:
        me.op += 1
        head_for_op(c, b, a)
        return True
    if c.at_settle != 0:
        scope, stale = first_stale(c, b, a, 0, o, AT_SETTLE)
        if scope != 0:
            judge_refused(c, b, a, me.pending if c.whole_task != 0 else 0, scope)
            refuse(c, b, a, stale)
            return False
    settle(c, b, a, COMMITTED, 0)
    return False


@compiled
def holds(c, b, a, rule):
    """Hold an op: for an epoch, a lock or an unsettled version; see the reference."""
    me = agents_of(c, b)[a]
    others, kind = NOBODY, log.AT_SITE
    if c.epochs != 0 and holds_for_epoch(c, b, a, rule):
        others, kind = world_of(c, b).corrector, log.FOR_EPOCH
    elif c.as_needed != 0 and c.lockstep == 0 and not take_to_act(c, b, a, rule):
        txn = me.txn
        avert_deadlock(c, b, a)
        if me.txn == txn:
            end_hold(c, b, a)
            begin_lock_wait(c, b, a, me.task)
        return True
    elif c.closed != 0:
        if c.pivots != 0:
            others = pivot_that_blocks(c, b, a)
        if others == NOBODY:
            others = unsettled_by(c, b, a, rule)
    if others == NOBODY:
        end_hold(c, b, a)
        return False
    if hold(c, b, a, others, kind) and me.stuck >= c.patience and kind == log.AT_SITE:
        end_hold(c, b, a)
        give_up(c, b, a, others)
    return True


@compiled
def unsettled_by(c, b, a, rule):
    """Name the other agent whose unsettled version an op rests on or overwrites, by the first such site."""
    me = agents_of(c, b)[a]
    sites, task_input = sites_of(c, b), task_inputs(c)[me.task]
    others, least = NOBODY, c.sites
    for slot in range(c.inputs):
        if has(rule.pre, slot) and task_input[slot] < least and not has(me.hidden, task_input[slot]):
            unsettled = sites[task_input[slot]].unsettled
            if unsettled != NOBODY and unsettled != a:
                others, least = unsettled, task_input[slot]
    unsettled = sites[rule.site].unsettled
    if rule.site < least and unsettled != NOBODY and unsettled != a:
        others = unsettled
    return others


@inlined
def use_inputs(c, b, a, o, rule):
    """Copy and log the inputs as this op uses them."""
    me, task = agents_of(c, b)[a], task_rules(c)[agents_of(c, b)[a].task]
    live, used = inputs_of(c, b, a, 0), inputs_of(c, b, a, 1 + o)
    pre = rule.pre
    for slot in range(task.inputs):
        used[slot] = live[slot]
        in_pre = has(pre, slot)
        owned = has(rule.owned, slot)
        if c.logs > 0 and (in_pre or owned):
            read = live[slot]
            emit(
                c, b, log.READ, a, me.txn, o, task_inputs(c)[me.task, slot], read.value, read.version, NOBODY,
                read.channel, read.promise, (1 if in_pre else 0) + (2 if owned else 0), read.own, 0,
            )  # fmt: skip
    count_told(c, b, a, o)
    if c.logs > 0:
        premise, written = outcome_on(c, b, a, 0, o, _ZERO)
        emit(
            c, b, log.ACT, a, me.txn, o, rule.site, argument_of(me, rule), sites_of(c, b)[rule.site].version, me.task,
            rule.verb, 1 if premise else 0, written, 0, 0,
        )  # fmt: skip


@compiled
def first_stale(c, b, a, first, last, moment):
    """Log every input that refuses; return the scope of the first, or 0, and the set of their slots."""
    me = agents_of(c, b)[a]
    found, stale, conflicts = 0, _ZERO, _ZERO
    if c.pivots != 0 and moment == AT_ACT:
        conflicts = pivot_reads(c, b, a, last)
    for slot in range(task_rules(c)[me.task].inputs):
        scope = refusing_scope(c, b, a, slot, first, last, moment)
        if scope == 0 and has(conflicts, slot):
            scope = conflict_scope(c, task_inputs(c)[me.task, slot])
        if scope == 0:
            continue
        stale |= bit(slot)
        site = task_inputs(c)[me.task, slot]
        emit(
            c, b, log.CHECK_FAILED, a, me.txn, last, site, 0, inputs_of(c, b, a, 0)[slot].version,
            sites_of(c, b)[site].version, scope, moment, 0, 0, 0,
        )  # fmt: skip
        if found == 0:
            found = scope
    return found, stale


@compiled
def first_changed(c, b, a, o, changed):
    """Log every input that has changed at the rank of a transaction, a set of slots; return the scope of the first."""
    me, found = agents_of(c, b)[a], 0
    rule = op_rule(c, me.task, o)
    while changed != _ZERO:
        slot = lowest(changed)
        changed &= changed - _ONE
        site = task_inputs(c)[me.task, slot]
        scope = SENSED
        if has(c.plan, site):
            scope = PLANNED
        elif rule.modifies != 0 and site == rule.site:
            scope = WRITTEN
        emit(
            c, b, log.CHECK_FAILED, a, me.txn, o, site, 0, inputs_of(c, b, a, 0)[slot].version,
            sites_of(c, b)[site].version, scope, AT_ACT, 0, 0, 0,
        )  # fmt: skip
        if found == 0:
            found = scope
    return found


@compiled
def refusing_scope(c, b, a, slot, first, last, moment):
    """Return the scope in which an input refuses, by version, by premise or by its snapshot, or 0."""
    scope = 0
    if moment != AT_ACT or c.at_act != 0:
        if c.by_premise != 0:
            scope = wrong_scope(c, b, a, slot, first, last, moment)
        else:
            scope = stale_scope(c, b, a, slot, first, last)
    if scope == 0 and c.snapshots != 0 and moment == AT_ACT and overwrites(c, b, a, slot, last):
        scope = WRITTEN
    return scope


@compiled
def refuse(c, b, a, stale):
    """Reject the transaction; semantic feedback renews the beliefs that were stale, a set of slots."""
    me = agents_of(c, b)[a]
    if c.semantic != 0:
        for slot in range(task_rules(c)[me.task].inputs):
            if has(stale, slot):
                site = task_inputs(c)[me.task, slot]
                me.stale |= bit(site)
                channel = beliefs_of(c, b, a)[site].channel
                renew(c, b, a, site, channel if channel != NONE else REGISTRY, 1)
    if c.epochs != 0:
        carry_epoch(c, b, a)
    if c.ranks == 0 or about(c, b, ENDS, a, REJECTED) != 0:
        settle(c, b, a, REJECTED, 0)


@compiled
def stop_thought(c, b, a):
    """Refuse a thought on what is no longer so, in the first op that rests on it; tell whether there was one."""
    me = agents_of(c, b)[a]
    for o in range(task_rules(c)[me.task].ops):
        if c.by_premise != 0:
            for slot in range(task_rules(c)[me.task].inputs):
                inputs_of(c, b, a, 1 + o)[slot] = inputs_of(c, b, a, 0)[slot]
        refused = False
        for slot in range(task_rules(c)[me.task].inputs):
            if refusing_scope(c, b, a, slot, o, o, IN_THOUGHT) != 0:
                refused = True
        if refused:
            me.op = o
            end_wait(c, b, a, me.task, world_of(c, b).tick - me.wait_since)  # for a place to think
            use_inputs(c, b, a, o, op_rule(c, me.task, o))
            scope, stale = first_stale(c, b, a, o, o, IN_THOUGHT)
            judge_refused(c, b, a, 1 << o, scope)
            refuse(c, b, a, stale)
            return True
    return False
