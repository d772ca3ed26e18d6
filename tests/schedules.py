"""Schedules: random ones, which a seed makes of all that blueprint, settings and config can say, and small ones.

A seed gives the map, the sites, the roles, the tasks, the protocol and every choice of every agent. A small schedule is
written in a line and reads from left to right, a tick each: in "A reads ledger | B adds ledger | A adds ledger" agent A
decides to add on what it believes of the ledger, and still thinks when B adds.
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from pydantic import ValidationError

from stalegrid.protocols.config import AXES, PARAMETERS, Config
from stalegrid.protocols.presets import PRESETS, name_of, resolve
from stalegrid.world import actions, entropy, log, scenario, verbs
from stalegrid.world.rules import Rules
from stalegrid.world.scenario import (
    FROM_JOB,
    Blueprint,
    Boats,
    Closings,
    Drift,
    Goal,
    Intruder,
    Invariant,
    Jobs,
    Op,
    Role,
    Site,
    Task,
)
from stalegrid.world.settings import QUANTILES, Settings

Place = tuple[int, int]
Event = tuple[int, ...]

# Few values, so that premises hold often enough and items meet the orders that ask for them.
ARGUMENTS: Mapping[str, Sequence[int]] = {
    "add": (-1, 1, 2), "set": (0, 1), "write": (0, 1, 2), "take": (1, 1, 2), "put": (1, 1, 2), "deliver": (1, 1, 2),
    "refactor": (0,), "build": (0, 1), "enter": (0,), "leave": (0, 1), "swap": (0, 1, 1, 2),
}  # fmt: skip
VALUES: Mapping[str, Sequence[int]] = {
    "counter": (0, 1, 5), "board": (0, 1, 2), "shelf": (0, 1, 1, 2), "depot": (0,), "interface": (0, 1, 2),
    "guard_post": (0, 1), "switch": (0, 0, 1), "region": (0,), "plan": (0, 1),
}  # fmt: skip
FROM_JOBS = ("add", "write", "take", "put", "deliver", "build", "swap")

# A protocol that is told the truth: where its promises are asked for.
SOUND: Mapping[str, Any] = {"visibility": 1.0, "footprint_error": 0.0}


@dataclass(frozen=True)
class Schedule:
    """An episode to be played: where, under which protocol, and who chooses what."""

    rules: Rules
    config: Config
    world_seed: int = 0
    own_reward: bool = False

    def choices(self) -> Choices:
        """Return the agents' choices from the beginning."""
        raise NotImplementedError

    def __str__(self) -> str:
        blueprint = self.rules.blueprint
        lines = [f"{self.rules.header['scenario']}, world seed {self.world_seed}", f"config: {name_of(self.config)}"]
        lines.append(f"settings: {self.rules.settings.model_dump(exclude_defaults=True)}")
        for what in ("map", "sites", "roles", "tasks", "goals", "invariants", "drift"):
            lines += [f"{what}:", *(f"    {one}" for one in getattr(blueprint, what))]
        lines.append(f"sight: {blueprint.sight}, jobs: {blueprint.jobs}, boats: {blueprint.boats}")
        return "\n".join(lines)


@dataclass(frozen=True)
class RandomSchedule(Schedule):
    """One seed, unfolded."""

    seed: int = 0

    def choices(self) -> Choices:
        """Return the agents' choices from the beginning."""
        return RandomChoices(self.seed, self.rules)


class Choices(Protocol):
    """What the agents of one episode choose."""

    def pick(self, tick: int, agent: int, mask: NDArray[np.bool_], events: Sequence[Event]) -> int:
        """Pick the action that an agent begins in a tick, under its mask, [actions] bool, after these events."""


class RandomChoices:
    """Mostly tasks, often the one chosen last; sometimes what the mask forbids."""

    def __init__(self, seed: int, rules: Rules) -> None:
        self.rng = random.Random(f"choices {seed}")
        self.count = len(rules.actions)
        self.is_task = np.array([action.kind == actions.DO for action in rules.actions])
        self.last: dict[int, int] = {}

    def pick(self, tick: int, agent: int, mask: NDArray[np.bool_], events: Sequence[Event] = ()) -> int:
        """Pick an action."""
        rng, last = self.rng, self.last.get(agent, 0)
        if rng.random() < 0.03:
            return rng.randrange(self.count)
        if mask[last] and rng.random() < 0.3:
            return last
        tasks = np.flatnonzero(mask & self.is_task)
        self.last[agent] = int(rng.choice(tasks if len(tasks) and rng.random() < 0.6 else np.flatnonzero(mask)))
        return self.last[agent]


