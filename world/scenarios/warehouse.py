"""Orders, shelves, a gate and corrections: all four hazards in one place, and the task to train on."""

from __future__ import annotations

from math import gcd

from .. import verbs
from ..scenario import (
    BOAT,
    CLEAR_WHEN_CLOSED,
    FROM_JOB,
    SHIPPED,
    TOTAL,
    Blueprint,
    Boats,
    Closings,
    Goal,
    Invariant,
    Jobs,
    Op,
    Role,
    Scenario,
    Site,
    Stage,
    Task,
)
from .warehouse_floor import Floor, lay_out

BOX = 1
DEPOTS = 4  # where they close in turn; else there is one, and no plan
REFILL = 10  # ticks after which an empty shelf holds a box again
GRACE = 3  # ticks after which a depot is left to which no route leads any more
FIRST, JITTER = 16, 9  # of trucks and of notices
TRUCK_EVERY = 36
COMMON = "common"


def build(
    rows: int, columns: int, agents: int, orders: int, contention: int, overlap: int, trucks: int, closings: int,
    layout_seed: int = 0,
) -> Blueprint:  # fmt: skip
    """Put shelves and tallies into the west hall, depots into the east hall, the lane between them, and an office.

    A porter's list has `orders` boxes to pick, and after each an amount to add to a tally. Porters work in teams of
    `contention`, each with a shelf and a tally of its own; `overlap` per cent of the orders are to the common ones.
    """
    dispatchers = 1 if trucks or closings else 0
    porters = agents - dispatchers
    if porters < 1:
        raise ValueError(f"with trucks or closings one agent is the dispatcher: agents is from 2; got {agents}")
    everybody = tuple(range(porters))
    teams = -(-porters // contention) if overlap < 100 else 0
    members = {str(team): everybody[contention * team : contention * (team + 1)] for team in range(teams)}
    if overlap:
        members[COMMON] = everybody
    depots = DEPOTS if closings else 1
    floor = lay_out(rows, columns, len(members), depots, porters, bool(trucks), bool(dispatchers), layout_seed)
    sites, tasks = [], []
    for place, (name, whose) in enumerate(members.items()):
        shelf, tally = f"shelf_{name}", f"tally_{name}"
        share = (overlap if name == COMMON else 100 - overlap) // gcd(overlap, 100)
        sites += [
            Site(shelf, "shelf", floor.shelves[place], BOX, scale=1, stock=porters * orders, refill=REFILL),
            Site(tally, "counter", floor.tallies[place], scale=5 * orders * contention),
        ]
        tasks += [
            _job(f"pick from {shelf}", Op(shelf, "take", BOX), whose, turn=0, share=share),
            _job(f"add {tally}", Op(tally, "add", FROM_JOB), whose, turn=1, share=share),
        ]
    sites += [Site(f"depot_{k}", "depot", place, scale=porters * orders) for k, place in enumerate(floor.depots)]
    routes = tuple(f"route_{line}" for line in range(min(2, porters))) if closings else ()
    notices = tuple(f"notice_{k}" for k in range(depots)) if closings else ()
    if trucks:
        sites += _gate(floor)
        tasks += [
            Task("cross", (Op("lane", "cross"),), ("porter",), thought=False),
            Task("set closed", (Op("gate", "set", 1),), ("dispatcher",)),
            Task("set open", (Op("gate", "set", 0),), ("dispatcher",)),
        ]
    if closings:
        sites += [Site(notice, "board", floor.notices[k], scale=2) for k, notice in enumerate(notices)]
        sites += [Site(route, "plan", known=True, scale=depots - 1) for route in routes]
        for line, route in enumerate(routes):
            tasks += [_deliver(line, k, route, everybody[line :: len(routes)]) for k in range(depots)]
        tasks += [_correct(k, notice, routes) for k, notice in enumerate(notices)]
    else:
        tasks.append(Task("deliver to depot_0", (Op("depot_0", "deliver", BOX),), ("porter",)))
    # A correction has time to wait for the token behind everybody else, and no depot closes again before it is open.
    lead = 40 + 14 * agents
    shut = lead // 2
    every = (lead + shut) * 2 // 5 + JITTER
    last = max(trucks * TRUCK_EVERY, (closings - 1) * every + lead if closings else 0) + FIRST + JITTER
    walk = rows + columns
    return Blueprint(
        map=floor.map,
        sites=tuple(sites),
        roles=(
            Role(
                "porter",
                porters,
                floor.west,
                stations=tuple(zip(floor.west, floor.east, strict=True)) if trucks else (),
                trips=2 * orders + 2 if trucks else 0,
            ),
            # From beside the lane it sees all of it, from its desk nothing.
            *([Role("dispatcher", 1, (floor.desk,), sight=3)] if dispatchers else []),
        ),
        tasks=tuple(tasks),
        goals=(
            *(Goal(SHIPPED, agent=porter, index=n) for porter in everybody for n in range(orders)),
            *(Goal(TOTAL, f"tally_{name}") for name in members),
            *(Goal(BOAT, index=n) for n in range(trucks)),
        ),
        # One at a time, each order takes a pick, a tally and a delivery with their ways, and two crossings.
        bound=lambda think, delay: (
            last
            + porters * orders * (3 * (think + 3) + 4 * walk + REFILL)
            + (2 * trucks + closings) * (think + 4 + delay)
        ),
        sight=None,
        jobs=Jobs(2 * orders, 1, 9),
        boats=Boats("trucks", "gate", trucks, FIRST, TRUCK_EVERY, JITTER, "truck") if trucks else None,
        closings=Closings(
            tuple(f"depot_{k}" for k in range(depots)), notices, closings, FIRST, every, JITTER, lead, shut, GRACE
        )
        if closings
        else None,
        parcels=orders,
        constraints=(routes,) if len(routes) > 1 else (),
        invariants=(Invariant("no body under a closing gate", CLEAR_WHEN_CLOSED, ("gate",)),) if trucks else (),
        delay=6,
    )


def _job(name: str, op: Op, whose: tuple[int, ...], turn: int, share: int) -> Task:
    return Task(name, (op,), ("porter",), jobs=True, agents=whose, turn=turn, share=share)


def _gate(floor: Floor) -> list[Site]:
    return [
        Site("lane", "region", cells=floor.lane, listeners=("dispatcher",), announced=True, known=True, scale=4),
        Site("gate", "switch", floor.switch, cells=floor.lane, known=True, scale=1),
        Site("trucks", "board", floor.slate, scale=4),
    ]


def _deliver(line: int, depot: int, route: str, whose: tuple[int, ...]) -> Task:
    op = Op(f"depot_{depot}", "deliver", BOX, follows=route, when=depot)
    return Task(f"deliver {line} to depot_{depot}", (op,), ("porter",), agents=whose)


def _correct(depot: int, notice: str, routes: tuple[str, ...]) -> Task:
    """Send all lines to another depot, in the belief that no closing of it is announced."""
    entries = tuple((route, depot) for route in routes)
    op = Op(routes[0], "correct", rests_on=(notice,), premise=verbs.DEPS_EMPTY, entries=entries)
    return Task(f"routes to depot_{depot}", (op,), ("dispatcher",))


def _size(rows: int, columns: int, **dials: int) -> dict[str, int]:
    return {"rows": rows, "columns": columns, **dials, "layout_seed": 0}


SCENARIO = Scenario(
    name="warehouse",
    story="Porters pick boxes, carry them across a truck lane to the depots that the plan names, and keep tallies; "
    "a dispatcher moves the gate and corrects the plan.",
    shows="all four hazards at once: the task to train on",
    cure="full",
    ceiling="serial reaches every goal, for notices come before the dispatcher's turn in the queue",
    plain={"set closed": "close the gate", "set open": "open the gate", "add ": "add to ", "deliver ": "deliver box "},
    seed_changes="each porter's list: which shelf, which tally and an amount of 1 to 9; in which hall it starts; when "
    "trucks arrive and depots close",
    dials={
        "contention": "porters of a team, who share a shelf and a tally",
        "overlap": "per cent of the orders that are to the shelf and the tally that all share",
        "orders": "boxes that each porter is to deliver",
        "trucks": "trucks to let pass; without them there is no gate, and one hall",
        "closings": "how often a depot closes and the routes must be corrected; without them there is no plan",
        "layout_seed": "which floor plan; 0 is the one drawn by hand",
        "sight": "a setting: how far everybody sees; by default porters see all, the dispatcher its office",
    },
    contention={"contention": 1},
    limits={"overlap": (0, 100), "trucks": (0, None), "closings": (0, None), "layout_seed": (0, 2**31 - 1)},
    sizes={
        "tiny": _size(6, 7, agents=2, orders=2, contention=2, overlap=0, trucks=0, closings=0),
        "small": _size(11, 13, agents=5, orders=4, contention=2, overlap=50, trucks=4, closings=3),
        "medium": _size(16, 16, agents=8, orders=5, contention=3, overlap=50, trucks=4, closings=4),
        "large": _size(32, 32, agents=32, orders=4, contention=4, overlap=50, trucks=4, closings=2),
    },
    build=build,
    curriculum=(
        Stage("tabular", "one box each and no time to think", {"size": "tiny", "orders": 1, "think": 0}),
        Stage("thought", "thinking takes time: others take the box or change the tally meanwhile", {"size": "tiny"}),
        Stage("hall", "more shelves and tallies, some common", {"size": "small", "trucks": 0, "closings": 0}),
        Stage("plan", "routes that are corrected while one is under way", {"size": "small", "trucks": 0}),
        Stage("gate", "two halls, and a gate moved on the word of messages", {"size": "small", "closings": 0}),
        Stage("small", "all of it at once", {"size": "small"}),
        Stage("quiet", "the full size, each team by itself", {"size": "medium", "contention": 2, "overlap": 0}),
        Stage("full", "the full size as it is measured", {"size": "medium"}),
        Stage("near", "everybody sees three cells far", {"size": "medium", "sight": 3}),
        Stage(
            "crowded",
            "larger teams, slower thought, slower mail",
            {"size": "medium", "contention": 4, "overlap": 75, "think": 9, "delay": 9},
        ),
    ),
)
