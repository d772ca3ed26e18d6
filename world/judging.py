"""The kernel's own count of hazards, kept while the world runs: what the auditor finds in the log, without a log.

The rules are those of `audit.hazards`; tests demand that both agree on every logged episode. An op's inputs are judged
as the op used them: row 1 + o of `State.input`.
"""

from __future__ import annotations

import numpy as np

from . import verbs
from .context import agents_of, counts_of, inputs_of, op_rule, seen_of, sites_of, task_inputs, world_of
from .jit import compiled
from .kernel import bit, has, others_wrote
from .state import (
    COUNTER_INDEX,
    DECISIVE,
    DESYNC,
    EXPOSED,
    FALSE_REJECT,
    LEVELS,
    LOST_UPDATE,
    MESSAGE,
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
NO_TAG = -1


@compiled
def pre_slots(rule):
    """Return the set of input slots that the premise or the value written rests on."""
    if rule.reads_own != 0 and rule.own >= 0:
        return rule.deps | bit(rule.own)
    return rule.deps


@compiled
def argument_of(me, rule):
    """Return the op's argument: its own, or the job's."""
    return me.argument if rule.from_job != 0 else rule.argument


@compiled
def outcome_on(c, b, a, row, o, renewed):
    """Return (premise, value written) of an op on inputs of which the slots in `renewed` are the current values."""
    me = agents_of(c, b)[a]
    rule, inputs, sites = op_rule(c, me.task, o), inputs_of(c, b, a, row), sites_of(c, b)
    task_input = task_inputs(c)[me.task]
    total, least, count, own = 0, 0, 0, 0
    for slot in range(c.inputs):
        wanted = has(rule.deps, slot)
        if not wanted and slot != rule.own:
            continue
        value = sites[task_input[slot]].value if has(renewed, slot) else inputs[slot].value
        if slot == rule.own:
            own = value
        if wanted:
            total += value
            least = value if count == 0 else min(least, value)
            count += 1
    argument = argument_of(me, rule)
    return (
        premise_holds(rule.premise, argument, own, total, least, count),
        value_written(rule.writes, argument, own, total),
    )


@compiled
def classify(c, b, a, o):
    """Sort the slots of an op: return the sets (exposed, outdated, drift), each with a value that differs now."""
    me = agents_of(c, b)[a]
    rule, inputs, sites = op_rule(c, me.task, o), inputs_of(c, b, a, 1 + o), sites_of(c, b)
    pre = pre_slots(rule)
    exposed, outdated, drift = _ZERO, _ZERO, _ZERO
    for slot in range(c.inputs):
        if not has(pre, slot) or inputs[slot].own != 0:
            continue
        read, there = inputs[slot], sites[task_inputs(c)[me.task, slot]]
        if there.value == read.value:
            continue
        others = others_wrote(there, a, read.version)
        if read.channel == MESSAGE:
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
        if inputs[slot].channel == MESSAGE:
            return named, DESYNC
        if not (slot == rule.own and rule.modifies != 0):
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
    pre = pre_slots(op_rule(c, me.task, o))
    for slot in range(c.inputs):
        if has(pre, slot) and inputs[slot].value != sites_of(c, b)[task_inputs(c)[me.task, slot]].value:
            return False
    return True


@compiled
def judge_executed(c, b, a, o):
    """Count an act that the protocol let through, before it takes effect."""
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
            for slot in range(c.inputs):
                if has(named, slot) and sites[task_inputs(c)[me.task, slot]].changed == world.tick:
                    same_tick = True
        if lost:
            tally(c, b, LOST_UPDATE, DECISIVE)
        if same_tick:
            counts_of(c, b)[_SAME_TICK] += 1
        return
    told, seen, own = False, False, False
    for slot in range(c.inputs):
        if has(exposed, slot):
            if inputs[slot].channel == MESSAGE:
                told = True
            elif slot == rule.own and rule.modifies != 0:
                own = True
            else:
                seen = True
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
    used = pre_slots(rule)
    if rule.own >= 0:
        used |= bit(rule.own)
    for slot in range(c.inputs):
        if has(used, slot) and inputs[slot].channel == MESSAGE:
            counts[_TOLD_INPUTS] += 1
            counts[_AGE_THOUGHT] += world_of(c, b).tick - me.decided
