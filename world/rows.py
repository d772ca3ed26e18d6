"""What views read of every agent after a step, compiled: see `state.Rows`."""

from __future__ import annotations

import numpy as np

from .context import agents_of, mask_of, thoughts_left, world_of
from .jit import compiled
from .kernel import has
from .memory import array_at
from .state import IDLE, OUT, RUNNING, TERMINATED, THINKING, TRUNCATED, WALKING
from .vectors import show_octet

_B1, _I4, _I8, _F8 = np.dtype(np.bool_), np.dtype(np.int32), np.dtype(np.int64), np.dtype(np.float64)


@compiled
def fill_rows(c, b):
    """Fill the rows of one world."""
    world, agents, shape = world_of(c, b), agents_of(c, b), (c.agents,)
    row = b * c.agents
    ready, waits = array_at(c.row_ready + row, shape, _B1), array_at(c.row_ready_in + 4 * row, shape, _I4)
    rewards, elapsed = array_at(c.row_reward + 8 * row, shape, _F8), array_at(c.row_elapsed + 8 * row, shape, _I8)
    terminated, truncated = array_at(c.row_terminated + row, shape, _B1), array_at(c.row_truncated + row, shape, _B1)
    status, ticks = world.status, world.elapsed
    for a in range(c.agents):
        me = agents[a]
        if me.ready != 0 or ready[a]:  # whoever was busy and still is could only wait, and still can
            _unpack(c, mask_of(c, b, a), c.row_allowed + (row + a) * c.actions)
        ready[a] = me.ready != 0
        rewards[a] = me.earned
        elapsed[a] = ticks
        terminated[a] = status == TERMINATED
        truncated[a] = status == TRUNCATED
        wait = 1 + me.stalled
        if me.ready != 0 or status != RUNNING:
            wait = 0
        elif me.phase == OUT:
            wait = c.horizon - world.tick
        elif c.lockstep != 0 and (me.phase == IDLE or me.phase == WALKING):
            wait = (a - world.tick) % c.agents
        elif me.phase == THINKING:
            wait += thoughts_left(c, b)[a]
        waits[a] = wait
    clock = array_at(c.row_clock + 12 * b, (3,), _I4)
    clock[0] = status
    clock[1] = ticks
    clock[2] = world.tick


@compiled
def _unpack(c, mask, to):
    allowed = array_at(to, (c.actions,), _B1)
    whole = c.actions >> 3
    for octet in range(whole):
        show_octet(to + 8 * octet, mask[octet >> 3] >> np.uint64(8 * (octet & 7)))
    for action in range(8 * whole, c.actions):
        allowed[action] = has(mask[action >> 6], action & 63)