def random_schedule(
    seed: int, settings: Mapping[str, Any] | None = None, axes: Mapping[str, Any] | None = None
) -> RandomSchedule:
    """Return the schedule of a seed; `settings` and `axes` are held whatever the seed says.

    Raises: ValidationError if the axes held fixed contradict each other.
    """
    rng = random.Random(f"schedule {seed}")
    blueprint = random_blueprint(rng)
    if len(blueprint.tasks) > 20:  # there is no room for more actions
        settings = {**(settings or {}), "think_choice": False, "symbols": 0}
    rules = Rules("random", blueprint, random_settings(rng, settings or {}), {"schedule": seed})
    config = random_config(rng, axes or {})
    return RandomSchedule(rules, config, rng.choice((seed, rng.getrandbits(64))), rng.random() < 0.3, seed)


def random_config(rng: random.Random, fixed: Mapping[str, Any]) -> Config:
    """Return a config: any point of the space, or a preset with one or two axes moved."""
    Config(**fixed)
    while True:
        drawn = {name: _random_value(rng, name) for name in AXES if name not in LATER_AXES}
        rng.choice(("first come",))
        drawn |= {"adopt_timeout": rng.randint(0, 12), "resend": rng.randint(1, 5), "kept": rng.choice((0, 50, 100))}
        drawn |= {
            "repair": rng.choice((0, 25, 100)),
            "misjudged": rng.choice((0, 50, 100)),
            "window": rng.randint(1, 6),
        }
        drawn |= {"lock_timeout": rng.randint(1, 12)}
        if drawn["locks"] == "none":  # else points without locks would be few
            drawn |= {"lock_moment": "ahead", "deadlock": "detection", "victim": "youngest"}
        if rng.random() < 0.5:
            moved = rng.sample(sorted({*AXES} - {"speculation"}), rng.randint(0, 2))
            often = ("occ", "full", "premise", "serializable_snapshot", "two_phase_locking", "mtpo")
            preset = PRESETS[rng.choice((*(name for name in PRESETS if name not in LATER_PRESETS), *often))]
            numbers = {name: drawn[name] for name in PARAMETERS if name in drawn}
            drawn = {**preset, **numbers, **{name: drawn[name] for name in moved if name in drawn}}
        try:
            config = Config(**{**drawn, **fixed})
        except ValidationError:
            continue
        return _with_later_axes(config, fixed)


# What came later is drawn by a generator of its own and laid on top: it must not shift what old seeds mean.
LATER_AXES = ("speculation", "scheduling")
LATER_PRESETS = ("contention_aware", "speculative_locking")


def _with_later_axes(config: Config, fixed: Mapping[str, Any]) -> Config:
    own = random.Random(repr(config))
    drawn = {name: _random_value(own, name) for name in LATER_AXES} | {"age_bound": own.randint(0, 9)}
    try:
        return Config(**{**dict(config), **drawn, **fixed})
    except ValidationError:
        return config


def _random_value(rng: random.Random, name: str) -> Any:
    axis = AXES[name]
    return tuple(value for value in axis.values if rng.random() < 0.5) if axis.many else rng.choice(axis.values)


