"""A version, compiled: a site takes a value, by a write or by the undoing of one, and invariants are judged on it."""

from __future__ import annotations

import numpy as np

from . import log, scenario
from .context import (
    agents_of,
    constraint_rules,
    counts_of,
    followed_of,
    invariant_rules,
    site_rules,
    sites_of,
    world_of,
)
from .jit import compiled, inlined, lowest
from .kernel import bit, emit, has
from .rank_calls import NOTE_BROKEN, about
from .state import COUNTER_INDEX, NO_SITE, NOBODY

_ZERO, _ONE = np.uint64(0), np.uint64(1)
_VIOLATIONS = COUNTER_INDEX["invariant_violations"]


@compiled
def install(c, b, kind, agent, txn, op, site, value, a0, b0, c0, d0, is_judged):
    """Give a site its next version, logged under a kind with these columns; the invariants are judged on it."""
    world, there = world_of(c, b), sites_of(c, b)[site]
    world.touched_sites |= bit(site) & c.goal_sites
    before = there.value
    there.value = value
    there.version += 1
    there.changed = world.tick
    if agent >= 0:
        if there.writer != agent:
            there.other_writer_version = there.writer_version
            there.writer = agent
        there.writer_version = there.version
    world.dirty |= bit(site)
    if c.constraints > 0 and has(c.plan, site):
        forget_followed(c, b, site)
    emit(c, b, kind, agent, txn, op, site, value, there.version, before, a0, b0, c0, d0, 0)
    if is_judged != 0 and has(c.judged_sites, site):
        judge_invariants(c, b, agent, txn)


@compiled
def judge_invariants(c, b, agent, txn):
    """Note which invariants hold; the transaction that breaks one is named."""
    world, sites, rules = world_of(c, b), sites_of(c, b), invariant_rules(c)
    for index in range(c.invariants):
        rule = rules[index]
        broken, total, left = False, 0, rule.sites
        while left != _ZERO:
            site = lowest(left)
            left &= left - _ONE
            total += sites[site].value
            if rule.kind == scenario.CLEAR_WHEN_CLOSED and sites[site].value == 1:
                broken |= is_entered(c, b, site_rules(c)[site].commands)
        if rule.kind == scenario.AT_LEAST:
            broken = total < rule.floor
        was = (world.broken >> index) & 1
        if broken and was == 0:
            world.broken |= 1 << index
            if agent >= 0:
                emit(c, b, log.INVARIANT_BROKEN, agent, txn, 0, NO_SITE, 0, 0, NOBODY, index, 0, 0, 0, 0)
                counts_of(c, b)[_VIOLATIONS] += 1
                if c.ranks != 0:
                    about(c, b, NOTE_BROKEN, agent, txn)
                else:
                    agents_of(c, b)[agent].broke = 1
        elif not broken and was == 1:
            world.broken &= ~(1 << index)


@inlined
def is_entered(c, b, regions):
    """Tell whether anybody stands in one of these regions."""
    sites, entered = sites_of(c, b), False
    while regions != _ZERO:
        entered |= sites[lowest(regions)].value > 0
        regions &= regions - _ONE
    return entered


@compiled
def forget_followed(c, b, entry):
    """An entry of the plan was corrected: what was done before makes no torn pair any more."""
    for k in range(c.constraints):
        if entry < 0 or has(constraint_rules(c)[k], entry):
            for a in range(c.agents):
                followed_of(c, b, k)[a].mark = 0
