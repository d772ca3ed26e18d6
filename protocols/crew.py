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

from .stepping import LINE


class Crew:
    """`helpers` threads beside the caller; all take pieces of the same work until none is left, first their own.

    A helper takes long to wake: one that comes when all is taken is not waited for.
    """

    def __init__(self, helpers: int) -> None:
        self._work: SimpleQueue[Any] = SimpleQueue()
        self._threads = [
            Thread(target=_help, args=(self._work, 1 + nth), name=f"stalegrid-{nth}", daemon=True)
            for nth in range(helpers)
        ]
        for thread in self._threads:
            thread.start()
        self._dismiss = weakref.finalize(self, _dismiss, self._work, helpers)

    def share(self, pieces: int, function: Callable[..., None], context: NDArray[Any], *rest: Any) -> None:
        """Call `function(context, turn, who, *rest)` in every thread, and return when all `pieces` are done.

        Of a turn, the first int64 of a cache line for each thread counts what has been taken of its own pieces; that of
        the last line counts the pieces done.
        """
        turn = np.zeros(LINE * (len(self._threads) + 2), np.int64)
        for _ in self._threads:
            self._work.put((function, context, turn, rest))
        function(context, turn, 0, *rest)
        while turn[-LINE] < pieces:
            time.sleep(0)

    def dismiss(self) -> None:
        """End the threads."""
        self._dismiss()
        for thread in self._threads:
            thread.join()


def _help(work: SimpleQueue[Any], who: int) -> None:
    while (job := work.get()) is not None:
        function, context, turn, rest = job
        function(context, turn, who, *rest)
        del job, context, turn, rest  # a helper that waits keeps no arrays alive


def _dismiss(work: SimpleQueue[Any], helpers: int) -> None:
    for _ in range(helpers):
        work.put(None)
