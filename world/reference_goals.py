"""What is judged: goals at the end of each tick, invariants at each write."""

from __future__ import annotations

from typing import TYPE_CHECKING

from . import log, scenario, verbs
from .state import LOST, NOBODY, OUT, PASSED, RUNNING, TERMINATED, TRUNCATED, WORLD

if TYPE_CHECKING:
    from .reference import World


_OWN = (scenario.TRIPS, scenario.DONE, scenario.PARCEL, scenario.SHIPPED)  # an agent's own goals


def score(world: World) -> None:
    """Judge the goals, say by whose act they are met or unmet, and find the end."""
    for index, goal in enumerate(world.rules.blueprint.goals):
        met, lost = _judge(world, goal, world.targets[index])
        if met != world.met[index]:
            world.met[index] = met
            change = 1 if met else -1
            world.goal_changes += change
            whose = goal.agent if goal.kind in _OWN else world.writer
            if whose >= 0:
                world.earned[whose] += change
            world.record(log.GOAL, whose, a=index, value=int(met))
        if lost and not world.lost[index]:
            world.lost[index] = True
            world.record(log.GOAL, NOBODY, a=index, value=-1)
    world.writer = NOBODY
    if all(met or lost for met, lost in zip(world.met, world.lost, strict=True)):
        world.status = TERMINATED
    elif world.now >= world.rules.max_cycles:
        world.status = TRUNCATED
    if world.status != RUNNING:
        world.record(log.END, WORLD, value=sum(world.met), other=len(world.met), a=world.status)


def _judge(world: World, goal: scenario.Goal, target: int) -> tuple[bool, bool]:
    """Return whether a goal is met now, and whether it can no longer be met."""
    if goal.kind == scenario.BOAT:
        return world.boats[goal.index] == PASSED, world.boats[goal.index] == LOST
    if goal.kind == scenario.TRIPS:
        walker = world.agents[goal.agent]
        return walker.trips >= target and walker.phase != OUT, walker.phase == OUT
    if goal.kind == scenario.CORRECTED:
        state = world.closings[world.rules.event_of_closing(goal.index)]
        return state == PASSED, state == LOST
    if goal.kind == scenario.DONE:
        task = world.rules.task_names.index(goal.task)
        return world.completions.get((goal.agent, task), 0) >= target, False
    if goal.kind in (scenario.PARCEL, scenario.TOGETHER):
        return _judge_parcel(world, goal)
    if goal.kind == scenario.SHIPPED:
        met, lost = _judge_parcel(world, goal)
        return met, lost or (not met and not _may_bring(world, goal))
    site = world.rules.site_index[goal.site]
    there = world.sites[site]
    if goal.kind == scenario.GOT:
        return target in there.got, bool(there.got) and target not in there.got
    if goal.kind == scenario.KEPT:
        return there.value >= target, there.value < target
    if goal.kind == scenario.BUILT:
        deps = world.rules.blueprint.sites[site].depends
        return there.value == target + sum(world.sites[world.rules.site_index[name]].value for name in deps), False
    met = there.value == target
    if goal.kind == scenario.VALUE:
        return met, False
    open_jobs = any(
        not job.used and world.rules.tasks[job.task].ops[0].site == site
        for jobs, me in zip(world.jobs, world.agents, strict=True)
        for job in jobs
        if me.phase != OUT
    )
    may_change = open_jobs or (world.ranks is not None and not world.ranks.is_final())
    return met, not met and not may_change


def _judge_parcel(world: World, goal: scenario.Goal) -> tuple[bool, bool]:
    """Judge one delivery, or whether two of them went to one place."""
    landed = [world.agents[agent].landed[goal.index : goal.index + 1] for agent in (goal.agent, goal.other)]
    if not landed[0] or (goal.kind == scenario.TOGETHER and not landed[1]):
        return False, False
    ((depot, good),) = landed[0]
    met = landed[1][0][0] == depot if goal.kind == scenario.TOGETHER else good
    return met, not met


def _may_bring(world: World, goal: scenario.Goal) -> bool:
    """Tell whether an agent may still bring the parcel: by what it brought, holds, and is ordered to take."""
    me = world.agents[goal.agent]
    orders = sum(
        not job.used and world.rules.tasks[job.task].ops[0].verb == verbs.TAKE for job in world.jobs[goal.agent]
    )
    may_change = world.ranks is not None and not world.ranks.is_final()
    return may_change or (me.phase != OUT and goal.index < len(me.landed) + (me.hand != 0) + orders)


def target_of(world: World, goal: scenario.Goal) -> int:
    """Return what a goal wants; a total wants the amounts drawn for it."""
    if goal.kind != scenario.TOTAL:
        return goal.target
    site = world.rules.site_index[goal.site]
    amounts = (job.amount for jobs in world.jobs for job in jobs if world.rules.tasks[job.task].ops[0].site == site)
    return world.sites[site].value + sum(amounts)


def judge_invariants(world: World, agent: int, txn: int) -> None:
    """Log the invariants that a write breaks."""
    for index, rule in enumerate(world.rules.blueprint.invariants):
        sites = [world.rules.site_index[name] for name in rule.sites]
        if rule.kind == scenario.AT_LEAST:
            broken = sum(world.sites[site].value for site in sites) < rule.floor
        else:
            broken = any(
                world.sites[site].value == 1 and world.sites[region].value > 0
                for site in sites
                for region in world.rules.regions_of[site]
            )
        if broken and index not in world.broken and agent >= 0:
            world.record(log.INVARIANT_BROKEN, agent, txn, a=index)
        (world.broken.add if broken else world.broken.discard)(index)
