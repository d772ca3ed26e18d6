"""What a scenario is made of: plain data, one file each under `scenarios/`.

A `Scenario` names sizes and builds a `Blueprint` for one of them; `rules.Rules` turns a blueprint into the arrays that
both engines read. Sites, roles and tasks refer to one another by name, so that a scenario file reads as a story.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

FROM_JOB = "from job"

# What a world event does.
ARRIVES, PASSES, IS_LOST, DRIFTS, RESTOCKS, STEALS, ANNOUNCES, CLOSES, REOPENS = range(9)
EVENT_KINDS = (
    "a boat arrives",
    "a boat passes",
    "a boat is lost",
    "a site drifts",
    "a shelf is stocked again",
    "an intruder takes something",
    "a depot is to close",
    "a depot closes",
    "a depot opens again",
)

CONTENTION = {"low": -1, "usual": 0, "high": 1}  # levels that a comparison can ask for

SHUT = 2  # what the notice of a closed depot says

# Kinds of goal.
TOTAL, BOAT, TRIPS, VALUE, GOT, KEPT, DONE, BUILT, PARCEL, TOGETHER, CORRECTED, SHIPPED = range(12)
GOAL_KINDS = (
    "value = initial + all amounts drawn",
    "the boat passed",
    "all crossings made, in play",
    "value at the end",
    "the item was delivered there",
    "something is still there",
    "the task was done so often",
    "built on what its dependencies hold",
    "the parcel was delivered to a depot that was open",
    "both halves are in one depot",
    "no route led to the depot when it closed",
    "the parcel that was ordered was delivered to a depot that was open",
)

# Kinds of invariant.
CLEAR_WHEN_CLOSED, AT_LEAST = range(2)
INVARIANT_KINDS = ("no gate is closed on a body", "the sites together hold at least")


@dataclass(frozen=True)
class Site:
    """A versioned object. `cells`: the region's cells, or the gate cells that a switch opens and closes.

    An entry of the plan is a site of kind "plan" without a cell; those who follow it hear of it.
    """

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
    room: int = 0  # of a post: how many can be on duty there, 0 for any number
    stock: int = 0  # of a shelf: how often the world lays out its first item again when it is empty
    refill: int = 0  # of a shelf with a stock: after how many ticks it does so, 0 in the tick itself


@dataclass(frozen=True)
class Op:
    """One step of a task.

    `rests_on` and `premise` (of `verbs`) are declared beyond what the verb says: further sites that it reads, and what
    must hold of them. `follows` names the entry of the plan that it follows, `when` what that entry must say.
    """

    site: str
    verb: str
    argument: int | str = 0
    rests_on: tuple[str, ...] = ()
    premise: int | None = None
    follows: str = ""
    when: int = 0
    entries: tuple[tuple[str, int], ...] = ()  # of a correction: entry and new value


@dataclass(frozen=True)
class Task:
    """One to four ops in order. `thought=False`: done on reflex. `jobs`: needs an open job of the agent's list.

    The n-th job of a list is drawn among the agent's job tasks whose `turn` is n modulo the number of turns, each as
    likely as its `share` of theirs.
    """

    name: str
    ops: tuple[Op, ...]
    roles: tuple[str, ...]
    thought: bool = True
    jobs: bool = False
    agents: tuple[int, ...] | None = None  # only these, by index
    turn: int = 0
    share: int = 1


@dataclass(frozen=True)
class Role:
    """`count` agents of one kind. `homes`: start cells in turn; with `stations` the seed picks the bank to start on."""

    name: str
    count: int
    homes: tuple[tuple[int, int], ...]
    stations: tuple[tuple[tuple[int, int], tuple[int, int]], ...] = ()  # pairs of cells that crossings go between
    trips: int = 0  # crossings to make
    sight: int | None = None  # radius, or None for the scenario's
    hand: int = 0  # item carried at first, 0 for none


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
    called: str = "boat"  # what they are: "boat" or "truck"


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
class Intruder:
    """Whenever the last guard has left `posts`, one of what `goods` holds is taken. Goods have one intruder."""

    posts: tuple[str, ...]
    goods: str


@dataclass(frozen=True)
class Closings:
    """Depots close in turn, `count` times: the n-th at first + every * n + (0 to jitter) + `lead`.

    Each has a notice: 0 open, 1 announced (`lead` ticks before), 2 closed, for `shut` ticks. With `grace` it closes
    earlier where it can: so many ticks after a correction, once it is announced, leaves no route that leads there.
    """

    depots: tuple[str, ...]
    notices: tuple[str, ...]
    count: int
    first: int
    every: int
    jitter: int
    lead: int
    shut: int
    grace: int | None = None


@dataclass(frozen=True)
class Goal:
    """One goal, stated in terms of the world at the end. What it is about depends on its kind.

    GOT: item `target` at `site`. KEPT: at least `target` at `site`. DONE: `task` by `agent`, `target` times. BUILT:
    `site` holds `target` + what its dependencies hold. PARCEL: the `index`-th of `agent`. TOGETHER: it and that of
    agent `other`. SHIPPED: as PARCEL, of an agent whose job tasks that take are orders: each brings one parcel.
    CORRECTED: the `index`-th closing.
    """

    kind: int
    site: str = ""
    agent: int = 0
    index: int = 0
    target: int = 0
    task: str = ""
    other: int = 0


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
    intruders: tuple[Intruder, ...] = ()
    closings: Closings | None = None
    parcels: int = 0  # deliveries of each agent that goals are about
    constraints: tuple[tuple[str, ...], ...] = ()  # entries of the plan that must agree
    districts: tuple[tuple[str, ...], ...] = ()  # sites under one coarse lock; the others go by quarters of the map
    invariants: tuple[Invariant, ...] = ()
    delay: int = 0  # the scenario's usual message delay
    think: int = 6  # the scenario's usual think time


@dataclass(frozen=True)
class Stage(Mapping[str, Any]):
    """A stage of a curriculum: a mapping of arguments, for `parallel_env(**stage)` or `vector_env(**stage)`."""

    name: str
    teaches: str
    arguments: Mapping[str, Any]

    def __getitem__(self, key: str) -> Any:
        return self.arguments[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self.arguments)

    def __len__(self) -> int:
        return len(self.arguments)


@dataclass(frozen=True)
class Scenario:
    """A named family of blueprints."""

    name: str
    story: str
    shows: str
    sizes: Mapping[str, Mapping[str, Any]]
    build: Callable[..., Blueprint]  # called with the parameters of a size
    hazard: str | None = None  # its one hazard, a name of state.HAZARDS
    cure: str | None = None  # the preset that cures it, or without one hazard all of them
    ceiling: str = "serial reaches every goal"
    seed_changes: str = ""
    plain: Mapping[str, str] = field(default_factory=dict)  # parts of task names -> the same in plain words
    dials: Mapping[str, str] = field(default_factory=dict)
    limits: Mapping[str, tuple[int, int | None]] = field(default_factory=dict)  # of parameters that are not just from 1
    # Parameters that a level of contention changes: at "high" those with 1 are doubled and those with -1 halved, at
    # "low" the other way round.
    contention: Mapping[str, int] = field(default_factory=dict)
    curriculum: tuple[Stage, ...] = ()  # from the easiest on, without the scenario's name among the arguments

    def at(self, size: str, level: str) -> dict[str, int]:
        """Return the parameters of a size that a level of contention changes.

        Raises: ValueError for a level that is not of `CONTENTION`.
        """
        if level not in CONTENTION:
            raise ValueError(f"contention is some of {', '.join(CONTENTION)}; got {level!r}")
        changed = {}
        for name, direction in self.contention.items():
            least, most = self.limits.get(name, (1, None))
            value = round(self.sizes[size][name] * 2.0 ** (direction * CONTENTION[level]))
            changed[name] = max(least, value if most is None else min(most, value))
        return changed if CONTENTION[level] else {}
