"""Which agents are at what, compiled: phases and waits begin here alone, and sets of agents are kept of both."""

from __future__ import annotations

import numpy as np

from .context import agents_of, cell_rule, op_rule, sights_of, world_of
from .jit import inlined
from .kernel import bit, has
from .state import IDLE, LOOKING, QUEUED, THINKING, WALKING


@inlined
def enter(c, b, a, phase):
    """Let an agent enter a phase; who looks or walks has something to walk to."""
    world, me, others = world_of(c, b), agents_of(c, b)[a], ~bit(a)
    me.phase = phase
    world.idle = world.idle & others | np.uint64(phase == IDLE) << np.uint64(a)
    world.thinking = world.thinking & others | np.uint64(phase == THINKING) << np.uint64(a)
    world.walking = world.walking & others | np.uint64(phase == WALKING) << np.uint64(a)
    world.looking = world.looking & others | np.uint64(phase == LOOKING) << np.uint64(a)
    world.queued = world.queued & others | np.uint64(phase == QUEUED) << np.uint64(a)
    if phase == WALKING:
        head_for_op(c, b, a)
    elif phase == LOOKING:
        me.sought = me.look
        mark_near(c, b, a)


@inlined
def wait_for(c, b, a, kind):
    """Let an agent wait for something, or with 0 for nothing any more."""
    world = world_of(c, b)
    agents_of(c, b)[a].waits = kind
    world.waiting = world.waiting & ~bit(a) | np.uint64(kind != 0) << np.uint64(a)


@inlined
def head_for_op(c, b, a):
    """Let an agent walk to its next op's site from now on."""
    me = agents_of(c, b)[a]
    me.sought = op_rule(c, me.task, me.op).site
    mark_near(c, b, a)


@inlined
def mark_near(c, b, a):
    """Note whether what is sought is in sight, for who looks, or at hand: on the agent's cell or one next to it."""
    world, me = world_of(c, b), agents_of(c, b)[a]
    near = cell_rule(c, me.cell).reach
    if has(world.looking, a):
        near = sights_of(c, b)[a]
    is_there = np.uint64(has(near, me.sought) | (c.lockstep != 0))
    world.near = world.near & ~bit(a) | is_there << np.uint64(a)
