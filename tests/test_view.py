"""The window: every key and click does what the help says, and without a display it says what to do instead."""

from __future__ import annotations

import os

os.environ.setdefault("SDL_VIDEODRIVER", "dummy")

from collections.abc import Iterator

import pygame
import pytest

from stalegrid import view, window
from stalegrid.protocols.presets import PRESETS
from stalegrid.render.actors import stand
from stalegrid.render.controls import HELP, track_of
from stalegrid.render.themes import DARK, LIGHT
from stalegrid.tape import Tape
from stalegrid.view import Viewer, open_viewer

SEED = 1_000_006


@pytest.fixture
def viewer() -> Iterator[Viewer]:
    made = open_viewer("drawbridge", None, [], SEED, {"size": "tiny"})
    pygame.display.init()
    pygame.display.set_mode((960, 640))
    made.draw(pygame.display.get_surface())
    yield made
    pygame.display.quit()


def press(viewer: Viewer, key: int, mod: int = 0, letter: str = "") -> None:
    """Post a key as the system would, and let the window take it from the queue."""
    pygame.event.post(pygame.event.Event(pygame.KEYDOWN, key=key, mod=mod, unicode=letter))
    take(viewer)


def click(viewer: Viewer, place: tuple[float, float]) -> None:
    for kind in (pygame.MOUSEBUTTONDOWN, pygame.MOUSEBUTTONUP):
        pygame.event.post(pygame.event.Event(kind, button=1, pos=(round(place[0]), round(place[1]))))
    take(viewer)


def take(viewer: Viewer) -> None:
    for event in pygame.event.get():
        viewer.handle(event)
    viewer.draw(pygame.display.get_surface())


def test_usual_panes_are_no_protocol_and_the_cure(viewer: Viewer) -> None:
    assert [pane.title for pane in viewer.panes] == ["no protocol", "stamped"]
    assert viewer.seed == SEED


def test_space_plays_and_pauses_and_time_stops_at_the_end(viewer: Viewer) -> None:
    viewer.advance(1.0)
    assert viewer.time > 0
    press(viewer, pygame.K_SPACE)
    now = viewer.time
    viewer.advance(1.0)
    assert viewer.time == now
    press(viewer, pygame.K_SPACE)
    for _ in range(4000):
        viewer.advance(0.1)
    assert viewer.time == viewer.length
    assert not viewer.playing
    press(viewer, pygame.K_SPACE)
    assert (viewer.time, viewer.playing) == (0.0, True)


def test_arrows_step_and_scrub(viewer: Viewer) -> None:
    viewer.seek(10.5)
    press(viewer, pygame.K_LEFT)
    assert viewer.time == 10
    press(viewer, pygame.K_LEFT)
    press(viewer, pygame.K_RIGHT, pygame.KMOD_SHIFT)
    press(viewer, pygame.K_RIGHT)
    assert viewer.time == 20
    press(viewer, pygame.K_LEFT, pygame.KMOD_LSHIFT)
    assert viewer.time == 10
    press(viewer, pygame.K_END)
    assert viewer.time == viewer.length
    press(viewer, pygame.K_HOME)
    assert viewer.time == 0


def test_n_and_b_go_to_hazards(viewer: Viewer) -> None:
    times = sorted({when for pane in viewer.panes for when, _ in pane.marks()})
    press(viewer, pygame.K_n)
    press(viewer, pygame.K_n)
    assert viewer.time == times[1]
    press(viewer, pygame.K_b)
    assert viewer.time == times[0]


def test_up_and_down_change_the_speed(viewer: Viewer) -> None:
    before = viewer.pace.speed
    press(viewer, pygame.K_UP)
    assert viewer.pace.speed > before
    for _ in range(20):
        press(viewer, pygame.K_DOWN)
    assert viewer.pace.speed == view.SPEEDS[0]


def test_letters_toggle_details_ground_help_and_full_screen(viewer: Viewer) -> None:
    press(viewer, pygame.K_d)
    assert viewer.details
    press(viewer, pygame.K_l)
    assert viewer.theme is LIGHT
    press(viewer, pygame.K_l)
    assert viewer.theme is DARK
    press(viewer, pygame.K_SLASH, pygame.KMOD_SHIFT, "?")
    assert viewer.help
    press(viewer, pygame.K_h)
    assert not viewer.help
    press(viewer, pygame.K_f)
    assert viewer.full_screen
    press(viewer, pygame.K_ESCAPE)
    assert not viewer.full_screen
    assert viewer.is_open


def test_a_click_asks_an_agent_or_a_site_and_escape_lets_go(viewer: Viewer) -> None:
    assert viewer.places is not None
    spots = viewer.places.panes[0]
    right, down, _ = stand(viewer.panes[0].moment(viewer.time), spots.grid)[0]
    click(viewer, (right, down))
    assert viewer.chosen == (0, "agent", 0)
    gate = viewer.panes[1].scene(0).stage.site_names.index("gate")
    middle = viewer.places.panes[1].grid.site_middle(gate)
    assert middle is not None
    click(viewer, middle)
    assert viewer.chosen == (1, "site", gate)
    assert viewer.active == 1
    press(viewer, pygame.K_ESCAPE)
    assert viewer.chosen is None
    click(viewer, spots.card.topleft)
    assert viewer.active == 0


