"""`stalegrid view`: episodes side by side in a window, locked in time, driven with keys and mouse."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pygame

from .panes import pane_of, serial_of
from .protocols.presets import PRESETS
from .reading import make_rules
from .render.arrange import Places
from .render.controls import Controls, time_at, track_of
from .render.pace import Pace
from .render.painter import Look, Painter
from .render.pane import Pane
from .render.themes import DARK, LIGHT
from .tape import Tape
from .world.scenarios import SCENARIOS
from .world.state import HAZARDS

SPEEDS = (0.5, 1.0, 2.0, 4.0, 6.0, 8.0, 12.0, 20.0, 40.0)  # ticks a second
THINKS = (0, 2, 4, 6, 8, 12, 16, 24)
DELAYS = (0, 3, 6, 9, 12, 18, 24)
MESSAGE_SECONDS = 2.5
MOST_PANES = 4


class Viewer:
    """The window's state and what keys and mouse do to it. It can be driven without a display: `handle`, `draw`."""

    def __init__(self, scenario: str, protocols: Sequence[str], seed: int, settings: dict[str, Any]) -> None:
        """Play the episodes, one a protocol, all from the same seed; `settings` are those of a `Tape`, `mind` included.

        Raises: ValueError that says what was got and what is allowed.
        """
        if not 1 <= len(protocols) <= MOST_PANES:
            raise ValueError(f"a window has room for 1 to {MOST_PANES} panes; got {len(protocols)}")
        self._begin(scenario, seed, settings, [Tape(scenario, protocol, seed, **settings) for protocol in protocols])

    @classmethod
    def of(cls, tape: Tape) -> Viewer:
        """Show an episode that was played already; other rules begin from its scenario, settings and seed."""
        viewer = cls.__new__(cls)
        rules = tape.rules
        settings = {**rules.parameters, **rules.settings.model_dump(), "mind": tape.mind}
        viewer._begin(rules.name, tape.seed, settings, [tape])
        return viewer

    def _begin(self, scenario: str, seed: int, settings: dict[str, Any], tapes: list[Tape]) -> None:
        self.scenario, self.seed = scenario, seed
        self.settings = dict(settings)
        self.tapes = tapes
        self.time = 0.0
        self.playing = True
        self.is_open = True
        self.full_screen = False
        self.speed = 4
        self.active = len(self.tapes) - 1
        self.chosen: tuple[int, str, int] | None = None
        self.help = False
        self.details = False
        self.theme = DARK
        self.painter = Painter([])
        self.places: Places | None = None
        self._message, self._message_left = "", 0.0
        self._dragging = False
        self._renew()

    def _tape(self, protocol: str) -> Tape:
        return Tape(self.scenario, protocol, self.seed, **self.settings)

    def _renew(self) -> None:
        """Make the panes anew after the episodes changed."""
        serial = serial_of(self.scenario, self.seed, self.settings)
        self.panes: list[Pane] = [pane_of(tape, serial) for tape in self.tapes]
        self.active = min(self.active, len(self.panes) - 1)
        self.chosen = None
        # Marks of all panes slow time down: what one catches is to be seen beside what the other does.
        marks = {when for pane in self.panes for when, _ in pane.marks()}
        self.pace = Pace(marks, SPEEDS[self.speed])
        self.time = min(self.time, float(self.length))

    @property
    def length(self) -> int:
        """Ticks of the longest episode."""
        return max(pane.length for pane in self.panes)

    def say(self, text: str) -> None:
        """Show a word on the screen for a moment."""
        self._message, self._message_left = text, MESSAGE_SECONDS

    # ------------------------------------------------------------------ time

    def advance(self, seconds: float) -> None:
        """Let time run, slower where something goes wrong or is caught."""
        self._message_left = max(0.0, self._message_left - seconds)
        if self.playing and not self._dragging:
            self.time = self.pace.advance(self.time, seconds)
            if self.time >= self.length:
                self.time, self.playing = float(self.length), False

    def seek(self, time: float) -> None:
        """Stand still at a time."""
        self.time, self.playing = min(max(0.0, time), float(self.length)), False

    def _step(self, ticks: int) -> None:
        whole = int(self.time)
        if ticks < 0 and self.time > whole:
            ticks += 1  # first back to the tick that it is in
        self.seek(whole + ticks)

    def _hazard(self, direction: int) -> None:
        times = sorted({when for pane in self.panes for when, _ in pane.marks()})
        beyond = [when for when in times if (when - self.time) * direction > 1e-9]
        if beyond:
            self.seek(beyond[0] if direction > 0 else beyond[-1])
        else:
            self.say("nothing more goes wrong or is caught" if direction > 0 else "nothing before this")

    # ------------------------------------------------------------------ drawing

    def draw(self, surface: pygame.Surface) -> None:
        """Draw the window's content."""
        message = self._message if self._message_left > 0 else ""
        controls = Controls(self.playing, SPEEDS[self.speed], self.active, self.chosen, self.help, message)
        view = (self.chosen[0], self.chosen[2]) if self.chosen and self.chosen[1] == "agent" else None
        self.painter.panes = tuple(self.panes)
        self.painter.look = Look(
            theme=self.theme, heading=self.scenario.replace("_", " "), story=SCENARIOS[self.scenario].story,
            details=self.details, view=view, controls=controls,
        )  # fmt: skip
        self.places = self.painter.paint(surface, self.time)

    # ------------------------------------------------------------------ keys and mouse

    def handle(self, event: pygame.event.Event) -> None:
        """Do what a key, a click or the wish to quit asks for."""
        if event.type == pygame.QUIT:
            self.is_open = False
        elif event.type == pygame.KEYDOWN:
            self._key(event.key, bool(event.mod & pygame.KMOD_SHIFT), getattr(event, "unicode", ""))
        elif event.type == pygame.MOUSEBUTTONDOWN and event.button == 1:
            self._click(event.pos)
        elif event.type == pygame.MOUSEBUTTONUP and event.button == 1:
            self._dragging = False
        elif event.type == pygame.MOUSEMOTION and self._dragging and self.places and self.places.line:
            self.seek(time_at(self.places.line, event.pos[0], self.length))

    def _key(self, key: int, shift: bool, letter: str) -> None:
        plain: dict[int, Callable[[], None]] = {
            pygame.K_SPACE: self._play,
            pygame.K_RIGHT: lambda: self._step(10 if shift else 1),
            pygame.K_LEFT: lambda: self._step(-10 if shift else -1),
            pygame.K_HOME: lambda: self.seek(0),
            pygame.K_END: lambda: self.seek(self.length),
            pygame.K_n: lambda: self._hazard(1),
            pygame.K_b: lambda: self._hazard(-1),
            pygame.K_UP: lambda: self._faster(1),
            pygame.K_DOWN: lambda: self._faster(-1),
            pygame.K_d: lambda: self._set("details", not self.details),
            pygame.K_l: lambda: self._set("theme", LIGHT if self.theme is DARK else DARK),
            pygame.K_f: lambda: self._set("full_screen", not self.full_screen),
            pygame.K_TAB: lambda: self._set("active", (self.active + 1) % len(self.panes)),
            pygame.K_h: lambda: self._set("help", not self.help),
            pygame.K_x: self._remove,
            pygame.K_p: lambda: self._change("protocol", shift),
            pygame.K_t: lambda: self._change("think", shift),
            pygame.K_m: lambda: self._change("delay", shift),
            pygame.K_ESCAPE: self._escape,
            pygame.K_q: lambda: self._set("is_open", False),
        }
        if key in plain:
            plain[key]()
        elif letter == "?":
            self._set("help", not self.help)

    def _set(self, name: str, value: Any) -> None:
        setattr(self, name, value)

    def _play(self) -> None:
        if not self.playing and self.time >= self.length:
            self.time = 0.0
        self.playing = not self.playing

    def _faster(self, by: int) -> None:
        self.speed = min(max(0, self.speed + by), len(SPEEDS) - 1)
        self.pace.speed = SPEEDS[self.speed]

    def _escape(self) -> None:
        if self.help:
            self.help = False
        elif self.chosen is not None:
            self.chosen = None
        elif self.full_screen:
            self.full_screen = False
        else:
            self.is_open = False

    def _click(self, place: tuple[int, int]) -> None:
        if self.help or self.places is None:
            self.help = False
            return
        if self.places.line is not None and self.places.line.collidepoint(place):
            if place[0] < track_of(self.places.line).left:
                self._play()
            else:
                self._dragging = True
                self.seek(time_at(self.places.line, place[0], self.length))
            return
        for nth, spots in enumerate(self.places.panes):
            if spots.card.collidepoint(place):
                self.active = nth
                found = self.panes[nth].at(self.time, spots, place)
                self.chosen = None if found is None else (nth, *found)
                return

    # ------------------------------------------------------------------ other rules

    def _change(self, what: str, fork: bool) -> None:
        """Take the next protocol, think time or delay: from the start, or as a fork of the chosen pane from here."""
        tape = self.tapes[self.active]
        settings = tape.rules.settings
        if what == "protocol":
            names = list(PRESETS)
            value: Any = names[(names.index(tape.protocol) + 1) % len(names)] if tape.protocol in names else names[0]
        else:
            ladder, now = (THINKS, settings.think) if what == "think" else (DELAYS, settings.delay)
            value = next((step for step in ladder if step > int(now)), ladder[0])
        try:
            if fork:
                self._fork(tape, what, value)
            else:
                self._restart(what, value)
        except ValueError as error:
            self.say(str(error))

    def _fork(self, tape: Tape, what: str, value: Any) -> None:
        if len(self.tapes) == MOST_PANES:
            raise ValueError(f"there is room for {MOST_PANES} panes; x takes one away")
        if tape.agent is not None:
            raise ValueError("what a person played is not forked: nobody would play on")
        tick = min(int(self.time), tape.length)
        self.tapes.insert(self.active + 1, tape.fork(tick, **{what: value}))
        self.active += 1
        self._renew()
        self.say(f"fork from tick {tick}: {what} {value}")

    def _restart(self, what: str, value: Any) -> None:
        if what == "protocol":
            self.tapes[self.active] = self._tape(value)
        else:
            kept, self.settings = self.settings, {**self.settings, what: value}
            try:
                self.tapes = [self._tape(tape.protocol) for tape in self.tapes if not tape.is_fork]
            except ValueError:
                self.settings = kept
                raise
        self.time = 0.0
        self._renew()
        self.say(f"{what} {value}, from the start")

    def _remove(self) -> None:
        if len(self.tapes) == 1:
            self.say("the last pane stays; q quits")
            return
        del self.tapes[self.active]
        self._renew()


