"""Guards leave when they see their partner on duty; two who leave at once leave the goods to an intruder."""

from __future__ import annotations

from ..scenario import AT_LEAST, KEPT, VALUE, Blueprint, Goal, Intruder, Invariant, Jobs, Op, Role, Scenario, Site, Task

DUTY = 12  # ticks on duty before the next break, at most
REST = (6, 12)  # ticks of a break


def build(rows: int, columns: int, agents: int, breaks: int, goods: int) -> Blueprint:
    """Put each pair of guards to the left and the right of its goods; a guard without a partner never leaves.

    Who leaves signs its list: a break is had only by one who really left.
    """
    pairs = -(-agents // 2)
    lines = range(2, rows - 1)  # above each post there is the list of its breaks
    wall, floor = "#" * columns, "#" + "." * (columns - 2) + "#"
    sites, tasks, goals, homes, intruders, invariants, districts = [], [], [], [], [], [], []
    for pair in range(pairs):
        row = lines[(2 * pair + 1) * len(lines) // (2 * pairs)]
        members = range(2 * pair, min(2 * pair + 2, agents))
        posts = tuple(f"post_{guard}" for guard in members)
        for guard, post in zip(members, posts, strict=True):
            side, inward = ((1, 2), (columns - 2, columns - 3))[guard % 2]
            others = tuple(other for other in posts if other != post)
            sites.append(Site(post, "guard_post", (row, side), 1, depends=others, scale=1, room=1))
            sites.append(Site(f"breaks_{guard}", "counter", (row - 1, side), scale=breaks))
            homes.append((row, inward))
            leave = (Op(post, "leave", 1), Op(f"breaks_{guard}", "add", 1))
            tasks.append(Task(f"leave {post}", leave, ("guard",), jobs=True, agents=(guard,)))
            tasks.append(Task(f"enter {post}", (Op(post, "enter"),), ("guard",), thought=False, agents=(guard,)))
            goals.append(Goal(VALUE, f"breaks_{guard}", target=breaks))
        sites.append(Site(f"goods_{pair}", "depot", (row, columns // 2), goods, scale=goods))
        goals += [Goal(KEPT, f"goods_{pair}", target=1 + n) for n in range(goods)]
        intruders.append(Intruder(posts, f"goods_{pair}"))
        districts.append((*posts, *(f"breaks_{guard}" for guard in members), f"goods_{pair}"))
        invariants.append(Invariant(f"somebody guards goods_{pair}", AT_LEAST, posts, 1))
    return Blueprint(
        map=(wall, *[floor] * (rows - 2), wall),
        sites=tuple(sites),
        roles=(Role("guard", agents, tuple(homes)),),
        tasks=tuple(tasks),
        goals=tuple(goals),
        jobs=Jobs(breaks, 1, 1),
        # The breaks of a pair follow one another, each with two turns among all guards.
        bound=lambda think, delay: 2 * breaks * (DUTY + REST[1] + agents * (think + 7) + 5),
        intruders=tuple(intruders),
        invariants=tuple(invariants),
        districts=tuple(districts),
    )


SCENARIO = Scenario(
    name="guards",
    story="Each guard sees the other on duty and leaves for a break; with both posts empty an intruder comes.",
    shows="stale read as write skew: neither writes what the other wrote, so no check of what is written helps",
    hazard="stale_read",
    cure="sight_check",
    seed_changes="how long each thought takes; how long each guard stays on duty and rests",
    dials={"breaks": "breaks of each guard", "goods": "what each pair guards"},
    sizes={
        "tiny": {"rows": 7, "columns": 9, "agents": 2, "breaks": 3, "goods": 3},
        "small": {"rows": 9, "columns": 9, "agents": 2, "breaks": 5, "goods": 5},
        "medium": {"rows": 16, "columns": 16, "agents": 8, "breaks": 6, "goods": 6},
        "large": {"rows": 32, "columns": 32, "agents": 24, "breaks": 8, "goods": 8},
    },
    build=build,
)
