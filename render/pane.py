"""One pane: an episode under one protocol, and what there is of it at any moment."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from ..world.state import NO_TXN
from .actors import Moment, stand
from .arrange import PanePlaces, plan_places
from .chronicle import ACT, Chronicle, Verdict
from .scene import Scene

# Moods of a sentence: all goes its way, something changed, it went wrong, it was caught.
CALM, ALERT, BAD, GOOD = range(4)
EARLY = 1e-6  # ticks: what is off by rounding only
READ = 6  # ticks for which a verdict stands
FRESH = 3  # ticks after its tick for which a verdict or an accident has the map for itself


@dataclass(frozen=True)
class Beat:
    """One sentence under a pane, from a time on until another, both in ticks."""

    tick: float
    text: str
    mood: int
    until: float = math.inf
    headline: str = ""
    txn: int = NO_TXN  # that it is about


@dataclass(frozen=True, eq=False)
class Pane:
    """One episode to be drawn. `scene(tick)` gives its scenes from 0 to `length`, the same at each call."""

    title: str
    about: str
    scene: Callable[[int], Scene]
    length: int  # ticks
    chronicle: Chronicle
    beats: tuple[Beat, ...] = ()
    ending: str = ""  # the whole episode in a sentence
    checks: bool = False  # its protocol compares versions: they are shown
    focus: frozenset[int] | None = None  # transactions whose story is told, None for all
    forked: int | None = None  # tick at which it left its seed's own course, None if it did not
    stats: Callable[[int], tuple[tuple[str, str], ...]] | None = field(default=None)  # of the detail layer, by tick

    @property
    def verdicts(self) -> list[Verdict]:
        """What is to be shown of what went wrong and what was caught, in order."""
        return [one for one in self.chronicle.verdicts if self.focus is None or one.txn in self.focus]

    def marks(self) -> list[tuple[float, bool]]:
        """List (time, caught) of what is to be shown of it, accidents included, in order."""
        return self.chronicle.marks() if self.focus is None else [(one.when, one.caught) for one in self.verdicts]

    def is_grave(self, time: float) -> bool:
        """Tell whether a verdict or an accident is to be looked at: what else there is stands back."""
        verdicts = ((one.when, one.tick) for one in self.verdicts)
        accidents = ((float(one.tick), one.tick) for one in self.chronicle.accidents)
        return any(begins <= time + EARLY < tick + FRESH for begins, tick in (*verdicts, *accidents))

    def moment(self, time: float) -> Moment:
        """Return the moment at a time in ticks; before the beginning and after the end it stands still.

        Where an act is judged, the sites that it rested on hold what they held at the act: another may have changed
        them earlier in the same tick, and what the act itself does is seen at the end of the tick.
        """
        time = min(max(0.0, time), float(self.length))
        tick = min(int(time + EARLY), self.length)
        share = max(0.0, time - tick)
        scene = self.scene(tick)
        judged = [one for one in self.verdicts if one.tick == tick + 1]
        if judged and share >= 1 - ACT - EARLY:
            sites = list(scene.sites)
            for verdict in judged:
                for one in verdict.named:
                    sites[one.site] = sites[one.site]._replace(value=one.current_value, version=one.current_version)
            scene = replace(scene, sites=tuple(sites))
        return Moment(scene, self.scene(min(tick + 1, self.length)), share, bool(judged))

    def beat(self, time: float) -> Beat | None:
        """Return the sentence that stands at a time."""
        past = [beat for beat in self.beats if beat.tick <= time + EARLY and time < beat.until]
        # A verdict stays long enough to be read, whatever is decided meanwhile.
        grave = next((beat for beat in reversed(past) if beat.mood in (BAD, GOOD)), None)
        return grave or (past[-1] if past else None)

    def at(self, time: float, places: PanePlaces, spot: tuple[float, float]) -> tuple[str, int] | None:
        """Return what stands at a point of the surface: ("agent", index), ("site", index) or None."""
        grid, moment = places.grid, self.moment(time)
        for index, (right, down, size) in reversed(list(enumerate(stand(moment, grid)))):
            if math.hypot(spot[0] - right, spot[1] - down) <= max(7.0, size / 2):
                return "agent", index
        for entry, rect in plan_places(places).items():
            if rect.collidepoint(spot):
                return "site", entry
        cell = grid.cell_at(*spot)
        stage = moment.scene.stage
        if cell in stage.site_cells:
            return "site", stage.site_cells.index(cell)
        return next((("site", site) for site, cells in stage.regions.items() if cell in cells), None)
