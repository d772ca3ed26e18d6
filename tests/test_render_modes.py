"""An environment draws in the mode it was made with, and needs no display and no pygame unless it shows a window."""

from __future__ import annotations

import itertools
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from .playing import SCENARIOS, make, play


@pytest.mark.parametrize("engine", ["compiled", "reference"])
@pytest.mark.parametrize("scenario", SCENARIOS)
def test_rgb_array_gives_fresh_contiguous_frames_with_sides_in_multiples_of_16(scenario: str, engine: str) -> None:
    env = make(scenario, "occ", render_mode="rgb_array", engine=engine)
    env.reset(seed=0)
    frame, again = env.render(), env.render()
    assert frame.dtype == np.uint8
    assert frame.ndim == 3
    assert frame.shape[2] == 3
    assert (frame.shape[0] % 16, frame.shape[1] % 16) == (0, 0)
    assert frame.flags.c_contiguous
    assert np.array_equal(frame, again)
    assert not np.shares_memory(frame, again)
    play(env, seed=0, limit=20)
    later = env.render()
    assert later.shape == frame.shape
    assert not np.array_equal(later, frame)


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_both_engines_draw_the_same(scenario: str) -> None:
    for mode, protocol in itertools.product(("rgb_array", "ansi"), ("none", "occ")):
        drawn = []
        for engine in ("compiled", "reference"):
            env = make(scenario, protocol, render_mode=mode, engine=engine)
            play(env, seed=3, limit=25)
            drawn.append(env.render())
        assert np.array_equal(*drawn)


def test_ansi_gives_a_string_that_changes_with_the_world() -> None:
    env = make("drawbridge", render_mode="ansi")
    env.reset(seed=0)
    before = env.render()
    assert isinstance(before, str)
    play(env, seed=0, limit=20)
    assert env.render() != before


def test_without_a_render_mode_nothing_is_drawn_which_is_told() -> None:
    env = make()
    env.reset(seed=0)
    with pytest.warns(UserWarning, match="make the environment with a render_mode"):
        assert env.render() is None


@pytest.mark.parametrize("mode", [None, "ansi", "rgb_array"])
def test_close_may_be_called_before_reset_and_twice(mode: str | None) -> None:
    env = make(render_mode=mode)
    env.close()
    env.reset(seed=0)
    if mode is not None:
        env.render()
    env.close()
    env.close()


def test_human_draws_by_itself_and_render_returns_none(monkeypatch: pytest.MonkeyPatch) -> None:
    pygame = pytest.importorskip("pygame")
    monkeypatch.setenv("SDL_VIDEODRIVER", "dummy")
    flips = []
    flip = pygame.display.flip
    monkeypatch.setattr(pygame.display, "flip", lambda: flips.append(flip()))
    env = make("drawbridge", render_mode="human")
    env.reset(seed=0)
    assert len(flips) == 1
    env.step(dict.fromkeys(env.agents, 0))
    assert len(flips) == 2
    assert env.render() is None
    assert not pygame.mixer.get_init()
    env.close()
    env.close()
    assert not pygame.display.get_init()


UNSEEN = """
import sys
import gymnasium, stalegrid
for mode in (None, "ansi", "rgb_array"):
    for make in (stalegrid.parallel_env, stalegrid.env):
        env = make("drawbridge", size="tiny", render_mode=mode)
        env.reset(seed=0)
        env.step(0 if make is stalegrid.env else dict.fromkeys(env.agents, 0))
        env.render()
        env.close()
gymnasium.make("stalegrid:stalegrid/solo-v0", scenario="ledger").reset(seed=0)
print([name for name in sys.modules if name.split(".")[0] in ("pygame", "torch", "matplotlib", "imageio", "PIL")])
"""


def test_building_stepping_and_drawing_without_a_window_import_no_pygame() -> None:
    source = str(Path(__file__).parents[1] / "src")
    environment = {**os.environ, "PYTHONPATH": source}
    done = subprocess.run([sys.executable, "-c", UNSEEN], capture_output=True, text=True, check=True, env=environment)
    assert done.stdout.strip() == "[]"
