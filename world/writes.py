"""A write, compiled: a site gets a new version, which may break invariants and is announced."""

from __future__ import annotations

from . import log, scenario
from .context import (
    agents_of,
    constraint_rules,
    counts_of,
    followed_of,
    invariant_rules,
    settled_of,
    site_rules,
    sites_of,
    world_of,
)
from .jit import compiled
from .kernel import bit, emit, has
from .mail import send
from .state import COUNTER_INDEX, FACT, NO_SITE, NO_TXN, NOBODY, WORLD

_VIOLATIONS = COUNTER_INDEX["invariant_violations"]


@compiled
def write(c, b, agent, txn, op, site, value, relative, argument, verb, unsettled, held, announcer):
    """Give a site a new version, unless the value stays the same."""
    world, there = world_of(c, b), sites_of(c, b)[site]
    if c.value_goals != 0:
        world.changed = 1
    if agent >= 0:
        world.writer = agent
    if value != there.value:
        before = there.value
        if unsettled != 0 and there.unsettled == NOBODY:
            settled_of(c, b)[site].value = before
            settled_of(c, b)[site].version = there.version
        there.value = value
        there.version += 1
        if agent != WORLD:  # what drifts on top of an unsettled version does not settle it
            there.unsettled = agent if unsettled != 0 else NOBODY
        there.changed = world.tick
        if agent >= 0:
            if there.writer != agent:
                there.other_writer_version = there.writer_version
                there.writer = agent
            there.writer_version = there.version
        world.dirty |= bit(site)
        if c.constraints > 0 and has(c.plan, site):
            forget_followed(c, b, site)
        if world.holder == agent:
            world.holder_wrote |= bit(site)
        if (c.locks | c.holds_back) != 0 and agent >= 0 and agents_of(c, b)[agent].txn == txn:
            agents_of(c, b)[agent].wrote |= bit(site)
        emit(
            c, b, log.WRITE, agent, txn, op, site, value, there.version, before, relative, argument, unsettled, verb, 0
        )  # fmt: skip
        if c.invariants > 0:
            judge_invariants(c, b, agent, txn)
    if site_rules(c)[site].announced != 0 and (agent >= 0 or announcer >= 0):
        sender = agent if agent >= 0 else announcer
        send(c, b, sender, FACT, site, there.value, there.version, world.tick, txn if held != 0 else NO_TXN)


@compiled
def judge_invariants(c, b, agent, txn):
    """Note which invariants hold; the transaction that breaks one is named."""
    world, sites, rules = world_of(c, b), sites_of(c, b), invariant_rules(c)
    for index in range(c.invariants):
        rule = rules[index]
        broken = False
        total = 0
        for site in range(c.sites):
            if not has(rule.sites, site):
                continue
            total += sites[site].value
            if rule.kind == scenario.CLEAR_WHEN_CLOSED and sites[site].value == 1:
                for region in range(c.sites):
                    if has(site_rules(c)[site].commands, region) and sites[region].value > 0:
                        broken = True
        if rule.kind == scenario.AT_LEAST:
            broken = total < rule.floor
        was = (world.broken >> index) & 1
        if broken and was == 0:
            world.broken |= 1 << index
            if agent >= 0:
                emit(c, b, log.INVARIANT_BROKEN, agent, txn, 0, NO_SITE, 0, 0, NOBODY, index, 0, 0, 0, 0)
                counts_of(c, b)[_VIOLATIONS] += 1
                agents_of(c, b)[agent].broke = 1
        elif not broken and was == 1:
            world.broken &= ~(1 << index)


@compiled
def forget_followed(c, b, entry):
    """An entry of the plan was corrected: what was done before makes no torn pair any more."""
    for k in range(c.constraints):
        if entry < 0 or has(constraint_rules(c)[k], entry):
            for a in range(c.agents):
                followed_of(c, b, k)[a].mark = 0
