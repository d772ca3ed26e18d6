"""Judges, compiled: what a rank plans on what it has read, and whether what has changed beneath it matters.

The twin of `preorder_judges`.
"""

from __future__ import annotations

import numpy as np

from ..world import entropy, log
from ..world.chains import own_at, value_at
from ..world.context import (
    agents_of,
    inputs_of,
    op_rule,
    rank_of,
    rank_reads,
    sites_of,
    task_inputs,
    task_rules,
)
from ..world.jit import compiled
from ..world.judging import outcome_of
from ..world.kernel import bit, draw, emit, has
from ..world.ranks import OPEN
from ..world.state import NO_RANK, NO_SITE, NOBODY
from ..world.tasks import MAX_OPS
from .ranked_slots import show_truth

PERFECT, LAZY, WRONG = range(3)  # in the order of the axis `judge`
_ZERO, _HUNDRED = np.uint64(0), np.uint64(100)


@compiled
def plans_anew(c, b, rank, keep):
    """Do a task over again on the values at its rank; tell whether that is other than planned.

    With `keep` it is planned, on what was read. The values stand in the row of inputs as the last op used them: no op
    is tried at the time.
    """
    slot = rank_of(c, b, rank)
    task, values, differs, holds = task_rules(c)[slot.task], inputs_of(c, b, slot.agent, MAX_OPS), False, 0
    for place in range(task.inputs):
        if keep != 0:
            values[place].value = inputs_of(c, b, slot.agent, 0)[place].value
        else:
            values[place].value = value_at(c, b, task_inputs(c)[slot.task, place], rank)
    for o in range(task.ops):
        rule = op_rule(c, slot.task, o)
        argument = slot.argument if rule.from_job != 0 else rule.argument
        premise, written = outcome_of(c, b, slot.agent, MAX_OPS, slot.task, o, argument, _ZERO, rule.premise)
        holds |= np.int64(premise) << o
        if slot.planned[o] != written:
            differs = True
        if keep != 0:
            slot.planned[o] = written
        for place in range(task.inputs):
            if task_inputs(c)[slot.task, place] == rule.site:
                values[place].value = values[place].value + written if rule.relative != 0 else written
    if slot.holds != holds:
        differs = True
    if keep != 0:
        slot.holds = holds
    return differs


@compiled
def note_admitted(c, b, a):
    """Note what a transaction read and what it plans to do on that; show its owner the world as it is again."""
    show_truth(c, b, a)
    me = agents_of(c, b)[a]
    if me.rank == NO_RANK:
        return
    for place in range(task_rules(c)[me.task].inputs):
        rank_reads(c, b, me.rank)[place] = inputs_of(c, b, a, 0)[place].value
    plans_anew(c, b, me.rank, 1)


@compiled
def changed_at(c, b, rank):
    """Return the set of the slots that a rank has read otherwise than they are there now."""
    slot, changed = rank_of(c, b, rank), _ZERO
    reads = task_rules(c)[slot.task].reads & ~slot.hidden
    for place in range(task_rules(c)[slot.task].inputs):
        site = task_inputs(c)[slot.task, place]
        if has(reads, site) and rank_reads(c, b, rank)[place] != value_at(c, b, site, rank):
            changed |= bit(place)
    return changed


@compiled
def judges(c, b, rank):
    """Judge once what an owner was told: is it to be done again? If not, its reads are those of today."""
    slot = rank_of(c, b, rank)
    me = agents_of(c, b)[slot.agent]
    slot.told = 0
    me.judged += 1
    matters = plans_anew(c, b, rank, 0)
    repairs = matters or c.judge == LAZY
    if c.judge == WRONG and matters:
        repairs = np.int64(draw(c, b, entropy.JUDGE, slot.agent, me.judged, 0, 0) % _HUNDRED) >= c.misjudged
    again, in_vain = np.int64(repairs), np.int64(matters)
    emit(c, b, log.JUDGED, slot.agent, slot.txn, 0, NO_SITE, rank, 0, NOBODY, again, in_vain, 0, 0, 0)
    if not repairs:
        read_again(c, b, rank, in_vain)
    return repairs


@compiled
def read_again(c, b, rank, in_vain):
    """What makes no difference is read anew; who takes for nothing what matters keeps to what it has read."""
    slot, changed = rank_of(c, b, rank), changed_at(c, b, rank)
    for place in range(task_rules(c)[slot.task].inputs):
        if not has(changed, place):
            continue
        site = task_inputs(c)[slot.task, place]
        value, there = value_at(c, b, site, rank), sites_of(c, b)[site]
        rank_reads(c, b, rank)[place] = value
        if in_vain != 0:
            continue
        emit(c, b, log.REREAD, slot.agent, slot.txn, 0, site, value, there.version, NOBODY, 0, rank, 0, 0, 0)
        if slot.state == OPEN:  # its own writes stay on top
            inputs_of(c, b, slot.agent, 0)[place].value = own_at(c, b, site, rank)
            inputs_of(c, b, slot.agent, 0)[place].version = there.version
