"""Who must act next, and what they are shown, compiled."""

from __future__ import annotations

import numpy as np

from ..world.context import agents_of, cell_rule, mask_of, world_of
from ..world.fetching import ask_for_observation
from ..world.jit import inlined, lowest
from ..world.kernel import bit, has
from ..world.masks import write_mask
from ..world.observe import write_observation
from ..world.state import RUNNING
from .movement import on_the_way

_ZERO, _ONE = np.uint64(0), np.uint64(1)


@inlined
def would_be_ready(c, b, a):
    """Tell whether the agent must act next, were the world to go on."""
    world = world_of(c, b)
    if c.lockstep != 0 and world.tick % c.agents != a:
        return False
    if has(world.stalled, a):
        return False
    steers = world.walking & on_the_way(c, b) & ~world.near if c.manual != 0 else _ZERO
    return has(world.idle | steers, a)


@inlined
def present(c, b):
    """Write observation and mask of every agent that must act now; return the set of them.

    At the end of an episode those who would have been next see the final state, and nobody is ready.
    """
    world, agents = world_of(c, b), agents_of(c, b)
    due = world.idle
    if (c.lockstep | c.manual | c.stall) != 0:
        due = _ZERO
        for a in range(c.agents):
            due |= np.uint64(would_be_ready(c, b, a)) << np.uint64(a)
    left = due
    while left != _ZERO:
        a = lowest(left)
        left &= left - _ONE
        if left != _ZERO:
            ask_for_observation(c, b, lowest(left))
        write_observation(c, b, a)
        if world.status != RUNNING:
            continue
        me, mask = agents[a], mask_of(c, b, a)
        me.ready = 1
        world.ready |= bit(a)
        moves = cell_rule(c, me.cell).moves
        if c.manual != 0 and has(world.walking, a):  # on its own feet, with a thought to carry out
            mask[0] = _ONE | moves
            mask[1] = _ZERO
            continue
        if me.remask != 0:
            write_mask(c, b, a)
            me.remask = 0
        mask[0] = me.full_mask[0] | moves
        mask[1] = me.full_mask[1]
    return due
