"""The command line. Every command takes the same flags, in `common`."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.markdown import Markdown

from . import audit_own, check, tables
from . import bench as benchmark
from . import demo as story
from . import record as recording
from .audit import audit_files
from .compare import FIRST_TEST_SEED, Cell, Row, all_cells, check_cells, default_cells, regained, run_rows
from .episodes import run_episodes
from .judged import histories, judge_own
from .listing import overview, protocol_facts, scenario_facts
from .make import compile_engine
from .protocols.config import AXES, PARAMETERS
from .protocols.presets import PRESETS, READABLE, resolve
from .render.window import MISSING
from .replay import read_replay
from .tape import Tape
from .terminal import Out, check_folder, console, errors, fail, progress_bar
from .world.audit.episodes import UNITS
from .world.audit.exchange import write_histories
from .world.audit.units import BRACKETS
from .world.scenarios import SCENARIOS
from .world.settings import Settings

app = typer.Typer(
    help="Concurrency control in multi-agent systems: a grid world in which thinking takes time.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
app.add_typer(check.app, name="check")

Scenario = Annotated[str | None, typer.Option(help="scenarios, separated by commas")]
Protocol = Annotated[str | None, typer.Option(help="protocols, separated by commas")]
MindOption = Annotated[str, typer.Option("--mind", help="minds, separated by commas: naive, careful, random")]
Agents = Annotated[int | None, typer.Option(help="number of agents")]
Think = Annotated[int | None, typer.Option(help="centre of the think time, in ticks")]
Delay = Annotated[int | None, typer.Option(help="centre of the message delay, in ticks")]
Size = Annotated[str, typer.Option(help="tiny, small, medium or large")]
Sets = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="KEY=VALUE", help="a setting, a size's parameter or a protocol's axis; repeatable"),
]


def read_sets(pairs: list[str] | None) -> tuple[dict[str, Any], dict[str, Any]]:
    """Split `--set` into settings and axes.

    Raises: ValueError for a pair without an equals sign or with an unknown key.
    """
    settings: dict[str, Any] = {}
    axes: dict[str, Any] = {}
    parameters = {name for one in SCENARIOS.values() for size in one.sizes.values() for name in size}
    known = sorted({*Settings.model_fields, *parameters})
    for pair in pairs or ():
        key, equals, text = pair.partition("=")
        if not equals:
            raise ValueError(f"--set takes key=value; got {pair!r}")
        if key not in AXES and key not in PARAMETERS and key not in known:
            axis_names = ", ".join((*AXES, *PARAMETERS))
            raise ValueError(f"--set knows no {key!r}; settings are {', '.join(known)}; axes are {axis_names}")
        if key in PARAMETERS:
            axes[key] = _value(text)
        elif key in AXES:
            axes[key] = tuple(part for part in text.split("+") if part) if AXES[key].many else text
        else:
            settings[key] = _value(text)
    return settings, axes


def _value(text: str) -> Any:
    if text.lower() in ("true", "false"):
        return text.lower() == "true"
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text


def common(
    agents: int | None, think: int | None, delay: int | None, pairs: list[str] | None
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return (settings, axes) from the flags that every command has."""
    settings, axes = read_sets(pairs)
    for name, value in (("agents", agents), ("think", think), ("delay", delay)):
        if value is not None:
            settings[name] = value
    return settings, axes


def names(text: str | None) -> list[str]:
    """Split at commas."""
    return [part.strip() for part in (text or "").split(",") if part.strip()]


@app.command("list")
def list_command(
    name: Annotated[str | None, typer.Argument(help="a scenario or a protocol")] = None,
    size: Size = "small",
    markdown: Annotated[bool, typer.Option(help="print Markdown")] = False,
) -> None:
    """Print what there is, or the facts of one scenario or protocol."""
    try:
        if name is None:
            text = overview()
        elif name in PRESETS or name in READABLE:
            text = protocol_facts(name)
        elif name in SCENARIOS:
            text = scenario_facts(name, size)
        else:
            raise ValueError(f"nothing is called {name!r}; there are {', '.join((*SCENARIOS, *PRESETS, *READABLE))}")
    except ValueError as error:
        fail(error)
    if markdown:
        print(text)
    else:
        console.print(Markdown(text))


