"""Porters add to shared counters: two who read the same value and both write back lose one of the two additions."""

from __future__ import annotations

from ..scenario import FROM_JOB, TOTAL, Blueprint, Goal, Jobs, Op, Role, Scenario, Site, Task


def build(rows: int, columns: int, agents: int, counters: int, jobs: int, shared: bool = True) -> Blueprint:
    """Lay `counters` out on an open floor, porters along the west and east walls."""
    inner = [(1 + i % (rows - 2), 1 if (i // (rows - 2)) % 2 == 0 else columns - 2) for i in range(agents)]
    across = -(-counters // 2)
    places = [
        ((rows - 1) // 3 if i < across else 2 * (rows - 1) // 3, 3 + (columns - 7) * (i % across) // max(1, across - 1))
        for i in range(counters)
    ]
    names = [f"counter_{i}" for i in range(counters)]
    wall, floor = "#" * columns, "#" + "." * (columns - 2) + "#"
    longest = rows + columns
    return Blueprint(
        map=(wall, *[floor] * (rows - 2), wall),
        sites=tuple(
            Site(name, "counter", place, scale=5 * jobs * 9) for name, place in zip(names, places, strict=True)
        ),
        roles=(Role("porter", agents, tuple(inner)),),
        tasks=tuple(
            Task(f"add {name}", (Op(name, "add", FROM_JOB),), ("porter",), jobs=True, agents=None if shared else (i,))
            for i, name in enumerate(names)
        ),
        goals=tuple(Goal(TOTAL, site=name) for name in names),
        jobs=Jobs(jobs, 1, 9),
        bound=lambda think, delay: agents * jobs * (think + longest + 3),
    )


SCENARIO = Scenario(
    name="ledger",
    story="Porters add to shared counters; the totals are judged at the end.",
    shows="lost update",
    hazard="lost_update",
    cure="object_cas",
    plain={"add ": "add to "},
    seed_changes="each porter's list of jobs: which counter, and an amount of 1 to 9",
    dials={"counters": "fewer counters, more contention", "jobs": "additions per porter"},
    sizes={
        "tiny": {"rows": 7, "columns": 9, "agents": 2, "counters": 1, "jobs": 3},
        "small": {"rows": 11, "columns": 11, "agents": 8, "counters": 6, "jobs": 5},
        "medium": {"rows": 16, "columns": 16, "agents": 8, "counters": 8, "jobs": 6},
        "large": {"rows": 32, "columns": 32, "agents": 24, "counters": 16, "jobs": 8},
    },
    build=build,
    contention={"counters": -1},
)
