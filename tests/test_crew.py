"""Threads that share the worlds of a batch, when they sleep, are broken off, or are the first to need compiled code."""

from __future__ import annotations

import random
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress

import numpy as np
import pytest
from numpy.typing import NDArray

from stalegrid.make import make_rules
from stalegrid.protocols import crew
from stalegrid.protocols.batch import Batch
from stalegrid.protocols.presets import resolve
from stalegrid.protocols.stepping import random_choices, random_streams

WORLDS = 100


def compare(threads: int, steps: int, step: Callable[[Batch, NDArray[np.int32]], None]) -> None:
    """Play the same worlds in one thread and, by `step`, in several."""
    rules = make_rules("ledger", size="tiny", think=1)
    alone, shared = (Batch(rules, resolve("occ"), WORLDS, threads=many) for many in (1, threads))
    choices, streams = np.zeros((WORLDS, alone.agents), np.int32), random_streams(WORLDS)
    for batch in (alone, shared):
        batch.reset(np.arange(WORLDS, dtype=np.uint64))
    for _ in range(steps):
        random_choices(alone.context, choices, streams)
        alone.step(choices)
        step(shared, choices)
    shared.close()
    for name, array in alone.state._asdict().items():
        assert array.tobytes() == getattr(shared.state, name).tobytes(), name


def test_threads_that_sleep_between_steps_change_nothing() -> None:
    pauses = random.Random(0)

    def step(batch: Batch, choices: NDArray[np.int32]) -> None:
        time.sleep(pauses.choice((0, 0, 0.0002, 0.003)))
        batch.step(choices)

    compare(4, 200, step)


def test_a_step_that_is_broken_off_is_made_whole_before_the_next(monkeypatch: pytest.MonkeyPatch) -> None:
    end_call, steps, broken_off = crew.end_call, 0, 0

    def break_off(*args: int) -> bool:
        nonlocal broken_off
        broken_off += 1
        raise KeyboardInterrupt

    def step(batch: Batch, choices: NDArray[np.int32]) -> None:
        nonlocal steps
        steps += 1
        monkeypatch.setattr(crew, "end_call", break_off if steps % 2 else end_call)
        with suppress(KeyboardInterrupt):
            batch.step(choices.copy())  # nobody else holds these
        monkeypatch.setattr(crew, "end_call", end_call)

    compare(3, 100, step)
    assert broken_off > 10


FIRST = """
from numba.core import config
from numba.np import arrayobj
before = config.LOOP_VECTORIZE, arrayobj.fix_integer_index, arrayobj.load_item
import stalegrid
env = stalegrid.vector_env("ledger", "occ", size="tiny", worlds=64, threads=3)
env.reset(seed=0)
env.close()
assert before == (config.LOOP_VECTORIZE, arrayobj.fix_integer_index, arrayobj.load_item)
"""


def test_threads_that_are_the_first_to_compile_leave_numba_as_it_was() -> None:
    for _ in range(3):
        subprocess.run([sys.executable, "-c", FIRST], check=True)