@app.command()
def compare(
    scenario: Scenario = None,
    protocol: Protocol = None,
    mind: MindOption = "naive",
    agents: Agents = None,
    think: Think = None,
    delay: Delay = None,
    size: Size = "small",
    seeds: Annotated[int, typer.Option(help="how many seeds, from --seed")] = 64,
    seed: Annotated[int, typer.Option(help="the first seed; test seeds begin at 1,000,000")] = FIRST_TEST_SEED,
    everything: Annotated[bool, typer.Option("--all", help="every scenario under every protocol")] = False,
    sets: Sets = None,
    audit: Annotated[bool, typer.Option("--audit", help="judge isolation too: the level held, per agent")] = False,
    form: Annotated[str, typer.Option("--format", help="table, json or csv")] = "table",
    out: Out = None,
) -> None:
    """Compare protocols on the same seeds.

    Without arguments, each hazard under none, its cure and serial.
    """
    try:
        if form not in tables.FORMATS:
            raise ValueError(f"--format is one of {', '.join(tables.FORMATS)}; got {form!r}")
        settings, axes = common(agents, think, delay, sets)
        cells: list[Cell] = []
        for one in names(mind) or ["naive"]:
            shared: dict[str, Any] = {
                "mind": one, "size": size, "seeds": seeds, "first_seed": seed, "settings": tuple(settings.items()),
            }  # fmt: skip
            if scenario is None and protocol is None:
                cells += all_cells(**shared) if everything else default_cells(**shared)
                continue
            chosen = names(scenario) or list(SCENARIOS)
            for place in chosen:
                cure = SCENARIOS[place].cure if place in SCENARIOS else None
                usual = list(PRESETS) if everything else [name for name in ("none", cure, "serial") if name]
                cells += [Cell(place, name, **shared) for name in names(protocol) or usual]
        if axes:
            cells = [_with_axes(cell, axes) for cell in cells]
        check_cells(cells)
        check_folder(out)
        rows = _measure(cells, form, out, audit)
    except (ValueError, OSError) as error:
        fail(error)
    except KeyboardInterrupt:
        kept = "" if out is None else f"; the finished rows are in {out}, and the same command goes on from there"
        errors.print(f"stopped{kept}", highlight=False, markup=False)
        raise typer.Exit(130) from None
    if form == "table":
        console.print(tables.table(rows))
        console.print(tables.LEGEND, style="dim", highlight=False)
        if audit:
            console.print(tables.isolation_table(rows))
            console.print(tables.ISOLATION_LEGEND, style="dim", highlight=False)
        for line in regained(rows):
            console.print(line, highlight=False)
    elif out is None:
        sys.stdout.write(tables.as_text(rows, form))


def _with_axes(cell: Cell, axes: dict[str, Any]) -> Cell:
    try:
        return replace(cell, protocol=resolve({"preset": cell.protocol, **axes}))
    except ValueError as error:
        raise ValueError(f"{cell.protocol} with {', '.join(axes)}: {error}") from None


def _measure(cells: list[Cell], form: str, out: Path | None, audit: bool) -> list[Row]:
    """Run the cells with a progress bar; `out` holds the finished rows at every moment."""
    compile_engine()
    journal = None if out is None else out.with_name(out.name + ".unfinished")
    if journal is not None and journal.exists():
        errors.print(f"going on with the finished rows of {journal}", style="dim", highlight=False, markup=False)
    with progress_bar() as progress:
        task = progress.add_task("comparing", total=len(cells))

        def done(rows: list[Row]) -> None:
            progress.update(task, completed=len(rows), description=f"{rows[-1]['scenario']}, {rows[-1]['protocol']}")
            if out is not None:
                written = "csv" if form == "csv" or (form == "table" and out.suffix == ".csv") else "json"
                part = out.with_name(out.name + ".part")
                part.write_text(tables.as_text(rows, written), encoding="utf-8")
                os.replace(part, out)

        return run_rows(cells, journal, done, audit)


