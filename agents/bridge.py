"""Minds of the drawbridge: walkers who cross, and the operator who closes it for boats."""

from __future__ import annotations

import numpy as np

from .duties import Gate, cross, go_back, move, move_carefully
from .mind import Chance, Choices, Masks, Memory, Seen, View, first_allowed

GATE = Gate("deck", "river")


def _walk(view: View, rows: Seen, masks: Masks) -> Choices:
    """Cross; a promise goes out from the last cell of the deck."""
    promise = view.action("promise cross")
    # The deck is three cells, its place the westernmost: bound east one leaves from distance 2, bound west from 0.
    steps = rows[:, view.entry("deck: distance")]
    east = rows[:, view.entry("bound for")] > 0
    leaving = np.where(east, steps > 1.5 * view.step, steps == 0)
    inside = rows[:, view.entry("in a region")] > 0.5
    fresh = rows[:, view.entry("promised")] < 0.5
    return np.where(inside & leaving & fresh & masks[:, promise], promise, cross(view, rows))


def naive(view: View, rows: Seen, masks: Masks, chance: Chance, memory: Memory) -> Choices:
    """Walkers promise and cross; the operator trusts what it was told."""
    operator = rows[:, view.entry("is operator")] > 0.5
    return first_allowed(masks, np.where(operator, move(view, GATE, rows), _walk(view, rows, masks)))


def careful(view: View, rows: Seen, masks: Masks, chance: Chance, memory: Memory) -> Choices:
    """Walkers promise nothing; the operator checks before it closes, looks after a long wait and goes back."""
    operator = rows[:, view.entry("is operator")] > 0.5
    wanted = move_carefully(view, GATE, rows, move(view, GATE, rows), memory)
    wanted = go_back(view, rows, wanted, GATE.board)
    return first_allowed(masks, np.where(operator, wanted, cross(view, rows)))
