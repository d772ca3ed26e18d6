"""How threads share the worlds of a call, compiled: without a lock, and nobody waits for one that has taken nothing.

A crew is some words of memory, int64, at an address; 0 for a caller alone. Who writes has a cache line for it:

- the number of the call that is on (negative: there will be none any more), and how many threads there are;
- its job: a function of `NUMBERS` int64 at an address, the context, how many worlds, and four numbers of its own;
- how many of the worlds are done;
- of each thread, how many of its own worlds are taken, with the number of the call above it; and whether it sleeps.

Whoever comes late, with the number of a call that is over, finds another one above the counters, and takes nothing: it
must not look at what the job points to before it has taken something. There are at most 64 threads.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..world.atomics import add_at, load_at, relax, swap_at, swap_if
from ..world.jit import compiled, entry_point, inlined
from ..world.memory import call_at
from ..world.state import CACHE_LINE

SHARE = 8  # worlds that a thread takes at a time
LINE = CACHE_LINE // 8  # int64 in a cache line
CALL, THREADS, JOB, DONE, FIRST = 0, 1, LINE, 2 * LINE, 3 * LINE
_TAKEN = 28  # bits of a counter below the number of the call
_EACH = 2 * LINE  # words of a thread


def crew_of(threads: int) -> NDArray[np.int64]:
    """Return the words of a crew in which no call was made yet."""
    words = np.zeros(FIRST + _EACH * threads + LINE, np.int64)
    words = words[-(words.ctypes.data // 8) % LINE :]  # from a whole cache line on
    words[THREADS] = threads
    return words


@inlined
def _word(crew, at):
    return crew + 8 * at


@inlined
def _counter(crew, thread):
    return _word(crew, FIRST + _EACH * thread)


@inlined
def _sleeps(crew, thread):
    return _word(crew, FIRST + _EACH * thread + LINE)


@inlined
def take_worlds(crew, call, who, done, worlds):
    """Say how many of the worlds taken last are done; take the next ones: return the first and the end of them.

    Each thread has worlds of its own, which its core's cache knows, and takes a few of them at a time; whoever has no
    more takes from those of the others, so that one which comes late finds less to do.
    """
    if crew == 0:
        return (0, worlds) if done == 0 else (worlds, worlds)
    add_at(_word(crew, DONE), done)
    threads = load_at(_word(crew, THREADS))
    for nth in range(threads):
        owner = (who + nth) % threads
        begin, end = worlds * owner // threads, worlds * (owner + 1) // threads
        found = load_at(_counter(crew, owner))
        while found >> _TAKEN == call:
            first = begin + (found & ((1 << _TAKEN) - 1))
            if first >= end:
                break
            if swap_if(_counter(crew, owner), found, found + SHARE):
                return first, min(end, first + SHARE)
            found = load_at(_counter(crew, owner))
    return worlds, worlds


@compiled
def _take_part(crew, call, who):
    function, context = load_at(_word(crew, JOB)), load_at(_word(crew, JOB + 1))
    worlds, one = load_at(_word(crew, JOB + 2)), load_at(_word(crew, JOB + 3))
    two, three, four = load_at(_word(crew, JOB + 4)), load_at(_word(crew, JOB + 5)), load_at(_word(crew, JOB + 6))
    call_at(function, context, crew, call, who, worlds, one, two, three, four, 0)


@entry_point
def begin_call(crew, function, context, worlds, one, two, three, four):
    """Say what is to be done; return the set of threads that sleep, and are to be woken."""
    call, sleepers = load_at(_word(crew, CALL)) + 1, 0
    threads = load_at(_word(crew, THREADS))
    for thread in range(threads):
        swap_at(_counter(crew, thread), call << _TAKEN)
    swap_at(_word(crew, JOB), function)
    swap_at(_word(crew, JOB + 1), context)
    swap_at(_word(crew, JOB + 2), worlds)
    swap_at(_word(crew, JOB + 3), one)
    swap_at(_word(crew, JOB + 4), two)
    swap_at(_word(crew, JOB + 5), three)
    swap_at(_word(crew, JOB + 6), four)
    swap_at(_word(crew, DONE), 0)
    swap_at(_word(crew, CALL), call)
    for thread in range(1, threads):
        if load_at(_sleeps(crew, thread)) != 0:
            sleepers |= 1 << thread
    return sleepers


@entry_point
def end_call(crew, patience):
    """Take part as the caller, and look some times whether the others are ready; return whether all is done.

    It may be said again, until all is done.
    """
    _take_part(crew, load_at(_word(crew, CALL)), 0)
    worlds = load_at(_word(crew, JOB + 2))
    while load_at(_word(crew, DONE)) < worlds and patience > 0:
        patience -= 1
        relax()
    return load_at(_word(crew, DONE)) == worlds


@entry_point
def attend(crew, who, served, patience):
    """Take part in every call after the one `served` last; return its number when none came for so many looks.

    The thread is to sleep then until it is woken. A negative number means that no call will come any more.
    """
    swap_at(_sleeps(crew, who), 0)
    while True:
        left = patience
        while load_at(_word(crew, CALL)) == served:
            left -= 1
            relax()
            if left < 0:
                swap_at(_sleeps(crew, who), 1)
                # One last look: whoever begins a call after it sees that this thread sleeps.
                if load_at(_word(crew, CALL)) == served:
                    return served
                swap_at(_sleeps(crew, who), 0)
        served = load_at(_word(crew, CALL))
        if served < 0:
            return served
        _take_part(crew, served, who)


@entry_point
def call_alone(function, context, worlds, one, two, three, four):
    """Do without a crew what a job says."""
    call_at(function, context, 0, 0, 0, worlds, one, two, three, four, 0)
