"""The random mind: any allowed action, each as likely."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .mind import View


def random(
    view: View,
    rows: NDArray[np.float32],
    masks: NDArray[np.bool_],
    chance: NDArray[np.float64],
    memory: NDArray[np.int64],
) -> NDArray[np.int64]:
    """Pick by `chance`."""
    allowed = masks.cumsum(axis=1)
    wanted = np.floor(chance * allowed[:, -1]).astype(np.int64) + 1
    picked: NDArray[np.int64] = (allowed >= wanted[:, None]).argmax(axis=1)
    return picked
