"""The counter-based generator: every random number is a pure function of the seed and of what it is for.

No stream can be shifted by what a protocol lets through, so two protocols on one seed meet the same thoughts, delays
and events. Two twins that must agree: `draw` in plain integers (the reference engine, minds), `draw_compiled` in
`uint64` (the compiled engine).

Source: the finaliser of SplitMix64 (Steele, Lea, Flood: Fast splittable pseudorandom number generators, OOPSLA 2014).
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from .jit import inlined

PROBABILITY_BITS = 53  # of a draw, the upper ones, where it is compared with a probability

# Purposes: the first key of every draw. Their numbers are part of what a seed means, so they never change.
THOUGHT = 1  # agent, task, job or n-th completion, attempt
DELAY = 2  # sender * 256 + receiver, kind, n-th of that kind between them, copy
LOSS = 3  # as DELAY
DUPLICATION = 4  # as DELAY
ARRIVAL = 5  # source, n-th
TIE = 6  # tick, agent
JOB_TASK = 7  # agent, n-th job
JOB_AMOUNT = 8  # agent, n-th job
START = 9  # agent
MIND = 10  # agent, n-th decision
COPY_DELAY = 11  # epoch, member, n-th copy
COPY_LOSS = 12  # as COPY_DELAY
ACK_DELAY = 13  # epoch, member, n-th acknowledgement
ACK_LOSS = 14  # as ACK_DELAY
STALL = 15  # agent, n-th
JUDGE = 16  # agent, n-th judgement
SLIP = 17  # as THOUGHT, the attempt times 4 + op
SLIPS_TO = 18  # as SLIP
VISIBILITY = 24  # agent, task, job or n-th completion, attempt * 64 + site
FOOTPRINT = 25  # as THOUGHT
FOOTPRINT_SITE = 26  # as THOUGHT
LAYOUT = 32  # n-th choice of a floor plan; the seed is that of the layout

_MASK = (1 << 64) - 1
_GAMMA = 0x9E3779B97F4A7C15
_M1 = 0xBF58476D1CE4E5B9
_M2 = 0x94D049BB133111EB


def _mix(z: int) -> int:
    z = ((z ^ (z >> 30)) * _M1) & _MASK
    z = ((z ^ (z >> 27)) * _M2) & _MASK
    return z ^ (z >> 31)


def draw(seed: int, purpose: int, a: int = 0, b: int = 0, c: int = 0, d: int = 0) -> int:
    """Draw 64 uniform bits for one purpose and up to four keys (non-negative, below 2**32)."""
    z = _mix((seed + _GAMMA * (purpose + 1)) & _MASK)
    z = _mix((z + _GAMMA + ((a << 32) | b)) & _MASK)
    return _mix((z + _GAMMA + ((c << 32) | d)) & _MASK)


_U30, _U27, _U31, _U32 = np.uint64(30), np.uint64(27), np.uint64(31), np.uint64(32)
_UGAMMA, _UM1, _UM2 = np.uint64(_GAMMA), np.uint64(_M1), np.uint64(_M2)


@inlined
def _mix_compiled(z: Any) -> Any:
    z = (z ^ (z >> _U30)) * _UM1
    z = (z ^ (z >> _U27)) * _UM2
    return z ^ (z >> _U31)


@inlined
def draw_compiled(seed: Any, purpose: Any, a: Any, b: Any, c: Any, d: Any) -> Any:
    """Draw as `draw` does; `seed` is uint64, the keys any integers."""
    z = _mix_compiled(seed + _UGAMMA * np.uint64(purpose + 1))
    z = _mix_compiled(z + _UGAMMA + ((np.uint64(a) << _U32) | np.uint64(b)))
    return _mix_compiled(z + _UGAMMA + ((np.uint64(c) << _U32) | np.uint64(d)))


def draw_many(seeds: NDArray[np.uint64], purpose: int, a: NDArray[Any], b: NDArray[Any]) -> NDArray[np.uint64]:
    """Draw as `draw` does for many seeds and keys at once; keys c and d are 0."""

    def mix(z: NDArray[np.uint64]) -> NDArray[np.uint64]:
        z = (z ^ (z >> _U30)) * _UM1
        z = (z ^ (z >> _U27)) * _UM2
        return z ^ (z >> _U31)

    first = np.array([(_GAMMA * (purpose + 1)) & _MASK], np.uint64)
    z = mix(seeds.astype(np.uint64) + first)
    z = mix(z + _UGAMMA + ((a.astype(np.uint64) << _U32) | b.astype(np.uint64)))
    return mix(z + _UGAMMA)


def uniform(bits: int) -> float:
    """Turn 64 drawn bits into a float in [0, 1)."""
    return (bits >> 11) * (1.0 / (1 << 53))


class KeyedUniform:
    """The random numbers of one scripted mind in one episode: `random()` is keyed by (seed, agent, n-th decision)."""

    def __init__(self, seed: int, agent: int) -> None:
        self.seed = seed
        self.agent = agent
        self.count = 0

    def random(self) -> float:
        """Return the next float in [0, 1)."""
        self.count += 1
        return uniform(draw(self.seed, MIND, self.agent, self.count))
