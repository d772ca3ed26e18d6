"""The probe: writers write independently of one another and of the reader, so exposure has a closed form.

Nobody walks: all stand beside the hot site and beside, or on, what is their own. A writer's tasks are reflexes: they
settle in the tick they are decided in, read nothing and are never refused, so without a protocol a writer is ready in
every tick. Whether it writes is up to its mind, which knows `rate` and `overlap`. What the reader notes does not
depend on what it read: a read that was superseded is exposed, and never more than that. `stalegrid.exposure` has the
closed form.
"""

from __future__ import annotations

from ..scenario import DONE, Blueprint, Goal, Op, Role, Scenario, Site, Task
from ..verbs import TRUE

SIDES = ((0, 1), (1, 0), (0, -1))  # of the hot site; writers stand there in turn, on top of one another


def build(rows: int, columns: int, agents: int, rate: int, overlap: int, reads: int) -> Blueprint:
    """Put the hot site in the middle, the reader north of it, writers on the other sides.

    `rate` and `overlap` are habits of the minds; the world is the same for all of them.
    """
    row, column = rows // 2, columns // 2
    north = (row - 1, column)
    writers = agents - 1
    own = tuple(f"own_{index}" for index in range(writers))
    wall, floor = "#" * columns, "#" + "." * (columns - 2) + "#"
    return Blueprint(
        map=(wall, *[floor] * (rows - 2), wall),
        sites=(
            Site("hot", "guard_post", (row, column), known=True, scale=10 * reads),
            Site("notes", "board", north, scale=1),
            *(Site(name, "guard_post", _beside(row, column, i), scale=10 * reads) for i, name in enumerate(own)),
        ),
        roles=(
            Role("reader", 1, (north,)),
            Role("writer", writers, tuple((row + down, column + right) for down, right in SIDES)),
        ),
        tasks=(
            Task("note", (Op("notes", "write", 1, rests_on=("hot",), premise=TRUE),), ("reader",)),
            Task("enter hot", (Op("hot", "enter"),), ("writer",), thought=False),
            *(
                Task(f"enter {name}", (Op(name, "enter"),), ("writer",), thought=False, agents=(1 + index,))
                for index, name in enumerate(own)
            ),
        ),
        goals=(Goal(DONE, task="note", agent=0, target=reads),),
        # Under the token each of the others may have one tick before the reader's turn.
        bound=lambda think, delay: reads * (think + agents + 2),
    )


def _beside(row: int, column: int, writer: int) -> tuple[int, int]:
    """Return a place within a step of a writer's home, one of nine."""
    down, right = SIDES[writer % 3]
    further, aside = [(down, right), (right, -down), (0, 0)][writer // 3 % 3]
    return row + down + further, column + right + aside


SCENARIO = Scenario(
    name="exposure",
    story="Writers write now and then, and a reader thinks about what it read; whether it was right does not matter.",
    shows="probe, without hazard or cure: how often a read is superseded, beside its closed form",
    seed_changes="in which ticks each writer writes, and where",
    dials={
        "rate": "per cent of its ticks in which a writer writes",
        "overlap": "per cent of its writes that are to the hot site, the others to a post of its own",
        "reads": "reads to make",
    },
    limits={"rate": (0, 100), "overlap": (0, 100)},
    sizes={
        "tiny": {"rows": 7, "columns": 7, "agents": 2, "rate": 20, "overlap": 50, "reads": 4},
        "small": {"rows": 7, "columns": 9, "agents": 6, "rate": 10, "overlap": 20, "reads": 16},
        "medium": {"rows": 9, "columns": 9, "agents": 8, "rate": 10, "overlap": 20, "reads": 32},
        "large": {"rows": 11, "columns": 11, "agents": 24, "rate": 5, "overlap": 10, "reads": 32},
    },
    build=build,
    contention={"rate": 1},
)
