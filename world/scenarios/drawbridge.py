"""An operator out of sight closes the bridge for boats, on the word of messages that the deck is empty."""

from __future__ import annotations

from ..scenario import BOAT, CLEAR_WHEN_CLOSED, TRIPS, Blueprint, Boats, Goal, Invariant, Op, Role, Scenario, Site, Task


def build(
    rows: int, columns: int, agents: int, trips: int, boats: int, first: int, every: int, jitter: int
) -> Blueprint:
    """Cut the map by a river three cells wide with one bridge; the operator's post is far up on the west bank."""
    walkers = agents - 1
    middle, bridge = columns // 2, rows // 2 + 1
    river = (middle - 1, middle, middle + 1)
    deck = tuple((bridge, column) for column in river)
    bank = "".join("#" if column in (0, columns - 1, *river) else "." for column in range(columns))
    crossing = "".join("#" if column in (0, columns - 1) else "." for column in range(columns))
    lines = ["#" * columns, *[bank] * (rows - 2), "#" * columns]
    lines[bridge] = crossing
    low = max(2, rows - 2 - walkers)  # keep the stations clear of the operator's corner
    lanes = [low + index % (rows - 1 - low) for index in range(walkers)]
    stations = tuple(((lane, 1), (lane, columns - 2)) for lane in lanes)
    last = first + every * (boats - 1) + jitter
    return Blueprint(
        map=tuple(lines),
        sites=(
            Site("deck", "region", cells=deck, listeners=("operator",), announced=True, known=True, scale=4),
            Site("gate", "switch", (1, 1), cells=deck, known=True, scale=1),
            Site("river", "board", (1, 3), scale=4),
        ),
        roles=(
            Role("walker", walkers, tuple(left for left, _ in stations), stations, trips),
            # From the bank it sees all of the deck, from its post nothing.
            Role("operator", 1, ((1, 2),), sight=3),
        ),
        tasks=(
            Task("cross", (Op("deck", "cross"),), ("walker",), thought=False),
            Task("set closed", (Op("gate", "set", 1),), ("operator",)),
            Task("set open", (Op("gate", "set", 0),), ("operator",)),
        ),
        goals=(
            *(Goal(BOAT, index=index) for index in range(boats)),
            *(Goal(TRIPS, agent=index, target=trips) for index in range(walkers)),
        ),
        bound=lambda think, delay: (
            last
            + boats * 2 * (think + delay + 8)
            + trips * (columns + rows)
            + walkers * trips * (len(deck) + 4 + delay)
        ),
        sight=2,
        boats=Boats("river", "gate", boats, first, every, jitter),
        invariants=(Invariant("no body under a closing gate", CLEAR_WHEN_CLOSED, ("gate",)),),
        delay=6,
    )


def _size(rows: int, columns: int, **dials: int) -> dict[str, int]:
    return {"rows": rows, "columns": columns, **dials}


SCENARIO = Scenario(
    name="drawbridge",
    story="Walkers cross a bridge; an operator who cannot see it raises it for boats when told that the deck is empty.",
    shows="action-message desync, accidents",
    hazard="action_message_desync",
    cure="stamped",
    plain={"set closed": "raise the bridge", "set open": "lower the bridge"},
    seed_changes="when each boat arrives, and on which bank each walker starts",
    dials={"trips": "crossings per walker", "boats": "boats to let pass"},
    sizes={
        "tiny": _size(6, 13, agents=2, trips=4, boats=2, first=12, every=20, jitter=6),
        "small": _size(7, 17, agents=5, trips=8, boats=5, first=16, every=24, jitter=9),
        "medium": _size(16, 16, agents=8, trips=8, boats=5, first=16, every=24, jitter=9),
        "large": _size(32, 32, agents=16, trips=10, boats=8, first=24, every=30, jitter=12),
    },
    build=build,
    contention={"trips": 1},
)
