"""The commands that show episodes: view, record, replay and play."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer

from . import demo as story
from . import record as recording
from .compare import FIRST_TEST_SEED, Cell
from .compiling import compile_engine
from .flags import Agents, Delay, FirstSeed, Mind, Sets, Size, Think, common, names, with_axes
from .render.window import MISSING
from .replay import read_replay
from .tape import Tape
from .terminal import console, fail, telling
from .world.scenarios import SCENARIOS

Details = Annotated[bool, typer.Option("--details", help="draw the detail layer: versions, locks, S, C, E, I")]
Pixels = Annotated[str, typer.Option(help="width x height of a picture")]
Ticks = Annotated[str | None, typer.Option(help="first:last tick of a picture; the whole episode by default")]
Fps = Annotated[float, typer.Option(help="frames a second")]
Speed = Annotated[float, typer.Option(help="ticks a second; slower where something goes wrong or is caught")]


def view(
    scenario: Annotated[str, typer.Option(help="the scenario to watch")] = "drawbridge",
    protocol: Annotated[str | None, typer.Option(help="protocol of the first pane; none by default")] = None,
    versus: Annotated[
        list[str] | None,
        typer.Option(help="protocols of the other panes, repeatable or separated by commas; the cure by default"),
    ] = None,
    seed: Annotated[int | None, typer.Option(help="the seed; a typical one by default")] = None,
    mind: Mind = "naive",
    agents: Agents = None,
    think: Think = None,
    delay: Delay = None,
    size: Size = "small",
    sets: Sets = None,
) -> None:
    """Watch episodes in a window, side by side and locked in time.

    Space plays, the arrows step and scrub, a click asks an agent or a site, d shows details, h the other keys.
    """
    with telling():
        settings, axes = common(agents, think, delay, sets)
        if axes:
            raise ValueError(f"the window takes protocols by name; it has no --set {next(iter(axes))}")
        settings |= {"size": size, "mind": mind}
        show_window(scenario, protocol, [name for one in versus or () for name in names(one)], seed, settings)


def show_window(
    scenario: str, protocol: str | None, versus: list[str], seed: int | None, settings: dict[str, Any]
) -> None:
    """Open the window."""
    if scenario not in SCENARIOS:
        raise ValueError(f"unknown scenario {scenario!r}; available are {', '.join(SCENARIOS)}")
    view = _view()
    compile_engine()
    _run(lambda: view.open_viewer(scenario, protocol, versus, seed, settings))


def _view() -> Any:
    """Return the module of the viewer."""
    try:
        from . import view
    except ImportError:
        fail(MISSING)
    return view


def _run(opened: Callable[[], Any]) -> None:
    """Show a viewer until it is closed."""
    from .window import run

    with telling(RuntimeError):
        run(opened())


def record(
    out: Annotated[list[Path], typer.Option(help="file.gif, .mp4, .png, or .jsonl.gz for a replay; repeatable")],
    scenario: Annotated[str, typer.Option(help="the scenario to play")] = "drawbridge",
    protocol: Annotated[str, typer.Option(help="its protocol")] = "none",
    versus: Annotated[
        list[str] | None, typer.Option(help="protocols to show beside it, repeatable or separated by commas")
    ] = None,
    seed: FirstSeed = FIRST_TEST_SEED,
    mind: Mind = "naive",
    agents: Agents = None,
    think: Think = None,
    delay: Delay = None,
    size: Size = "small",
    sets: Sets = None,
    ticks: Ticks = None,
    fps: Fps = recording.FPS,
    speed: Speed = recording.SPEED,
    pixels: Pixels = "960x640",
    details: Details = False,
) -> None:
    """Draw an episode into a file, or keep it as a replay.

    It needs no display. A png holds the last tick of --ticks.
    """
    with telling(ImportError):
        settings, axes = common(agents, think, delay, sets)
        shown = [protocol, *(name for one in versus or () for name in names(one))]
        protocols = [with_axes(Cell(scenario, name), axes).protocol for name in shown]
        _record(out, lambda: recording.play_tapes(scenario, protocols, seed, mind, size=size, **settings), ticks, fps,
                speed, pixels, details)  # fmt: skip


def _record(
    outs: list[Path], play: Callable[[], list[Tape]], ticks: str | None, fps: float, speed: float, pixels: str,
    details: bool = False,
) -> None:  # fmt: skip
    """Check what can be checked, play, and write."""
    between, sides = recording.read_ticks(ticks), recording.read_size(pixels)
    for out in outs:
        recording.check_out(out)
    compile_engine()
    tapes = play()
    with console.status("drawing"):
        said = recording.record(tapes, outs, between, fps=fps, speed=speed, size=sides, details=details)
    for line in said:
        console.print(line, highlight=False, markup=False, soft_wrap=True)


def replay(
    file: Annotated[Path, typer.Argument(help="a replay, as record writes it")],
    out: Annotated[list[Path] | None, typer.Option(help="file.gif, .mp4, .png to draw it into; repeatable")] = None,
    ticks: Ticks = None,
    fps: Fps = recording.FPS,
    speed: Speed = recording.SPEED,
    pixels: Pixels = "960x640",
    details: Details = False,
    window: Annotated[bool, typer.Option("--window", help="show it in a window, as view does")] = False,
) -> None:
    """Play a replay again, and compare it.

    What does not come out as it was recorded is refused, with the first tick that differs; what does is told. With
    --out it is drawn too.
    """
    with telling(ImportError):
        if not file.is_file():
            raise ValueError(f"there is no file {file}")
        compile_engine()
        tape = read_replay(file)
        console.print("It comes out the same.", highlight=False)
        story.tell_tape(console, tape)
        if out:
            _record(out, lambda: [tape], ticks, fps, speed, pixels, details)
        if window:
            viewer = _view().Viewer.of(tape)
            _run(lambda: viewer)


def play(
    scenario: Annotated[str, typer.Option(help="the scenario to play in")] = "ledger",
    agent: Annotated[
        str | None, typer.Option(help="the agent to drive, such as porter_0; the first by default")
    ] = None,
    protocol: Annotated[str, typer.Option(help="its protocol")] = "none",
    seed: FirstSeed = FIRST_TEST_SEED,
    mind: Mind = "naive",
    agents: Agents = None,
    think: Think = None,
    delay: Delay = None,
    size: Size = "small",
    sets: Sets = None,
    speed: Annotated[float, typer.Option(help="ticks a second while nothing is asked of you")] = 4.0,
    hurry: Annotated[bool, typer.Option("--hurry", help="time does not wait for you to choose")] = False,
    out: Annotated[Path | None, typer.Option(help="replay to write at the end: file.jsonl.gz")] = None,
) -> None:
    """Drive one agent among scripted team-mates with the keyboard.

    You think as long as the agent does: until its thought is done you can only wait.
    """
    with telling(ImportError, RuntimeError):
        settings, axes = common(agents, think, delay, sets)
        if out is not None:
            if not recording.is_replay(out):
                raise ValueError(f"what was played is kept as a replay: --out ends in .jsonl.gz; got {out}")
            recording.check_out(out)
        from . import play as playing
        from . import window

        chosen = with_axes(Cell(scenario, protocol), axes).protocol
        compile_engine()
        game = playing.Game(scenario, agent, chosen, seed, mind, speed=speed, hurry=hurry, size=size, **settings)
        window.run(game)
        story.tell_tape(console, game.tape)
        if out is not None:
            for line in recording.record([game.tape], [out]):
                console.print(line, highlight=False, markup=False, soft_wrap=True)
