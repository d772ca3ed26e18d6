"""Minds of the drawbridge: walkers who cross, and the operator who closes it for boats."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .mind import View, first_allowed

PATIENCE = 40  # ticks that the careful operator waits for a message before it goes and looks


def _walk(view: View, rows: NDArray[np.float32], masks: NDArray[np.bool_], promises: bool) -> NDArray[np.int64]:
    """Cross, and wait where the gate is seen to be closed; a promise goes out from the last cell of the deck."""
    cross, promise = view.action("do cross"), view.action("promise cross")
    inside = rows[:, view.entry("in a region")] > 0.5
    shut = (rows[:, view.entry("gate: in sight")] > 0.5) & (rows[:, view.entry("gate: value")] > 0.5)
    wanted = np.where(shut & ~inside, 0, cross)
    if promises:
        # The deck is three cells, its place the westernmost: bound east one leaves from distance 2, bound west from 0.
        steps = rows[:, view.entry("deck: distance")]
        east = rows[:, view.entry("bound for")] > 0
        leaving = np.where(east, steps > 1.5 * view.step, steps == 0)
        fresh = rows[:, view.entry("promised")] < 0.5
        wanted = np.where(inside & leaving & fresh & masks[:, promise], promise, wanted)
    return wanted


def _operate(view: View, rows: NDArray[np.float32]) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Close for a boat when the deck is believed empty, open when none is left; also say where closing is meant."""
    boats = rows[:, view.entry("river: value")] > 0
    closed = rows[:, view.entry("gate: value")] > 0.5
    empty = rows[:, view.entry("deck: value")] <= 0
    closing = boats & ~closed & empty
    wanted = np.where(closing, view.action("do set closed"), 0)
    return np.where(~boats & closed, view.action("do set open"), wanted), closing


def naive(
    view: View,
    rows: NDArray[np.float32],
    masks: NDArray[np.bool_],
    chance: NDArray[np.float64],
    memory: NDArray[np.int64],
) -> NDArray[np.int64]:
    """Walkers promise and cross; the operator trusts what it was told."""
    operator = rows[:, view.entry("is operator")] > 0.5
    wanted, _ = _operate(view, rows)
    return first_allowed(masks, np.where(operator, wanted, _walk(view, rows, masks, promises=True)))


def careful(
    view: View,
    rows: NDArray[np.float32],
    masks: NDArray[np.bool_],
    chance: NDArray[np.float64],
    memory: NDArray[np.int64],
) -> NDArray[np.int64]:
    """Walkers promise nothing; the operator checks before it closes, and waits where the check finds its belief stale.

    Where a boat has waited long for a deck that is said to be occupied, it goes and looks: the last message may have
    been overtaken or lost. Then it goes back to where it sees the boats.
    """
    operator = rows[:, view.entry("is operator")] > 0.5
    wanted, closing = _operate(view, rows)
    holds = rows[:, view.entry("has token")] > 0.5
    doubtful = rows[:, view.entry("deck: not current")] > 0.5
    checked = memory[:, 0] == 1
    ask = closing & ~checked & ~holds  # one who holds the token has been told the truth
    wanted = np.where(ask, view.action("check"), np.where(closing & doubtful & ~holds, 0, wanted))
    memory[:, 0] = np.where(operator & ask, 1, 0)
    waits = operator & (rows[:, view.entry("river: value")] > 0) & (wanted == 0)
    memory[:, 1] = np.where(waits, memory[:, 1] + 1, 0)
    tired = memory[:, 1] > PATIENCE
    memory[tired, 1] = 0
    wanted = np.where(tired, view.action("look deck"), wanted)
    away = rows[:, view.entry("river: in sight")] < 0.5
    wanted = np.where((wanted == 0) & away, view.action("look river"), wanted)
    return first_allowed(masks, np.where(operator, wanted, _walk(view, rows, masks, promises=False)))
