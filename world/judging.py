"""The kernel's own count of hazards, kept while the world runs: what the auditor finds in the log, without a log.

The rules are those of `audit.hazards`; tests demand that both agree on every logged episode. An op's inputs are judged
as the op used them: row 1 + o of `State.input`.
"""

from __future__ import annotations

import numpy as np

from . import verbs
from .context import (
    agents_of,
    constraint_rules,
    counts_of,
    followed_of,
    inputs_of,
    op_rule,
    seen_of,
    sites_of,
    task_inputs,
    world_of,
)
from .jit import compiled
from .kernel import bit, has, others_wrote
from .rank_calls import value_now
from .state import (
    COUNTER_INDEX,
    DECISIVE,
    DESYNC,
    EXPOSED,
    FALSE_REJECT,
    FRESH,
    LATE,
    LEVELS,
    LOST_UPDATE,
    MESSAGE,
    NO_RANK,
    PLANNED,
    PREVENTED,
    RETRIES,
    SENSED,
    STALE_CORRECTION,
    STALE_READ,
    TOLD,
)

premise_holds = compiled(verbs.premise_holds)
value_written = compiled(verbs.value_written)

_ZERO = np.uint64(0)
_LEVELS = len(LEVELS)
_OUTDATED, _DRIFT = COUNTER_INDEX["outdated_belief"], COUNTER_INDEX["drift"]
_SAME_TICK = COUNTER_INDEX["same_tick"]
_TOLD_INPUTS, _AGE_THOUGHT = COUNTER_INDEX["told_inputs"], COUNTER_INDEX["age_thought"]
_LATE_BEFORE, _LATE_AFTER = COUNTER_INDEX["late_decided_before"], COUNTER_INDEX["late_decided_after"]
_TORN = COUNTER_INDEX["torn"]
NO_TAG = -1


@compiled
def argument_of(me, rule):
    """Return the op's argument: its own, or the job's, or a wrong one."""
    if me.slipped != 0 and (me.slipped >> rule.nth) & 1:
        return np.int64(me.slipped_to[rule.nth])
    return np.int64(me.argument) if rule.from_job != 0 else rule.argument


@compiled
def outcome_on(c, b, a, row, o, renewed):
    """Return (premise, value written) of an op on inputs of which the slots in `renewed` are the current values."""
    return outcome_by(c, b, a, row, o, renewed, op_rule(c, agents_of(c, b)[a].task, o).premise)


@compiled
def outcome_by(c, b, a, row, o, renewed, premise):
    """Return the same with a premise that may be another than the op's."""
    me = agents_of(c, b)[a]
    return outcome_of(c, b, a, row, me.task, o, argument_of(me, op_rule(c, me.task, o)), renewed, premise)


@compiled
def outcome_of(c, b, a, row, t, o, argument, renewed, premise):
    """Return the same of an op of any task, on a row of inputs that is laid out for that task."""
    rule, inputs, task_input = op_rule(c, t, o), inputs_of(c, b, a, row), task_inputs(c)[t]
    total, least, count, own, followed = 0, 0, 0, 0, rule.when
    for slot in range(c.inputs):
        wanted = has(rule.deps, slot)
        if not wanted and slot != rule.own and slot != rule.follow:
            continue
        value = value_now(c, b, a, task_input[slot]) if has(renewed, slot) else inputs[slot].value
        if slot == rule.own:
            own = value
        if slot == rule.follow:
            followed = value
        if wanted:
            total += value
            least = value if count == 0 else min(least, value)
            count += 1
    return (
        followed == rule.when and premise_holds(premise, argument, own, total, least, count),
        value_written(rule.writes, argument, own, total),
    )


@compiled
def classify(c, b, a, o):
    """Sort the slots of an op: return the sets (exposed, outdated, drift), each with a value that differs now."""
    me = agents_of(c, b)[a]
    rule, inputs, sites = op_rule(c, me.task, o), inputs_of(c, b, a, 1 + o), sites_of(c, b)
    pre = rule.pre
    exposed, outdated, drift = _ZERO, _ZERO, _ZERO
    for slot in range(c.inputs):
        if not has(pre, slot) or inputs[slot].own != 0:
            continue
        read, there = inputs[slot], sites[task_inputs(c)[me.task, slot]]
        if value_now(c, b, a, task_inputs(c)[me.task, slot]) == read.value:
            continue
        others = me.rank != NO_RANK or others_wrote(there, a, read.version)
        if has(c.plan, task_inputs(c)[me.task, slot]) and others:
            exposed |= bit(slot)  # late from the publication on, however old the copy was at the decision
        elif read.channel == MESSAGE:
            if others or read.promise != 0:
                exposed |= bit(slot)
            else:
                drift |= bit(slot)
        elif read.outdated != 0:
            outdated |= bit(slot)
        elif others:
            exposed |= bit(slot)
        else:
            drift |= bit(slot)
    return exposed, outdated, drift


