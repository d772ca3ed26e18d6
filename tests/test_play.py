"""A person drives one agent with the keyboard, and thinks as long as it does; tried by posting events, unseen."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

import stalegrid
from stalegrid.agents.manual import Keyboard, ManualPolicy
from stalegrid.cli import app
from stalegrid.play import Game
from stalegrid.replay import read_replay
from stalegrid.world.state import THINKING

pygame = pytest.importorskip("pygame")

TINY: dict[str, Any] = {"size": "tiny"}


@pytest.fixture(autouse=True)
def unseen(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("SDL_VIDEODRIVER", "dummy")
    yield
    pygame.display.quit()


def press(*keys: int) -> None:
    for key in keys:
        pygame.event.post(pygame.event.Event(pygame.KEYDOWN, key=key, mod=0, unicode=""))


def keys(game: Game, *pressed: int) -> None:
    for key in pressed:
        game.handle(pygame.event.Event(pygame.KEYDOWN, key=key, mod=0, unicode=""))


# ---------------------------------------------------------------------- numbers


def test_a_number_is_taken_as_soon_as_no_longer_one_begins_with_it() -> None:
    actions = stalegrid.make_rules("ledger", size="large").actions
    assert len(actions) == 34
    every = np.ones(len(actions), np.int8)
    board = Keyboard(actions)
    assert board.press(pygame.K_7, every) == 7
    assert board.press(pygame.K_1, every) is None
    assert board.typed == "1"
    assert board.press(pygame.K_KP2, every) == 12
    assert [board.press(key, every) for key in (pygame.K_3, pygame.K_RETURN)] == [None, 3]
    assert [board.press(key, every) for key in (pygame.K_2, pygame.K_BACKSPACE, pygame.K_9)] == [None, None, 9]
    assert board.press(pygame.K_SPACE, every) == board.press(pygame.K_0, every) == 0
    assert [board.press(key, every) for key in (pygame.K_3, pygame.K_9)] == [None, None]
    assert board.typed == ""
    assert board.press(pygame.K_7, every * 0) is None


def test_arrows_move_where_moves_are_made_by_hand() -> None:
    actions = stalegrid.make_rules("ledger", size="tiny", navigation="manual").actions
    every = np.ones(len(actions), np.int8)
    board = Keyboard(actions)
    moved = [board.press(key, every) for key in (pygame.K_UP, pygame.K_DOWN, pygame.K_LEFT, pygame.K_RIGHT)]
    assert [actions[index or 0].name for index in moved] == ["move north", "move south", "move west", "move east"]
    assert Keyboard(stalegrid.make_rules("ledger", size="tiny").actions).press(pygame.K_UP, every) is None


# ---------------------------------------------------------------------- the policy


def test_a_policy_plays_by_keys_in_an_aec_environment_and_busy_turns_pass_by_themselves() -> None:
    env = stalegrid.env("ledger", render_mode="human", think=4, think_law="constant", **TINY)
    env.reset(seed=3)
    policy = stalegrid.stalegrid_v0.ManualPolicy(env)
    assert policy.agent == "porter_0"
    assert policy.available_agents == {name: place for place, name in enumerate(env.possible_agents)}
    assert policy.action_mapping[0] == "wait"
    wanted = next(n for n in range(1, 10) if env.infos["porter_0"]["action_mask"][n])
    chosen, busy = [], 0
    for agent in env.agent_iter(6 * len(env.agents)):
        observation, _, terminated, truncated, info = env.last()
        assert not terminated
        assert not truncated
        action = 0
        if agent == policy.agent:
            if info["ready"]:
                press(pygame.K_x, pygame.K_0 + wanted, pygame.K_RETURN)
            action = policy(observation, agent)
            chosen.append(action)
            busy += info["busy"]
        env.step(action)
    assert chosen == [wanted, 0, 0, 0, 0, 0]
    assert busy == 5
    with pytest.raises(ValueError, match="plays porter_0; got 'porter_1'"):
        policy(None, "porter_1")
    env.close()


def test_in_a_hurry_no_key_is_a_wait_and_the_rest_of_the_conventions_hold(capsys: pytest.CaptureFixture[str]) -> None:
    env = stalegrid.parallel_env("drawbridge", render_mode="human", **TINY)
    observations, _ = env.reset(seed=3)
    policy = ManualPolicy(env, agent_id=1, show_obs=True, hurry=True)
    seen = observations[policy.agent]
    assert policy(seen, policy.agent) == 0
    assert capsys.readouterr().out.startswith(f"{policy.agent}: row ")
    env.step(dict.fromkeys(env.agents, 0))
    press(pygame.K_BACKSPACE)
    assert policy(seen, policy.agent) == 0
    assert env.engine.tick == 0
    press(pygame.K_ESCAPE)
    with pytest.raises(SystemExit):
        policy(seen, policy.agent)
    with pytest.raises(SystemExit, match="closed"):
        policy(seen, policy.agent)


def test_the_list_lies_over_the_picture_while_the_person_chooses() -> None:
    env = stalegrid.parallel_env("refactor", render_mode="human", **TINY)
    observations, _ = env.reset(seed=3)
    policy = ManualPolicy(env)
    shown = pygame.display.get_surface()
    before = pygame.image.tobytes(shown, "RGB")
    policy._show(shown, shown.copy(), env.engine.masks()[0])
    assert pygame.image.tobytes(shown, "RGB") != before
    press(pygame.K_SPACE)
    assert policy(observations[policy.agent], policy.agent) == 0
    env.close()


def test_a_policy_without_a_window_or_for_nobody_is_refused() -> None:
    with pytest.raises(ValueError, match="render_mode='human'; got 'rgb_array'"):
        ManualPolicy(stalegrid.parallel_env("ledger", render_mode="rgb_array", **TINY))
    env = stalegrid.parallel_env("ledger", render_mode="human", **TINY)
    with pytest.raises(ValueError, match="agent_id is a place from 0"):
        ManualPolicy(env, agent_id=99)


def test_pygame_is_imported_only_when_somebody_is_to_press_keys() -> None:
    code = "import sys, stalegrid.agents.manual, stalegrid.cli, stalegrid.tape, stalegrid.replay, stalegrid.record"
    command = f"{code}; sys.exit('pygame' in sys.modules or 'imageio' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", command], check=False).returncode == 0


# ---------------------------------------------------------------------- the game


def test_time_waits_for_the_person_and_not_for_its_thoughts() -> None:
    game = Game("ledger", "porter_1", "none", 3, think=6, think_law="constant", size="tiny")
    game.advance(9.0)
    assert (game.tape.length, game.waits_for_person) == (0, True)
    assert "choose" in game.says()[0]
    work = next(n for n in range(1, 10) if game.tape.mask[n])
    keys(game, pygame.K_0 + work, pygame.K_RETURN)
    assert game.tape.length == 1
    assert game.tape.scene(1).agents[1].phase == THINKING
    assert game.says() == (
        f"You are porter 1: thinks, 5 more ticks: {game.tape.scene(1).agents[1].task}",
        "only waiting is possible until then",
    )
    keys(game, pygame.K_0 + work, pygame.K_RETURN)  # a key while it thinks does nothing
    game.choose(work)
    assert game.tape.length == 1
    game.advance(0.9 / game.speed)
    assert game.tape.length == 1
    game.advance(2.0 / game.speed)
    assert game.tape.length in (3, 4)
    game.advance(100.0)
    assert game.waits_for_person
    assert game.tape.length >= 7
    assert [int(n) for n in np.flatnonzero(game.tape.actions[:, 1])] == [0]


def test_in_a_hurry_time_does_not_wait_and_the_others_play_on() -> None:
    game = Game("ledger", None, "occ", 3, hurry=True, speed=40, size="tiny")
    assert game.agent == "porter_0"
    for _ in range(4000):
        game.advance(0.5)
        if game.tape.is_over:
            break
    assert game.tape.is_over
    assert not game.tape.actions[:, 0].any()
    assert game.tape.actions[:, 1:].any()
    assert game.says()[0].startswith("Over: ")


def test_the_game_is_drawn_at_any_size_and_a_click_chooses() -> None:
    game = Game("drawbridge", "operator_0", "stamped", 3, size="small")
    for size in ((960, 640), (640, 400), (1600, 1000)):
        surface = pygame.Surface(size)
        game.draw(surface)
        assert len({tuple(surface.get_at((x, y))) for x in range(0, size[0], 2) for y in range(20, 40, 2)}) > 9
    place, action = game._rows[0]
    assert action == 0
    click = pygame.event.Event(pygame.MOUSEBUTTONDOWN, button=1, pos=place.center)
    game.handle(click)
    assert game.tape.length == 1
    keys(game, pygame.K_d, pygame.K_l, pygame.K_PLUS)
    game.draw(surface)
    assert (game.details, game.speed) == (True, 6.0)
    keys(game, pygame.K_ESCAPE)
    assert not game.is_open


def test_the_picture_shows_what_the_agent_believes_and_v_the_whole_world() -> None:
    game = Game("drawbridge", "operator_0", "none", 7)
    while game.tape.length < 40:
        game.choose(0)
        game.advance(0.5)
    ticks = range(game.tape.length + 1)
    true, own = [game.tape.scene(tick) for tick in ticks], [game._painter.panes[0].scene(tick) for tick in ticks]
    for scene, shown in zip(true, own, strict=True):
        assert [site.value for site in shown.sites] == [belief.value for belief in scene.beliefs[game.index]]
        assert all(mail.sender == game.index for mail in shown.messages)
    assert any(scene.sites != shown.sites for scene, shown in zip(true, own, strict=True))
    keys(game, pygame.K_v)
    assert [game._painter.panes[0].scene(tick) for tick in ticks] == true


def test_what_was_played_is_kept_as_a_replay(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def run(game: Game) -> None:
        for _ in range(20):
            game.advance(1.0)
            keys(game, pygame.K_1, pygame.K_RETURN, pygame.K_SPACE)

    monkeypatch.setattr("stalegrid.window.run", run)
    out = tmp_path / "mine.jsonl.gz"
    command = ["play", "--scenario", "ledger", "--size", "tiny", "--seed", "3", "--out", str(out)]
    result = CliRunner().invoke(app, command)
    assert result.exit_code == 0, result.output
    assert "porter_0 played by a person" in result.output
    tape = read_replay(out)
    assert tape.agent == 0
    assert tape.actions[:, 0].any()


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (["--agent", "nobody"], "unknown agent 'nobody'; the agents are porter_0"),
        (["--speed", "0"], "speed is from 1 to 40 ticks a second; got 0"),
        (["--out", "x.gif"], "--out ends in .jsonl.gz"),
        (["--scenario", "nowhere"], "unknown scenario 'nowhere'"),
        (["--mind", "os"], "unknown mind 'os'"),
    ],
)
def test_what_cannot_be_played_is_said_in_a_sentence(flags: list[str], said: str) -> None:
    result = CliRunner().invoke(app, ["play", *flags])
    assert result.exit_code == 2
    assert said in " ".join(result.output.split())


def test_without_a_display_a_sentence_names_record(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SDL_VIDEODRIVER", "x11")
    monkeypatch.delenv("DISPLAY", raising=False)
    result = CliRunner().invoke(app, ["play", "--size", "tiny"])
    assert result.exit_code == 2
    assert "stalegrid record" in " ".join(result.output.split())
