"""Maps, cells and shortest paths. A place is a flat `cell` index; only this file splits it into [row, column]."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

WALL = "#"
UNREACHABLE = 10_000
MAP_RADIUS = 2  # cells that the local map of an observation reaches
MOVES = (("north", -1, 0), ("south", 1, 0), ("west", 0, -1), ("east", 0, 1))  # also the order in which ties are broken


class Layout(NamedTuple):
    """A map as flat arrays."""

    rows: int
    columns: int
    floor: NDArray[np.bool_]  # [cells]
    neighbour: NDArray[np.int32]  # [cells, 4] cell one move away, or the cell itself where a wall stands

    def cell(self, place: tuple[int, int]) -> int:
        """Return the flat index of a [row, column] place."""
        return place[0] * self.columns + place[1]

    def place(self, cell: int) -> tuple[int, int]:
        """Return the [row, column] of a flat index."""
        return divmod(cell, self.columns)


def read_map(lines: Sequence[str]) -> Layout:
    """Read a map of equal rows.

    Raises: ValueError if the rows differ in length.
    """
    rows, columns = len(lines), len(lines[0])
    if any(len(line) != columns for line in lines):
        raise ValueError(f"the rows of a map are of one length; got {sorted({len(line) for line in lines})}")
    floor = np.array([[mark != WALL for mark in line] for line in lines], dtype=np.bool_).reshape(-1)
    neighbour = np.repeat(np.arange(rows * columns, dtype=np.int32)[:, None], 4, axis=1)
    for cell in range(rows * columns):
        row, column = divmod(cell, columns)
        for index, (_, down, right) in enumerate(MOVES):
            near = (row + down, column + right)
            if 0 <= near[0] < rows and 0 <= near[1] < columns and floor[near[0] * columns + near[1]] and floor[cell]:
                neighbour[cell, index] = near[0] * columns + near[1]
    return Layout(rows, columns, floor, neighbour)


def paths_to(layout: Layout, target: int) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """Return, from every cell, the distance to `target` and the next cell on a shortest path (itself at the target)."""
    distance = np.full(layout.floor.size, UNREACHABLE, dtype=np.int32)
    distance[target] = 0
    queue = deque([target])
    while queue:
        cell = queue.popleft()
        for near in layout.neighbour[cell]:
            if distance[near] == UNREACHABLE:
                distance[near] = distance[cell] + 1
                queue.append(int(near))
    following = np.arange(layout.floor.size, dtype=np.int32)
    for cell in range(layout.floor.size):
        for near in layout.neighbour[cell]:
            if distance[near] == distance[cell] - 1:
                following[cell] = near
                break
    return distance, following


def sees(layout: Layout, cell: int, cells: Iterable[int], radius: int | None, whole: bool) -> bool:
    """Tell whether one who stands on `cell` sees a site: any of its cells, or with `whole` all, within `radius`.

    Distance is Chebyshev's: a square window, as in most grid worlds. Walls do not block sight.
    """
    if radius is None:
        return True
    row, column = layout.place(cell)
    near = [max(abs(row - r), abs(column - c)) <= radius for r, c in map(layout.place, cells)]
    return all(near) if whole else any(near)
