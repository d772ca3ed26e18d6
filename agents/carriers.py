"""Minds of reroute: carriers who deliver where the plan says, and the planner who corrects it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .duties import correct, route_to
from .mind import Chance, Choices, Masks, Memory, Seen, View, first_allowed

DEPOTS = 3


def _carry(view: View, rows: Seen, carrier: NDArray[np.int64]) -> Choices:
    """Fetch a parcel, then deliver it to the depot that the plan names; without parcels, wait."""
    each = np.arange(len(rows))
    carriers = view.parameters["agents"] - 1
    carrier = np.minimum(carrier, carriers - 1)
    stacks = np.array([view.entry(f"stack_{i}: value") for i in range(carriers)])
    fetch = np.array([view.action(f"do fetch {i}") for i in range(carriers)])
    deliver = np.array([[view.action(f"do deliver {i} to depot_{k}") for k in range(DEPOTS)] for i in range(carriers)])
    depot = route_to(view, rows, carrier, DEPOTS)
    loaded = rows[:, view.entry("hand")] > 0
    has_more = rows[each, stacks[carrier]] > 0
    return np.where(loaded, deliver[carrier, depot], np.where(has_more, fetch[carrier], 0))


def _wanted(view: View, rows: Seen) -> tuple[NDArray[np.int64], NDArray[np.bool_], NDArray[np.int64]]:
    planner = rows[:, view.entry("is planner")] > 0.5
    carrier = view.index(rows)
    return np.where(planner, correct(view, rows, DEPOTS), _carry(view, rows, carrier)), planner, carrier


def naive(view: View, rows: Seen, masks: Masks, chance: Chance, memory: Memory) -> Choices:
    """Carriers follow the plan as they know it; the planner corrects it when a notice says so."""
    wanted, _, _ = _wanted(view, rows)
    return first_allowed(masks, wanted)


def careful(view: View, rows: Seen, masks: Masks, chance: Chance, memory: Memory) -> Choices:
    """Carriers ask before they set out whether their route is still current, and wait where it is not."""
    wanted, planner, carrier = _wanted(view, rows)
    carriers = view.parameters["agents"] - 1
    stale = np.array([view.entry(f"route_{i}: not current") for i in range(carriers)])
    doubtful = rows[np.arange(len(rows)), stale[np.minimum(carrier, carriers - 1)]] > 0.5
    loaded = (rows[:, view.entry("hand")] > 0) & ~planner & (rows[:, view.entry("has token")] < 0.5)
    ask = loaded & ((memory[:, 0] == 0) | doubtful)
    memory[:, 0] = ask
    return first_allowed(masks, np.where(ask, view.action("check"), wanted))
