"""Masks: which actions an agent may choose, compiled; the readable twin is `reference_masks`."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from . import actions
from .context import (
    action_rules,
    agent_rules,
    agents_of,
    always_allowed,
    beliefs_of,
    cell_rule,
    jobs_of,
    op_rule,
    open_actions,
    task_inputs,
    task_rules,
)
from .jit import compiled, inlined
from .kernel import bit, has
from .state import NONE


def unpack_masks(words: NDArray[np.uint64], actions: int) -> NDArray[np.bool_]:
    """Return masks as [..., actions] bool of the bits in `State.mask`, [..., 2]."""
    octets = np.ascontiguousarray(words).view(np.uint8)
    return np.unpackbits(octets, axis=-1, count=actions, bitorder="little").view(np.bool_)


# ---------------------------------------------------------------------- compiled


@compiled
def write_mask(c, b, a):
    """Fill the mask of one agent as it is when ready, without moves: bit i = action i is allowed."""
    me, table = agents_of(c, b)[a], action_rules(c)
    low, high = always_allowed(c)[0], always_allowed(c)[1]
    known, wanted = np.uint64(0), np.uint64(0)
    beliefs = beliefs_of(c, b, a)
    for site in range(c.sites):
        known |= np.uint64(beliefs[site].channel != NONE) << np.uint64(site)
    jobs = jobs_of(c, b, a)
    for n in range(c.jobs):
        if jobs[n].used == 0:
            wanted |= bit(jobs[n].task)
    mine = open_actions(c, a)
    for nth in range(c.actions):
        action = mine[nth]
        if action < 0:
            break
        kind, index = table[action, 0], table[action, 1]
        if kind == actions.TELL:
            allowed = has(known, index)
        else:
            allowed = kind != actions.MOVE and _allows_task(c, b, a, kind, index, known, wanted)
        one = np.uint64(allowed) << np.uint64(action & 63)
        if action < 64:
            low |= one
        else:
            high |= one
    me.full_mask[0] = low
    me.full_mask[1] = high


@inlined
def _allows_task(c, b, a, kind, index, known, wanted):
    task = task_rules(c)[index]
    if task.crosses != 0:
        me = agents_of(c, b)[a]
        if kind == actions.DO:
            return c.manual == 0 and me.trips < agent_rules(c)[a].trips
        region = op_rule(c, index, 0).site
        return cell_rule(c, me.cell).region == region and has(known, region)
    if task.jobs != 0 and not has(wanted, index):
        return False
    if kind == actions.DO:
        return task.reads & ~known == 0
    last = op_rule(c, index, task.ops - 1)
    if not has(known, last.site):
        return False
    for slot in range(task.inputs):
        if has(last.pre, slot) and not has(known, task_inputs(c)[index, slot]):
            return False
    return True
