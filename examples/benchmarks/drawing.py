"""Measure drawing, in frames a second of CPU time on one core: `python examples/benchmarks/drawing.py`.

The window: two panes of 16 x 16 cells with 8 agents at 960 x 640, time running, with and without the detail layer.
rgb_array: the environment's own frames of the same world.
"""

from __future__ import annotations

import time

import pygame

from stalegrid.panes import pane_of
from stalegrid.render.painter import Look, Painter
from stalegrid.render.tiles import draw
from stalegrid.tape import Tape

SCENARIOS = ("drawbridge", "ledger", "moved_key")
FRAMES = 600
TICKS_A_FRAME = 0.1  # 6 ticks a second at 60 frames a second


def rate(paint):
    """Return frames per CPU second, after a first round that fills what is kept between frames."""
    for frame in range(FRAMES // 4):
        paint(frame * 4)
    start = time.process_time()
    for frame in range(FRAMES):
        paint(frame)
    return FRAMES / (time.process_time() - start)


def main():
    """Print a row for each scenario."""
    surface = pygame.Surface((960, 640))
    print(f"{'scenario':12} {'window':>8} {'details':>8} {'rgb_array':>10}")
    for name in SCENARIOS:
        tapes = [Tape(name, protocol, 1_000_000, size="medium") for protocol in ("none", "occ")]
        scenes = [tapes[0].scene(tick) for tick in range(min(60, tapes[0].length))]
        panes = [pane_of(tape) for tape in tapes]
        found = []
        for details in (False, True):
            painter = Painter(panes, Look(heading=name, details=details))
            found.append(rate(lambda frame, it=painter: it.paint(surface, frame * TICKS_A_FRAME % it.length)))
        found.append(rate(lambda frame, scenes=scenes: draw(scenes[frame // 10 % len(scenes)])))
        print(f"{name:12} {found[0]:8.0f} {found[1]:8.0f} {found[2]:10.0f}")


if __name__ == "__main__":
    main()