@app.command()
def audit(
    files: Annotated[
        list[Path] | None, typer.Argument(metavar="FILE", help="histories, one a line; .gz is compressed")
    ] = None,
    scenario: Annotated[str | None, typer.Option(help="the scenario of an episode to run and judge instead")] = None,
    protocol: Annotated[str, typer.Option(help="its protocol")] = "none",
    mind: Annotated[str, typer.Option(help="its mind: naive, careful or random")] = "naive",
    agents: Agents = None,
    think: Think = None,
    delay: Delay = None,
    size: Size = "small",
    seeds: Annotated[int, typer.Option(help="how many seeds, from --seed")] = 1,
    seed: Annotated[int, typer.Option(help="the first seed; test seeds begin at 1,000,000")] = FIRST_TEST_SEED,
    bracket: Annotated[
        str | None, typer.Option(help=f"what counts as read: {', '.join(BRACKETS)}; all of them by default")
    ] = None,
    unit: Annotated[str, typer.Option(help=f"what a transaction is: {', '.join(UNITS)}")] = "decision",
    sets: Sets = None,
    form: Annotated[str, typer.Option("--format", help="table, or json: an object a line")] = "table",
    out: Out = None,
    line_limit: Annotated[int, typer.Option(metavar="MIB", help="longest line of a file to read, in MiB")] = 1024,
) -> None:
    """Judge histories of files, or episodes of one's own, at the five levels.

    With the anomalies in them and a shortest witness for each. The format is in docs/audit.md. The exit code is 0
    once everything was read, whatever the verdicts; 1 if the certificate of an episode's protocol is broken.
    """
    found = []
    try:
        if form not in ("table", "json"):
            raise ValueError(f"--format is table or json; got {form!r}")
        if bool(files) == (scenario is not None):
            raise ValueError("audit takes files of histories, or --scenario with --protocol and --seed: one of the two")
        if files:
            audit_files(files, form, out, line_limit * 2**20)
            return
        assert scenario is not None
        settings, axes = common(agents, think, delay, sets)
        cell = Cell(scenario, protocol, mind, size, seeds, seed, tuple(settings.items()))
        cell = _with_axes(cell, axes) if axes else cell
        check_cells([cell])
        check_folder(out)
        compile_engine()
        brackets = BRACKETS if bracket is None else (bracket,)
        found = list(judge_own(cell.rules(), cell.config, mind, range(seed, seed + seeds), brackets, unit))
        if out is not None:
            out.write_text(audit_own.as_text(found), encoding="utf-8")
    except (ValueError, OSError) as error:
        fail(error)
    except KeyboardInterrupt:
        errors.print("stopped", highlight=False, markup=False)
        raise typer.Exit(130) from None
    if form == "table":
        for one in found:
            audit_own.show(console, one, f"{scenario}, {cell.name}")
    elif out is None:
        sys.stdout.write(audit_own.as_text(found))
    audit_own.exit_code(found)


@app.command()
def export(
    out: Annotated[Path, typer.Option(help="file to write, an episode a line; .gz is compressed")],
    history: Annotated[bool, typer.Option("--history", help="who read and wrote which version, and when")] = False,
    scenario: Annotated[str, typer.Option(help="the scenario")] = "ledger",
    protocol: Annotated[str, typer.Option(help="the protocol")] = "none",
    mind: Annotated[str, typer.Option(help="the mind: naive, careful or random")] = "naive",
    agents: Agents = None,
    think: Think = None,
    delay: Delay = None,
    size: Size = "small",
    seeds: Annotated[int, typer.Option(help="how many seeds, from --seed")] = 1,
    seed: Annotated[int, typer.Option(help="the first seed; test seeds begin at 1,000,000")] = FIRST_TEST_SEED,
    bracket: Annotated[str, typer.Option(help=f"what counts as read: {', '.join(BRACKETS)}")] = "headline",
    unit: Annotated[str, typer.Option(help=f"what a transaction is: {', '.join(UNITS)}")] = "decision",
    sets: Sets = None,
) -> None:
    """Write episodes as histories of the exchange format.

    `stalegrid audit FILE` reads them, and so may any other checker. The world's transactions are of the process
    world.
    """
    try:
        if not history:
            raise ValueError("export writes histories so far: say --history")
        settings, axes = common(agents, think, delay, sets)
        cell = Cell(scenario, protocol, mind, size, seeds, seed, tuple(settings.items()))
        cell = _with_axes(cell, axes) if axes else cell
        check_cells([cell])
        check_folder(out)
        compile_engine()
        episodes = run_episodes(cell.rules(), cell.config, mind, range(seed, seed + seeds))
        told = histories(cell.rules(), episodes, f"{scenario}, {cell.name}", bracket, unit)
        write_histories(out, (one.to_object() for one in told))
    except (ValueError, OSError) as error:
        fail(error)


