"""Minds of porters, who have a list of jobs: ledger and disjoint."""

from __future__ import annotations

import numpy as np

from .duties import stands_back
from .mind import Chance, Choices, Masks, Memory, Seen, View, first_allowed


def _job_columns(view: View, what: str) -> tuple[list[int], list[int]]:
    counters = [action.name.removeprefix("do add ") for action in view.actions if action.name.startswith("do add ")]
    columns = [view.entry(f"{counter}: {what}") for counter in counters]
    return columns, [view.action(f"do add {counter}") for counter in counters]


def naive(view: View, rows: Seen, masks: Masks, chance: Chance, memory: Memory) -> Choices:
    """Do the next job on the list; without one, wait."""
    columns, actions = _job_columns(view, "next job here")
    here = rows[:, columns] > 0.5
    wanted = np.where(here.any(axis=1), np.array(actions)[here.argmax(axis=1)], 0)
    return first_allowed(masks, wanted)


def careful(view: View, rows: Seen, masks: Masks, chance: Chance, memory: Memory) -> Choices:
    """Do the nearest job, for a short way leaves little time to be overtaken; stand back while most others are busy."""
    columns, actions = _job_columns(view, "jobs left here")
    distances, _ = _job_columns(view, "distance")
    far = np.where(rows[:, columns] > 0, rows[:, distances], np.inf)
    wanted = np.where(np.isfinite(far.min(axis=1)), np.array(actions)[far.argmin(axis=1)], 0)
    return first_allowed(masks, np.where(stands_back(view, rows, chance), 0, wanted))
