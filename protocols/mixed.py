"""A batch whose worlds have several layouts: each block of worlds is bound to the rules of its own."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..world.binding import bind
from ..world.rule_arrays import compile_rules
from ..world.rules import Rules
from ..world.state import Rows, State
from .batch import Batch
from .config import Config


class MixedBatch(Batch):
    """`worlds` episodes of one scenario on several layouts, split among them in blocks of equal size.

    The layouts differ in where things stand and in nothing else, so that one set of arrays holds all worlds; `rules`
    are those of the first.
    """

    def __init__(self, layouts: Sequence[Rules], config: Config, worlds: int, **options: Any) -> None:
        self.layouts = tuple(layouts)
        self.bounds = [worlds * nth // len(self.layouts) for nth in range(len(self.layouts) + 1)]
        super().__init__(self.layouts[0], config, worlds, **options)

    def _bind(self) -> None:
        super()._bind()
        self.parts = [
            self._part(first, last, self._bound(rules, slice(first, last)))
            for rules, first, last in zip(self.layouts, self.bounds, self.bounds[1:], strict=False)
        ]

    def _bound(self, rules: Rules, part: slice) -> NDArray[Any]:
        """Return what compiled code knows of some worlds: the same arrays, rules of their own."""
        state = State._make(array[part] for array in self.state)
        rows = Rows._make(array[part] for array in self.rows)
        return bind(state, rows, compile_rules(rules), self.config.policy, self._view)

    @property
    def layout_seeds(self) -> NDArray[np.int64]:
        """[B] int64: the layout of each world."""
        many = np.diff(self.bounds)
        return np.repeat([rules.parameters.get("layout_seed", 0) for rules in self.layouts], many).astype(np.int64)