@app.command()
def demo(
    scenario: Annotated[str, typer.Option(help="the scenario to tell")] = "drawbridge",
    protocol: Annotated[str | None, typer.Option(help="the protocol to tell it with; by default its cure")] = None,
    seed: Annotated[int | None, typer.Option(help="the seed; a typical one by default")] = None,
    agents: Agents = None,
    think: Think = None,
    delay: Delay = None,
    sets: Sets = None,
    out: Annotated[Path, typer.Option(help="the picture to write")] = Path("demo.gif"),
    picture: Annotated[bool, typer.Option(help="write the picture")] = True,
    window: Annotated[bool, typer.Option("--window", help="show it in a window instead; see view")] = False,
) -> None:
    """Tell one episode hazard by hazard.

    First without a protocol and then with the cure, on the same seed; then the numbers over 64 seeds.
    """
    try:
        settings, axes = common(agents, think, delay, sets)
        if axes:
            raise ValueError(f"the demo takes a protocol by name; --set {next(iter(axes))} is for compare")
        if window:
            _show(scenario, "none", [protocol] if protocol else [], seed, settings)
            return
        if picture:
            check_folder(out)
        story.tell(console, scenario, protocol, seed, settings, out if picture else None)
    except (ValueError, OSError) as error:
        fail(error)


@app.command()
def view(
    scenario: Annotated[str, typer.Option(help="the scenario to watch")] = "drawbridge",
    protocol: Annotated[str | None, typer.Option(help="protocol of the first pane; none by default")] = None,
    versus: Annotated[
        list[str] | None,
        typer.Option(help="protocols of the other panes, repeatable or separated by commas; the cure by default"),
    ] = None,
    seed: Annotated[int | None, typer.Option(help="the seed; a typical one by default")] = None,
    mind: Annotated[str, typer.Option(help="mind of all agents: naive, careful, random")] = "naive",
    agents: Agents = None,
    think: Think = None,
    delay: Delay = None,
    size: Size = "small",
    sets: Sets = None,
) -> None:
    """Watch episodes in a window, side by side and locked in time.

    Space plays, the arrows step and scrub, a click asks an agent or a site, d shows details, h the other keys.
    """
    try:
        settings, axes = common(agents, think, delay, sets)
        if axes:
            raise ValueError(f"the window takes protocols by name; --set {next(iter(axes))} is for compare")
        settings |= {"size": size, "mind": mind}
        _show(scenario, protocol, [name for one in versus or () for name in names(one)], seed, settings)
    except (ValueError, OSError) as error:
        fail(error)


def _show(scenario: str, protocol: str | None, versus: list[str], seed: int | None, settings: dict[str, Any]) -> None:
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

    try:
        run(opened())
    except RuntimeError as error:
        fail(error)


@app.command()
def bench(
    scenario: Scenario = None,
    protocol: Protocol = None,
    worlds: Annotated[int, typer.Option(help="worlds in the batch")] = 256,
    seconds: Annotated[float, typer.Option(help="CPU seconds for each number")] = 2.0,
    size: Size = "medium",
    agents: Agents = None,
    think: Think = None,
    sets: Sets = None,
    form: Annotated[str, typer.Option("--format", help="table or json")] = "table",
    out: Out = None,
) -> None:
    """Measure agent-steps per CPU-second.

    On one core, with observations and random actions, protocol and counters on, log off.
    """
    try:
        settings, axes = common(agents, think, None, sets)
        if form not in ("table", "json"):
            raise ValueError(f"--format is table or json; got {form!r}")
        check_folder(out)
        scenarios, protocols = names(scenario) or ["ledger", "drawbridge"], names(protocol) or ["occ"]
        found = benchmark.measure(scenarios, protocols, worlds, seconds, size, settings, axes)
        benchmark.show(console, found, form, out)
    except (ValueError, OSError) as error:
        fail(error)


