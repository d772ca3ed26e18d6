"""The engine is compiled before anything else takes time, and whoever waits for that is told."""

from __future__ import annotations

import sys
import threading
import time
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
    started = time.perf_counter()
    waiting = threading.Timer(SOON, _say, ("compiling the engine, once for this version (about half a minute) ...",))
    waiting.daemon = True
    waiting.start()
    try:
        engine = CompiledEngine(rules, resolve("none"), keep_log=True)
        engine.reset(0)
        engine.step(np.zeros((1, len(rules.agent_names)), np.int32), True)
    finally:
        waiting.cancel()
    seconds = time.perf_counter() - started
    if seconds > SOON:
        _say(f"compiled in {seconds:.0f} s; cached from now on.")


def _say(told: str) -> None:
    print(f"stalegrid: {told}", file=sys.stderr, flush=True)
