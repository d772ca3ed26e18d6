"""Small pictures of every scenario; `python tests/thumbnails.py` writes the golden ones that a test compares."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pygame
from numpy.typing import NDArray

from stalegrid.clip import frame_of
from stalegrid.panes import pane_of
from stalegrid.render.painter import Look, Painter
from stalegrid.render.themes import DARK, LIGHT
from stalegrid.tape import Tape
from stalegrid.world.scenarios import SCENARIOS

GOLDEN = Path(__file__).parent / "golden"
SIZE = (960, 640)
SHRINK = 4
SEED = 1_000_006


def thumbnail(scenario: str) -> NDArray[np.uint8]:
    """Draw a scenario at its first verdict: above the default layer on dark, below the details on light."""
    cure = SCENARIOS[scenario].cure or "serial"
    panes = [pane_of(Tape(scenario, protocol, SEED)) for protocol in ("none", cure)]
    marks = [when for when, _ in panes[0].marks()]
    time = marks[0] if marks else 12.4
    halves = []
    for look in (Look(theme=DARK, heading=scenario), Look(theme=LIGHT, heading=scenario, details=True)):
        surface = pygame.Surface(SIZE)
        Painter(panes, look).paint(surface, time)
        halves.append(frame_of(pygame.transform.smoothscale(surface, (SIZE[0] // SHRINK, SIZE[1] // SHRINK))))
    return np.concatenate(halves)


if __name__ == "__main__":
    GOLDEN.mkdir(exist_ok=True)
    for name in SCENARIOS:
        picture = pygame.image.frombuffer(thumbnail(name).tobytes(), (SIZE[0] // SHRINK, 2 * SIZE[1] // SHRINK), "RGB")
        pygame.image.save(picture, GOLDEN / f"{name}.png")
