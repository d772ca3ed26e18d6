"""Floor plans of the warehouse: one drawn by hand, and one for each other `layout_seed`.

Sites stand on floor and block nobody; only walls do. A wall is set where the floor around it stays in one piece, so
that every floor plan is connected by construction.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, TypeVar

from ..entropy import LAYOUT, draw

Place = tuple[int, int]
Item = TypeVar("Item")

OFFICE = 4  # rows and columns of the office in its corner, its walls included
DOOR = (OFFICE, 2)
DESK = (2, 2)  # from here the dispatcher sees all boards, and has the gate's switch within reach
SWITCH, SLATE, NOTICES = (3, 2), (2, 1), ((1, 1), (1, 2), (1, 3), (2, 3))
WIDTH = 3  # of the lane
REACH = 3  # rows from the crossing to the farthest station
RING = ((-1, -1), (-1, 0), (-1, 1), (0, 1), (1, 1), (1, 0), (1, -1), (0, -1))  # the cells around one, in a circle


class Floor(NamedTuple):
    """Where everything stands. A porter's stations in the two halls are `west[i]` and `east[i]`."""

    map: tuple[str, ...]
    shelves: tuple[Place, ...]
    tallies: tuple[Place, ...]
    depots: tuple[Place, ...]
    west: tuple[Place, ...]
    east: tuple[Place, ...]
    lane: tuple[Place, ...]
    notices: tuple[Place, ...]
    desk: Place
    slate: Place  # where the trucks that wait are written down
    switch: Place


