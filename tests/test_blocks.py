"""A world does not feel how many others are stepped with it, in which block it lies, or in which thread."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from stalegrid.make import make_rules
from stalegrid.protocols.batch import Batch
from stalegrid.protocols.presets import resolve
from stalegrid.protocols.single import CompiledEngine, ReferenceEngine
from stalegrid.protocols.stepping import random_choices
from stalegrid.world.rules import Rules

MANY, TICKS = 8192, 40
LOOKED_AT = (0, 1, 4095, 8191)  # worlds that are also played by themselves


def played(rules: Rules, protocol: str, first: int, worlds: int, threads: int = 1) -> tuple[Batch, NDArray[np.int32]]:
    """Play worlds `first` and on at random, a generator for each; return the batch and what was chosen, [T, B, A]."""
    batch = Batch(rules, resolve(protocol), worlds, threads=threads)
    batch.reset(np.arange(first, first + worlds, dtype=np.uint64))
    streams = np.arange(first + 1, first + worlds + 1, dtype=np.uint64)
    choices = np.zeros((TICKS, worlds, batch.agents), np.int32)
    for tick in range(TICKS):
        random_choices(batch.context, choices[tick], streams)
        batch.step(choices[tick])
    batch.close()
    return batch, choices


def same(one: Batch, where: slice, other: Batch) -> None:
    """Compare all that is kept of some worlds of a batch, but logs, with the whole of another."""
    for name, array in one.state._asdict().items():
        if name == "log":
            continue
        theirs = getattr(other.state, name)
        assert array[where].tobytes() == theirs.tobytes(), name


@pytest.mark.parametrize("protocol", ["occ", "two_phase_locking", "mtpo"])
def test_8192_worlds_play_as_blocks_of_any_size_do_and_in_any_number_of_threads(protocol: str) -> None:
    rules = make_rules("ledger", size="tiny", think=2)
    alone, choices = played(rules, protocol, 0, MANY)
    same(alone, slice(None), played(rules, protocol, 0, MANY, threads=3)[0])
    for first, worlds in ((0, 1), (64, 64), (1000, 777), (MANY - 1024, 1024)):
        same(alone, slice(first, first + worlds), played(rules, protocol, first, worlds)[0])
    for world in LOOKED_AT:
        single = CompiledEngine(rules, resolve(protocol), keep_log=True)
        readable = ReferenceEngine(rules, resolve(protocol))
        for engine in (single, readable):
            engine.reset(world)
            for tick in range(TICKS):
                engine.step(choices[tick, world : world + 1], False)
        same(alone, slice(world, world + 1), single.batch)
        assert single.digest() == readable.digest()