Details = Annotated[bool, typer.Option("--details", help="draw the detail layer: versions, locks, S, C, E, I")]
Pixels = Annotated[str, typer.Option(help="width x height of a picture")]
Ticks = Annotated[str | None, typer.Option(help="first:last tick of a picture; the whole episode by default")]
Fps = Annotated[float, typer.Option(help="frames a second")]
Speed = Annotated[float, typer.Option(help="ticks a second; slower where something goes wrong or is caught")]


@app.command()
def record(
    out: Annotated[list[Path], typer.Option(help="file.gif, .mp4, .png, or .jsonl.gz for a replay; repeatable")],
    scenario: Annotated[str, typer.Option(help="the scenario to play")] = "drawbridge",
    protocol: Annotated[str, typer.Option(help="its protocol")] = "none",
    versus: Annotated[
        list[str] | None, typer.Option(help="protocols to show beside it, repeatable or separated by commas")
    ] = None,
    seed: Annotated[int, typer.Option(help="the seed; test seeds begin at 1,000,000")] = FIRST_TEST_SEED,
    mind: Annotated[str, typer.Option(help="mind of all agents: naive, careful, random")] = "naive",
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
    try:
        settings, axes = common(agents, think, delay, sets)
        shown = [protocol, *(name for one in versus or () for name in names(one))]
        protocols = [_with_axes(Cell(scenario, name), axes).protocol if axes else name for name in shown]
        _record(out, lambda: recording.play_tapes(scenario, protocols, seed, mind, size=size, **settings), ticks, fps,
                speed, pixels, details)  # fmt: skip
    except (ValueError, OSError, ImportError) as error:
        fail(error)


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


@app.command("replay")
def replay_command(
    file: Annotated[Path, typer.Argument(help="a replay, as record writes it")],
    out: Annotated[list[Path] | None, typer.Option(help="file.gif, .mp4, .png to draw it into; repeatable")] = None,
    ticks: Ticks = None,
    fps: Fps = recording.FPS,
    speed: Speed = recording.SPEED,
    pixels: Pixels = "960x640",
    details: Details = False,
    window: Annotated[bool, typer.Option("--window", help="show it in a window, as view does")] = False,
) -> None:
    """Play a replay again, compare it with what was recorded, and tell it.

    What does not come out the same is refused, with the first tick that differs. With --out it is drawn too.
    """
    try:
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
    except (ValueError, OSError, ImportError) as error:
        fail(error)


@app.command()
def play(
    scenario: Annotated[str, typer.Option(help="the scenario to play in")] = "ledger",
    agent: Annotated[
        str | None, typer.Option(help="the agent to drive, such as porter_0; the first by default")
    ] = None,
    protocol: Annotated[str, typer.Option(help="its protocol")] = "none",
    seed: Annotated[int, typer.Option(help="the seed; test seeds begin at 1,000,000")] = FIRST_TEST_SEED,
    mind: Annotated[str, typer.Option(help="mind of the others: naive, careful, random")] = "naive",
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
    try:
        settings, axes = common(agents, think, delay, sets)
        if out is not None:
            if not recording.is_replay(out):
                raise ValueError(f"what was played is kept as a replay: --out ends in .jsonl.gz; got {out}")
            recording.check_out(out)
        from . import play as playing
        from . import window

        chosen = _with_axes(Cell(scenario, protocol), axes).protocol if axes else protocol
        compile_engine()
        game = playing.Game(scenario, agent, chosen, seed, mind, speed=speed, hurry=hurry, size=size, **settings)
        window.run(game)
        story.tell_tape(console, game.tape)
        if out is not None:
            for line in recording.record([game.tape], [out]):
                console.print(line, highlight=False, markup=False, soft_wrap=True)
    except (ValueError, OSError, ImportError, RuntimeError) as error:
        fail(error)


def main() -> None:
    """Run the command line."""
    app()