def median_bitten(scenario: str, settings: dict[str, Any]) -> int:
    """Return the seed that the demo tells: the median one of those in which the scenario's hazard bites."""
    from .compare import FIRST_TEST_SEED, Cell, Comparison
    from .demo import SEEDS, median_seed

    hazard = SCENARIOS[scenario].hazard
    if SCENARIOS[scenario].cure is None:
        return FIRST_TEST_SEED
    rest = {name: value for name, value in settings.items() if name not in ("mind", "size")}
    mind, size = settings.get("mind", "naive"), settings.get("size", "small")
    cell = Cell(scenario, "none", mind, size, seeds=SEEDS, settings=tuple(rest.items()))
    return median_seed(Comparison().run(cell), HAZARDS if hazard is None else (hazard,))


def open_viewer(
    scenario: str, protocol: str | None, versus: Sequence[str], seed: int | None, settings: dict[str, Any]
) -> Viewer:
    """Make a viewer with what is usual where nothing is said: no protocol beside the scenario's cure, a typical seed.

    Raises: ValueError that says what was got and what is allowed.
    """
    # What is wrong with the settings is said before anything runs.
    make_rules(scenario, **{name: value for name, value in settings.items() if name != "mind"})
    cure = SCENARIOS[scenario].cure or "serial"
    first = protocol or "none"
    others = list(versus) or ([cure if first != cure else "none"] if protocol is None or first != cure else [])
    if seed is None:
        seed = median_bitten(scenario, settings)
    return Viewer(scenario, [first, *others], seed, settings)
