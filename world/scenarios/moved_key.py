"""Movers shift keys between shelves and leave decoys; a seeker that thinks too long delivers the wrong thing."""

from __future__ import annotations

from ..scenario import GOT, Blueprint, Goal, Jobs, Op, Role, Scenario, Site, Task

DECOY = 9
LANE = 3  # rows of a lane, and columns from one key to the next
PATIENCE = 40  # ticks that a careful seeker waits for its keys to stand still, at most


def build(rows: int, columns: int, agents: int, keys: int, shifts: int) -> Blueprint:
    """Give each seeker a lane with `keys` pairs of shelves, a door behind each pair, and a mover at its end.

    Distances in a lane are short, so that what makes a seeker late is its thinking and not its walk.
    """
    seekers = -(-agents // 2)
    movers = agents - seekers
    lanes = range(2, rows - 2, max(LANE, (rows - 4) // seekers))
    blocks = range(3, columns - 3, LANE)
    end = blocks[keys - 1] + 2  # of each lane, where its mover starts
    wall, floor = "#" * columns, "#" + "." * (columns - 2) + "#"
    sites, tasks, goals = [], [], []
    for number in range(seekers * keys):
        lane, nth = divmod(number, keys)
        row, column, item = lanes[lane], blocks[nth], 1 + nth
        near, far, door = f"shelf_{number}a", f"shelf_{number}b", f"door_{number}"
        first, second = (item, DECOY) if number % 2 == 0 else (DECOY, item)
        sites += [
            Site(near, "shelf", (row - 1, column), first, scale=DECOY),
            Site(far, "shelf", (row + 1, column), second, scale=DECOY),
            Site(door, "depot", (row, column + 1), scale=1),
        ]
        tasks += [
            *_for_seeker(number, item, (near, far), door, (lane,)),
            *_for_mover(number, item, (near, far), (seekers + lane,)),
        ]
        goals.append(Goal(GOT, door, target=item))
    # An empty shelf turns a swapped decoy into nothing: who was fooled so fetches another.
    sites.append(Site("crate", "shelf", (rows // 2, end), DECOY, scale=DECOY, stock=max(1, movers) * shifts))
    tasks.append(Task("fetch decoy", (Op("crate", "take", DECOY),), ("mover",), thought=False))
    walk = end + LANE  # the longest way within a lane
    return Blueprint(
        map=(wall, *[floor] * (rows - 2), wall),
        sites=tuple(sites),
        roles=(
            Role("seeker", seekers, tuple((lanes[n], 1) for n in range(seekers))),
            Role("mover", movers, tuple((lanes[n] + 1, end) for n in range(movers)), hand=DECOY),
        ),
        tasks=tuple(tasks),
        goals=tuple(goals),
        jobs=Jobs(shifts, 1, 1),
        bound=lambda think, delay: seekers * keys * (think + walk + 6) + movers * shifts * (walk + 6) + keys * PATIENCE,
    )


def _for_seeker(
    number: int, item: int, shelves: tuple[str, str], door: str, agents: tuple[int, ...]
) -> tuple[Task, ...]:
    deliver = Op(door, "deliver", item)
    takes = (
        Task(f"take from {shelf}", (Op(shelf, "take", item), deliver), ("seeker",), agents=agents) for shelf in shelves
    )
    # For one whose task was refused between the two: the key is already in its hand.
    return (*takes, Task(f"deliver to {door}", (deliver,), ("seeker",), agents=agents))


def _for_mover(number: int, item: int, shelves: tuple[str, str], agents: tuple[int, ...]) -> tuple[Task, ...]:
    shifts = (
        Task(
            f"shift from {here}",
            (Op(here, "swap", DECOY), Op(there, "swap", item)),
            ("mover",),
            thought=False,
            jobs=True,
            agents=agents,
        )
        for here, there in (shelves, shelves[::-1])
    )
    lay = Task(f"lay down at {shelves[0]}", (Op(shelves[0], "swap", item),), ("mover",), thought=False, agents=agents)
    return (*shifts, lay)


SCENARIO = Scenario(
    name="moved_key",
    story="A seeker saw the key and thinks; a mover takes it and leaves a decoy; the next step is a delivery.",
    shows="stale read (object_cas cures it too, for to take is to write the shelf that was read)",
    hazard="stale_read",
    cure="sight_check",
    seed_changes="which keys each mover is to shift, and from which of their shelves",
    dials={"keys": "keys of each seeker", "shifts": "shifts of each mover"},
    sizes={
        "tiny": {"rows": 8, "columns": 11, "agents": 2, "keys": 2, "shifts": 10},
        "small": {"rows": 13, "columns": 13, "agents": 6, "keys": 3, "shifts": 16},
        "medium": {"rows": 16, "columns": 16, "agents": 8, "keys": 2, "shifts": 16},
        "large": {"rows": 32, "columns": 32, "agents": 10, "keys": 2, "shifts": 16},
    },
    build=build,
    contention={"shifts": 1},
)
