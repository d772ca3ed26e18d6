"""A batch whose worlds have several layouts: each block of worlds is bound to the rules of its own."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..world.context import bind
from ..world.rule_arrays import compile_rules
from ..world.rules import Rules
from ..world.state import State
from .batch import Batch
from .config import Config
from .engine import reset_chosen, step_worlds


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
            (first, last, bind(self._part(first, last), compile_rules(rules), self.config.policy, self._view))
            for rules, first, last in zip(self.layouts, self.bounds, self.bounds[1:], strict=False)
        ]

    def _part(self, first: int, last: int) -> State:
        """Return the same arrays, of some worlds."""
        parts = {name: array[first:last] for name, array in self.state._asdict().items()}
        return self.state._replace(**parts)

    def __getstate__(self) -> dict[str, Any]:
        return {key: value for key, value in super().__getstate__().items() if key != "parts"}

    def _begin(self, chosen: NDArray[np.bool_], seeds: NDArray[np.uint64], shows_anew: bool) -> None:
        for first, last, context in self.parts:
            reset_chosen(context, chosen[first:last], seeds[first:last], shows_anew)

    def _advance(self, first: int, last: int, choices: NDArray[np.int32], to_decision: bool) -> None:
        for start, end, context in self.parts:
            one, other = max(first, start) - start, min(last, end) - start
            if one < other:
                step_worlds(context, one, other, choices[start:end], to_decision, self.margin)

    @property
    def layout_seeds(self) -> NDArray[np.int64]:
        """[B] int64: the layout of each world."""
        many = np.diff(self.bounds)
        return np.repeat([rules.parameters.get("layout_seed", 0) for rules in self.layouts], many).astype(np.int64)
