"""Masks: which actions an agent may choose, compiled; the readable twin is `reference_masks`."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .context import agent_rules, agents_of, always_allowed, cell_rule, jobs_of, open_actions, permits
from .jit import compiled, inlined

_ZERO = np.uint64(0)


def unpack_masks(words: NDArray[np.uint64], actions: int) -> NDArray[np.bool_]:
    """Return masks as [..., actions] bool of the bits in `State.mask`, [..., 2]."""
    octets = np.ascontiguousarray(words).view(np.uint8)
    return np.unpackbits(octets, axis=-1, count=actions, bitorder="little").view(np.bool_)


# ---------------------------------------------------------------------- compiled


@compiled
def write_mask(c, b, a):
    """Fill the mask of one agent as it is when ready, without moves: bit i = action i is allowed."""
    me = agents_of(c, b)[a]
    low, high = always_allowed(c)[0], always_allowed(c)[1]
    region = cell_rule(c, me.cell).region
    here = np.uint64(region >= 0) << np.uint64(region & 63)
    no_step = np.uint64(c.manual != 0 or me.trips >= agent_rules(c)[a].trips)
    ordered = ordered_tasks(c, b, a)
    mine = open_actions(c, a)
    for nth in range(c.actions):
        action = mine[nth]
        if action < 0:
            break
        rule = permits(c)[action]
        lacking = (rule.known & ~me.known) | (rule.ordered & ~ordered) | (rule.inside & ~here) | (rule.steps & no_step)
        one = np.uint64(lacking == _ZERO) << np.uint64(action & 63)
        if c.actions <= 64 or action < 64:
            low |= one
        else:
            high |= one
    me.full_mask[0] = low
    me.full_mask[1] = high


@inlined
def ordered_tasks(c, b, a):
    """Return the set of tasks for which an agent has an open job."""
    jobs, ordered = jobs_of(c, b, a), _ZERO
    for n in range(c.jobs):
        ordered |= np.uint64(jobs[n].used == 0) << np.uint64(jobs[n].task & 63)
    return ordered
