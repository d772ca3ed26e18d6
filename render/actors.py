"""Where agents and letters are between two ticks: they glide, and those who share a cell make room for one another."""

from __future__ import annotations

from typing import NamedTuple

from .board import Grid
from .chronicle import ACT
from .scene import MessageView, Scene

NEAR = 0.84  # the share of its way after which a letter has arrived


class Spot(NamedTuple):
    """An agent's place: its middle, in cells from the grid's corner, and its size as a share of a cell."""

    right: float
    down: float
    size: float


class Moment(NamedTuple):
    """A scene, the one after it, and how far the time between them has run."""

    scene: Scene
    after: Scene
    share: float  # from 0 to below 1
    acts: bool = False  # the tick between them ends with an act that is shown: who walks is there by then

    @property
    def time(self) -> float:
        """Ticks since the beginning."""
        return self.scene.tick + self.share


def spots(scene: Scene) -> tuple[Spot, ...]:
    """Give each agent its place: alone in the middle of its cell, beside a site or others smaller."""
    columns = scene.stage.columns
    groups: dict[int, list[int]] = {}
    for index, agent in enumerate(scene.agents):
        groups.setdefault(agent.cell, []).append(index)
    taken = {cell for cell in scene.stage.site_cells if cell >= 0}
    found: dict[int, Spot] = {}
    for cell, members in groups.items():
        row, column = divmod(cell, columns)
        if len(members) == 1 and cell not in taken:
            found[members[0]] = Spot(column + 0.5, row + 0.5, 0.96)
            continue
        for nth, index in enumerate(members):
            right, down, size = _berth(nth, len(members), cell in taken)
            found[index] = Spot(column + right, row + down, size)
    return tuple(found[index] for index in range(len(scene.agents)))


def _berth(nth: int, many: int, at_site: bool) -> tuple[float, float, float]:
    if at_site:  # along the lower and right edge, so that the site's digits stay free
        size = 0.74 if many == 1 else 0.64 if many <= 3 else 0.5
        places = ((0.78, 0.8), (0.22, 0.8), (0.78, 0.2), (0.22, 0.2), (0.5, 0.9), (0.9, 0.5), (0.1, 0.5), (0.5, 0.1))
        return (*places[nth % len(places)], size)
    if many == 2:
        return 0.3 + 0.4 * nth, 0.32 + 0.36 * nth, 0.78
    across = 2 if many <= 4 else 3
    size = 0.7 if across == 2 else 0.5
    rows = -(-many // across)
    return (nth % across + 0.5) / across, (nth // across + 0.5) / rows, size


def stand(moment: Moment, grid: Grid) -> list[tuple[float, float, float]]:
    """Return (right, down, size) of each agent, in pixels of the surface."""
    share = min(1.0, moment.share / (1 - ACT)) if moment.acts else moment.share
    origin = grid.corner(0)
    found = []
    for here, there in zip(spots(moment.scene), spots(moment.after), strict=True):
        right, down, size = (a + (b - a) * share for a, b in zip(here, there, strict=True))
        found.append((origin[0] + right * grid.px, origin[1] + down * grid.px, size * grid.px))
    return found


def flight(mail: MessageView, moment: Moment, nth: int, where: list[tuple[float, float, float]]) -> tuple[float, float]:
    """Return where a letter is on its bow from sender to receiver; those beside it fly a little apart."""
    start, end = where[mail.sender], where[mail.receiver]
    way = max(1.0, mail.due - mail.sent + 0.5)
    share = 0.0 if mail.held else min(1.0, max(0.0, (moment.time - mail.sent + 0.5) / way))
    share *= NEAR  # it does not hide who gets it
    bow = 0.10 + 0.05 * (nth % 3)
    middle = (start[0] + end[0]) / 2 - (end[1] - start[1]) * bow, (start[1] + end[1]) / 2 + (end[0] - start[0]) * bow
    return (
        (1 - share) ** 2 * start[0] + 2 * share * (1 - share) * middle[0] + share**2 * end[0],
        (1 - share) ** 2 * start[1] + 2 * share * (1 - share) * middle[1] + share**2 * end[1],
    )
