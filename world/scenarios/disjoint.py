"""The control: every porter has a counter of its own, so no protocol has anything to do."""

from __future__ import annotations

from dataclasses import replace

from ..scenario import Blueprint, Role, Scenario
from .ledger import build as build_ledger


def build(rows: int, columns: int, agents: int, jobs: int) -> Blueprint:
    """Give each porter the row it stands in: its counter is at the other end, so paths do not cross."""
    ledger = build_ledger(rows, columns, agents, agents, jobs, shared=False)
    half = -(-agents // 2)
    middle = columns // 2
    # West porters have their counter left of the middle, east porters right of it, each in its own row.
    lines = [(1 + i * (rows - 2) // half, 1, middle - 2) for i in range(half)]
    lines += [(1 + i * (rows - 2) // half, columns - 2, middle + 2) for i in range(agents - half)]
    return replace(
        ledger,
        sites=tuple(replace(site, cell=(row, far)) for site, (row, _, far) in zip(ledger.sites, lines, strict=True)),
        districts=tuple((site.name,) for site in ledger.sites),
        roles=(Role("porter", agents, tuple((row, near) for row, near, _ in lines)),),
    )


SCENARIO = Scenario(
    name="disjoint",
    story="Porters add to counters of their own; nothing is shared and no paths cross.",
    shows="control: no rejects, no waits, equal makespans for all but serial and one lock for the world",
    seed_changes="the amounts of each porter's additions",
    dials={"jobs": "additions per porter"},
    sizes={
        "tiny": {"rows": 7, "columns": 9, "agents": 2, "jobs": 3},
        "small": {"rows": 11, "columns": 11, "agents": 8, "jobs": 5},
        "medium": {"rows": 16, "columns": 16, "agents": 8, "jobs": 6},
        "large": {"rows": 32, "columns": 32, "agents": 24, "jobs": 8},
    },
    build=build,
)
