"""Which episodes are played: every seed that there is, and those that episodes without a seed are drawn from."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

SEEDS = 2**64
TRAINING_SEEDS = range(10_000)  # see docs/learning.md


def check_episode_seeds(seeds: Sequence[int]) -> None:
    """Refuse what no episode can be drawn from.

    Raises: ValueError that says what was got.
    """
    if isinstance(seeds, (str, bytes)) or not isinstance(seeds, (Sequence, np.ndarray)):
        raise ValueError(f"episode_seeds is a range or list of seeds; got {seeds!r}")
    if len(seeds) == 0:
        raise ValueError("episode_seeds is a range or list of seeds; got an empty one")
    ends = (seeds[0], seeds[-1]) if isinstance(seeds, range) else seeds
    for one in ends:
        if not isinstance(one, (int, np.integer)) or not 0 <= one < SEEDS:
            raise ValueError(f"episode_seeds are whole numbers from 0 to 2**64 - 1; got {one!r}")


def drawn(rng: np.random.Generator, seeds: Sequence[int], many: int) -> NDArray[np.uint64]:
    """Return so many of the seeds, [many] uint64, each as likely at every place."""
    nth = rng.integers(len(seeds), size=many)
    if isinstance(seeds, range) and max(seeds[0], seeds[-1]) < 2**62:
        return (seeds.start + seeds.step * nth).astype(np.uint64)
    return np.array([seeds[n] for n in nth.tolist()], np.uint64)