def random_settings(rng: random.Random, fixed: Mapping[str, Any]) -> Settings:
    """Return settings of short episodes."""
    laws = ("constant", "uniform", "geometric", "lognormal")
    drawn: dict[str, Any] = {
        "think": rng.randint(0, 4),
        "think_law": rng.choice(laws),
        "delay": rng.choice((0, 0, 1, 2, 4)),
        "delay_law": rng.choice(laws),
        "loss": rng.choice((0, 0, 0.3)),
        "duplication": rng.choice((0, 0, 0.3)),
        "patience": rng.randint(2, 10),
        "navigation": rng.choice(("auto", "auto", "manual")),
        "sight": rng.choice(("scenario", "scenario", "all", 0, 1, 2)),
        "lockstep": rng.random() < 0.15,
        "stall": rng.choice((0, 0, 1, 4)),
        "stall_every": rng.choice((5, 10, 20)),
        "max_cycles": rng.choice((None, *range(15, 61, 5))),
        "think_choice": rng.random() < 0.3,
        "slip": rng.choice((0, 0, 0.3, 1)),
        "half_life": rng.choice((1, 2, 6)),
        "symbols": rng.choice((0, 0, 1, 3)),
    }
    own = random.Random(repr(drawn))  # what came later must not shift what the seeds of old tests mean
    drawn |= {
        "visibility": own.choice((1.0, 1.0, 1.0, 0.8, 0.4)),
        "footprint_error": own.choice((0.0, 0.0, 0.0, 0.3, 0.8)),
        "thinkers": own.choice((None, None, 1, 2)),
    }
    return Settings(**{**drawn, **fixed})


# ---------------------------------------------------------------------- schedules in a line

# What the lines speak of; all in the open and within reach of everyone, so that only thinking takes time.
SITES = (
    Site("ledger", "counter", (0, 0)),
    Site("till", "counter", (0, 0), 5),
    Site("note", "board", (0, 0), 1),
    Site("shelf", "shelf", (0, 0), 1),
    Site("rack", "shelf", (0, 0)),
    Site("depot", "depot", (0, 0), depends=("note",)),
    Site("gate", "switch", (0, 0)),
    Site("api", "interface", (0, 0), 1),
    Site("client", "interface", (0, 0), 1, depends=("api",)),
    Site("east", "guard_post", (0, 0), 1, depends=("west",)),
    Site("west", "guard_post", (0, 0), 1, depends=("east",)),
)
VERBS_SAID = {f"{name}s": name for name in verbs.VERB_INDEX if name not in ("cross", "correct")}
USUAL_ARGUMENT = {"add": 1, "set": 1, "write": 2, "take": 1, "put": 1, "deliver": 1, "leave": 1}


@dataclass(frozen=True)
class Item:
    """One item of a line: an act, and when its agent decides on it. Ticks count from 1."""

    agent: int
    op: Op
    decided: int
    acts: int


@dataclass(frozen=True)
class Line(Schedule):
    """A schedule in a line."""

    text: str = ""
    items: tuple[Item, ...] = ()

    def choices(self) -> Choices:
        """Return the agents' choices from the beginning."""
        return LineChoices(self.items)

    def __str__(self) -> str:
        return f"{self.text!r} under {name_of(self.config)}"


class LineChoices:
    """Each agent does its items in order, none before its tick; one that is made to wait does it later."""

    def __init__(self, items: tuple[Item, ...]) -> None:
        self.items = items

    def pick(self, tick: int, agent: int, mask: NDArray[np.bool_], events: Sequence[Event]) -> int:
        """Pick the task of the agent's next item, or wait."""
        begun = sum(event[0] == log.DECIDE and event[2] == agent for event in events)
        due = [n for n, item in enumerate(self.items) if item.agent == agent][begun : begun + 1]
        return 1 + due[0] if due and self.items[due[0]].decided <= tick else 0


def read_line(text: str) -> tuple[Item, ...]:
    """Read a line of items `AGENT VERBs SITE [ARGUMENT]`, or `AGENT reads SITE` where its next act is decided on.

    Raises: ValueError for an item that does not read so.
    """
    kinds = {site.name: site.kind for site in SITES}
    items: list[Item] = []
    reading: dict[str, tuple[int, str]] = {}
    for tick, said in enumerate(text.split("|"), 1):
        agent, verb, site, *rest = said.split()
        if agent not in "ABC" or site not in kinds or (verb != "reads" and verb not in VERBS_SAID):
            raise ValueError(
                f"{said!r}: agents are A, B, C; verbs reads, {', '.join(VERBS_SAID)}; sites {', '.join(kinds)}"
            )
        if verb == "reads":
            reading[agent] = tick, site
            continue
        name = VERBS_SAID[verb]
        argument = int(rest[0]) if rest else USUAL_ARGUMENT.get(name, 0)
        decided, _ = reading.pop(agent, (tick, site))
        items.append(Item("ABC".index(agent), Op(site, name, argument), decided, tick))
    if reading:
        raise ValueError(f"{text!r}: {', '.join(reading)} reads and does not act")
    return tuple(items)


