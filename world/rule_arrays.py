"""How `Rules` become the arrays that the compiled engine reads."""

from __future__ import annotations

from typing import Any
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import NDArray

from . import verbs
from .actions import CHECK, DO, LOOK_AT, MOVE, PROMISE_THAT, SAY, TELL, WAIT, Action
from .entropy import PROBABILITY_BITS
from .layout import MAP_RADIUS, UNREACHABLE
from .rule_records import (
    AGENT_RULE,
    CELL_RULE,
    CONSTANT_RULE,
    EVENT_RULE,
    GOAL_RULE,
    INVARIANT_RULE,
    KEEP,
    LOCK_RULE,
    NO_TARGET,
    NO_WAY,
    OP_RULE,
    PERMIT_RULE,
    SITE_RULE,
    TASK_RULE,
    RuleArrays,
)
from .rules import GRAINS, Rules
from .scenario import AT_LEAST, BOAT, BUILT, CORRECTED, DONE, PARCEL, SHIPPED, TOGETHER, TRIPS
from .state import NO_CELL, NO_SITE
from .tasks import MAX_OPS


def as_set(members: Any) -> int:
    """Return a set of small indexes as the bits of one integer."""
    bits = 0
    for member in members:
        bits |= 1 << member
    return bits


def _rows(dtype: np.dtype[Any], rows: list[tuple[Any, ...]], least: int = 1) -> NDArray[Any]:
    array = np.zeros(max(least, len(rows)), dtype)
    for index, row in enumerate(rows):
        array[index] = row
    return array


def _ways(rules: Rules) -> NDArray[np.int16]:
    here = np.arange(rules.layout.floor.size)
    steps = [np.where(distance < UNREACHABLE, following - here, NO_WAY) for distance, following in rules.paths]
    return np.stack(steps).astype(np.int16)


def _local_map(rules: Rules) -> NDArray[np.int16]:
    """Draw what an agent sees of the map around each cell; what no step leads out of is as good as wall."""
    rows, columns = rules.layout.rows, rules.layout.columns
    if rules.settings.navigation != "manual":
        return np.zeros((rows * columns, 0), np.int16)
    here = np.arange(rows * columns)[:, None]
    drawn = (rules.layout.neighbour == here).all(axis=1).astype(np.int16)
    for cell, gate in rules.gate_of.items():
        if drawn[cell] == 0:
            drawn[cell] = -1 - gate
    framed = np.pad(drawn.reshape(rows, columns), MAP_RADIUS, constant_values=1)
    wide = 2 * MAP_RADIUS + 1
    windows = np.lib.stride_tricks.sliding_window_view(framed, (wide, wide))
    return np.ascontiguousarray(windows.reshape(rows * columns, wide * wide))


