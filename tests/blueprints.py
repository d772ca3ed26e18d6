"""Random blueprints: small scenarios of everything that a blueprint can say."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import replace

from stalegrid.world import scenario, verbs
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

Place = tuple[int, int]

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
