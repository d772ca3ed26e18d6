"""The compiled engine's entry points: what Python calls, to begin episodes, to step worlds, and to play at random."""

from __future__ import annotations

import numpy as np

from ..world.context import agents_of, mask_of, world_of
from ..world.jit import add_at, compiled, entry_point, how_many, inlined, lowest, member, member_of_16
from ..world.kernel import sense_sites
from ..world.memory import first_fixed
from ..world.observe import write_observation
from ..world.reset import reset_world
from ..world.rows import fill_rows
from ..world.state import RUNNING
from .engine import tick
from .presenting import present

_ZERO, _ONE = np.uint64(0), np.uint64(1)
SHARE = 8  # worlds that a thread takes at a time
LINE = 8  # int64 in a cache line


@compiled
def begin_episode(c, b, seed, anew):
    """Reset one world, unless it is to be shown `anew` as it is, and show it to its agents."""
    if not anew:
        reset_world(c, b, seed)
    for a in range(c.agents):
        if not anew:
            sense_sites(c, b, a, agents_of(c, b)[a].sight)
        write_observation(c, b, a)
        mask_of(c, b, a)[0] = _ONE
        mask_of(c, b, a)[1] = _ZERO
    present(c, b)
    if c.rows_kept != 0:
        fill_rows(c, b)


@entry_point
def reset_chosen(context, turn, who, chosen, seeds, anew):
    """Begin the episodes of the worlds that are `chosen`, [B] bool; `seeds` is [B] uint64.

    With `anew` they go on as they are, and are shown to their agents again. `turn` and `who` are as in `step_worlds`.
    """
    c = first_fixed(context)
    worlds = len(chosen)
    first, last = take_worlds(turn, who, 0, worlds)
    while first < last:
        for b in range(first, last):
            if chosen[b]:
                begin_episode(c, b, seeds[b], anew)
        first, last = take_worlds(turn, who, last - first, worlds)


@entry_point
def step_worlds(context, turn, who, choices, to_decision, margin):
    """Step every world that no other thread has taken yet; `choices` is [B, A] int32.

    `turn` is empty for a caller alone, else a turn of the crew, and `who` the thread's number in it. With `to_decision`
    a world runs until some agent must act, it ends, or fewer than `margin` log rows are left.
    """
    c = first_fixed(context)
    worlds = len(choices)
    first, last = take_worlds(turn, who, 0, worlds)
    while first < last:
        for b in range(first, last):
            step_world(c, b, choices, to_decision, margin)
        first, last = take_worlds(turn, who, last - first, worlds)


@inlined
def take_worlds(turn, who, done, worlds):
    """Say how many of the worlds taken last are done; take the next ones: return the first and the end of them.

    Each thread has worlds of its own, which its core's cache knows, and takes a few of them at a time; whoever has no
    more takes from those of the others, so that one which comes late finds less to do.
    """
    if len(turn) == 0:
        return (0, worlds) if done == 0 else (worlds, worlds)
    counters, threads = np.int64(turn.ctypes.data), len(turn) // LINE - 1
    add_at(counters + 8 * LINE * threads, done)
    for nth in range(threads):
        owner = (who + nth) % threads
        first = worlds * owner // threads + add_at(counters + 8 * LINE * owner, SHARE)
        end = worlds * (owner + 1) // threads
        if first < end:
            return first, min(end, first + SHARE)
    return worlds, worlds


@inlined
def step_world(c, b, choices, to_decision, margin):
    """Step one world."""
    world, agents = world_of(c, b), agents_of(c, b)
    world.elapsed = 0
    for a in range(c.agents):
        agents[a].earned = 0.0
    while world.status == RUNNING:
        tick(c, b, choices)
        world.elapsed += 1
        ready = present(c, b)
        if not to_decision or ready != _ZERO or (c.logs > 0 and c.logs - world.log_count < margin):
            break
    if c.rows_kept != 0:
        fill_rows(c, b)


@entry_point
def show_rows(context, worlds):
    """Fill the rows of `worlds` worlds, after their state was changed from outside; see `state.Rows`."""
    c = first_fixed(context)
    for b in range(worlds):
        fill_rows(c, b)


@entry_point
def random_choices(context, choices, streams):
    """Fill `choices`, [B, A] int32, with a random allowed action for every agent that must act; return their number.

    `streams` is [B] uint64, not zero: one xorshift generator a world, moved on in place.
    """
    c = first_fixed(context)
    many = 0
    for b in range(len(streams)):
        word, ready = streams[b], world_of(c, b).ready
        while ready != _ZERO:
            a = lowest(ready)
            ready &= ready - _ONE
            many += 1
            mask = mask_of(c, b, a)
            word ^= word << np.uint64(13)
            word ^= word >> np.uint64(7)
            word ^= word << np.uint64(17)
            low, high = mask[0], mask[1]
            nth = np.int64(((word >> np.uint64(32)) * np.uint64(how_many(low) + how_many(high))) >> np.uint64(32))
            if c.actions <= 16:
                action = member_of_16(low, nth)
            elif nth < how_many(low):
                action = member(low, nth)
            else:
                action = 64 + member(high, nth - how_many(low))
            choices[b, a] = action
        streams[b] = word
    return many
