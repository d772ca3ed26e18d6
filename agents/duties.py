"""What minds of several scenarios do alike: stand back, pass a gate, move it, and correct the routes."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from .mind import Chance, Choices, Memory, Seen, View

ASKED, WAITED = range(2)  # what memory holds of who moves a gate carefully
PATIENCE = 40  # decisions for which it waits for a message before it goes and looks


class Gate(NamedTuple):
    """A gate across a region."""

    region: str  # empty before the gate closes
    board: str  # on which those are counted who wait for it to be closed


def stands_back(view: View, rows: Seen, chance: Chance) -> NDArray[np.bool_]:
    """Tell who stands back while most others are busy. One who holds the token is in nobody's way."""
    others = [view.entry(f"{name}: busy") for name in view.named("busy")]
    busy = (rows[:, others] > 0.5).mean(axis=1) if others else np.zeros(len(rows))
    return (rows[:, view.entry("has token")] < 0.5) & (chance < 0.9 * busy)


def cross(view: View, rows: Seen) -> Choices:
    """Cross, and wait where the gate is seen to be closed."""
    inside = rows[:, view.entry("in a region")] > 0.5
    shut = (rows[:, view.entry("gate: in sight")] > 0.5) & (rows[:, view.entry("gate: value")] > 0.5)
    return np.where(shut & ~inside, 0, view.action("do cross"))


def move(view: View, gate: Gate, rows: Seen) -> Choices:
    """Close for those who wait when the region is believed empty, open when none is left."""
    waiting = rows[:, view.entry(f"{gate.board}: value")] > 0
    closed = rows[:, view.entry("gate: value")] > 0.5
    empty = rows[:, view.entry(f"{gate.region}: value")] <= 0
    wanted = np.where(waiting & ~closed & empty, view.action("do set closed"), 0)
    return np.where(~waiting & closed, view.action("do set open"), wanted)


def move_carefully(view: View, gate: Gate, rows: Seen, wanted: Choices, memory: Memory) -> Choices:
    """Do what is wanted, but check before closing, and wait where the check finds the belief in the region stale.

    Where it has been waited long for a region that is said to be occupied, go and look: the last message may have been
    overtaken or lost.
    """
    holds = rows[:, view.entry("has token")] > 0.5  # who has been told the truth
    closing = wanted == view.action("do set closed")
    doubtful = rows[:, view.entry(f"{gate.region}: not current")] > 0.5
    ask = closing & (memory[:, ASKED] == 0) & ~holds
    wanted = np.where(ask, view.action("check"), np.where(closing & doubtful & ~holds, 0, wanted))
    memory[:, ASKED] = ask
    waits = (rows[:, view.entry(f"{gate.board}: value")] > 0) & (wanted == 0)
    memory[:, WAITED] = np.where(waits, memory[:, WAITED] + 1, 0)
    tired = memory[:, WAITED] > PATIENCE
    memory[tired, WAITED] = 0
    return np.where(tired, view.action(f"look {gate.region}"), wanted)


def go_back(view: View, rows: Seen, wanted: Choices, board: str) -> Choices:
    """Rather than wait, go back to where a board is in sight."""
    away = rows[:, view.entry(f"{board}: in sight")] < 0.5
    return np.where((wanted == 0) & away, view.action(f"look {board}"), wanted)


def route_to(view: View, rows: Seen, line: NDArray[np.int64], depots: int) -> NDArray[np.int64]:
    """Return the depot to which the route of each row's line is believed to lead, [N]."""
    routes = rows[:, [view.entry(f"{name}: value") for name in view.named("value") if name.startswith("route_")]]
    return np.rint(routes[np.arange(len(rows)), line] * (depots - 1)).astype(np.int64)


def correct(view: View, rows: Seen, depots: int) -> Choices:
    """Send all routes to the next depot of which no closing is announced, once theirs is to close; else wait."""
    each = np.arange(len(rows))
    depot = route_to(view, rows, np.zeros(len(rows), np.int64), depots)
    notices = rows[:, [view.entry(f"notice_{k}: value") for k in range(depots)]] > 0
    corrections = np.array([view.action(f"correct routes to depot_{k}") for k in range(depots)])
    wanted = np.zeros(len(rows), np.int64)
    for step in range(depots - 1, 0, -1):
        target = (depot + step) % depots
        wanted = np.where(notices[each, target], wanted, corrections[target])
    return np.where(notices[each, depot], wanted, 0)
