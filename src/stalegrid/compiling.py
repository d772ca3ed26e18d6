"""The engine is compiled before anything else takes time, and whoever waits for that is told."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache

import numpy as np

from .protocols.presets import resolve
from .protocols.single import CompiledEngine
from .reading import make_rules

SOON = 2.0  # seconds that nobody is told of: what the cache needs on a busy machine


@cache
def compile_engine() -> None:
    """Compile the engine, or load it, once, before anything else takes time; whoever waits for that is told."""
    rules = make_rules(size="tiny")
    with told_of("the engine, once for this version (about half a minute)", SOON):
        engine = CompiledEngine(rules, resolve("none"), keep_log=True)
        engine.reset(0)
        engine.step(np.zeros((1, len(rules.agent_names)), np.int32), True)


@contextmanager
def told_of(what: str, soon: float = 1.0) -> Iterator[None]:
    """Tell whoever waits for longer than `soon`, in seconds, that something is being compiled."""
    started = time.perf_counter()
    waiting = threading.Timer(soon, _say, (f"compiling {what} ...",))
    waiting.daemon = True
    waiting.start()
    try:
        yield
    finally:
        waiting.cancel()
    seconds = time.perf_counter() - started
    if seconds > soon:
        _say(f"compiled in {seconds:.0f} s; cached from now on.")


def _say(told: str) -> None:
    print(f"stalegrid: {told}", file=sys.stderr, flush=True)
