"""What the world does by itself, compiled: boats, drift, closings, shelves that are stocked again, intruders."""

from __future__ import annotations

import numpy as np

from . import log, scenario, verbs
from .context import event_rules, events_of, site_rules, sites_of, world_of
from .jit import compiled, lowest
from .kernel import bit, emit, has
from .state import EXPECTED, LOST, NEVER, NO_TXN, NOBODY, PASSED, WAITING, WORLD
from .writes import write

_ONE, _ZERO = np.uint64(1), np.uint64(0)


@compiled
def world_events(c, b):
    """Boats arrive, things drift; boats pass a closed gate."""
    world, sites, rules, events = world_of(c, b), sites_of(c, b), event_rules(c), events_of(c, b)
    is_due = world.next_event <= world.tick
    if is_due:
        world.next_event = NEVER
    for index in range(c.events if is_due else 0):
        rule, event = rules[index], events[index]
        world.next_event = min(world.next_event, event.due if event.due > world.tick else NEVER)
        if event.due != world.tick:
            continue
        if rule.what == scenario.ARRIVES:
            if event.state == LOST:
                continue
            event.state = WAITING
        elif rule.what == scenario.CLOSES:
            event.state = LOST if leads_to(c, b, rule.nth % c.depots) else PASSED
            world.happened = 1
        elif rule.what == scenario.RESTOCKS:
            _stock(c, b, rule.site)
            continue
        emit(c, b, log.WORLD_EVENT, WORLD, NO_TXN, 0, rule.site, 0, 0, NOBODY, rule.source, rule.nth, rule.what, 0, 0)
        value = sites[rule.site].value + rule.amount
        write(c, b, WORLD, NO_TXN, 0, rule.site, value, 1, rule.amount, verbs.WRITE, 0, 0, NOBODY)
    if c.boats == 0 or sites[c.gate].value != 1:
        return
    for index in range(c.boats):
        if events[index].state == WAITING:
            events[index].state = PASSED
            world.happened = 1
            emit(c, b, log.WORLD_EVENT, WORLD, NO_TXN, 0, c.board, 0, 0, NOBODY, 0, index, scenario.PASSES, 0, 0)
            write(c, b, WORLD, NO_TXN, 0, c.board, sites[c.board].value - 1, 1, -1, verbs.WRITE, 0, 0, NOBODY)


@compiled
def leads_to(c, b, depot):
    """Tell whether an entry of the plan leads to a depot, by its number among those that close."""
    for entry in range(c.sites):
        if has(c.plan, entry) and sites_of(c, b)[entry].value == depot:
            return True
    return False


@compiled
def answer_acts(c, b):
    """What the world does in answer to the acts of this tick: it stocks shelves again, and intruders come."""
    world, sites = world_of(c, b), sites_of(c, b)
    taken = world.dirty & c.stocked
    while taken != _ZERO:
        shelf = lowest(taken)
        taken &= taken - _ONE
        rule = site_rules(c)[shelf]
        if rule.refill == 0:
            _stock(c, b, shelf)
        elif sites[shelf].value == 0 and sites[shelf].stock > 0:
            due = world.tick + rule.refill
            events_of(c, b)[rule.refills].due = due
            world.next_event = min(world.next_event, due)
    if world.dirty & c.posts == _ZERO:
        return
    for goods in range(c.sites):
        if world.dirty & site_rules(c)[goods].posts != _ZERO:
            _answer_guards(c, b, goods, site_rules(c)[goods].posts)


@compiled
def _stock(c, b, shelf):
    """Lay the first item of a shelf out again, unless something lies there."""
    there = sites_of(c, b)[shelf]
    if there.value != 0 or there.stock == 0:
        return
    there.stock -= 1
    nth = site_rules(c)[shelf].stock - there.stock
    emit(c, b, log.WORLD_EVENT, WORLD, NO_TXN, 0, shelf, 0, 0, NOBODY, 0, nth, scenario.RESTOCKS, 0, 0)
    item = site_rules(c)[shelf].value
    write(c, b, WORLD, NO_TXN, 0, shelf, item, 0, item, verbs.PUT, 0, 0, NOBODY)


@compiled
def leave_depots(c, b):
    """Let a depot that is announced to close do so soon, where the corrected plan leads there no more."""
    world, rules, events = world_of(c, b), event_rules(c), events_of(c, b)
    for index in range(1, c.events):
        if rules[index].what != scenario.CLOSES or events[index].state != EXPECTED:
            continue
        # Its announcement is the event before it.
        if events[index - 1].due <= world.tick and not leads_to(c, b, rules[index].nth % c.depots):
            events[index].due = min(events[index].due, world.tick + c.grace)
            world.next_event = min(world.next_event, events[index].due)


@compiled
def _answer_guards(c, b, goods, posts):
    world, sites = world_of(c, b), sites_of(c, b)
    guards = 0
    for post in range(c.sites):
        if has(posts, post):
            guards += sites[post].value
    if guards > 0:
        world.robbed &= ~bit(goods)
    elif not has(world.robbed, goods):
        world.robbed |= bit(goods)
        world.thefts += 1
        emit(c, b, log.WORLD_EVENT, WORLD, NO_TXN, 0, goods, 0, 0, NOBODY, 0, world.thefts, scenario.STEALS, 0, 0)
        if sites[goods].value > 0:
            write(c, b, WORLD, NO_TXN, 0, goods, sites[goods].value - 1, 1, -1, verbs.WRITE, 0, 0, NOBODY)
