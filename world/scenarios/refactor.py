"""Maintainers rename interfaces and migrate the callers they see built, while builders build against them."""

from __future__ import annotations

from ..scenario import BUILT, VALUE, Blueprint, Goal, Op, Role, Scenario, Site, Task
from ..verbs import DEPS_EMPTY

BASE = 10  # what a module is worth besides the version of its interface
RENAME_WITHIN = 24  # ticks within which a maintainer starts
BUILD_WITHIN = 12  # ticks that a builder lets pass before each module, at most


def build(rows: int, columns: int, agents: int, interfaces: int, callers: int) -> Blueprint:
    """Lay out an interface a column with its callers beneath, and a canary that nobody renames."""
    maintainers = min(interfaces, agents - 1)
    builders = agents - maintainers
    across = range(2, columns - 2)
    down = range(2, rows - 2)
    columns_of = [across[n * (len(across) - 1) // interfaces] for n in range(interfaces + 1)]
    rows_of = [down[(1 + n) * (len(down) - 1) // callers] for n in range(callers)]
    wall, floor = "#" * columns, "#" + "." * (columns - 2) + "#"
    sites, tasks, goals = [], [], []
    packages: list[tuple[str, ...]] = [("canary", "canary_module")]
    for number in range(interfaces):
        api, column = f"api_{number}", columns_of[number]
        modules = tuple(f"module_{number}_{n}" for n in range(callers))
        packages.append((api, *modules))
        sites.append(Site(api, "interface", (down[0], column), 1, scale=2))
        sites += [
            Site(name, "interface", (row, column), depends=(api,), scale=BASE + 2)
            for name, row in zip(modules, rows_of, strict=True)
        ]
        if maintainers:
            tasks += [_rename(api, modules, chosen, number % maintainers) for chosen in range(2**callers)]
            goals.append(Goal(VALUE, api, target=2))
        for nth, name in enumerate(modules):
            tasks.append(_build(name, maintainers + (number * callers + nth) % builders))
            goals.append(Goal(BUILT, name, target=BASE))
    sites.append(Site("canary", "interface", (down[0], columns_of[-1]), 1, scale=2))
    sites.append(Site("canary_module", "interface", (rows_of[0], columns_of[-1]), depends=("canary",), scale=BASE + 2))
    tasks.append(_build("canary_module", maintainers + builders - 1))
    goals.append(Goal(BUILT, "canary_module", target=BASE))
    each = -(-(interfaces * callers + 1) // builders)
    walk = rows + columns
    return Blueprint(
        map=(wall, *[floor] * (rows - 2), wall),
        sites=tuple(sites),
        roles=(
            Role("maintainer", maintainers, tuple((1, column) for column in columns_of[:maintainers])),
            Role("builder", builders, tuple((rows - 2, across[n % len(across)]) for n in range(builders))),
        ),
        tasks=tuple(tasks),
        goals=tuple(goals),
        districts=tuple(packages),
        bound=lambda think, delay: (
            RENAME_WITHIN
            + each * BUILD_WITHIN
            + interfaces * (think + (callers + 1) * walk + 6)
            + (interfaces * callers + 1) * (think + walk + 6)
        ),
    )


def _rename(api: str, modules: tuple[str, ...], chosen: int, agent: int) -> Task:
    """Rename an interface and migrate some of its callers, in the belief that the others are not built yet.

    Without the migration, building before the rename would be a legal serial order and no hazard.
    """
    migrated = [name for n, name in enumerate(modules) if chosen >> n & 1]
    others = tuple(name for n, name in enumerate(modules) if not chosen >> n & 1)
    name = " ".join([f"rename {api}", *(["migrate"] if migrated else []), *(one[len("module_") :] for one in migrated)])
    rename = Op(api, "refactor", rests_on=others, premise=DEPS_EMPTY)
    return Task(name, (rename, *(Op(one, "build", BASE) for one in migrated)), ("maintainer",), agents=(agent,))


def _build(module: str, agent: int) -> Task:
    return Task(f"build {module}", (Op(module, "build", BASE),), ("builder",), agents=(agent,))


SCENARIO = Scenario(
    name="refactor",
    story="Maintainers rename interfaces and migrate the callers they see built; builders build against the old names.",
    shows="stale read over dependencies; nobody renames the canary, so nothing may go wrong there",
    hazard="stale_read",
    cure="sight_check",
    plain={" migrate ": " with callers "},
    seed_changes="how long each thought takes; when each agent starts",
    dials={"interfaces": "interfaces to rename, a maintainer each", "callers": "modules on each, at most 3"},
    sizes={
        "tiny": {"rows": 8, "columns": 9, "agents": 2, "interfaces": 1, "callers": 2},
        "small": {"rows": 11, "columns": 11, "agents": 5, "interfaces": 2, "callers": 3},
        "medium": {"rows": 16, "columns": 16, "agents": 8, "interfaces": 3, "callers": 3},
        "large": {"rows": 32, "columns": 32, "agents": 15, "interfaces": 5, "callers": 3},
    },
    build=build,
    contention={"interfaces": -1},
)
