"""The minds of exposure: writers who write by chance alone, and a reader who reads again and again."""

from __future__ import annotations

import numpy as np

from .mind import Chance, Choices, Masks, Memory, Seen, View, first_allowed


def by_chance(view: View, rows: Seen, masks: Masks, chance: Chance, memory: Memory) -> Choices:
    """Note without end; write with the probability `rate`, and then with the probability `overlap` to the hot site.

    What anybody observes makes no difference, so each writer's writes are independent of all else.
    """
    rate, overlap = view.parameters["rate"] / 100, view.parameters["overlap"] / 100
    own = [index for index, action in enumerate(view.actions) if action.name.startswith("do enter own_")]
    is_reader = rows[:, view.entry("is reader")] > 0.5
    apart = np.array(own)[masks[:, own].argmax(axis=1)] if own else np.zeros(len(rows), np.int64)
    written = np.where(chance < rate * overlap, view.action("do enter hot"), apart)
    return first_allowed(masks, np.where(is_reader, view.action("do note"), np.where(chance < rate, written, 0)))
