"""Threads that help with a call of compiled code, which holds no lock."""

from __future__ import annotations

import time
import weakref
from collections.abc import Callable
from queue import SimpleQueue
from threading import Thread
from typing import Any

import numpy as np
from numpy.typing import NDArray

# Of a turn, the int64 that the next piece of work and the pieces done are counted in; a cache line lies between.
TAKEN, DONE, TURN = 0, 8, 16


class Crew:
    """`helpers` threads beside the caller; all take pieces of the same work until none is left.

    A helper takes long to wake: one that comes when all is taken is not waited for.
    """

    def __init__(self, helpers: int) -> None:
        self._work: SimpleQueue[Any] = SimpleQueue()
        self._threads = [
            Thread(target=_help, args=(self._work,), name=f"stalegrid-{nth}", daemon=True) for nth in range(helpers)
        ]
        for thread in self._threads:
            thread.start()
        self._dismiss = weakref.finalize(self, _dismiss, self._work, helpers)

    def share(self, pieces: int, function: Callable[..., None], context: NDArray[Any], *rest: Any) -> None:
        """Call `function(context, turn, *rest)` in every thread, and return when all `pieces` are done."""
        turn = np.zeros(TURN, np.int64)
        for _ in self._threads:
            self._work.put((function, context, turn, *rest))
        function(context, turn, *rest)
        while turn[DONE] < pieces:
            time.sleep(0)

    def dismiss(self) -> None:
        """End the threads."""
        self._dismiss()
        for thread in self._threads:
            thread.join()


def _help(work: SimpleQueue[Any]) -> None:
    while (job := work.get()) is not None:
        function, *arguments = job
        function(*arguments)
        del job, arguments  # a helper that waits keeps no arrays alive


def _dismiss(work: SimpleQueue[Any], helpers: int) -> None:
    for _ in range(helpers):
        work.put(None)
