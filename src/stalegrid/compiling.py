"""The engine is compiled before anything else takes time, and whoever waits for that is told."""

from __future__ import annotations

import sys
import threading
import time
from typing import Any

import numpy as np

from .protocols.presets import resolve
from .protocols.single import CompiledEngine
from .reading import make_rules


def compile_engine() -> None:
    """Compile the engine, or load it, before anything else takes time; whoever waits for that is told."""
    rules = make_rules(size="tiny")
    with Compiling():
        engine = CompiledEngine(rules, resolve("none"), keep_log=True)
        engine.reset(0)
        engine.step(np.zeros((1, len(rules.agent_names)), np.int32), True)


class Compiling:
    """Tells the user, once a second has passed, that the engine is being compiled."""

    _done = False

    def __enter__(self) -> None:
        self._timer: Any = None
        if not Compiling._done:
            self._timer = threading.Timer(1.0, self._tell)
            self._timer.daemon = True
            self._started = time.perf_counter()
            self._timer.start()

    def __exit__(self, *_: object) -> None:
        if self._timer is not None:
            self._timer.cancel()
            seconds = time.perf_counter() - self._started
            if seconds > 2:
                print(f"stalegrid: compiled in {seconds:.0f} s; cached from now on.", file=sys.stderr)
        Compiling._done = True

    def _tell(self) -> None:
        told = "stalegrid: compiling the engine, once for this version (about half a minute) ..."
        print(told, file=sys.stderr, flush=True)