def test_the_time_line_is_clicked_and_dragged(viewer: Viewer) -> None:
    assert viewer.places is not None
    assert viewer.places.line is not None
    track = track_of(viewer.places.line)
    click(viewer, track.center)
    assert viewer.time == pytest.approx(viewer.length / 2, rel=0.02)
    pygame.event.post(pygame.event.Event(pygame.MOUSEBUTTONDOWN, button=1, pos=track.center))
    pygame.event.post(pygame.event.Event(pygame.MOUSEMOTION, pos=(track.right + 50, 3), rel=(0, 0), buttons=(1, 0, 0)))
    pygame.event.post(pygame.event.Event(pygame.MOUSEBUTTONUP, button=1, pos=(track.right + 50, 3)))
    take(viewer)
    assert viewer.time == viewer.length
    click(viewer, (viewer.places.line.left + 5, track.centery))
    assert viewer.playing


def test_other_rules_restart_the_same_seed(viewer: Viewer) -> None:
    press(viewer, pygame.K_TAB)
    press(viewer, pygame.K_TAB)
    assert viewer.active == 1
    viewer.seek(30)
    before = viewer.tapes[0].digest
    press(viewer, pygame.K_p)
    names = list(PRESETS)
    assert [tape.protocol for tape in viewer.tapes] == ["none", names[names.index("stamped") + 1]]
    assert viewer.time == 0
    assert viewer.tapes[0].digest == before
    think = viewer.tapes[0].rules.settings.think
    press(viewer, pygame.K_t)
    assert all(tape.rules.settings.think > think and tape.seed == SEED for tape in viewer.tapes)
    delay = viewer.tapes[0].rules.settings.delay
    press(viewer, pygame.K_m)
    assert all(tape.rules.settings.delay > delay for tape in viewer.tapes)
    assert not any(tape.is_fork for tape in viewer.tapes)


def test_with_shift_they_fork_a_pane_that_is_marked_and_is_no_result(viewer: Viewer) -> None:
    viewer.seek(20)
    press(viewer, pygame.K_t, pygame.KMOD_SHIFT)
    assert viewer.time == 20
    fork = viewer.tapes[viewer.active]
    assert (len(viewer.panes), fork.is_fork, fork.digest) == (3, True, None)
    assert viewer.panes[viewer.active].forked == 20
    assert fork.scene(20).agents == viewer.tapes[1].scene(20).agents
    press(viewer, pygame.K_p, pygame.KMOD_SHIFT)
    press(viewer, pygame.K_m, pygame.KMOD_SHIFT)
    assert len(viewer.panes) == view.MOST_PANES  # the fifth found no room
    press(viewer, pygame.K_x)
    press(viewer, pygame.K_x)
    assert len(viewer.panes) == 2


def test_the_help_names_every_key_that_does_something() -> None:
    told = " ".join(key for key, _ in HELP).replace(",", " ").split()
    assert {"space", "left", "right", "home", "end", "n", "b", "up", "down", "click", "d", "l", "f", "tab"} <= set(told)
    assert {"p", "t", "m", "shift", "x", "h", "?", "esc", "q"} <= set(told)


def test_it_runs_in_a_window_until_it_is_closed(viewer: Viewer) -> None:
    viewer.full_screen = True
    window.run(viewer, frames=3)
    viewer.full_screen = False
    pygame.display.init()
    window.run(viewer, frames=2)
    viewer.handle(pygame.event.Event(pygame.QUIT))
    assert not viewer.is_open
    window.run(viewer)


def test_without_a_display_it_names_record(monkeypatch: pytest.MonkeyPatch) -> None:
    viewer = open_viewer("guards", "none", ["serial"], 3, {"size": "tiny"})
    monkeypatch.setenv("SDL_VIDEODRIVER", "nowhere")
    with pytest.raises(RuntimeError, match=r"no display.*stalegrid record"):
        window.run(viewer)


def test_a_tape_that_was_played_is_shown_and_can_be_forked_and_begun_anew() -> None:
    tape = Tape("guards", "none", 3, size="tiny", think=2)
    viewer = view.Viewer.of(tape)
    assert viewer.tapes == [tape]
    assert (viewer.scenario, viewer.seed, viewer.length) == ("guards", 3, tape.length)
    viewer.seek(5)
    viewer._change("protocol", fork=True)
    assert (viewer.tapes[1].is_fork, viewer.tapes[1].forked_at) == (True, 5)
    viewer._change("think", fork=False)
    assert [tape.rules.settings.think for tape in viewer.tapes] == [4]
    assert viewer.tapes[0].rules.parameters == tape.rules.parameters


def test_what_a_person_played_is_shown_and_not_forked() -> None:
    tape = Tape.live("guards", "none", 3, agent="guard_0", size="tiny")
    tape.step(0)
    viewer = view.Viewer.of(tape)
    viewer._change("protocol", fork=True)
    assert viewer.tapes == [tape]
    assert "a person played" in viewer._message


def test_what_cannot_be_shown_is_refused_with_what_is_allowed() -> None:
    for scenario, protocols, settings, message in (
        ("drawbridge", ["nonsense"], {}, "nonsense"),
        ("drawbridge", [], {"size": "huge"}, "tiny, small, medium, large"),
        ("guards", ["occ", "serial", "fresh", "full"], {}, "1 to 4 panes"),
    ):
        with pytest.raises(ValueError, match=message):
            open_viewer(scenario, None, protocols, 1, settings)
