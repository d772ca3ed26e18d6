"""A planner corrects the routes of carriers who are under way, for the depots close in turn."""

from __future__ import annotations

from .. import verbs
from ..scenario import CORRECTED, PARCEL, TOGETHER, Blueprint, Closings, Goal, Op, Role, Scenario, Site, Task

DEPOTS = 3
ITEM = 1


def build(
    rows: int, columns: int, agents: int, parcels: int, closings: int, first: int, every: int, jitter: int, lead: int,
    shut: int,
) -> Blueprint:  # fmt: skip
    """Put the carriers' stacks in the west, the depots in the east, and the planner's office out of everyone's sight.

    Carriers work in pairs: the n-th parcels of a pair are two halves of one order. The plan has a route for each
    carrier, and says to which depot it delivers; a correction sends all of them to another depot.
    """
    carriers = agents - 1
    if carriers < 1:
        raise ValueError(f"reroute needs a carrier and a planner: agents is from 2; got {agents}")
    wall, floor = "#" * columns, "#" + "." * (columns - 2) + "#"
    lanes = [1 + i * (rows - 3) // max(1, carriers - 1) for i in range(carriers)]
    piers = [1 + k * (rows - 3) // (DEPOTS - 1) for k in range(DEPOTS)]
    routes = tuple(f"route_{i}" for i in range(carriers))
    office = columns - 2
    halves = [(2 * order, 2 * order + 1) for order in range(carriers // 2)]
    across = office - 6 + rows - 3 + 2
    last = first + every * (closings - 1) + jitter + lead + shut
    return Blueprint(
        map=(wall, *[floor] * (rows - 2), wall),
        sites=(
            *(Site(f"stack_{i}", "shelf", (lane, 1), ITEM, scale=1, stock=parcels - 1) for i, lane in enumerate(lanes)),
            *(Site(f"depot_{k}", "depot", (pier, office - 5), scale=agents * parcels) for k, pier in enumerate(piers)),
            *(Site(f"notice_{k}", "board", (rows // 2 - 1 + k, office), scale=2) for k in range(DEPOTS)),
            *(Site(route, "plan", known=True, scale=DEPOTS - 1) for route in routes),
        ),
        roles=(
            Role("carrier", carriers, tuple((lane, 2) for lane in lanes)),
            Role("planner", 1, ((rows // 2, office),)),
        ),
        tasks=(
            *(
                Task(f"fetch {i}", (Op(f"stack_{i}", "take", ITEM),), ("carrier",), thought=False, agents=(i,))
                for i in range(carriers)
            ),
            *(
                Task(
                    f"deliver {i} to depot_{k}",
                    (Op(f"depot_{k}", "deliver", ITEM, follows=route, when=k),),
                    ("carrier",),
                    agents=(i,),
                )
                for i, route in enumerate(routes)
                for k in range(DEPOTS)
            ),
            *(
                Task(
                    f"routes to depot_{k}",
                    (
                        Op(
                            routes[0],
                            "correct",
                            rests_on=(f"notice_{k}",),
                            premise=verbs.DEPS_EMPTY,
                            entries=tuple((route, k) for route in routes),
                        ),
                    ),
                    ("planner",),
                )
                for k in range(DEPOTS)
            ),
        ),
        goals=(
            *(Goal(PARCEL, agent=i, index=n) for i in range(carriers) for n in range(parcels)),
            *(Goal(TOGETHER, agent=one, other=other, index=n) for one, other in halves for n in range(parcels)),
            *(Goal(CORRECTED, index=n) for n in range(closings)),
        ),
        # One at a time, every fetch and every delivery takes a thought at the most and the way across.
        bound=lambda think, delay: (
            last + (carriers * parcels + closings) * (think + 4) + carriers * parcels * 2 * across
        ),
        sight=2,
        closings=Closings(
            tuple(f"depot_{k}" for k in range(DEPOTS)),
            tuple(f"notice_{k}" for k in range(DEPOTS)),
            closings,
            first,
            every,
            jitter,
            lead,
            shut,
        ),
        parcels=parcels,
        constraints=tuple((routes[one], routes[other]) for one, other in halves),
        delay=lead,  # so that a copy may come too late
    )


def _size(rows: int, columns: int, **dials: int) -> dict[str, int]:
    return {"rows": rows, "columns": columns, **dials}


SCENARIO = Scenario(
    name="reroute",
    story="Depots close in turn; a planner corrects the routes of carriers who are already under way.",
    shows="late and torn corrections of a plan",
    hazard="stale_correction",
    cure="epoch_plans",
    ceiling="serial reaches every goal, for a notice comes before the planner's turn in the queue; where carriers work "
    "side by side, an order whose halves fall on the two sides of a correction is split by the correction itself",
    plain={"deliver ": "deliver parcel "},
    seed_changes="when each depot closes",
    dials={
        "parcels": "deliveries of each carrier",
        "closings": "how often a depot closes, and the routes must be corrected",
        "lead": "ticks between the notice and the closing",
    },
    sizes={
        "tiny": _size(7, 12, agents=3, parcels=10, closings=2, first=12, every=70, jitter=5, lead=34, shut=60),
        "small": _size(9, 15, agents=5, parcels=20, closings=3, first=15, every=110, jitter=7, lead=60, shut=90),
        "medium": _size(16, 16, agents=7, parcels=20, closings=3, first=20, every=200, jitter=9, lead=120, shut=170),
        "large": _size(32, 32, agents=13, parcels=12, closings=3, first=30, every=700, jitter=12, lead=480, shut=600),
    },
    build=build,
    contention={"closings": 1},
)
