"""Minds of refactor: maintainers, who rename interfaces, and builders, who build modules against them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..world.scenarios.refactor import BUILD_WITHIN, RENAME_WITHIN
from .duties import stands_back
from .mind import Chance, Choices, Masks, Memory, Seen, View, first_allowed


def _maintain(view: View, rows: Seen, masks: Masks) -> Choices:
    """Rename the first interface that has its old name, and migrate the callers that are seen built.

    Who has renamed trusts its commit and does not look again.
    """
    wanted = np.zeros(len(rows), np.int64)
    renames = [action.name for action in view.actions if action.name.startswith("do rename ")]
    for api in dict.fromkeys(name.split()[2] for name in renames):
        # In the order of the subsets of callers: bit n of the place is the n-th caller.
        subsets = np.array([view.action(name) for name in renames if name.split()[2] == api])
        module = f"module_{api.removeprefix('api_')}_"
        callers = [view.entry(f"{name}: value") for name in view.named("value") if name.startswith(module)]
        built = rows[:, callers] > 0.01
        chosen = subsets[(built << np.arange(len(callers))).sum(axis=1)]
        old = rows[:, view.entry(f"{api}: value")] < 0.75
        mine = masks[np.arange(len(rows)), chosen]
        wanted = np.where((wanted == 0) & old & mine, chosen, wanted)
    return wanted


def _build(view: View, rows: Seen, masks: Masks, chance: Chance) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Build one of its modules that are not built, whichever; also say how many those are."""
    modules = [action.name.removeprefix("do build ") for action in view.actions if action.name.startswith("do build ")]
    builds = np.array([view.action(f"do build {module}") for module in modules])
    missing = (rows[:, [view.entry(f"{module}: value") for module in modules]] < 0.01) & masks[:, builds]
    left = missing.sum(axis=1)
    nth = (missing.cumsum(axis=1) > np.floor(chance * left)[:, None]).argmax(axis=1)
    return np.where(left > 0, builds[nth], 0), left


def _decide(view: View, rows: Seen, masks: Masks, chance: Chance, memory: Memory) -> Choices:
    """Rename or build after a pause that is drawn once for each: `memory` holds the pause + 1 and what was left."""
    maintainer = rows[:, view.entry("is maintainer")] > 0.5
    builds, left = _build(view, rows, masks, chance)
    # A refusal leaves as many modules to build as before: no new pause, it tries again at once.
    draws = (memory[:, 0] == 0) | (memory[:, 1] != left)
    within = np.where(maintainer, RENAME_WITHIN, BUILD_WITHIN)
    pause = np.where(draws, np.floor(chance * within).astype(np.int64) + 1, np.maximum(1, memory[:, 0] - 1))
    memory[:, 0], memory[:, 1] = pause, left
    wanted = np.where(maintainer, _maintain(view, rows, masks), builds)
    return np.where(pause > 1, 0, wanted)


def naive(view: View, rows: Seen, masks: Masks, chance: Chance, memory: Memory) -> Choices:
    """Rename and build on what is believed."""
    return first_allowed(masks, _decide(view, rows, masks, chance, memory))


def careful(view: View, rows: Seen, masks: Masks, chance: Chance, memory: Memory) -> Choices:
    """Stand back while most others are busy: what they are at may be what this one would rest on."""
    wanted = _decide(view, rows, masks, chance, memory)
    return first_allowed(masks, np.where(stands_back(view, rows, chance), 0, wanted))