def line(text: str, protocol: str | Mapping[str, Any] = "none", **settings: Any) -> Line:
    """Return the schedule that a line tells."""
    items = read_line(text)
    blueprint = Blueprint(
        map=("..", ".."),
        sites=SITES,
        roles=(Role("agent", 3, ((0, 0),)),),
        tasks=tuple(Task(f"item {n}", (item.op,), ("agent",)) for n, item in enumerate(items)),
        goals=(Goal(scenario.VALUE, "till", target=-99),),
        bound=bound,
    )
    rules = Rules(
        "line", blueprint, Settings(**{"patience": 5, "max_cycles": 2 * len(text.split("|")) + 12, **settings})
    )
    # Think times are drawn from a table: the line's own are written where the draws of its decisions hit it.
    for n, item in enumerate(items):
        rules.thought[entropy.draw(0, entropy.THOUGHT, item.agent, n, 0, 0) % QUANTILES] = item.acts - item.decided
    return Line(rules, resolve(protocol), text=text, items=items)


# ---------------------------------------------------------------------- blueprints


def bound(think: int, delay: int) -> int:
    """Give a bound on the serial makespan that is short, not true."""
    return 12 + think + delay


def random_blueprint(rng: random.Random) -> Blueprint:
    """Return a scenario of a few cells, sites, agents and tasks."""
    lines, floor = random_map(rng)
    roles = _random_roles(rng, floor)
    sites = _random_sites(rng, floor, roles)
    jobs = Jobs(rng.randint(1, 3), rng.randint(0, 1), rng.randint(1, 3)) if rng.random() < 0.5 else None
    boats = _random_boats(rng, sites)
    plain = [site.name for site in sites if site.kind not in ("switch", "region", "plan")]
    plan = [site.name for site in sites if site.kind == "plan"]
    posts = tuple(site.name for site in sites if site.kind == "guard_post")
    boards = [site.name for site in sites if site.kind == "board"]
    depots = [site.name for site in sites if site.kind == "depot"]
    closings = _random_closings(rng, depots, boards) if depots and boards and rng.random() < 0.7 else None
    corrections = tuple(
        _random_correction(rng, f"correction_{n}", plan, plain, roles) for n in range(rng.randint(1, 3) if plan else 0)
    )
    # Now and then more actions than fit into 64 bits of mask.
    many = rng.randint(30, 40) if rng.random() < 0.02 and len(sites) < 15 else rng.randint(2, 6)
    return Blueprint(
        map=lines,
        sites=sites,
        roles=roles,
        tasks=(
            *_in_turns(
                rng, [_random_task(rng, f"task_{n}", sites, roles, jobs is not None) for n in range(many)], roles
            ),
            *_crossings(sites, roles),
            *corrections,
        ),
        goals=tuple(_random_goal(rng, sites, roles, boats, closings) for _ in range(rng.randint(1, 4))),
        bound=bound,
        sight=rng.choice((None, 1, 2, 3)),
        jobs=jobs,
        boats=boats,
        drift=tuple(
            Drift(
                name, rng.randint(1, 3), rng.randint(1, 8), rng.randint(0, 6), rng.randint(0, 4), rng.choice((-1, 1, 2))
            )
            for name in rng.sample(plain, min(len(plain), rng.choice((0, 0, 1, 2))))
        ),
        invariants=tuple(_random_invariant(rng, sites) for _ in range(rng.choice((0, 1, 2)))),
        intruders=_random_intruders(rng, posts, plain) if rng.random() < 0.5 else (),
        closings=closings,
        parcels=rng.randint(0, 2),
        districts=_random_districts(rng, [site.name for site in sites if site.kind != "plan"]),
        constraints=tuple(
            tuple(rng.sample(plan, rng.randint(1, len(plan)))) for _ in range(rng.choice((0, 1, 2)) if plan else 0)
        ),
    )


