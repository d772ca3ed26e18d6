"""Paint one moment of one or more episodes on a pygame surface of any size; needs pygame, and no display.

    surface = pygame.Surface((960, 640))
    Painter(panes, Look(heading="drawbridge")).paint(surface, 41.5)

What is painted depends on panes, look, size and time alone: the same moment gives the same picture, however one came
to it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pygame

from .arrange import PanePlaces, Places, arrange
from .brush import Surface, wrapped, write
from .card import draw_card, draw_head, draw_sentence
from .controls import Controls, draw_active, draw_help, draw_line, draw_message
from .details import draw_badges, draw_details, draw_epochs, draw_own_view, draw_threads
from .legend import draw_legend
from .map import draw_map, draw_names, draw_plan
from .overlays import crowded, draw_beliefs, draw_verdicts, flash
from .pane import BAD, GOOD, Pane
from .panel import draw_panel
from .themes import DARK, Theme


@dataclass(frozen=True)
class Look:
    """How it is painted. `unit`: size of the writing, 1 is usual, None as the surface asks for."""

    theme: Theme = DARK
    heading: str = ""
    story: str = ""
    note: str = ""  # a line at the bottom
    details: bool = False
    unit: float | None = None
    view: tuple[int, int] | None = None  # of the detail layer: pane and agent whose own world is shown
    controls: Controls | None = None  # of a window: draws the time line and what else it has


class Painter:
    """Paints some panes, locked in time, at any moment."""

    def __init__(self, panes: Sequence[Pane], look: Look | None = None) -> None:
        self.panes = tuple(panes)
        self.look = look or Look()

    @property
    def length(self) -> int:
        """Ticks of the longest pane."""
        return max(pane.length for pane in self.panes)

    def places(self, size: tuple[int, int]) -> Places:
        """Return where everything stands on a surface of a size."""
        look = self.look
        stages = [pane.scene(0).stage for pane in self.panes]
        line = look.controls is not None
        return arrange(size, stages, bool(look.heading), line, bool(look.note), look.details, look.unit)

    def paint(self, surface: Surface, time: float | Sequence[float]) -> Places:
        """Paint the moment at `time`, in ticks, or each pane at its own; return where everything stands."""
        times = [float(time)] * len(self.panes) if isinstance(time, (int, float)) else list(time)
        look, theme = self.look, self.look.theme
        places = self.places(surface.get_size())
        surface.fill(theme.page)
        if places.heading is not None:
            _heading(surface, places.heading, look, places.unit)
        for nth, (pane, spots) in enumerate(zip(self.panes, places.panes, strict=True)):
            view = look.view[1] if look.view and look.view[0] == nth else None
            paint_pane(surface, pane, spots, times[nth], look, view)
        draw_legend(surface, self.panes[0].scene(0).stage, places.legend, theme)
        if places.note is not None:
            size = round(18 * places.unit)
            write(surface, look.note, places.note.center, size, theme.soft, "center", room=places.note.width)
        if look.controls is not None and places.line is not None:
            self._paint_controls(surface, places, places.line, max(times), look.controls)
        return places

    def _paint_controls(
        self, surface: Surface, places: Places, line: pygame.Rect, time: float, controls: Controls
    ) -> None:
        theme, unit = self.look.theme, places.unit
        draw_line(surface, line, self.panes, time, self.length, controls, unit, theme)
        if len(self.panes) > 1:
            draw_active(surface, places.panes[controls.active].card, unit, theme)
        if controls.chosen is not None:
            nth, kind, index = controls.chosen
            draw_panel(surface, self.panes[nth], kind, index, time, places.panes[nth].card, unit, theme)
        if controls.help:
            draw_help(surface, unit, theme)
        if controls.message:
            draw_message(surface, controls.message, unit, theme)


def _heading(surface: Surface, room: pygame.Rect, look: Look, unit: float) -> None:
    theme = look.theme
    big, small = round(30 * unit), round(19 * unit)
    title = write(surface, look.heading, (room.left, room.top), big, theme.ink)
    if not look.story:
        return
    width = room.right - title.right - round(16 * unit)
    lines = wrapped(look.story, small, width)
    if len(lines) <= 2:
        top = title.centery - len(lines) * small * 0.4
        for nth, line in enumerate(lines):
            write(surface, line, (title.right + 16 * unit, top + nth * small * 0.8), small, theme.soft)
    else:
        write(surface, look.story, (room.left, title.bottom), small, theme.soft, room=room.width)


def paint_pane(
    surface: Surface, pane: Pane, places: PanePlaces, time: float, look: Look, view: int | None = None
) -> None:
    """Paint one pane; `view`: in the detail layer, the agent whose own world is shown."""
    theme, moment = look.theme, pane.moment(time)
    strength, caught = flash(pane, moment.time)
    draw_card(surface, places, theme, strength, GOOD if caught else BAD, pane.forked is not None)
    draw_head(surface, pane, places, moment.scene, theme)
    where = draw_map(surface, pane, places, moment, theme)
    draw_plan(surface, places, moment.scene, theme)
    if look.details:
        draw_badges(surface, pane, places.grid, moment, theme)
        if view is not None:
            draw_own_view(surface, places.grid, moment, view, theme)
    taken = crowded(places.grid, moment, where) + draw_names(surface, pane, places.grid, moment, where, theme)
    draw_beliefs(surface, pane, places.grid, moment, where, taken, theme)
    draw_verdicts(surface, pane, places.grid, moment, where, taken, theme)
    draw_sentence(surface, pane, places, time, theme)
    if look.details:
        draw_epochs(surface, places.grid, moment, where, pane.chronicle, theme)
        draw_threads(surface, pane, places.grid, moment, where, theme)
        draw_details(surface, pane, places, moment, theme)


def paint(surface: Surface, panes: Sequence[Pane], time: float | Sequence[float], look: Look | None = None) -> Places:
    """Paint panes at a time, in ticks, or each at its own, on a surface."""
    return Painter(panes, look).paint(surface, time)