def _goal_touch(rules: Rules) -> NDArray[np.uint64]:
    """Say which goals depend on each agent, on each site, and on world events."""
    blueprint, agents = rules.blueprint, len(rules.agent_names)
    touch = np.zeros((agents + len(rules.site_names) + 1, max(1, -(-len(blueprint.goals) // 64))), np.uint64)
    for g, goal in enumerate(blueprint.goals):
        if goal.kind in (BOAT, CORRECTED):
            rows = [len(touch) - 1]
        elif goal.kind in (TRIPS, DONE, PARCEL, SHIPPED):
            rows = [goal.agent]
        elif goal.kind == TOGETHER:
            rows = [goal.agent, goal.other]
        else:
            depends = blueprint.sites[rules.site_index[goal.site]].depends if goal.kind == BUILT else ()
            rows = [agents + rules.site_index[name] for name in (goal.site, *depends)]
        touch[rows, g // 64] |= np.uint64(1 << g % 64)
    return touch


def _judged_sites(rules: Rules) -> int:
    """Return the set of sites that invariants depend on; all sites, where one is broken before anything is written."""
    values = [site.value for site in rules.blueprint.sites]
    judged: set[int] = set()
    for rule in rules.blueprint.invariants:
        sites = [rules.site_index[name] for name in rule.sites]
        judged.update(sites)
        if rule.kind == AT_LEAST:
            broken = sum(values[site] for site in sites) < rule.floor
        else:
            regions = {site: rules.regions_of.get(site, ()) for site in sites}
            judged.update(region for commanded in regions.values() for region in commanded)
            broken = any(values[site] == 1 and any(values[region] > 0 for region in regions[site]) for site in sites)
        if broken:
            return as_set(range(len(values)))
    return as_set(judged)


def _permit(rules: Rules, action: Action) -> tuple[int, int, int, int]:
    """Say what an action asks for; of those that are always allowed, and of moves, nothing."""
    if action.kind == TELL:
        return 1 << action.index, 0, 0, 0
    if action.kind not in (DO, PROMISE_THAT):
        return 0, 0, 0, 0
    task = rules.tasks[action.index]
    if task.crosses:
        region = 1 << task.ops[0].site
        return (0, 0, 0, 1) if action.kind == DO else (region, 0, region, 0)
    known = task.reads if action.kind == DO else {task.ops[-1].site, *task.ops[-1].pre}
    return as_set(known), 1 << action.index if task.jobs else 0, 0, 0


_COMPILED: WeakKeyDictionary[Rules, RuleArrays] = WeakKeyDictionary()


def compile_rules(rules: Rules) -> RuleArrays:
    """Return what the compiled engine reads of a scenario and its settings, the same arrays at each call."""
    if rules not in _COMPILED:
        _COMPILED[rules] = _compile(rules)
    return _COMPILED[rules]


def _compile(rules: Rules) -> RuleArrays:
    blueprint, settings = rules.blueprint, rules.settings
    agents, cells = range(len(rules.agent_names)), rules.layout.floor.size
    boats, jobs = blueprint.boats, blueprint.jobs
    threshold = [
        int(p * (1 << PROBABILITY_BITS))
        for p in (settings.loss, settings.duplication, settings.visibility, settings.footprint_error)
    ]
    goal_touch, local_map = _goal_touch(rules), _local_map(rules)
    constant = np.zeros(1, CONSTANT_RULE)
    constant[0] = (
        *threshold, settings.thinkers or 0, not settings.is_perfect, settings.lockstep,
        settings.navigation == "manual", settings.patience,
        rules.max_cycles, jobs.low if jobs else 0, jobs.high if jobs else 0, boats.count if boats else 0,
        rules.site_index[boats.board] if boats else -1, rules.site_index[boats.gate] if boats else -1,
        any(goal.kind == DONE for goal in blueprint.goals), any(goal.kind == SHIPPED for goal in blueprint.goals),
        as_set(site for site in range(len(rules.site_names)) if goal_touch[len(agents) + site].any()),
        _judged_sites(rules),
        as_set(rules.plan), as_set(rules.members),
        as_set(site for site, drawn in enumerate(blueprint.sites) if drawn.stock > 0),
        as_set(post for posts in rules.posts_of.values() for post in posts), len(rules.notices),
        -1 if blueprint.closings is None or blueprint.closings.grace is None else blueprint.closings.grace,
        settings.stall, settings.stall_every, settings.slip > 0,
    )  # fmt: skip
    corrections: list[list[int]] = []
    widest = max(max(len(task.inputs) for task in rules.tasks), 1)
    op = np.zeros((len(rules.tasks), MAX_OPS), OP_RULE)
    task_input = np.full((len(rules.tasks), widest), -1, np.int32)
    for t, task in enumerate(rules.tasks):
        slot = {site: index for index, site in enumerate(task.inputs)}
        task_input[t, : len(task.inputs)] = task.inputs
        for o, step in enumerate(task.ops):
            own = -1 if step.relative else slot[step.site]
            if step.entries:
                new = dict(step.entries)
                corrections.append([new.get(site, KEEP) for site in range(len(rules.site_names))])
            op[t, o] = (
                as_set(slot[site] for site in step.deps), as_set(slot[site] for site in step.pre),
                as_set(slot[site] for site in step.owned), step.verb, step.site, step.argument, step.from_job,
                step.premise, step.usual_premise, step.writes, step.relative, step.modifies, own,
                slot.get(step.follow, -1), step.when, len(corrections) - 1 if step.entries else -1,
                step.nth, rules.site_kinds[step.site] in verbs.RECORD_KINDS,
            )  # fmt: skip
    lists = {
        (grain, late, t): task.locks(lock_of, not late)
        for grain, lock_of in enumerate(rules.lock_of)
        for late in (0, 1)
        for t, task in enumerate(rules.tasks)
    }
    longest = max(len(listed) for listed in lists.values())
    lock = np.full((len(GRAINS), 2, len(rules.tasks), 1 + longest), NO_SITE, LOCK_RULE)
    for where, listed in lists.items():
        for n, pair in enumerate(listed):
            lock[where][n] = pair
    turns = max(1, *(len(row) for row in rules.job_tasks))
    most = max((len(given) for row in rules.job_tasks for given in row), default=0)
    job_task = np.zeros((len(agents), turns, 1 + most), np.int32)
    for agent in agents:
        for turn, given in enumerate(rules.job_tasks[agent]):
            job_task[agent, turn, : 1 + len(given)] = (len(given), *given)
    radii = sorted({rules.sight_of(agent) for agent in agents}, key=str)
    visible = np.zeros((len(radii), cells), np.uint64)
    for agent in agents:
        visible[radii.index(rules.sight_of(agent))] = [as_set(seen) for seen in rules.sights[agent]]
    bits = as_set(index for index, action in enumerate(rules.actions) if action.kind in (WAIT, LOOK_AT, CHECK, SAY))
    depends = np.full((len(agents), len(rules.actions)), -1, np.int32)
    for agent in agents:
        open_to = [
            index
            for index, action in enumerate(rules.actions)
            if action.kind == TELL or (action.kind in (DO, PROMISE_THAT) and agent in rules.tasks[action.index].agents)
        ]
        depends[agent, : len(open_to)] = open_to
    argument = np.zeros((len(rules.arguments), 1 + max(len(given) for given in rules.arguments)), np.int32)
    for verb, given in enumerate(rules.arguments):
        argument[verb, : 1 + len(given)] = len(given), *given
    sites = rules.paths[: len(rules.site_names)]
    near = np.stack([np.minimum(distance, UNREACHABLE) for distance, _ in sites], axis=1)
    return RuleArrays(
        constant=constant,
        agent=_rows(AGENT_RULE, [
            (
                rules.role_of[a], rules.targets[rules.station(a, 0)],
                [rules.station(a, 0), rules.station(a, 1)] if role.stations else [NO_TARGET] * 2,
                [rules.targets[rules.station(a, end)] for end in (0, 1)] if role.stations else [NO_CELL] * 2,
                role.trips, 1 / max(1, role.trips), len(rules.job_tasks[a]) > 0, -1 if radius is None else radius,
                radii.index(radius), role.hand,
            )
            for a in agents
            for role in [blueprint.roles[rules.role_of[a]]]
            for radius in [rules.sight_of(a)]
        ]),
        site=_rows(SITE_RULE, [
            (
                as_set(rules.regions_of.get(s, ())), as_set(rules.posts_of.get(s, ())), as_set(rules.listeners[s]),
                site.value, site.known, site.announced, site.stock, site.refill, rules.refills.get(s, -1), site.room,
                rules.notices.get(s, -1), rules.site_kinds[s] in verbs.RECORD_KINDS, 1 / site.scale,
            )
            for s, site in enumerate(blueprint.sites)
        ]),
        task=_rows(TASK_RULE, [
            (
                as_set(task.reads), as_set(task.footprint), as_set(task.inputs), as_set(task.differences),
                as_set(task.overwrites), len(task.ops), task.thought, task.jobs, task.crosses,
                len(task.inputs),
            )
            for task in rules.tasks
        ]),
        op=op,
        task_input=task_input,
        lock=lock,
        lock_of=np.array(rules.lock_of, np.int32),
        job_task=job_task,
        event=_rows(EVENT_RULE, [tuple(row) for row in rules.world_events], least=0),
        goal=_rows(GOAL_RULE, [
            (
                as_set(rules.site_index[name] for name in blueprint.sites[rules.site_index[goal.site]].depends)
                if goal.kind == BUILT else 0,
                goal.kind, rules.site_index.get(goal.site, -1), goal.agent,
                rules.event_of_closing(goal.index) if goal.kind == CORRECTED else goal.index, goal.target,
                rules.task_names.index(goal.task) if goal.task else -1, goal.other,
            )
            for goal in blueprint.goals
        ], least=0),
        goal_touch=goal_touch,
        invariant=_rows(INVARIANT_RULE, [
            (as_set(rules.site_index[name] for name in rule.sites), rule.kind, rule.floor)
            for rule in blueprint.invariants
        ], least=0),
        correction=np.array(corrections or np.zeros((0, len(rules.site_names))), np.int32),
        constraint=np.array([as_set(entries) for entries in rules.constraints], np.uint64),
        action=np.array([(action.kind, action.index, action.thought) for action in rules.actions], np.int32),
        always=np.array([bits & (2**64 - 1), bits >> 64], np.uint64),
        depends=depends,
        permit=_rows(PERMIT_RULE, [_permit(rules, action) for action in rules.actions]),
        cell=_rows(CELL_RULE, [
            (
                row, column, rules.gate_of.get(cell, NO_SITE), rules.region_of.get(cell, NO_SITE),
                as_set(np.flatnonzero(local_map[cell] < 0).tolist()),
                as_set(
                    index for index, action in enumerate(rules.actions)
                    if action.kind == MOVE and rules.layout.neighbour[cell, action.index] != cell
                ),
                as_set(site for site in range(len(rules.site_names)) if rules.paths[site][0][cell] <= 1),
            )
            for cell in range(cells)
            for row, column in [rules.layout.place(cell)]
        ]),
        local_map=local_map,
        near=near.astype(np.int16),
        way=_ways(rules),
        neighbour=rules.layout.neighbour,
        visible=visible,
        thought=rules.thought,
        slip=rules.slip,
        argument=argument,
        delay=rules.delay,
    )  # fmt: skip
