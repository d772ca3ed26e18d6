"""`stalegrid play`: a person drives one agent among scripted team-mates, in a window, and has to think as it does."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pygame

from .agents.manual import HINT, Keyboard
from .make import Protocol
from .panes import pane_of
from .render.brush import text_size, write
from .render.painter import Look, Painter
from .render.pane import Pane
from .render.scene import Scene
from .render.themes import DARK, LIGHT, Theme
from .story import agent_name
from .tape import Tape
from .world.state import IDLE, LOCKING, LOOKING, OUT, QUEUED, THINKING, WALKING

SPEED = 4.0  # ticks a second
SPEEDS = (1.0, 40.0)
LIST_PX = 300  # width of the list at the usual size
WIDE = 960
_DOES = {
    IDLE: "free", QUEUED: "waits for its turn", THINKING: "thinks", WALKING: "on its way", LOOKING: "goes to look",
    OUT: "out of play", LOCKING: "waits for a lock",
}  # fmt: skip


def believed(scene: Scene, agent: int) -> Scene:
    """Return a scene with what an agent holds true of the sites, and none of the letters that others have sent."""
    beliefs = scene.beliefs[agent]
    sites = tuple(site._replace(value=belief.value) for site, belief in zip(scene.sites, beliefs, strict=True))
    gates = scene.stage.gates.items()
    return replace(
        scene,
        sites=sites,
        closed=frozenset(cell for gate, cells in gates if beliefs[gate].value == 1 for cell in cells),
        messages=tuple(mail for mail in scene.messages if mail.sender == agent),
    )


class Game:
    """The window's state and what keys and mouse do to it. It can be driven without a display: `handle`, `draw`.

    Time stands still where the person must choose, unless `hurry` is set: then a tick without a choice is a wait. While
    the agent thinks, walks or waits, nothing can be chosen, just as for any mind.
    """

    def __init__(
        self, scenario: str, agent: str | None, protocol: Protocol, seed: int, mind: str = "naive", *,
        speed: float = SPEED, hurry: bool = False, **settings: Any,
    ) -> None:  # fmt: skip
        """Begin an episode; `agent` is a name of the scenario, by default its first.

        Raises: ValueError that says what was got and what is allowed.
        """
        if not SPEEDS[0] <= speed <= SPEEDS[1]:
            raise ValueError(f"speed is from {SPEEDS[0]:g} to {SPEEDS[1]:g} ticks a second; got {speed}")
        first = Tape.live(scenario, protocol, seed, mind, **settings)
        self.agent = agent if agent is not None else first.rules.agent_names[0]
        self.tape = Tape.live(first.rules, protocol, seed, mind, agent=self.agent)
        self.index = first.rules.agent_names.index(self.agent)
        self.scenario, self.seed = scenario, seed
        self.speed, self.hurry = speed, hurry
        self.keyboard = Keyboard(self.tape.rules.actions)
        self.is_open, self.full_screen, self.details, self.theme = True, False, False, DARK
        self.sees_all = False  # the picture shows the whole world, and not what the agent believes
        self._shown = 0.0  # time that the picture shows, at most a tick behind
        self._rows: list[tuple[pygame.Rect, int]] = []  # of the list: where each action stands
        self._listed = [0]  # actions in the list
        self._painter = Painter([self._pane()])

    @property
    def waits_for_person(self) -> bool:
        """True if time stands still until the person chooses."""
        return self.tape.must_act and not self.hurry

    def choose(self, action: int) -> None:
        """Choose an action, and let the tick run; ignored while the agent is busy, and where the mask forbids it."""
        if self.tape.must_act and self.tape.mask[action]:
            self._step(action)

    def _step(self, action: int | None) -> None:
        self._shown = float(self.tape.length)
        self.tape.step(action)
        self._painter.panes = (self._pane(),)

    def _pane(self) -> Pane:
        pane = pane_of(self.tape)
        if self.sees_all:
            return pane
        # The story tells what the agent cannot know.
        return replace(pane, scene=lambda tick: believed(pane.scene(tick), self.index), beats=pane.beats[:1])

    def advance(self, seconds: float) -> None:
        """Let time run until the person must choose or the episode is over."""
        self._shown += seconds * self.speed
        while self._shown >= self.tape.length:
            if self.tape.is_over or self.waits_for_person:
                self._shown = float(self.tape.length)
                return
            late = self._shown - self.tape.length
            self._step(0 if self.tape.must_act else None)
            self._shown += late

    # ------------------------------------------------------------------ keys and mouse

    def handle(self, event: pygame.event.Event) -> None:
        """Do what a key, a click or the wish to quit asks for."""
        if event.type == pygame.QUIT:
            self.is_open = False
        elif event.type == pygame.KEYDOWN:
            self._key(event.key)
        elif event.type == pygame.MOUSEBUTTONDOWN and event.button == 1:
            for place, action in self._rows:
                if place.collidepoint(event.pos):
                    self.choose(action)
                    return

    def _key(self, key: int) -> None:
        if key == pygame.K_ESCAPE:
            self.is_open = False
        elif key == pygame.K_d:
            self.details = not self.details
        elif key == pygame.K_v:
            self.sees_all = not self.sees_all
            self._painter.panes = (self._pane(),)
        elif key == pygame.K_l:
            self.theme = LIGHT if self.theme is DARK else DARK
        elif key == pygame.K_f:
            self.full_screen = not self.full_screen
        elif key in (pygame.K_PLUS, pygame.K_EQUALS, pygame.K_KP_PLUS):
            self.speed = min(SPEEDS[1], self.speed * 1.5)
        elif key in (pygame.K_MINUS, pygame.K_KP_MINUS):
            self.speed = max(SPEEDS[0], self.speed / 1.5)
        elif self.tape.must_act:
            action = self.keyboard.press(key, self.tape.mask)
            if action is not None:
                self.choose(action)

    # ------------------------------------------------------------------ drawing

    def says(self) -> tuple[str, str]:
        """Return what the agent is at, and what the person may do."""
        who = agent_name(self.tape.rules, self.index)
        if self.tape.is_over:
            report = self.tape.report
            return f"Over: {report.goals_met} of {report.goals} goals met", "escape closes the window"
        if self.tape.must_act:
            return f"You are {who}: choose", HINT
        me = self.tape.scene(self.tape.length).agents[self.index]
        task = f": {me.task}" if me.task else ""
        left = f", {me.thought_left} more tick{'s' * (me.thought_left != 1)}" if me.phase == THINKING else ""
        return f"You are {who}: {_DOES[me.phase]}{left}{task}", "only waiting is possible until then"

    def draw(self, surface: pygame.Surface) -> None:
        """Draw the episode, and beside it the list of what can be done."""
        width, height = surface.get_size()
        unit = max(0.6, min(width / WIDE, height / 640))
        listed = min(round(LIST_PX * unit), width // 2)
        view = (0, self.index) if self.details and self.sees_all else None
        self._painter.look = Look(
            theme=self.theme, heading=self.scenario.replace("_", " "), details=self.details, view=view
        )
        self._painter.paint(surface.subsurface((0, 0, width - listed, height)), self._shown)
        self._draw_list(surface, pygame.Rect(width - listed, 0, listed, height), unit, self.theme)

    def _draw_list(self, surface: pygame.Surface, room: pygame.Rect, unit: float, theme: Theme) -> None:
        surface.fill(theme.card, room)
        left, wide = room.left + round(12 * unit), room.width - round(24 * unit)
        top = round(12 * unit)
        says, hint = self.says()
        top = write(surface, says, (left, top), round(21 * unit), theme.ink, room=wide).bottom + round(4 * unit)
        top = write(surface, hint, (left, top), round(15 * unit), theme.soft, room=wide).bottom + round(4 * unit)
        top = write(
            surface, f"> {self.keyboard.typed}_", (left, top), round(19 * unit), theme.good, room=wide
        ).bottom + round(8 * unit)
        self._rows = []
        mask, actions = self.tape.mask, self.tape.rules.actions
        # While it is busy the list stays as it was last, but pale: there is nothing to choose.
        must_act = self.tape.must_act
        if must_act:
            self._listed = [number for number in range(len(actions)) if mask[number]]
        rows = self._listed
        columns = 1 if len(rows) * 18 * unit <= room.height - top - 48 * unit else 2
        deep = -(-len(rows) // columns)
        step = max(8, min(round(22 * unit), (room.height - top - round(48 * unit)) // max(1, deep)))
        size, across = min(round(19 * unit), round(step * 0.9)), wide // columns
        labels = [f"{number:>3}  {actions[number].name}" for number in rows]
        while size > 9 and max(text_size(label, size)[0] for label in labels) > across - round(6 * unit):
            size -= 1
        for nth, (number, label) in enumerate(zip(rows, labels, strict=True)):
            place = pygame.Rect(left + nth // deep * across, top + nth % deep * step, across, step)
            fits = must_act and str(number).startswith(self.keyboard.typed)
            colour = theme.ink if fits else theme.faint
            write(surface, label, place.topleft, size, colour, room=across - round(6 * unit))
            if must_act:
                self._rows.append((place, number))
        shows = "shown is the whole world; v: what you believe"
        if not self.sees_all:
            shows = "shown is what you believe; v: the whole world"
        ticks = f"tick {self.tape.length} of {self.tape.rules.max_cycles}, {self.speed:.0f} a second (+ -), d, l, f"
        for line, up in ((shows, 40), (ticks, 22)):
            write(surface, line, (left, room.bottom - round(up * unit)), round(14 * unit), theme.soft, room=wide)
