"""What a scenario is made of: plain data, one file each under `scenarios/`.

A `Scenario` names sizes and builds a `Blueprint` for one of them; `rules.Rules` turns a blueprint into the arrays that
both engines read. Sites, roles and tasks refer to one another by name, so that a scenario file reads as a story.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

FROM_JOB = "from job"

# What a world event does.
ARRIVES, PASSES, IS_LOST, DRIFTS = range(4)
EVENT_KINDS = ("a boat arrives", "a boat passes", "a boat is lost", "a site drifts")

# Kinds of goal.
TOTAL, BOAT, TRIPS, VALUE = range(4)
GOAL_KINDS = (
    "value = initial + all amounts drawn",
    "the boat passed",
    "all crossings made, in play",
    "value at the end",
)

# Kinds of invariant.
CLEAR_WHEN_CLOSED, AT_LEAST = range(2)
INVARIANT_KINDS = ("no gate is closed on a body", "the sites together hold at least")


@dataclass(frozen=True)
class Site:
    """A versioned object. `cells`: the region's cells, or the gate cells that a switch opens and closes."""

    name: str
    kind: str
    cell: tuple[int, int] | None = None
    value: int = 0
    cells: tuple[tuple[int, int], ...] = ()
    depends: tuple[str, ...] = ()
    listeners: tuple[str, ...] = ()  # roles that `tell`, `promise` and announcements of this site reach
    announced: bool = False  # an accepted write, or a border crossing, sends the new value to the listeners for free
    known: bool = False  # agents out of sight know the initial value (a message with stamp 0)
    scale: int = 10  # the value that an observation shows as 1


@dataclass(frozen=True)
class Op:
    """One step of a task."""

    site: str
    verb: str
    argument: int | str = 0


@dataclass(frozen=True)
class Task:
    """One to four ops in order. `thought=False`: done on reflex. `jobs`: needs an open job of the agent's list."""

    name: str
    ops: tuple[Op, ...]
    roles: tuple[str, ...]
    thought: bool = True
    jobs: bool = False
    agents: tuple[int, ...] | None = None  # only these, by index


@dataclass(frozen=True)
class Role:
    """`count` agents of one kind. `homes`: start cells in turn; with `stations` the seed picks the bank to start on."""

    name: str
    count: int
    homes: tuple[tuple[int, int], ...]
    stations: tuple[tuple[tuple[int, int], tuple[int, int]], ...] = ()  # pairs of cells that crossings go between
    trips: int = 0  # crossings to make
    sight: int | None = None  # radius, or None for the scenario's


@dataclass(frozen=True)
class Jobs:
    """What a seed draws: `count` jobs for each agent whose role has job tasks, amounts in [low, high]."""

    count: int
    low: int
    high: int


@dataclass(frozen=True)
class Boats:
    """Boats arrive at `board` at first + every * n + (0 to jitter) and pass while `gate` is closed."""

    board: str
    gate: str
    count: int
    first: int
    every: int
    jitter: int


@dataclass(frozen=True)
class Drift:
    """The world adds `amount` to `site` at first + every * n + (0 to jitter), `count` times."""

    site: str
    count: int
    first: int
    every: int
    jitter: int
    amount: int = 1


@dataclass(frozen=True)
class Goal:
    """One goal, stated in terms of the world at the end. `site`, `agent` or `index` by kind."""

    kind: int
    site: str = ""
    agent: int = 0
    index: int = 0
    target: int = 0


@dataclass(frozen=True)
class Invariant:
    """Something that must always hold over `sites`."""

    name: str
    kind: int
    sites: tuple[str, ...]
    floor: int = 0


@dataclass(frozen=True)
class Blueprint:
    """One scenario at one size. `bound(think, delay)`: ticks within which the serial protocol surely ends."""

    map: tuple[str, ...]  # rows; '#' is wall, anything else floor
    sites: tuple[Site, ...]
    roles: tuple[Role, ...]
    tasks: tuple[Task, ...]
    goals: tuple[Goal, ...]
    bound: Callable[[int, int], int]
    sight: int | None = None  # radius, or None for all
    jobs: Jobs | None = None
    boats: Boats | None = None
    drift: tuple[Drift, ...] = ()
    invariants: tuple[Invariant, ...] = ()
    delay: int = 0  # the scenario's usual message delay
    think: int = 6  # the scenario's usual think time


@dataclass(frozen=True)
class Scenario:
    """A named family of blueprints."""

    name: str
    story: str
    shows: str
    sizes: Mapping[str, Mapping[str, Any]]
    build: Callable[..., Blueprint]  # called with the parameters of a size
    hazard: str | None = None  # its one hazard, a name of state.HAZARDS
    cure: str | None = None  # the preset that cures it
    ceiling: str = "serial reaches every goal"
    seed_changes: str = ""
    dials: Mapping[str, str] = field(default_factory=dict)
