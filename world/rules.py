"""From a blueprint and settings to what the engines read: names resolved to indexes, paths and sight precomputed.

The reference engine reads `Rules` itself; the compiled one reads the same facts as arrays, see `rule_arrays`.
"""

from __future__ import annotations

import math
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from . import verbs
from .actions import Action, action_table
from .layout import Layout, paths_to, read_map, sees
from .scenario import (
    ANNOUNCES,
    ARRIVES,
    CLOSES,
    DRIFTS,
    FROM_JOB,
    REOPENS,
    RESTOCKS,
    Blueprint,
    Task,
)
from .settings import LONG, USUAL, Settings, delay_table, slip_table, thought_chosen, thought_table
from .state import NEVER, NO_CELL, NO_SITE
from .tasks import MAX_OPS, ResolvedOp, ResolvedTask

MAX_SET = 64  # sites, agents and tasks are sets in one uint64
MAX_STOCK = 2**15 - 1  # an int16
GRAINS = ("site", "region", "world")  # of locks, from fine to coarse


class Rules:
    """One scenario at one size under given settings, ready for either engine."""

    def __init__(
        self, name: str, blueprint: Blueprint, settings: Settings, parameters: dict[str, Any] | None = None
    ) -> None:
        self.name = name
        self.blueprint = blueprint
        self.settings = settings
        self.parameters = dict(parameters or {})
        self.layout: Layout = read_map(blueprint.map)
        self.site_names = tuple(site.name for site in blueprint.sites)
        self.site_index = {site: index for index, site in enumerate(self.site_names)}
        self.site_kinds = tuple(verbs.SITE_KINDS.index(site.kind) for site in blueprint.sites)
        self.agent_names = tuple(f"{role.name}_{index}" for role in blueprint.roles for index in range(role.count))
        self.role_of = tuple(index for index, role in enumerate(blueprint.roles) for _ in range(role.count))
        self._roles = tuple(blueprint.roles[index] for index in self.role_of)
        for task in blueprint.tasks:
            for site in (name for op in task.ops for name in (op.site, *op.rests_on)):
                if site not in self.site_index:
                    raise ValueError(f"the scenario has no site {site!r}, which the task {task.name!r} speaks of")
        self.actions: tuple[Action, ...] = action_table(blueprint, settings)
        self.tasks = tuple(self._resolve(task) for task in blueprint.tasks)
        self.task_names = tuple(task.name for task in blueprint.tasks)
        for what, held in (("sites", self.site_names), ("agents", self.agent_names), ("tasks", self.tasks)):
            if not 0 < len(held) <= MAX_SET:
                raise ValueError(f"a scenario has 1 to {MAX_SET} {what}; {name!r} has {len(held)}")
        for drawn in blueprint.sites:
            if not 0 <= drawn.stock <= MAX_STOCK:
                raise ValueError(f"a shelf is stocked 0 to {MAX_STOCK:,} times; {drawn.name!r} {drawn.stock:,} times")
        for agent, who in enumerate(self.agent_names):
            if self.region_of.keys() & set(self._stations(agent)):
                raise ValueError(f"a region counts bodies at its border, so nobody starts or stops in it; {who} does")
        self.thought = thought_table(settings.think, settings.think_law)
        self.delay = delay_table(settings.delay, settings.delay_law)
        longest = thought_chosen(int(self.thought.max()), LONG if settings.think_choice else USUAL)
        self.slip = slip_table(settings.slip, settings.half_life, longest)
        bound = blueprint.bound(longest, int(self.delay.max()))
        turns = len(self.agent_names) if settings.lockstep else 1
        self.max_cycles = settings.max_cycles or math.ceil(1.25 * bound) * turns

    @property
    def header(self) -> dict[str, Any]:
        """What an episode's digest says of the world."""
        return {
            "scenario": {"name": self.name, **self.parameters},
            "settings": self.settings.header,
        }

    @cached_property
    def regions_of(self) -> dict[int, tuple[int, ...]]:
        """Switch -> the regions it commands: those that share a cell with its gates."""
        regions = [i for i, site in enumerate(self.blueprint.sites) if site.kind == "region"]
        return {
            index: tuple(r for r in regions if set(self.blueprint.sites[r].cells) & set(site.cells))
            for index, site in enumerate(self.blueprint.sites)
            if site.kind == "switch"
        }

    @cached_property
    def plan(self) -> tuple[int, ...]:
        """The sites that are entries of the plan."""
        return tuple(site for site, kind in enumerate(self.site_kinds) if kind == verbs.PLAN)

    @cached_property
    def lock_of(self) -> tuple[tuple[int, ...], ...]:
        """For each of `GRAINS` and each site, the site that stands for its lock: the first of those it covers.

        A region of sites is a district that the blueprint declares; of the sites it leaves out, those in the same
        quarter of the map. The plan has one lock, and is a region by itself.
        """
        layout, district_of = self.layout, {}
        for number, names in enumerate(self.blueprint.districts):
            for site in names:
                if site not in self.site_index or self.site_index[site] in self.plan or site in district_of:
                    raise ValueError(
                        f"a site is in one district at most, and an entry of the plan in none; {site!r} is not"
                    )
                district_of[site] = number

        def region(site: int) -> tuple[object, ...]:
            if site in self.plan:
                return ("plan",)
            if self.site_names[site] in district_of:
                return ("district", district_of[self.site_names[site]])
            row, column = layout.place(self.site_cells(site)[0])
            return ("quarter", 2 * row // layout.rows, 2 * column // layout.columns)

        sites = range(len(self.site_names))
        first = min(self.plan, default=NO_SITE)
        regions = [region(site) for site in sites]
        return (
            tuple(first if site in self.plan else site for site in sites),
            tuple(regions.index(where) for where in regions),
            tuple(0 for _ in sites),
        )

    @cached_property
    def arguments(self) -> tuple[tuple[int, ...], ...]:
        """For each verb, in order, the arguments that tasks give it: what one of them may slip to.

        Only of verbs that write their argument: else it does nothing but say what is expected. Amounts of jobs count.
        """
        jobs, given = self.blueprint.jobs, [set[int]() for _ in verbs.VERBS]
        written = (op for task in self.tasks for op in task.ops if verbs.writes_argument(op.writes))
        for op in written:
            given[op.verb].update(range(jobs.low, jobs.high + 1) if op.from_job and jobs else (op.argument,))
        return tuple(tuple(sorted(values)) for values in given)

    def _resolve(self, task: Task) -> ResolvedTask:
        if not 1 <= len(task.ops) <= MAX_OPS:
            raise ValueError(f"a task has 1 to {MAX_OPS} ops; {task.name!r} has {len(task.ops)}")
        ops: list[ResolvedOp] = []
        for op in task.ops:
            verb = verbs.VERBS[verbs.VERB_INDEX[op.verb]]
            site = self.site_index[op.site]
            if self.site_kinds[site] != verb.kind:
                kind, of = verbs.SITE_KINDS[verb.kind], self.blueprint.sites[site].kind
                raise ValueError(f"{op.verb!r} is a verb of a {kind}; {op.site!r} is a {of}")
            of_verb = self._depends(verb.depends, site, op.argument)
            declared = tuple(sorted({self.site_index[name] for name in op.rests_on} - {site, *of_verb}))
            deps = tuple(sorted({*of_verb, *declared} - {site}))
            index, from_job = verbs.VERB_INDEX[op.verb], op.argument == FROM_JOB
            argument = 0 if from_job else int(op.argument)
            premise = verb.premise if op.premise is None else op.premise
            follow = self._entry(op.follows, task.name) if op.follows else NO_SITE
            entries = tuple(sorted((self._entry(name, task.name), value) for name, value in op.entries))
            plan = self.plan if index == verbs.CORRECT else ()
            if bool(entries) != bool(plan) or (plan and (len(task.ops) > 1 or task.jobs)):
                raise ValueError(f"a task that corrects is one op that names entries of the plan; {task.name!r} is not")
            if any(value < 0 for _, value in entries) or len(dict(entries)) < len(entries):
                raise ValueError(f"a correction gives an entry one value from 0; {task.name!r} does not")
            ops.append(
                ResolvedOp(
                    index, site, argument, from_job, premise, verb.writes, deps, follow, op.when, entries, plan,
                    declared, len(ops),
                )
            )  # fmt: skip
        agents = frozenset(
            agent
            for agent, role in enumerate(self._roles)
            if role.name in task.roles and (task.agents is None or agent in task.agents)
        )
        crosses = ops[0].verb == verbs.CROSS
        if crosses and (len(ops) > 1 or not all(self._roles[agent].stations for agent in agents)):
            raise ValueError(f"a task that crosses is one op of roles with stations; {task.name!r} is not")
        return ResolvedTask(task.name, tuple(ops), task.thought, task.jobs, crosses, agents)

    def _entry(self, name: str, task: str) -> int:
        """Return the index of an entry of the plan.

        Raises: ValueError if the plan has no such entry.
        """
        site = self.site_index.get(name, NO_SITE)
        if site not in self.plan:
            has = ", ".join(self.site_names[entry] for entry in self.plan) or "no entries"
            raise ValueError(f"{task!r} speaks of {name!r}, which is no entry of the plan; the plan has {has}")
        return site

    def _depends(self, depends: int, site: int, argument: int | str) -> tuple[int, ...]:
        declared = tuple(self.site_index[name] for name in self.blueprint.sites[site].depends)
        if depends == verbs.REGIONS_IF_CLOSING:
            return self.regions_of[site] if argument == 1 else ()
        if depends == verbs.NO_DEPS:
            return ()
        return tuple(sorted(declared))

    def site_cells(self, site: int) -> list[int]:
        """Return every cell at which a site is seen: its own, and its region's or gates'; a plan's entry has none."""
        drawn = self.blueprint.sites[site]
        own = [drawn.cell] if drawn.cell is not None else []
        return [self.layout.cell(place) for place in (*own, *drawn.cells)]

    def sight_of(self, agent: int) -> int | None:
        """Return the radius of an agent's sight, None for all."""
        if self.settings.sight == "all":
            return None
        if self.settings.sight == "scenario":
            own = self.blueprint.roles[self.role_of[agent]].sight
            return self.blueprint.sight if own is None else own
        return self.settings.sight

    @cached_property
    def sights(self) -> tuple[tuple[frozenset[int], ...], ...]:
        """For each agent and cell, the set of sites in sight. A region is in sight when all of its cells are."""
        cells = range(self.layout.floor.size)
        by_radius: dict[int | None, tuple[frozenset[int], ...]] = {}
        for radius in {self.sight_of(agent) for agent in range(len(self.agent_names))}:
            by_radius[radius] = tuple(
                frozenset(
                    site
                    for site in range(len(self.site_names))
                    if self.site_kinds[site] != verbs.PLAN
                    and sees(self.layout, cell, self.site_cells(site), radius, self.site_kinds[site] == verbs.REGION)
                )
                for cell in cells
            )
        return tuple(by_radius[self.sight_of(agent)] for agent in range(len(self.agent_names)))

    @cached_property
    def targets(self) -> tuple[int, ...]:
        """Cells that agents walk to: one for each site, then two for each agent that has stations (else its home).

        An entry of the plan has NO_CELL: it is at hand everywhere.
        """
        sites = [next(iter(self.site_cells(site)), NO_CELL) for site in range(len(self.site_names))]
        return (*sites, *(cell for agent in range(len(self.agent_names)) for cell in self._stations(agent)))

    def _stations(self, agent: int) -> tuple[int, int]:
        role = self.blueprint.roles[self.role_of[agent]]
        nth = self.nth_of_role(agent)
        if role.stations:
            first, second = role.stations[nth % len(role.stations)]
            return self.layout.cell(first), self.layout.cell(second)
        home = self.layout.cell(role.homes[nth % len(role.homes)])
        return home, home

    def nth_of_role(self, agent: int) -> int:
        """Return an agent's place among those of its role."""
        return agent - self.role_of.index(self.role_of[agent])

    def station(self, agent: int, side: int) -> int:
        """Return the target index of one of an agent's two stations."""
        return len(self.site_names) + 2 * agent + side

    @cached_property
    def paths(self) -> tuple[tuple[NDArray[np.int32], NDArray[np.int32]], ...]:
        """For each target: distances and next cells."""
        cells = self.layout.floor.size
        nowhere = np.zeros(cells, np.int32), np.arange(cells, dtype=np.int32)
        cached: dict[int, tuple[NDArray[np.int32], NDArray[np.int32]]] = {NO_CELL: nowhere}
        for cell in self.targets:
            if cell not in cached:
                cached[cell] = paths_to(self.layout, cell)
        return tuple(cached[cell] for cell in self.targets)

    @cached_property
    def listeners(self) -> tuple[tuple[int, ...], ...]:
        """For each site, the agents that hear of it; of an entry of the plan, those whose tasks may follow it."""
        followers = {(op.follow, agent) for task in self.tasks for op in task.ops for agent in task.agents}
        return tuple(
            tuple(
                agent
                for agent, role in enumerate(self._roles)
                if (site.kind != "plan" and role.name in site.listeners) or (index, agent) in followers
            )
            for index, site in enumerate(self.blueprint.sites)
        )

    @cached_property
    def members(self) -> frozenset[int]:
        """The agents whose tasks may follow the plan."""
        return frozenset(agent for entry in self.plan for agent in self.listeners[entry])

    @cached_property
    def constraints(self) -> tuple[frozenset[int], ...]:
        """Sets of entries of the plan that must agree."""
        return tuple(
            frozenset(self._entry(name, "a constraint") for name in names) for names in self.blueprint.constraints
        )

    @cached_property
    def notices(self) -> dict[int, int]:
        """Depot -> the site that says whether it is closed."""
        closings = self.blueprint.closings
        pairs = zip(closings.depots, closings.notices, strict=True) if closings else ()
        return {self.site_index[depot]: self.site_index[notice] for depot, notice in pairs}

    @cached_property
    def posts_of(self) -> dict[int, tuple[int, ...]]:
        """Goods -> the posts that keep their intruder out, in site order."""
        rows = {
            self.site_index[one.goods]: tuple(self.site_index[name] for name in one.posts)
            for one in self.blueprint.intruders
        }
        return dict(sorted(rows.items()))

    @cached_property
    def gate_of(self) -> dict[int, int]:
        """Cell -> the switch that opens and closes it."""
        return self._cells_of("switch")

    @cached_property
    def region_of(self) -> dict[int, int]:
        """Cell -> the region it belongs to."""
        return self._cells_of("region")

    def _cells_of(self, kind: str) -> dict[int, int]:
        return {
            self.layout.cell(place): index
            for index, site in enumerate(self.blueprint.sites)
            if site.kind == kind
            for place in site.cells
        }

    @cached_property
    def job_tasks(self) -> tuple[tuple[tuple[int, ...], ...], ...]:
        """For each agent, the job tasks that a job is drawn from, turn by turn, each so often as its share says.

        Raises: ValueError where an agent has jobs of some turns only.
        """
        drawn = self.blueprint.tasks
        turns = 1 + max((task.turn for task in drawn if task.jobs), default=0)
        rows = []
        for agent, name in enumerate(self.agent_names):
            mine = [t for t, task in enumerate(self.tasks) if task.jobs and agent in task.agents]
            row = tuple(
                tuple(t for t in mine for _ in range(drawn[t].share) if drawn[t].turn == turn) for turn in range(turns)
            )
            if any(row) and not all(row):
                raise ValueError(f"an agent with jobs has job tasks of every turn; {name} has none of some")
            rows.append(row if any(row) else ())
        return tuple(rows)

    @cached_property
    def world_events(self) -> tuple[tuple[int, int, int, int, int, int, int], ...]:
        """What EVENT_RULE holds, boats first."""
        boats, rows = self.blueprint.boats, []
        if boats:
            site = self.site_index[boats.board]
            rows += [(ARRIVES, 0, n, site, 1, boats.first + boats.every * n, boats.jitter) for n in range(boats.count)]
        for source, drift in enumerate(self.blueprint.drift, 1):
            site = self.site_index[drift.site]
            starts = (drift.first + drift.every * n for n in range(drift.count))
            rows += [(DRIFTS, source, n, site, drift.amount, start, drift.jitter) for n, start in enumerate(starts)]
        closings = self.blueprint.closings
        if closings:
            source = len(self.blueprint.drift) + 1
            steps = ((ANNOUNCES, 1, 0), (CLOSES, 1, closings.lead), (REOPENS, -2, closings.lead + closings.shut))
            for n in range(closings.count):
                site = self.site_index[closings.notices[n % len(closings.notices)]]
                start = closings.first + closings.every * n
                # Equal source and number: the three steps of one closing are late by the same draw.
                rows += [(what, source, n, site, by, start + after, closings.jitter) for what, by, after in steps]
        rows += [(RESTOCKS, 0, 0, site, 0, NEVER, 0) for site, drawn in enumerate(self.blueprint.sites) if drawn.refill]
        return tuple(rows)

    @property
    def closings(self) -> int:
        """How many closings there are."""
        return self.blueprint.closings.count if self.blueprint.closings else 0

    def event_of_closing(self, nth: int) -> int:
        """Return the world event at which the n-th depot closes."""
        return next(i for i, (what, _, n, *_) in enumerate(self.world_events) if (what, n) == (CLOSES, nth))

    @cached_property
    def refills(self) -> dict[int, int]:
        """Shelf -> the world event in which it is stocked again, whose tick is set when the shelf is emptied."""
        return {site: i for i, (what, _, _, site, *_) in enumerate(self.world_events) if what == RESTOCKS}

    @property
    def mail_capacity(self) -> int:
        """Messages that can be in flight at once, at most."""
        listeners = max((len(heard) for heard in self.listeners), default=0)
        if self.settings.symbols:
            listeners = max(listeners, len(self.agent_names) - 1)
        copies = 2 if self.settings.duplication > 0 else 1
        # An agent sends at most once a tick to each listener, and an accident once for each body.
        held = MAX_OPS * len(self.agent_names)
        return max(1, (len(self.agent_names) * (2 + int(self.delay.max())) * 2 + held) * listeners * copies)
