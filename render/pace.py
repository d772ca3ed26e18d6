"""How fast time is shown: at a steady speed, slower where something goes wrong or is caught, so that one can read."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Sequence

BEFORE, AFTER = 1.0, 0.5  # ticks around a mark in which time slows down
LINGER = 2.6  # seconds in which the ticks after a mark are shown
APART = 4.0  # ticks: marks that follow sooner are read together with the first


class Pace:
    """Turns seconds into ticks. `marks`: times, in ticks, at which something happens that is worth a look."""

    def __init__(self, marks: Iterable[float], speed: float = 6.0) -> None:
        """Take the marks in any order; `speed` is in ticks a second."""
        self.speed = speed
        self.marks: list[float] = []
        for mark in sorted(set(marks)):
            if not self.marks or mark - self.marks[-1] >= APART:
                self.marks.append(mark)

    def factor(self, time: float) -> float:
        """Return how fast time runs there, 1 where nothing is near."""
        nth = bisect_right(self.marks, time)
        if nth and time - self.marks[nth - 1] < AFTER:
            return AFTER / LINGER / self.speed
        if nth < len(self.marks) and self.marks[nth] - time < BEFORE:
            return 0.4
        return 1.0

    def advance(self, time: float, seconds: float) -> float:
        """Return the time, in ticks, after some seconds; never jumps over a mark."""
        while seconds > 1e-9:
            rate = self.speed * self.factor(time)
            # What changes next is the factor: at a mark, shortly before one, shortly after one.
            edges = [edge for mark in self._near(time) for edge in (mark - BEFORE, mark, mark + AFTER)]
            room = min((edge - time for edge in edges if edge - time > 1e-9), default=float("inf"))
            taken = min(seconds, room / rate)
            time, seconds = time + taken * rate, seconds - taken
        return time

    def _near(self, time: float) -> Sequence[float]:
        nth = bisect_left(self.marks, time)
        return self.marks[max(0, nth - 1) : nth + 2]

    def times(self, first: float, last: float, fps: float) -> Iterator[float]:
        """Yield the time of each frame from `first` on, until `last` is passed."""
        time = first
        while time < last:
            yield time
            time = self.advance(time, 1 / fps)
        yield last