@compiled
def changes(c, b, a, o, renewed):
    """Tell whether renewing these inputs breaks the premise or changes what is written."""
    before = outcome_on(c, b, a, 1 + o, o, _ZERO)
    after = outcome_on(c, b, a, 1 + o, o, renewed)
    return before[0] != after[0] or before[1] != after[1]


@compiled
def decisive(c, b, a, o, exposed):
    """Return (named slots, tag): no slots where the act is not decisive, no tag where it is a lost update alone."""
    if exposed == _ZERO or not outcome_on(c, b, a, 1 + o, o, _ZERO)[0] or not changes(c, b, a, o, exposed):
        return _ZERO, NO_TAG
    me = agents_of(c, b)[a]
    rule, inputs = op_rule(c, me.task, o), inputs_of(c, b, a, 1 + o)
    named = _ZERO
    for slot in range(c.inputs):
        if has(exposed, slot) and changes(c, b, a, o, bit(slot)):
            named |= bit(slot)
    if named == _ZERO:
        named = exposed
    tag = NO_TAG
    for slot in range(c.inputs):
        if not has(named, slot):
            continue
        if has(c.plan, task_inputs(c)[me.task, slot]):
            return named, STALE_CORRECTION
        if inputs[slot].channel == MESSAGE:
            tag = DESYNC
        elif tag == NO_TAG and not (slot == rule.own and rule.modifies != 0):
            tag = STALE_READ
    return named, tag


@compiled
def loses_update(c, b, a, o):
    """Tell whether the op would write back over an update that its input does not contain."""
    me = agents_of(c, b)[a]
    rule = op_rule(c, me.task, o)
    if rule.modifies == 0:
        return False
    read, there = inputs_of(c, b, a, 1 + o)[rule.own], sites_of(c, b)[rule.site]
    if me.rank != NO_RANK:  # what differs there was written below it
        return value_now(c, b, a, rule.site) != read.value
    return read.own == 0 and there.value != read.value and others_wrote(there, a, read.version)


@compiled
def tally(c, b, hazard, level):
    """Count one."""
    counts_of(c, b)[hazard * _LEVELS + level] += 1


@compiled
def all_current(c, b, a, o):
    """Tell whether every input of the op still has the current value: then there is nothing to judge."""
    me = agents_of(c, b)[a]
    inputs = inputs_of(c, b, a, 1 + o)
    pre = op_rule(c, me.task, o).pre
    for slot in range(c.inputs):
        if has(pre, slot) and inputs[slot].value != value_now(c, b, a, task_inputs(c)[me.task, slot]):
            return False
    return True


@compiled
def judge_executed(c, b, a, o):
    """Count an act that the protocol let through, before it takes effect."""
    if c.constraints > 0:
        judge_torn(c, b, a, o)
    if all_current(c, b, a, o):
        return
    me, world, sites = agents_of(c, b)[a], world_of(c, b), sites_of(c, b)
    rule, inputs = op_rule(c, me.task, o), inputs_of(c, b, a, 1 + o)
    exposed, outdated, drift = classify(c, b, a, o)
    named, tag = decisive(c, b, a, o, exposed)
    lost = loses_update(c, b, a, o)
    if tag != NO_TAG or lost:
        same_tick = lost and sites[rule.site].changed == world.tick
        if tag != NO_TAG:
            tally(c, b, tag, DECISIVE)
            if tag == STALE_CORRECTION:
                count_late(c, b, a, named)
            for slot in range(c.inputs):
                if has(named, slot) and sites[task_inputs(c)[me.task, slot]].changed == world.tick:
                    same_tick = True
        if lost:
            tally(c, b, LOST_UPDATE, DECISIVE)
        if same_tick:
            counts_of(c, b)[_SAME_TICK] += 1
        return
    planned, told, seen, own = False, False, False, False
    for slot in range(c.inputs):
        if has(exposed, slot):
            if has(c.plan, task_inputs(c)[me.task, slot]):
                planned = True
            elif inputs[slot].channel == MESSAGE:
                told = True
            elif slot == rule.own and rule.modifies != 0:
                own = True
            else:
                seen = True
    if planned:
        tally(c, b, STALE_CORRECTION, EXPOSED)
    if told:
        tally(c, b, DESYNC, EXPOSED)
    if seen:
        tally(c, b, STALE_READ, EXPOSED)
    if own:
        tally(c, b, LOST_UPDATE, EXPOSED)
    if outcome_on(c, b, a, 1 + o, o, _ZERO)[0]:
        if changes(c, b, a, o, exposed | outdated):
            counts_of(c, b)[_OUTDATED] += 1
        elif changes(c, b, a, o, exposed | outdated | drift):
            counts_of(c, b)[_DRIFT] += 1


