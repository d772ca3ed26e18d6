"""The compiled engine's entry points: what Python calls, to begin episodes, to step worlds, and to play at random."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..world.binding import CONTEXT
from ..world.context import agents_of, mask_of, sights_of, world_of
from ..world.fetching import ask_for_world
from ..world.jit import compiled, entry_point, how_many, inlined, lowest, member
from ..world.kernel import sense_sites
from ..world.memory import array_at, first_fixed, fixed_record_at
from ..world.observe import write_observation
from ..world.phases import enter, wait_for
from ..world.reset import reset_world
from ..world.rows import fill_rows
from ..world.state import RUNNING
from .engine import tick
from .presenting import present
from .shares import take_worlds

_ZERO, _ONE = np.uint64(0), np.uint64(1)


@compiled
def begin_episode(c, b, seed, anew):
    """Reset one world, unless it is to be shown `anew` as it is, and show it to its agents."""
    if not anew:
        reset_world(c, b, seed)
    if anew:
        for a in range(c.agents):
            enter(c, b, a, agents_of(c, b)[a].phase)
            wait_for(c, b, a, agents_of(c, b)[a].waits)
    for a in range(c.agents):
        if not anew:
            sense_sites(c, b, a, sights_of(c, b)[a])
        write_observation(c, b, a)
        mask_of(c, b, a)[0] = _ONE
        mask_of(c, b, a)[1] = _ZERO
    present(c, b)
    if c.rows_kept != 0:
        fill_rows(c, b)


@entry_point
def reset_chosen(context, crew, call, who, worlds, chosen, seeds, anew, _one, _two):
    """Begin the episodes of the worlds that are `chosen`, at [B] bool; `seeds` are at [B] uint64.

    With `anew` they go on as they are, and are shown to their agents again. This and `step_worlds` are jobs of a crew,
    see `shares`; all they take are numbers, and `context` and arrays are given by their addresses.
    """
    c = fixed_record_at(context, CONTEXT)
    chosen_worlds, seed_of = array_at(chosen, (worlds,), np.bool_), array_at(seeds, (worlds,), np.uint64)
    first, last = take_worlds(crew, call, who, 0, worlds)
    while first < last:
        for b in range(first, last):
            if chosen_worlds[b]:
                begin_episode(c, b, seed_of[b], anew != 0)
        first, last = take_worlds(crew, call, who, last - first, worlds)
    return 0


@entry_point
def step_worlds(context, crew, call, who, worlds, choices, streams, ticks, margin, _one):
    """Step every world that no other thread has taken yet; `choices` are at [B, A] int32.

    With 0 `ticks` a world runs until some agent must act or it ends; either way it stops where fewer than `margin` log
    rows are left. Where `streams` are not 0 they are those of `random_choices`, and a world's choices are made just
    before each tick; all the ticks of one world come before those of the next, so that it stays in the cache.
    """
    c = fixed_record_at(context, CONTEXT)
    first, last = take_worlds(crew, call, who, 0, worlds)
    while first < last:
        chosen = array_at(choices, (worlds, c.agents), np.int32)
        for b in range(first, last):
            if b + 1 < last:
                ask_for_world(c, b + 1)
            for _ in range(max(1, ticks)):
                if streams != 0:
                    choose_at_random(c, b, chosen, array_at(streams, (worlds, 2), np.uint64))
                step_world(c, b, chosen, ticks == 0, margin)
                if is_log_full(c, b, margin):
                    break
        first, last = take_worlds(crew, call, who, last - first, worlds)
    return 0


@inlined
def is_log_full(c, b, margin):
    """Tell whether what one tick can log, `margin` rows at the most, may not fit any more."""
    return c.logs > 0 and c.logs - world_of(c, b).log_count < margin


@inlined
def step_world(c, b, choices, to_decision, margin):
    """Step one world."""
    world, agents = world_of(c, b), agents_of(c, b)
    world.elapsed = 0
    if world.paid != 0:
        world.paid = 0
        for a in range(c.agents):
            agents[a].earned = 0.0
    while world.status == RUNNING:
        tick(c, b, choices)
        world.elapsed += 1
        ready = present(c, b)
        if not to_decision or ready != _ZERO or is_log_full(c, b, margin):
            break
    if c.rows_kept != 0:
        fill_rows(c, b)


@entry_point
def show_rows(context, worlds):
    """Fill the rows of `worlds` worlds, after their state was changed from outside; see `state.Rows`."""
    c = first_fixed(context)
    for b in range(worlds):
        fill_rows(c, b)


def random_streams(worlds: int) -> NDArray[np.uint64]:
    """Return the streams of so many worlds that have made no choice yet, see `random_choices`."""
    streams = np.zeros((worlds, 2), np.uint64)
    streams[:, 0] = np.arange(1, worlds + 1)
    return streams


@entry_point
def random_choices(context, choices, streams):
    """Fill `choices`, [B, A] int32, with a random allowed action for every agent that must act.

    `streams` are [B, 2] uint64, moved on in place: of each world a xorshift generator, which is never 0, and how many
    choices it has made.
    """
    c = first_fixed(context)
    for b in range(len(streams)):
        choose_at_random(c, b, choices, streams)


@inlined
def choose_at_random(c, b, choices, streams):
    """Choose a random allowed action for every agent of a world that must act."""
    word, ready = streams[b, 0], world_of(c, b).ready
    streams[b, 1] += np.uint64(how_many(ready))
    while ready != _ZERO:
        a = lowest(ready)
        ready &= ready - _ONE
        mask = mask_of(c, b, a)
        word ^= word << np.uint64(13)
        word ^= word >> np.uint64(7)
        word ^= word << np.uint64(17)
        low, high = mask[0], mask[1] if c.actions > 64 else _ZERO
        nth = np.int64(((word >> np.uint64(32)) * np.uint64(how_many(low) + how_many(high))) >> np.uint64(32))
        if c.actions <= 64 or nth < how_many(low):
            choices[b, a] = member(low, nth)
        else:
            choices[b, a] = 64 + member(high, nth - how_many(low))
    streams[b, 0] = word
