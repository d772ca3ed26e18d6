"""The random mind: any allowed action, each as likely."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .mind import Chance, Choices, Masks, Memory, Seen, View


def random(view: View, rows: Seen, masks: Masks, chance: Chance, memory: Memory) -> Choices:
    """Pick by `chance`."""
    allowed = masks.cumsum(axis=1)
    wanted = np.floor(chance * allowed[:, -1]).astype(np.int64) + 1
    picked: NDArray[np.int64] = (allowed >= wanted[:, None]).argmax(axis=1)
    return picked
