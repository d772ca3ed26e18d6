"""Minds of the warehouse: porters with lists of orders, and the dispatcher who moves the gate and corrects the plan."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from .duties import ASKED, WAITED, Gate, correct, cross, go_back, move, move_carefully, route_to
from .mind import Chance, Choices, Masks, Memory, Seen, View, first_allowed

LOOKED = 2  # what memory holds beside what the duties do
GATE = Gate("lane", "trucks")
NEAR = 3  # cells
WARY, SHY = 0.9, 0.6  # chances that a careful porter stands back: while somebody near is at something, or only near


class _Plan:
    """Where shelves, tallies, depots and routes stand in observations and actions."""

    def __init__(self, view: View) -> None:
        names = view.named("value")
        self.places = [name for name in names if name.startswith(("shelf_", "tally_"))]
        self.jobs = np.array(
            [view.action(f"do pick from {name}" if "shelf" in name else f"do add {name}") for name in self.places]
        )
        self.looks = np.array([view.action(f"look {name}") for name in self.places])
        self.is_shelf = np.array(["shelf" in name for name in self.places])
        self.depots = sum(name.startswith("depot_") for name in names)
        self.lines = sum(name.startswith("route_") for name in names)
        self.has_lane = "gate" in names


@lru_cache(maxsize=8)
def _plan_of(view: View) -> _Plan:
    return _Plan(view)


def _work(view: View, plan: _Plan, rows: Seen, memory: Memory) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Do the next job on the list once its place is in sight or was looked at, else look; at an empty shelf, wait.

    Also say what is looked at, as `memory` has it: the place + 1.
    """
    each = np.arange(len(rows))

    def column(what: str) -> NDArray[np.float32]:
        return rows[:, [view.entry(f"{name}: {what}") for name in plan.places]]

    here = column("next job here") > 0.5
    place, has_job = here.argmax(axis=1), here.any(axis=1)
    in_sight, filled = column("in sight")[each, place] > 0.5, column("value")[each, place] > 0
    can = filled | ~plan.is_shelf[place]
    does = np.where(in_sight, 0, plan.looks[place])
    does = np.where(can & (in_sight | (memory[:, LOOKED] == 1 + place)), plan.jobs[place], does)
    return np.where(has_job, does, 0), 1 + place


def _deliver(view: View, plan: _Plan, rows: Seen) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Deliver to the depot that the plan names for one's line; also say which line that is."""
    if plan.lines == 0:
        return np.full(len(rows), view.action("do deliver to depot_0")), np.zeros(len(rows), np.int64)
    line = view.index(rows) % plan.lines
    depot = route_to(view, rows, line, plan.depots)
    actions = [
        [view.action(f"do deliver {line} to depot_{k}") for k in range(plan.depots)] for line in range(plan.lines)
    ]
    return np.array(actions)[line, depot], line


def _carry(view: View, plan: _Plan, rows: Seen, memory: Memory) -> Choices:
    """Work in the west with empty hands, carry a box east, deliver it and come back."""
    loaded = rows[:, view.entry("hand")] > 0
    works, place = _work(view, plan, rows, memory)
    delivers, _ = _deliver(view, plan, rows)
    if not plan.has_lane:
        wanted = np.where(loaded, delivers, works)
        memory[:, LOOKED] = np.where(wanted == works, place, 0)
        return wanted
    east = rows[:, view.entry("bound for")] > 0  # bound for it, so still in the west
    inside = rows[:, view.entry("in a region")] > 0.5
    crosses = cross(view, rows)
    idle = rows[:, view.entry("jobs left")] <= 0
    wanted = np.where(east, np.where(loaded, crosses, works), np.where(loaded, delivers, np.where(idle, 0, crosses)))
    wanted = np.where(inside, view.action("do cross"), wanted)
    memory[:, LOOKED] = np.where(wanted == works, place, 0)
    return wanted


def _dispatch(view: View, plan: _Plan, rows: Seen) -> Choices:
    """Correct the routes first, and then see to the gate."""
    corrects = correct(view, rows, plan.depots) if plan.lines else np.zeros(len(rows), np.int64)
    return np.where(corrects > 0, corrects, move(view, GATE, rows)) if plan.has_lane else corrects


def naive(view: View, rows: Seen, masks: Masks, chance: Chance, memory: Memory) -> Choices:
    """Do the next thing on what is believed; the dispatcher corrects first and then sees to the gate."""
    plan = _plan_of(view)
    wanted = _carry(view, plan, rows, memory)
    if "is dispatcher" in view.legend:
        dispatcher = rows[:, view.entry("is dispatcher")] > 0.5
        wanted = np.where(dispatcher, _dispatch(view, plan, rows), wanted)
    return first_allowed(masks, wanted)


def careful(view: View, rows: Seen, masks: Masks, chance: Chance, memory: Memory) -> Choices:
    """Porters stand back from who is near, and ask whether their route is current; the dispatcher checks and looks.

    One who holds the token has been told the truth, and is in nobody's way.
    """
    plan = _plan_of(view)
    wanted = _carry(view, plan, rows, memory)
    holds = rows[:, view.entry("has token")] > 0.5
    stands_back = np.isin(wanted, plan.jobs) & ~holds & (chance < _doubts(view, rows))
    asks = np.zeros(len(rows), np.bool_)
    if plan.lines:
        delivers, line = _deliver(view, plan, rows)
        stale = rows[:, [view.entry(f"route_{line}: not current") for line in range(plan.lines)]] > 0.5
        doubtful = stale[np.arange(len(rows)), line]
        asks = (wanted == delivers) & ~holds & ((memory[:, ASKED] == 0) | doubtful)
    porter = np.where(stands_back, 0, np.where(asks, view.action("check"), wanted))
    if "is dispatcher" not in view.legend:
        return first_allowed(masks, porter)
    own = memory.copy()
    dispatches = _dispatch_carefully(view, plan, rows, own)
    dispatcher = rows[:, view.entry("is dispatcher")] > 0.5
    memory[:, ASKED] = np.where(dispatcher, own[:, ASKED], asks)
    memory[:, WAITED] = np.where(dispatcher, own[:, WAITED], 0)
    return first_allowed(masks, np.where(dispatcher, dispatches, porter))


def _doubts(view: View, rows: Seen) -> NDArray[np.float64]:
    """Return the chance that one stands back: for somebody near, who is at something or not, and for all at work."""
    others = view.named("in view")
    if not others:
        return np.zeros(len(rows))

    def column(what: str) -> NDArray[np.float32]:
        return rows[:, [view.entry(f"{other}: {what}") for other in others]]

    seen, busy = column("in view") > 0.5, column("busy") > 0.5
    down = np.abs(column("rows away")) * view.parameters["rows"]
    right = np.abs(column("columns away")) * view.parameters["columns"]
    near = seen & (np.maximum(down, right) < NEAR + 0.5)
    doubts: NDArray[np.float64] = np.maximum(
        np.where((near & busy).any(axis=1), WARY, SHY * near.any(axis=1)), WARY * (seen & busy).mean(axis=1)
    )
    return doubts


def _dispatch_carefully(view: View, plan: _Plan, rows: Seen, memory: Memory) -> Choices:
    """Check the lane before the gate closes, go and look after a long wait, and then go back to the office."""
    wanted = _dispatch(view, plan, rows)
    if plan.has_lane:
        wanted = move_carefully(view, GATE, rows, wanted, memory)
    return go_back(view, rows, wanted, "notice_0" if plan.lines else GATE.board)
