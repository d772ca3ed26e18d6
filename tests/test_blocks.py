"""A world does not feel how many others are stepped with it, in which block it lies, or in which thread."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from stalegrid.make import make_rules
from stalegrid.protocols.batch import Batch
from stalegrid.protocols.mixed import MixedBatch
from stalegrid.protocols.presets import resolve
from stalegrid.protocols.single import CompiledEngine, ReferenceEngine
from stalegrid.protocols.stepping import random_choices, random_streams
from stalegrid.world.rules import Rules

MANY, TICKS = 8192, 40
LOOKED_AT = (0, 1, 4095, 8191)  # worlds that are also played by themselves


def played(rules: Rules, protocol: str, first: int, worlds: int, threads: int = 1) -> tuple[Batch, NDArray[np.int32]]:
    """Play worlds `first` and on at random, a generator for each; return the batch and what was chosen, [T, B, A]."""
    batch = Batch(rules, resolve(protocol), worlds, threads=threads)
    batch.reset(np.arange(first, first + worlds, dtype=np.uint64))
    streams = random_streams(first + worlds)[first:].copy()
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
        readable = ReferenceEngine(rules, resolve(protocol), keep_log=True)
        for engine in (single, readable):
            engine.reset(world)
            for tick in range(TICKS):
                engine.step(choices[tick, world : world + 1], False)
        same(alone, slice(world, world + 1), single.batch)
        assert single.digest() == readable.digest()


def mixed(worlds: int, **options: Any) -> Batch:
    """Return a batch on two layouts."""
    layouts = [make_rules("warehouse", size="small", think=2, max_cycles=33, layout_seed=seed) for seed in (0, 1)]
    return MixedBatch(layouts, resolve("stamped_epochs"), worlds, **options)


def plain(worlds: int, **options: Any) -> Batch:
    """Return a batch on one."""
    rules = make_rules("warehouse", size="small", think=2, max_cycles=33)
    return Batch(rules, resolve("stamped_epochs"), worlds, **options)


@pytest.mark.parametrize(("make", "threads", "ticks"), [(plain, 1, 1), (plain, 1, 7), (plain, 3, 7), (mixed, 1, 3)])
def test_random_play_is_to_choose_at_random_and_to_step(make: Callable[..., Batch], threads: int, ticks: int) -> None:
    worlds = 70
    playing, stepped = make(worlds, threads=threads), make(worlds)
    for batch in (playing, stepped):
        batch.reset(np.arange(worlds, dtype=np.uint64))
    choices, streams = np.zeros((2, worlds, stepped.agents), np.int32), [random_streams(worlds) for _ in range(2)]
    for _ in range(TICKS // ticks):
        playing.play(choices[0], streams[0], ticks)
        for _ in range(ticks):
            random_choices(stepped.context, choices[1], streams[1])
            stepped.step(choices[1])
        assert (choices[0] == choices[1]).all()
    playing.close()
    same(stepped, slice(None), playing)
    assert not stepped.running.any()  # the last ticks are those of episodes that have ended
    assert (streams[0] == streams[1]).all()
    assert streams[0][:, 1].sum() > worlds * TICKS / 4


def test_many_ticks_of_random_play_stop_before_the_log_overflows() -> None:
    rules, config = make_rules("ledger", size="tiny", agents=3), resolve("none")
    batches = [Batch(rules, config, 2, keep_log=True) for _ in range(2)]
    for batch in batches:
        batch.margin = batch.state.log.shape[1] - 40  # so that there is room for some ticks at a time
        batch.reset(np.arange(2, dtype=np.uint64))
    choices, streams = np.zeros((2, 2, 3), np.int32), [random_streams(2) for _ in range(2)]
    logs: list[list[Any]] = [[], []]
    while batches[0].running.any():
        batches[0].play(choices[0], streams[0], 1000)
        logs[0] += [batches[0].drain(1)]
        batches[0].drain(0)
    while batches[1].running.any():
        batches[1].play(choices[1], streams[1])
        logs[1] += [batches[1].drain(1)]
        batches[1].drain(0)
    for nth in range(2):  # once more, after the last episode's end
        batches[nth].play(choices[nth], streams[nth])
    assert 1 < len(logs[0]) < len(logs[1]) / 3
    assert np.array_equal(np.concatenate(logs[0]), np.concatenate(logs[1]))
    same(batches[0], slice(None), batches[1])


@pytest.mark.parametrize(
    ("choices", "streams", "told"),
    [
        (np.zeros((4, 2), np.int32), random_streams(4), r"choices are \[4, 3\] int32; got \[4, 2\] int32"),
        (np.zeros((4, 3), np.int64), random_streams(4), r"choices are \[4, 3\] int32; got \[4, 3\] int64"),
        (np.zeros((4, 3), np.int32), np.arange(4, dtype=np.uint64), r"streams are \[4, 2\] uint64; got \[4\] uint64"),
        (np.zeros((3, 4), np.int32).T, random_streams(4), "contiguous"),
        (np.zeros((4, 3), np.int32), np.zeros((4, 2), np.uint64), "no generator is 0"),
    ],
)
def test_random_play_refuses_arrays_that_it_cannot_fill(choices: Any, streams: Any, told: str) -> None:
    batch = Batch(make_rules("ledger", size="tiny", agents=3), resolve("none"), 4)
    batch.reset(np.arange(4, dtype=np.uint64))
    with pytest.raises(ValueError, match=told):
        batch.play(choices, streams)
    for ticks in (0, 2.5):
        with pytest.raises(ValueError, match=f"ticks are a whole number from 1; got {ticks}"):
            batch.play(np.zeros((4, 3), np.int32), random_streams(4), ticks)  # type: ignore[arg-type]
    assert not batch.state.world["tick"].any()
