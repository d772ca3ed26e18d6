"""A scripted mind in every row of a vector environment: one call decides for all that must act."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from .mind import MEMORY, Choices, Masks, Rule, View


class Team:
    """N agents of one mind, each with a memory of its own."""

    def __init__(self, rule: Rule, view: View, rows: int, seed: int = 0) -> None:
        self.rule = rule
        self.view = view
        self.rng = np.random.default_rng(seed)
        self._memory = np.zeros((rows, MEMORY), np.int64)

    def reset(self, rows: NDArray[np.bool_] | None = None) -> None:
        """Forget the last episode, in all rows or in some, [N] bool."""
        self._memory[slice(None) if rows is None else rows] = 0

    def act(self, observations: NDArray[np.float32], masks: Masks, ready: NDArray[np.bool_]) -> Choices:
        """Return an action for each row, [N] int64: 0, wait, in rows that are not `ready`.

        `observations` are [N, D], `masks` [N, actions] bool.
        """
        actions = np.zeros(len(ready), np.int64)
        rows = np.flatnonzero(ready)
        if len(rows):
            memory = self._memory[rows]
            chance: NDArray[Any] = self.rng.random(len(rows))
            actions[rows] = self.rule(self.view, observations[rows], masks[rows], chance, memory)
            self._memory[rows] = memory
        return actions
