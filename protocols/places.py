"""Places to think, compiled: with `thinkers` set, only so many agents think at once; the others wait for a place."""

from __future__ import annotations

import numpy as np

from ..world import entropy, log
from ..world.context import agents_of, thoughts_left, world_of
from ..world.jit import compiled
from ..world.kernel import bit, draw, has
from ..world.state import LOCKING, NO_SITE, NOBODY, THINKING
from .waiting import begin_wait, end_wait

_ZERO = np.uint64(0)


@compiled
def first_to_ask(c, b, queue):
    """Return who of a set, which is not empty, asked first for a place to think."""
    agents, first, first_key = agents_of(c, b), NOBODY, _ZERO
    for a in range(c.agents):
        if not has(queue, a):
            continue
        key = draw(c, b, entropy.TIE, agents[a].asked, a, 0, 0)
        earlier = first == NOBODY or agents[a].asked < agents[first].asked
        if earlier or (agents[a].asked == agents[first].asked and key < first_key):
            first, first_key = a, key
    return first


@compiled
def hand_out_places(c, b, thinking):
    """Give places to think to those who have thought to do, first come first served; see the reference."""
    world, agents = world_of(c, b), agents_of(c, b)
    free, queue = c.thinkers, _ZERO
    for a in range(c.agents):
        me = agents[a]
        speculates = me.phase == LOCKING and me.speculates != 0
        if (me.phase != THINKING and not speculates) or thoughts_left(c, b)[a] == 0:
            continue
        if me.placed != 0:
            free -= 1
        elif has(thinking, a):
            queue |= bit(a)
    while queue != _ZERO:
        a = first_to_ask(c, b, queue)
        queue &= ~bit(a)
        me = agents[a]
        if free > 0:
            if me.phase == THINKING:
                end_wait(c, b, a, me.task, world.tick - me.wait_since)
            me.placed = 1
            free -= 1
        elif me.waits == 0:
            begin_wait(c, b, a, log.FOR_THOUGHT, NO_SITE, NOBODY, me.task, 0)
