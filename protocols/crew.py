"""Threads that help with a call of compiled code; see `shares`."""

from __future__ import annotations

import time
import weakref
from queue import SimpleQueue
from threading import Thread

import numpy as np
from numpy.typing import NDArray

from .shares import CALL, DONE, attend, begin_call, crew_of, end_call

# How often one that waits looks before it sleeps: some 0.2 ms, in which a step often comes and waking takes as long.
PATIENCE = 5000


class Crew:
    """`helpers` threads beside the caller; all take pieces of the same work until none is left, first their own.

    A helper stays in compiled code between two calls, if the second comes soon, and needs no lock of the interpreter's.
    One that sleeps takes long to wake: if it comes when all is taken, it is not waited for.
    """

    def __init__(self, helpers: int) -> None:
        self._words = crew_of(1 + helpers)
        self._address = self._words.ctypes.data
        self._bells: list[SimpleQueue[None]] = [SimpleQueue() for _ in range(helpers)]
        self._threads = [
            Thread(target=_help, args=(self._words, 1 + nth, bell), name=f"stalegrid-{nth}", daemon=True)
            for nth, bell in enumerate(self._bells)
        ]
        for thread in self._threads:
            thread.start()
        self._dismiss = weakref.finalize(self, _dismiss, self._words, self._bells)

    def share(self, function: int, context: int, worlds: int, *numbers: int) -> None:
        """Run a job, see `shares`, in every thread, and return when all `worlds` are done."""
        sleepers = begin_call(self._address, function, context, worlds, *numbers)
        for nth, bell in enumerate(self._bells):
            if sleepers >> 1 + nth & 1:
                bell.put(None)
        if not end_call(self._address, PATIENCE):
            while self._words[DONE] < worlds:
                time.sleep(0)

    def dismiss(self) -> None:
        """End the threads."""
        self._dismiss()
        for thread in self._threads:
            thread.join()


def _help(words: NDArray[np.int64], who: int, bell: SimpleQueue[None]) -> None:
    served = 0
    while (served := attend(words.ctypes.data, who, served, PATIENCE)) >= 0:
        bell.get()


def _dismiss(words: NDArray[np.int64], bells: list[SimpleQueue[None]]) -> None:
    words[CALL] = -1
    for bell in bells:
        bell.put(None)
