"""A write, compiled: a site gets a new version, which is announced; by its rank, where transactions are ranked."""

from __future__ import annotations

from . import log
from .context import agents_of, settled_of, site_rules, sites_of, world_of
from .jit import compiled
from .kernel import bit, has
from .mail import send
from .rank_calls import laid, make_way
from .ranks import DIFFERENCE, VALUE
from .state import FACT, NO_TXN, NOBODY, WORLD
from .versions import install, judge_invariants


@compiled
def write(c, b, agent, txn, op, site, value, relative, argument, verb, unsettled, held, announcer):
    """Give a site a new version, unless the value stays the same."""
    world, there, slips_in = world_of(c, b), sites_of(c, b)[site], False
    world.touched_sites |= bit(site) & c.goal_sites
    if agent >= 0:
        world.writer = agent
    if c.ranks != 0:
        slips_in = make_way(c, b, agent, txn, site)
    before = there.value
    if value != before:
        if unsettled != 0 and there.unsettled == NOBODY:
            settled_of(c, b)[site].value = before
            settled_of(c, b)[site].version = there.version
        if agent != WORLD:  # what drifts on top of an unsettled version does not settle it
            there.unsettled = agent if unsettled != 0 else NOBODY
        if world.holder == agent:
            world.holder_wrote |= bit(site)
        if (c.locks | c.holds_back) != 0 and agent >= 0 and agents_of(c, b)[agent].txn == txn:
            agents_of(c, b)[agent].wrote |= bit(site)
        install(c, b, log.WRITE, agent, txn, op, site, value, relative, argument, unsettled, verb, 0 if slips_in else 1)
    if c.ranks != 0:
        laid(c, b, agent, txn, op, site, before, value, DIFFERENCE if relative != 0 else VALUE)
        if slips_in and has(c.judged_sites, site):
            judge_invariants(c, b, agent, txn)
    if site_rules(c)[site].announced != 0 and (agent >= 0 or announcer >= 0):
        sender = agent if agent >= 0 else announcer
        send(c, b, sender, FACT, site, there.value, there.version, world.tick, txn if held != 0 else NO_TXN)