@compiled
def count_late(c, b, a, named):
    """Say of a stale correction whether it was decided on before the entry was last corrected, or after."""
    me, changed = agents_of(c, b)[a], -1
    for slot in range(c.inputs):
        site = task_inputs(c)[me.task, slot]
        if has(named, slot) and has(c.plan, site):
            changed = max(changed, sites_of(c, b)[site].changed)
    counts_of(c, b)[_LATE_BEFORE if me.decided <= changed else _LATE_AFTER] += 1


@compiled
def judge_torn(c, b, a, o):
    """Count constraints broken by acts that follow different epochs, each late act once.

    After each act that followed an entry it is kept whether the entry was the newest then, and what it said; a
    correction of an entry forgets what was kept for its constraints.
    """
    me = agents_of(c, b)[a]
    rule = op_rule(c, me.task, o)
    if rule.follow < 0 or not outcome_on(c, b, a, 1 + o, o, _ZERO)[0]:
        return
    read, entry = inputs_of(c, b, a, 1 + o)[rule.follow], task_inputs(c)[me.task, rule.follow]
    mark = FRESH
    if read.value != value_now(c, b, a, entry):
        if me.rank == NO_RANK and not others_wrote(sites_of(c, b)[entry], a, read.version):
            return
        mark = LATE
    for k in range(c.constraints):
        if not has(constraint_rules(c)[k], entry):
            continue
        followed, torn = followed_of(c, b, k), 0
        for other in range(c.agents):
            they = followed[other]
            if other == a or they.mark == 0 or they.mark == mark or they.value == read.value:
                continue
            if mark == LATE:
                torn = 1
            else:
                torn += 1
                they.mark = 0
        counts_of(c, b)[_TORN] += torn
        followed[a].mark = 0 if mark == LATE and torn > 0 else mark
        followed[a].value = read.value


@compiled
def _first_time(c, b, a, slot, column):
    """Tell whether this supersession is new for (agent, task, site), and remember it; lost updates apart."""
    me = agents_of(c, b)[a]
    seen, version = seen_of(c, b, a), sites_of(c, b)[task_inputs(c)[me.task, slot]].version
    if seen[me.task, slot, column] == version:
        return False
    seen[me.task, slot, column] = version
    return True


@compiled
def judge_refused(c, b, a, ops, scope):
    """Count a refusal of the given set of ops; `scope` refused first, or 0 where the transaction was given up."""
    me = agents_of(c, b)[a]
    hazard = LOST_UPDATE
    if scope == SENSED:
        hazard = STALE_READ
    elif scope == TOLD:
        hazard = DESYNC
    elif scope == PLANNED:
        hazard = STALE_CORRECTION
    tagged, lost, matters, any_outdated = False, False, False, False
    for o in range(4):
        if not has(np.uint64(ops), o):
            continue
        exposed, outdated, drift = classify(c, b, a, o)
        named, tag = decisive(c, b, a, o, exposed)
        if tag != NO_TAG and not tagged:
            tagged = True
            slot = 0
            while not has(named, slot):
                slot += 1
            again = not _first_time(c, b, a, slot, 0)
            if again:
                tally(c, b, hazard if scope != 0 else tag, RETRIES)
            else:
                tally(c, b, tag, PREVENTED)
        if not lost and loses_update(c, b, a, o):
            lost = True
            rule = op_rule(c, me.task, o)
            if _first_time(c, b, a, rule.own, 1):
                tally(c, b, LOST_UPDATE, PREVENTED)
            else:
                tally(c, b, hazard if scope != 0 else LOST_UPDATE, RETRIES)
        if changes(c, b, a, o, exposed | outdated | drift):
            matters = True
        if outdated != _ZERO:
            any_outdated = True
    if tagged or lost or scope == 0:
        return
    if not matters:
        tally(c, b, hazard, FALSE_REJECT)
    elif any_outdated:
        counts_of(c, b)[_OUTDATED] += 1
    else:
        counts_of(c, b)[_DRIFT] += 1


@compiled
def count_told(c, b, a, o):
    """Count what messages told an op, and how old the thought on it is."""
    me, counts = agents_of(c, b)[a], counts_of(c, b)
    inputs, rule = inputs_of(c, b, a, 1 + o), op_rule(c, me.task, o)
    used = rule.pre | rule.owned
    for slot in range(c.inputs):
        if has(used, slot) and inputs[slot].channel == MESSAGE:
            counts[_TOLD_INPUTS] += 1
            counts[_AGE_THOUGHT] += world_of(c, b).tick - me.decided
