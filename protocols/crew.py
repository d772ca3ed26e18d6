"""Threads that help with a call of compiled code; see `shares`."""

from __future__ import annotations

import time
import weakref
from queue import SimpleQueue
from threading import Thread
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .shares import CALL, DONE, JOB, attend, begin_call, crew_of, end_call

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
        self._held: list[Any] = []  # what the job points to; the threads hold it too
        self._threads = [
            Thread(target=_help, args=(self._words, 1 + nth, bell, self._held), name=f"stalegrid-{nth}", daemon=True)
            for nth, bell in enumerate(self._bells)
        ]
        for thread in self._threads:
            thread.start()
        self._dismiss = weakref.finalize(self, _dismiss, self._words, self._bells)

    def share(self, held: Any, function: int, context: int, worlds: int, *numbers: int) -> None:
        """Run a job, see `shares`, in every thread, and return when all `worlds` are done.

        What the job points to is `held` until another one begins, also if an exception, as of Ctrl-C, breaks this off.
        """
        self._finish()
        self._held[:] = [held]
        try:
            sleepers = begin_call(self._address, function, context, worlds, *numbers)
            for nth, bell in enumerate(self._bells):
                if sleepers >> 1 + nth & 1:
                    bell.put(None)
        finally:
            self._finish()

    def _finish(self) -> None:
        """Do what is left of the last call, and wait for those who have taken some of it."""
        while self._words[DONE] < self._words[JOB + 2]:
            if not end_call(self._address, PATIENCE):
                time.sleep(0)

    def dismiss(self) -> None:
        """Finish what is on, and end the threads."""
        self._finish()
        self._dismiss()
        for thread in self._threads:
            thread.join()


def _help(words: NDArray[np.int64], who: int, bell: SimpleQueue[None], held: list[Any]) -> None:
    served = 0
    while (served := attend(words.ctypes.data, who, served, PATIENCE)) >= 0:
        bell.get()
    del held  # not before: what a call that was broken off points to


def _dismiss(words: NDArray[np.int64], bells: list[SimpleQueue[None]]) -> None:
    words[CALL] = -1
    for bell in bells:
        bell.put(None)
