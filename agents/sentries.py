"""Minds of guards, who want their breaks."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..world.scenarios.guards import DUTY, REST
from .mind import Chance, Choices, Masks, Memory, Seen, View, first_allowed

CAUTION = 0.5  # chance in a tick that the careful guard decides to leave


def _partner(view: View, rows: Seen) -> tuple[NDArray[np.int64], NDArray[np.int64], int]:
    """Return each guard's index and its partner's, [N] each, and how many guards there are."""
    guards = sum(action.name.startswith("do leave ") for action in view.actions)
    index = view.index(rows)
    return index, index ^ 1, guards


def _guard(view: View, rows: Seen, chance: Chance, memory: Memory) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Leave after some time on duty if the partner is seen on duty, come back after a rest; also say who would leave.

    `memory` holds the ticks still to wait + 1, and whether they are for duty (1) or rest (2).
    """
    index, partner, guards = _partner(view, rows)
    who = np.arange(len(rows))
    post = rows[:, [view.entry(f"post_{n}: value") for n in range(guards)]] > 0.5
    post = np.hstack([post, np.zeros((len(rows), 1), np.bool_)])  # of the partner that an odd guard lacks
    on_duty, covered = post[who, index], post[who, partner]
    state = np.where(on_duty, 1, 2)
    wait = np.where(on_duty, np.floor(chance * (DUTY + 1)), REST[0] + np.floor(chance * (REST[1] - REST[0] + 1)))
    memory[:, 0] = np.where(memory[:, 1] == state, np.maximum(1, memory[:, 0] - 1), wait + 1)
    memory[:, 1] = state
    leave = np.array([view.action(f"do leave post_{n}") for n in range(guards)])[index]
    enter = np.array([view.action(f"do enter post_{n}") for n in range(guards)])[index]
    due = memory[:, 0] == 1
    leaves = due & on_duty & covered
    return np.where(leaves, leave, np.where(due & ~on_duty, enter, 0)), leaves


def naive(view: View, rows: Seen, masks: Masks, chance: Chance, memory: Memory) -> Choices:
    """Leave when the partner is on duty."""
    wanted, _ = _guard(view, rows, chance, memory)
    return first_allowed(masks, wanted)


def careful(view: View, rows: Seen, masks: Masks, chance: Chance, memory: Memory) -> Choices:
    """Leave only while the partner is not at something, and not at once: it may be about to leave too."""
    wanted, leaves = _guard(view, rows, chance, memory)
    index, partner, guards = _partner(view, rows)
    if guards > 1:
        others = rows[:, [view.entry(f"other {n}: busy") for n in range(1, guards)]] > 0.5
        place = np.clip(np.where(partner > index, partner - 1, partner), 0, guards - 2)  # oneself is left out
        doubts = others[np.arange(len(rows)), place] | (chance >= CAUTION)
        wanted = np.where(leaves & doubts & (rows[:, view.entry("has token")] < 0.5), 0, wanted)
    return first_allowed(masks, wanted)
