"""Recording: episodes go into pictures without a display, frame by frame, and drawing changes nothing of them."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from typer.testing import CliRunner

import stalegrid
from stalegrid.cli import app
from stalegrid.record import frames_of, play_tapes, read_size, read_ticks, record
from stalegrid.render.film import write_film
from stalegrid.render.gif_stream import GifStream
from stalegrid.replay import read_replay

pygame = pytest.importorskip("pygame")
Image = pytest.importorskip("PIL.Image")

SEED = 1_000_041
SIZE = (480, 320)


def has(*modules: str) -> bool:
    return all(importlib.util.find_spec(module) for module in modules)


def noise(many: int) -> Iterator[NDArray[np.uint8]]:
    rng = np.random.default_rng(3)
    frame = rng.integers(0, 255, (40, 60, 3)).astype(np.uint8)
    for nth in range(many):
        frame = frame.copy()
        frame[nth : nth + 6, 5:25] = (200, 30 + nth, 90)
        yield frame


def test_drawing_an_episode_leaves_its_digest_as_it_is() -> None:
    tapes = play_tapes("drawbridge", ["none", "stamped"], SEED)
    before = [tape.digest for tape in tapes]
    assert sum(1 for _ in frames_of(tapes, 20, 24, size=SIZE)) > 4
    assert [tape.digest for tape in tapes] == before
    assert before == [tape.digest for tape in play_tapes("drawbridge", ["none", "stamped"], SEED)]


def test_a_moment_is_drawn_the_same_whatever_was_drawn_before() -> None:
    tapes = play_tapes("reroute", ["none"], SEED)
    [late] = frames_of(tapes, 90, 90, size=SIZE)
    list(frames_of(tapes, 10, 12, size=SIZE))
    [again] = frames_of(tapes, 90, 90, size=SIZE)
    assert late.shape == (SIZE[1], SIZE[0], 3)
    assert np.array_equal(late, again)


def test_a_gif_shows_what_was_given_and_holds_only_what_changed(tmp_path: Path) -> None:
    frames = [np.full((40, 60, 3), 7, np.uint8) for _ in range(3)]
    frames[1][3:9, 5:25] = (200, 30, 90)
    frames[2][3:9, 5:25] = (200, 30, 90)
    stream = GifStream(tmp_path / "x.gif", 8)
    for frame in frames:
        stream.append(frame)
    stream.close()
    with Image.open(tmp_path / "x.gif") as gif:
        assert (gif.n_frames, gif.info["loop"]) == (3, 0)
        shown, delays = [], []
        for nth in range(3):
            gif.seek(nth)
            delays.append(gif.info["duration"])
            shown.append(np.asarray(gif.convert("RGB")))
    assert np.array_equal(shown, frames)
    assert sum(delays) == pytest.approx(3000 / 8, abs=5)
    assert (tmp_path / "x.gif").stat().st_size < 4000


def test_a_frame_of_more_colours_than_a_gif_has_keeps_the_nearest(tmp_path: Path) -> None:
    frames = list(noise(4))
    assert write_film(tmp_path / "x.gif", iter(frames), 10) == 4
    with Image.open(tmp_path / "x.gif") as gif:
        gif.seek(3)
        shown = np.asarray(gif.convert("RGB")).astype(int)
    assert np.abs(shown - frames[3]).mean() < 25
    assert np.array_equal(shown[4, 6], frames[3][4, 6])


def test_frames_are_written_as_they_come(tmp_path: Path) -> None:
    seen: list[int] = []

    def frames() -> Iterator[NDArray[np.uint8]]:
        for nth, frame in enumerate(noise(3)):
            seen.append((tmp_path / ".x.part.gif").stat().st_size if nth else 0)
            yield frame

    write_film(tmp_path / "x.gif", frames(), 10)
    assert 0 == seen[0] <= seen[1] <= seen[2]
    assert [path.name for path in tmp_path.iterdir()] == ["x.gif"]


def test_a_film_that_breaks_off_leaves_no_file(tmp_path: Path) -> None:
    def broken() -> Iterator[NDArray[np.uint8]]:
        yield from noise(2)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_film(tmp_path / "x.gif", broken(), 10)
    for wrong, said in ((iter(()), "at least one"), (iter([np.zeros((2, s, 3), np.uint8) for s in (2, 4)]), "shape")):
        with pytest.raises(ValueError, match=said):
            write_film(tmp_path / "x.gif", wrong, 10)
    with pytest.raises(ValueError, match="fps is above 0"):
        write_film(tmp_path / "x.gif", noise(1), 0)
    with pytest.raises(ValueError, match=r"ends in \.gif, \.mp4, \.png"):
        write_film(tmp_path / "x.avi", noise(1), 8)
    assert not list(tmp_path.iterdir())


def test_a_fork_is_not_recorded(tmp_path: Path) -> None:
    [tape] = play_tapes("drawbridge", ["none"], SEED)
    with pytest.raises(ValueError, match="fork is a what-if and no result"):
        record([tape.fork(20, "stamped")], [tmp_path / "x.gif"])


@pytest.mark.parametrize(
    ("text", "ticks"), [(None, (0, None)), ("7", (7, 7)), ("3:9", (3, 9)), (":9", (0, 9)), ("3:", (3, None))]
)
def test_ticks_are_read(text: str | None, ticks: tuple[int, int | None]) -> None:
    assert read_ticks(text) == ticks


def test_what_is_no_ticks_and_no_size_is_refused() -> None:
    for text in ("", "a:b", "9:3", "-1:4", "1:2:3"):
        with pytest.raises(ValueError, match="--ticks is first:last"):
            read_ticks(text)
    for text in ("960", "960x", "961x640", "100x100", "9999x640", "-960x640"):
        with pytest.raises(ValueError, match="--pixels is width x height"):
            read_size(text)


def run(*arguments: Any) -> tuple[int, str]:
    result = CliRunner().invoke(app, [str(argument) for argument in arguments])
    return result.exit_code, " ".join(result.output.split())


def test_record_and_replay_from_the_command_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kept, drawn = tmp_path / "x.jsonl.gz", tmp_path / "x.png"
    code, said = run(
        "record", "--scenario", "ledger", "--protocol", "occ", "--set", "feedback=opaque", "--size", "tiny",
        "--seed", 9, "--out", kept, "--out", drawn, "--ticks", "0:20", "--pixels", "480x320",
    )  # fmt: skip
    assert (code, "x.png: 1 frame," in said) == (0, True), said
    with Image.open(drawn) as picture:
        assert picture.size == SIZE
    assert read_replay(kept).protocol == "occ, feedback=opaque"
    code, said = run("replay", kept, "--out", tmp_path / "y.png", "--ticks", "20", "--pixels", "480x320")
    assert (code, "It comes out the same" in said) == (0, True), said
    assert (tmp_path / "y.png").read_bytes() == drawn.read_bytes()
    detailed = tmp_path / "d.png"
    code, said = run("replay", kept, "--details", "--out", detailed, "--ticks", "20", "--pixels", "480x320")
    assert (code, detailed.read_bytes() != drawn.read_bytes()) == (0, True), said
    monkeypatch.setenv("SDL_VIDEODRIVER", "nowhere")
    code, said = run("replay", kept, "--window")
    assert (code, "no display to open a window on; `stalegrid record` draws" in said) == (2, True), said


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["record", "--out", "x.avi"], "--out ends in .gif, .mp4, .png for a picture or in .jsonl.gz for a replay"),
        (["record", "--out", "none/x.gif"], "--out needs a folder that is there"),
        (["record", "--out", "x.gif", "--scenario", "nowhere"], "unknown scenario 'nowhere'"),
        (["record", "--out", "x.gif", "--ticks", "99999:"], "--ticks begin between 0 and"),
        (["record", "--out", "x.gif", "--seed", "-1"], "a seed is a whole number"),
        (["record", "--out", "x.gif", "--fps", "0"], "fps is above 0"),
        (["record", "--out", "x.jsonl.gz", "--versus", "occ"], "a replay file holds one episode"),
        (["replay", "none.jsonl.gz"], "there is no file none.jsonl.gz"),
    ],
)
def test_what_cannot_be_recorded_is_said_in_a_sentence(
    arguments: list[str], said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    code, output = run(*arguments)
    assert code == 2
    assert said in output
    assert not list(tmp_path.iterdir())


@pytest.mark.skipif(has("imageio_ffmpeg"), reason="imageio-ffmpeg is installed")
def test_without_ffmpeg_a_sentence_names_the_command(tmp_path: Path) -> None:
    code, said = run("record", "--out", tmp_path / "x.mp4")
    assert (code, 'pip install "stalegrid[video]"' in said) == (2, True)


@pytest.mark.skipif(not has("imageio_ffmpeg"), reason="needs stalegrid[video]")
def test_a_video_is_written(tmp_path: Path) -> None:
    [tape] = play_tapes("ledger", ["occ"], 3, size="tiny")
    record([tape], [tmp_path / "x.mp4"], (0, 3), size=SIZE)
    assert (tmp_path / "x.mp4").stat().st_size > 2000


@pytest.mark.skipif(not has("moviepy", "imageio_ffmpeg"), reason="needs stalegrid[video]")
@pytest.mark.parametrize("kind", ["parallel", "aec", "solo"])
def test_the_recorders_of_gymnasium_and_pettingzoo_work(kind: str, tmp_path: Path) -> None:
    from gymnasium.wrappers import RecordVideo
    from pettingzoo.utils import wrappers

    options: dict[str, Any] = {"size": "tiny", "render_mode": "rgb_array", "max_cycles": 12}
    if kind == "solo":
        solo = RecordVideo(stalegrid.solo_env("ledger", **options), str(tmp_path / "v"), episode_trigger=lambda _: True)
        assert solo.frames_per_sec == 8
        solo.reset(seed=1)
        while not any(solo.step(0)[2:4]):
            pass
        solo.close()
    elif kind == "parallel":
        if not hasattr(wrappers, "RecordVideoParallel"):
            pytest.skip("pettingzoo has it from 1.27")
        both = wrappers.RecordVideoParallel(
            stalegrid.parallel_env("ledger", **options), str(tmp_path / "v"), episode_trigger=lambda _: True
        )
        both.reset(seed=1)
        while both.agents:
            both.step(dict.fromkeys(both.agents, 0))
        both.close()
    else:
        if not hasattr(wrappers, "RecordVideo"):
            pytest.skip("pettingzoo has it from 1.27")
        turns = wrappers.RecordVideo(
            stalegrid.env("ledger", **options), str(tmp_path / "v"), episode_trigger=lambda _: True
        )
        turns.reset(seed=1)
        for _ in turns.agent_iter():
            *_, terminated, truncated, _ = turns.last()
            turns.step(None if terminated or truncated else 0)
        turns.close()
    assert [path.suffix for path in (tmp_path / "v").iterdir()] == [".mp4"]