class Dice:
    """What a layout seed draws; with seed 0 there is nothing to draw, and all is as drawn by hand."""

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self._drawn = 0

    def below(self, many: int, usual: int = 0) -> int:
        """Return a number from 0 to `many` - 1, by hand the usual one."""
        self._drawn += 1
        return draw(self.seed, LAYOUT, self._drawn) % many if self.seed else usual

    def some(self, items: Sequence[Item], many: int) -> list[Item]:
        """Return so many of the items in their order; by hand they are spread evenly."""
        if not self.seed:
            return [items[n * len(items) // many] for n in range(many)]
        left = list(range(len(items)))
        chosen = [left.pop(self.below(len(left))) for _ in range(many)]
        return [items[n] for n in sorted(chosen)]


def lay_out(
    rows: int, columns: int, places: int, depots: int, porters: int, has_lane: bool, has_office: bool, seed: int
) -> Floor:
    """Draw a floor plan with `places` shelves and tallies.

    Raises: IndexError if there is no room for them.
    """
    dice = Dice(seed)
    east = columns // 2 + WIDTH // 2 + 1 if has_lane else columns - 3  # first column of the east hall
    spare = max(0, (columns - 12) // 4)
    east += dice.below(2 * spare + 1, spare) - spare if has_lane else 0
    west = east - WIDTH - 1 if has_lane else east - 1  # last column of the west hall
    top = OFFICE + 1 if has_office else 1
    crossing = top + 1 + dice.below(rows - top - 3, max(0, rows // 2 - top)) if has_lane else rows // 2
    floor = {(row, column) for row in range(1, rows - 1) for column in range(1, columns - 1)}
    lane = tuple((crossing, column) for column in range(west + 1, east)) if has_lane else ()
    floor -= {(row, column) for row in range(rows) for column in range(west + 1, east) if has_lane} - {*lane}
    kept = {DOOR, (DOOR[0] + 1, DOOR[1])} if has_office else set()
    if has_office:
        floor -= {(row, column) for row in range(top) for column in range(top) if OFFICE in (row, column)} - {DOOR}
    near = sorted(range(max(1, crossing - REACH), min(rows - 1, crossing + REACH + 1)), key=lambda r: abs(r - crossing))
    if has_lane:
        lines = [row for row in near if (row, west) in floor and (row, east) in floor]
        stations = [[(lines[n % len(lines)], side) for n in range(porters)] for side in (west, east)]
    else:
        stations = [[(near[n % len(near)], east) for n in range(porters)]] * 2
    sites = _slots(dice, floor, range(1, west if has_lane else east), top, 2 * places)
    docks = dice.some([row for row in range(1, rows - 1) if (row, columns - 2) in floor], depots)
    ends = [(row, columns - 2) for row in docks]
    kept |= {*sites, *ends, *lane, *stations[0], *stations[1]}
    _put_up_walls(dice, floor, kept, sites, ends, (1, top))
    drawn = Floor(
        map=tuple("".join("." if (row, column) in floor else "#" for column in range(columns)) for row in range(rows)),
        shelves=tuple(sites[::2]),
        tallies=tuple(sites[1::2]),
        depots=tuple(ends),
        west=tuple(stations[0]),
        east=tuple(stations[1]),
        lane=lane,
        notices=NOTICES,
        desk=DESK,
        slate=SLATE,
        switch=SWITCH,
    )
    upside_down, mirrored = dice.below(2) == 1, dice.below(2) == 1
    return _turn(drawn, rows, columns, upside_down, mirrored)


def _slots(dice: Dice, floor: set[Place], hall: range, top: int, many: int) -> list[Place]:
    """Choose the places of shelves and tallies in the west hall: apart from one another where there is room."""
    free = [place for place in sorted(floor) if place[1] in hall and (place[0] >= top or place[1] > OFFICE)]
    apart = [(row, column) for row, column in free if (row - top) % 2 == 0 and column % 2 == 1]
    if many > len(free):
        raise IndexError(f"{many} shelves and tallies, {len(free)} places")
    return dice.some(apart if many <= len(apart) else free, many)


def _put_up_walls(
    dice: Dice, floor: set[Place], kept: set[Place], sites: Sequence[Place], ends: Sequence[Place], office: Place
) -> None:
    """Put racks beside shelves and walls between docks, and with a seed some pillars, where the floor stays whole."""
    racks = [(row, column + 1) for row, column in sites] + [(row + 1, column) for row, column in ends]
    pillars = sorted(floor)
    racks += [pillars[dice.below(len(pillars))] for _ in range(len(floor) // 12 if dice.seed else 0)]
    inside = range(*office)
    for place in racks:
        in_office = place[0] in inside and place[1] in inside and office[1] > 1
        if place in floor and place not in kept and not in_office and _stays_whole(floor, place):
            floor.discard(place)


def _stays_whole(floor: set[Place], place: Place) -> bool:
    """Tell whether the floor around a place hangs together without it: then so does all of the floor."""
    ring = [(place[0] + down, place[1] + right) in floor for down, right in RING]
    pieces = sum(here and not ring[n - 1] for n, here in enumerate(ring))
    straight = [ring[n] for n in (1, 3, 5, 7)]
    # Of a piece that is a corner alone nobody comes to the place: it hangs together by another way, or not at all.
    corners = sum(ring[n] and not ring[n - 1] and not ring[(n + 1) % 8] for n in (0, 2, 4, 6))
    return all(ring) or (pieces - corners <= 1 and any(straight))


def _turn(drawn: Floor, rows: int, columns: int, upside_down: bool, mirrored: bool) -> Floor:
    """Turn a floor plan upside down, or its west into its east."""

    def turned(place: Place) -> Place:
        row, column = place
        return rows - 1 - row if upside_down else row, columns - 1 - column if mirrored else column

    lines = [line[::-1] if mirrored else line for line in drawn.map]
    many = ("shelves", "tallies", "depots", "west", "east", "lane", "notices")
    return drawn._replace(
        map=tuple(reversed(lines) if upside_down else lines),
        desk=turned(drawn.desk),
        slate=turned(drawn.slate),
        switch=turned(drawn.switch),
        **{name: tuple(map(turned, getattr(drawn, name))) for name in many},
    )