def random_map(rng: random.Random) -> tuple[tuple[str, ...], list[Place]]:
    """Return the rows of a small map, its walls leaving one piece of floor, and the places of the floor."""
    rows, columns = rng.randint(2, 5), rng.randint(3, 7)
    places = [(row, column) for row in range(rows) for column in range(columns)]
    floor = set(places)
    for place in rng.sample(places, rng.randint(0, len(places) // 3)):
        rest = floor - {place}
        if len(rest) > 1 and _piece(rest, min(rest), len(rest)) == rest:
            floor = rest
    lines = tuple("".join("." if (row, column) in floor else "#" for column in range(columns)) for row in range(rows))
    return lines, sorted(floor)


def _piece(floor: set[Place], start: Place, size: int, rng: random.Random | None = None) -> set[Place]:
    """Grow a connected piece of at most `size` places, in random order where a generator is given."""
    piece, border = {start}, [start]
    while border and len(piece) < size:
        row, column = border.pop(rng.randrange(len(border)) if rng else -1)
        for near in ((row - 1, column), (row + 1, column), (row, column - 1), (row, column + 1)):
            if near in floor and near not in piece and len(piece) < size:
                piece.add(near)
                border.append(near)
    return piece


def _random_roles(rng: random.Random, floor: list[Place]) -> tuple[Role, ...]:
    total = rng.randint(2, 4)
    counts = [1] * rng.randint(1, min(3, total))
    for _ in range(total - len(counts)):
        counts[rng.randrange(len(counts))] += 1
    roles = []
    for nth, count in enumerate(counts):
        pairs = [tuple(rng.sample(floor, 2)) for _ in range(rng.randint(1, count))]
        walks = rng.random() < 0.4
        homes = tuple(rng.choices(floor, k=rng.randint(1, count))) if not walks else (pairs[0][0],)
        roles.append(
            Role(
                f"role{nth}",
                count,
                homes,
                stations=tuple(pairs) if walks else (),
                trips=rng.randint(1, 3) if walks else 0,
                sight=rng.choice((None, None, 1, 2)),
                hand=rng.choice((0, 0, 1, 2)),
            )
        )
    return tuple(roles)


class _SiteMaker:
    """Lays out sites one after the other.

    No two regions share a cell, nor do the gates of two switches; nobody starts in a region, which is empty at reset.
    """

    def __init__(self, rng: random.Random, floor: list[Place], roles: tuple[Role, ...]) -> None:
        self.rng = rng
        self.floor = floor
        self.roles = [role.name for role in roles]
        self.sites: list[Site] = []
        starts = {
            place for role in roles for place in (*role.homes, *(cell for pair in role.stations for cell in pair))
        }
        self.taken: dict[str, set[Place]] = {"switch": set(), "region": starts}

    def add(self, kind: str, depends: tuple[str, ...] = (), cells: set[Place] | None = None) -> str:
        """Add one site and return its name."""
        rng = self.rng
        name = f"{kind}_{len(self.sites)}"
        listeners = tuple(role for role in self.roles if rng.random() < 0.6) if rng.random() < 0.6 else ()
        if cells is not None:
            self.taken[kind] |= cells
        self.sites.append(
            Site(
                name,
                kind,
                None if kind in ("region", "plan") else rng.choice(self.floor),
                rng.choice(VALUES[kind]),
                tuple(sorted(cells or ())),
                depends,
                listeners,
                announced=rng.random() < 0.6 and kind != "plan",
                known=rng.random() < 0.5,
                scale=rng.randint(1, 10),
                stock=rng.choice((0, 1, 2)) if kind == "shelf" else 0,
                refill=rng.choice((0, 0, 1, 3)) if kind == "shelf" else 0,
                room=rng.choice((0, 1, 2)) if kind == "guard_post" else 0,
            )
        )
        return name

    def area(self, kind: str, wanted: set[Place] | None = None) -> set[Place]:
        """Return one to three connected places not yet taken by a site of the kind; some of `wanted` if there are."""
        free = set(self.floor) - self.taken[kind]
        wanted = (wanted or free) & free
        return _piece(free, self.rng.choice(sorted(wanted)), self.rng.randint(1, 3), self.rng) if wanted else set()

    def group(self) -> None:
        """Add a site with those that it rests on or commands."""
        rng, kind = self.rng, self.rng.choice((*VALUES, "switch"))
        if kind == "depot":
            orders = tuple(self.add(rng.choice(("board", "board", "counter"))) for _ in range(rng.choice((0, 1, 1))))
            self.add(kind, orders)
        elif kind == "interface":
            first = self.add(rng.choice(("interface", "board")))
            self.add(
                kind,
                (
                    first,
                    *rng.sample([site.name for site in self.sites[:-1]], min(len(self.sites) - 1, rng.randint(0, 1))),
                ),
            )
        elif kind == "guard_post":
            names = tuple(f"guard_post_{len(self.sites) + n}" for n in range(rng.randint(2, 3)))
            for name in names:
                self.add(kind, tuple(other for other in names if other != name))
        elif kind == "switch":
            gates = self.area("switch")
            self.add(kind, cells=gates)
            for _ in range(rng.choice((0, 1, 1, 2))):
                deck = self.area("region", gates)
                if deck:
                    self.add("region", cells=deck)
        elif kind == "plan":
            for _ in range(rng.randint(1, 3)):
                self.add(kind)
        elif kind == "region":
            deck = self.area("region")
            if deck:
                self.add(kind, cells=deck)
        else:
            self.add(kind)


def _random_sites(rng: random.Random, floor: list[Place], roles: tuple[Role, ...]) -> tuple[Site, ...]:
    maker = _SiteMaker(rng, floor, roles)
    maker.add(rng.choice(("counter", "board", "shelf")))
    while len(maker.sites) < 2 or (len(maker.sites) < 6 and rng.random() < 0.7):
        maker.group()
    # Now and then more than fit into 32 bits of a set.
    for _ in range(30 if rng.random() < 0.02 else 0):
        maker.add("counter")
    return tuple(maker.sites)


def _random_task(
    rng: random.Random, name: str, sites: tuple[Site, ...], roles: tuple[Role, ...], may_have_jobs: bool
) -> Task:
    has_jobs = may_have_jobs and rng.random() < 0.4
    ops = tuple(_random_op(rng, sites, has_jobs) for _ in range(rng.choice((1, 1, 2, 3, 4))))
    everybody = tuple(role.name for role in roles)
    agents = sum(role.count for role in roles)
    return Task(
        name,
        ops,
        everybody if rng.random() < 0.7 else (rng.choice(everybody),),
        thought=rng.random() < 0.8,
        jobs=has_jobs,
        agents=tuple(rng.sample(range(agents), 2)) if rng.random() < 0.1 else None,
        share=rng.choice((1, 1, 3)),
    )


def _in_turns(rng: random.Random, tasks: list[Task], roles: tuple[Role, ...]) -> list[Task]:
    """Draw every second job from a task of its own, now and then, where everybody has another one besides."""
    common = [n for n, task in enumerate(tasks) if task.jobs and task.agents is None and len(task.roles) == len(roles)]
    if len(common) > 1 and rng.random() < 0.5:
        tasks[common[-1]] = replace(tasks[common[-1]], turn=1)
    return tasks


def _random_op(rng: random.Random, sites: tuple[Site, ...], has_jobs: bool) -> Op:
    site = rng.choice([site for site in sites if site.kind not in ("region", "plan")])
    others = [other.name for other in sites if other.name != site.name]
    plan = [other.name for other in sites if other.kind == "plan"]
    verb = rng.choice([verb.name for verb in verbs.VERBS if verbs.SITE_KINDS[verb.kind] == site.kind])
    from_job = has_jobs and verb in FROM_JOBS and rng.random() < 0.7
    return Op(
        site.name,
        verb,
        FROM_JOB if from_job else rng.choice(ARGUMENTS[verb]),
        rests_on=tuple(rng.sample(others, 1)) if others and rng.random() < 0.15 else (),
        premise=rng.choice((verbs.TRUE, verbs.DEPS_EMPTY, verbs.DEPS_PRESENT)) if rng.random() < 0.1 else None,
        follows=rng.choice(plan) if plan and rng.random() < 0.7 else "",
        when=rng.choice((0, 1)),
    )


def _random_correction(
    rng: random.Random, name: str, plan: list[str], plain: list[str], roles: tuple[Role, ...]
) -> Task:
    chosen = rng.sample(plan, rng.randint(1, len(plan)))
    op = Op(
        chosen[0],
        "correct",
        rests_on=tuple(rng.sample(plain, 1)) if rng.random() < 0.6 else (),
        premise=rng.choice((None, verbs.DEPS_PRESENT)),
        entries=tuple((entry, rng.choice((0, 1, 2))) for entry in chosen),
    )
    return Task(name, (op,), tuple(role.name for role in roles if rng.random() < 0.7) or (roles[0].name,))


def _random_closings(rng: random.Random, depots: list[str], boards: list[str]) -> Closings:
    some = tuple(rng.sample(depots, min(len(depots), len(boards), 2)))
    return Closings(
        some,
        tuple(rng.sample(boards, len(some))),
        rng.randint(1, 3),
        rng.randint(1, 8),
        rng.randint(0, 8),
        rng.randint(0, 4),
        rng.randint(0, 6),
        rng.randint(0, 6),
        grace=rng.choice((None, 0, 1, 3)),
    )


def _crossings(sites: tuple[Site, ...], roles: tuple[Role, ...]) -> list[Task]:
    walkers = tuple(role.name for role in roles if role.stations)
    regions = [site.name for site in sites if site.kind == "region"]
    return [Task(f"cross {region}", (Op(region, "cross"),), walkers, thought=False) for region in regions if walkers]


def _random_boats(rng: random.Random, sites: tuple[Site, ...]) -> Boats | None:
    boards = [site.name for site in sites if site.kind == "board"]
    gates = [site.name for site in sites if site.kind == "switch"]
    if not boards or not gates or rng.random() < 0.2:
        return None
    return Boats(
        rng.choice(boards),
        rng.choice(gates),
        rng.randint(1, 3),
        rng.randint(1, 8),
        rng.randint(0, 8),
        rng.randint(0, 4),
    )


def _random_goal(
    rng: random.Random, sites: tuple[Site, ...], roles: tuple[Role, ...], boats: Boats | None, closings: Closings | None
) -> Goal:
    """Return a goal of any kind that the scenario has."""
    plain = (scenario.TOTAL, scenario.VALUE, scenario.GOT, scenario.KEPT, scenario.BUILT)
    whose = (scenario.TRIPS, scenario.DONE, scenario.PARCEL, scenario.TOGETHER, scenario.SHIPPED)
    of_events = [scenario.BOAT] * 2 * bool(boats) + [scenario.CORRECTED] * 2 * bool(closings)
    kind = rng.choice((*plain, *whose, *of_events))
    many = sum(role.count for role in roles)
    if kind == scenario.CORRECTED and closings:
        return Goal(kind, index=rng.randrange(closings.count))
    if kind in whose:
        agent, other = rng.randrange(many), rng.randrange(many)
        return Goal(kind, agent=agent, other=other, index=rng.randint(0, 1), target=rng.randint(1, 3), task="task_0")
    if kind == scenario.BOAT and boats:
        return Goal(kind, index=rng.randrange(boats.count))
    return Goal(kind, site=rng.choice(sites).name, target=rng.randint(0, 3))


def _random_intruders(rng: random.Random, posts: tuple[str, ...], plain: Sequence[str]) -> tuple[Intruder, ...]:
    if not posts:
        return ()
    goods = rng.sample(plain, min(len(plain), rng.choice((1, 1, 2))))
    return tuple(Intruder(tuple(rng.sample(posts, rng.randint(1, len(posts)))), name) for name in goods)


def _random_districts(rng: random.Random, names: list[str]) -> tuple[tuple[str, ...], ...]:
    """Return sets of sites that have nothing in common; most sites are in none."""
    few = rng.sample(names, rng.randint(0, min(4, len(names))))
    return (tuple(few[:2]), tuple(few[2:]))


def _random_invariant(rng: random.Random, sites: tuple[Site, ...]) -> Invariant:
    switches = tuple(site.name for site in sites if site.kind == "switch")
    if switches and rng.random() < 0.6:
        return Invariant("clear", scenario.CLEAR_WHEN_CLOSED, switches)
    some = tuple(rng.sample([site.name for site in sites], rng.randint(1, min(3, len(sites)))))
    return Invariant("enough", scenario.AT_LEAST, some, rng.randint(-1, 2))
