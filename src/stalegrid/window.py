"""A window on the screen, for a viewer or for a game: opened, kept at its pace, and closed."""

from __future__ import annotations

import os
from typing import Protocol

import pygame

from .render.arrange import USUAL

FPS = 60
UNSEEN = ("offscreen", "dummy")  # SDL's drivers without a screen
NO_DISPLAY = "there is no display to open a window on; `stalegrid record` draws the same without one"


class Shown(Protocol):
    """What `run` shows: a viewer, or a game."""

    scenario: str
    seed: int
    is_open: bool
    full_screen: bool

    def handle(self, event: pygame.event.Event) -> None:
        """Do what a key, a click or the wish to quit asks for."""

    def advance(self, seconds: float) -> None:
        """Let time run."""

    def draw(self, surface: pygame.Surface) -> None:
        """Draw the window's content."""


def run(viewer: Shown, frames: int | None = None) -> None:
    """Show a viewer in a window until it is closed, or for so many frames.

    Raises: RuntimeError if there is no display.
    """
    # Whole pixels where Windows would otherwise blow the window up.
    os.environ.setdefault("SDL_WINDOWS_DPI_AWARENESS", "permonitorv2")
    try:
        pygame.display.init()
        # Where it finds no screen, SDL may draw into nowhere: fine if one asked for that, no good otherwise.
        if pygame.display.get_driver() in UNSEEN and "SDL_VIDEODRIVER" not in os.environ:
            raise pygame.error(f"SDL found only the driver {pygame.display.get_driver()}")
        surface = _open(viewer, None)
    except pygame.error as error:
        pygame.display.quit()
        raise RuntimeError(f"{NO_DISPLAY} ({error})") from None
    clock, shown_full = pygame.time.Clock(), viewer.full_screen
    windowed = surface.get_size()
    try:
        while viewer.is_open and frames != 0:
            seconds = min(0.1, clock.tick(FPS) / 1000)
            for event in pygame.event.get():
                viewer.handle(event)
            if viewer.full_screen != shown_full:
                shown_full = viewer.full_screen
                surface = _open(viewer, windowed)
            surface = pygame.display.get_surface() or surface
            viewer.advance(seconds)
            viewer.draw(surface)
            pygame.display.flip()
            frames = None if frames is None else frames - 1
    finally:
        pygame.display.quit()


def _open(viewer: Shown, size: tuple[int, int] | None) -> pygame.Surface:
    """Open the window; its first size grows with the screen."""
    if viewer.full_screen:
        surface = pygame.display.set_mode((0, 0), pygame.FULLSCREEN)
    else:
        if size is None:
            desktop = pygame.display.get_desktop_sizes()[0]
            factor = max(1.0, min(desktop[0] / 1920, desktop[1] / 1080) * 1.35)
            size = min(desktop[0], round(USUAL[0] * factor)), min(desktop[1], round(USUAL[1] * factor))
        surface = pygame.display.set_mode(size, pygame.RESIZABLE)
    pygame.display.set_caption(f"StaleGrid: {viewer.scenario}, seed {viewer.seed}")
    return surface
