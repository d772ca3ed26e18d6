"""Goals, rewards and the end of an episode, compiled. The twin of `reference.World._score`."""

from __future__ import annotations

import numpy as np

from . import log, scenario, verbs
from .context import (
    agents_of,
    events_of,
    goal_rules,
    goal_touch,
    goals_of,
    parcels_of,
    sites_of,
    tally_of,
    world_of,
)
from .jit import compiled, inlined, lowest
from .kernel import credit, emit, has
from .state import (
    EXPECTED,
    LOST,
    NEVER,
    NO_SITE,
    NO_TXN,
    NOBODY,
    OUT,
    PASSED,
    RUNNING,
    TERMINATED,
    TRUNCATED,
    WAITING,
    WORLD,
)
from .writes import write

_ZERO, _ONE = np.uint64(0), np.uint64(1)


@compiled
def judge_goal(c, b, g):
    """Return whether a goal is met now, and whether it can no longer be met."""
    rule = goal_rules(c)[g]
    if rule.kind == scenario.BOAT:
        boat = events_of(c, b)[rule.index].state
        return boat == PASSED, boat == LOST
    if rule.kind == scenario.TRIPS:
        walker = agents_of(c, b)[rule.agent]
        return walker.trips >= rule.target and walker.phase != OUT, walker.phase == OUT
    if rule.kind == scenario.CORRECTED:
        state = events_of(c, b)[rule.index].state
        return state == PASSED, state == LOST
    if rule.kind == scenario.DONE:
        return tally_of(c, b, rule.agent)[rule.task, 0] >= rule.target, False
    if rule.kind == scenario.PARCEL or rule.kind == scenario.TOGETHER or rule.kind == scenario.SHIPPED:
        return judge_parcel(c, b, rule)
    there = sites_of(c, b)[rule.site]
    if rule.kind == scenario.GOT:
        got = has(there.got, rule.target)
        return got, not got and there.got != _ZERO
    if rule.kind == scenario.KEPT:
        return there.value >= rule.target, there.value < rule.target
    if rule.kind == scenario.BUILT:
        total = rule.target
        for site in range(c.sites):
            if has(rule.deps, site):
                total += sites_of(c, b)[site].value
        return there.value == total, False
    met = there.value == goals_of(c, b)[g].target
    if met or rule.kind == scenario.VALUE:
        return met, False
    return met, goals_of(c, b)[g].open == 0 and world_of(c, b).final != 0


@compiled
def judge_parcel(c, b, rule):
    """Judge one delivery, or whether two of them went to one place."""
    if agents_of(c, b)[rule.agent].landed <= rule.index:
        return False, rule.kind == scenario.SHIPPED and not may_bring(c, b, rule)
    mine = parcels_of(c, b, rule.agent)[rule.index]
    if rule.kind != scenario.TOGETHER:
        return mine.good != 0, mine.good == 0
    if agents_of(c, b)[rule.other].landed <= rule.index:
        return False, False
    together = parcels_of(c, b, rule.other)[rule.index].site == mine.site
    return together, not together


@compiled
def may_bring(c, b, rule):
    """Tell whether an agent may still bring a parcel: by what it brought, holds, and is ordered to take."""
    me = agents_of(c, b)[rule.agent]
    if world_of(c, b).final == 0:
        return True  # what has settled may be taken back
    return me.phase != OUT and rule.index < me.landed + np.int64(me.hand != 0) + me.orders


@compiled
def score(c, b):
    """Judge the goals that may have changed, pay for it, and end the episode when nothing is left or the time is up.

    A goal depends on one or two agents, on a site and what it is built from, or on world events.
    """
    world, met_before = world_of(c, b), world_of(c, b).goals_met
    for word in range(c.goal_words):
        due = touched_goals(c, b, word)
        while due != _ZERO:
            g = 64 * word + lowest(due)
            due &= due - _ONE
            score_goal(c, b, g)
    world.touched_sites = _ZERO
    world.touched_agents = _ZERO
    world.happened = 0
    if world.goals_met > met_before:
        world.last_goal_tick = world.tick
    if world.goals_open == 0:
        world.status = TERMINATED
    elif world.tick >= c.horizon:
        world.status = TRUNCATED
    if world.status != RUNNING:
        emit(c, b, log.END, WORLD, NO_TXN, 0, NO_SITE, world.goals_met, 0, c.goals, world.status, 0, 0, 0, 0)


@inlined
def touched_goals(c, b, word):
    """Return the set of goals, of one word of them, that depend on what has changed."""
    world, touch, due = world_of(c, b), goal_touch(c), _ZERO
    agents, sites = world.touched_agents, world.touched_sites
    while agents != _ZERO:
        due |= touch[lowest(agents), word]
        agents &= agents - _ONE
    while sites != _ZERO:
        due |= touch[c.agents + lowest(sites), word]
        sites &= sites - _ONE
    if world.happened != 0:
        due |= touch[c.agents + c.sites, word]
    return due


@inlined
def score_goal(c, b, g):
    """Judge one goal, and pay for a change."""
    world, goal, rule = world_of(c, b), goals_of(c, b)[g], goal_rules(c)[g]
    was_open = goal.met == 0 and goal.lost == 0
    is_met, is_lost = judge_goal(c, b, g)
    if is_met != (goal.met != 0):
        goal.met = 1 if is_met else 0
        world.goals_met += 1 if is_met else -1
        own = rule.kind == scenario.TRIPS or rule.kind == scenario.DONE
        own = own or rule.kind == scenario.PARCEL or rule.kind == scenario.SHIPPED
        whose = rule.agent if own else world.writer
        change = 1.0 / c.goals if is_met else -1.0 / c.goals
        if c.own_reward == 0:
            for a in range(c.agents):
                credit(c, b, a, change)
        elif whose >= 0:
            credit(c, b, whose, change)
        emit(c, b, log.GOAL, whose, NO_TXN, 0, NO_SITE, goal.met, 0, NOBODY, g, 0, 0, 0, 0)
    if is_lost and goal.lost == 0:
        goal.lost = 1
        world.goals_lost += 1
        emit(c, b, log.GOAL, NOBODY, NO_TXN, 0, NO_SITE, -1, 0, NOBODY, g, 0, 0, 0, 0)
    is_open = goal.met == 0 and goal.lost == 0
    world.goals_open += np.int64(is_open) - np.int64(was_open)


@compiled
def put_out_boat(c, b, a, gate, bodies):
    """Log an accident and lose the boat that waits, or the next one."""
    me, events, sites = agents_of(c, b)[a], events_of(c, b), sites_of(c, b)
    lost, waits, due = -1, False, NEVER
    for index in range(c.boats):
        state = events[index].state
        if state == WAITING and not waits:
            lost, waits = index, True
        elif state == EXPECTED and not waits and events[index].due < due:
            lost, due = index, events[index].due
    emit(c, b, log.ACCIDENT, a, me.txn, 0, gate, bodies, 0, NOBODY, lost, 0, 0, 0, 0)
    if lost < 0:
        return
    if waits:
        write(c, b, WORLD, NO_TXN, 0, c.board, sites[c.board].value - 1, 1, -1, verbs.WRITE, 0, 0, NOBODY)
    events[lost].state = LOST
    world_of(c, b).happened = 1
