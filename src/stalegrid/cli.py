"""The command line: list, compare, demo, bench, check. Every command takes the same flags."""

from __future__ import annotations

import os
import sys
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.markdown import Markdown

from . import bench as benchmark
from . import check, tables
from . import demo as story
from .compare import FIRST_TEST_SEED, Cell, Row, all_cells, check_cells, default_cells, regained, run_rows
from .listing import overview, protocol_facts, scenario_facts
from .make import compile_engine
from .protocols.config import AXES, PARAMETERS
from .protocols.presets import PRESETS, READABLE, resolve
from .terminal import Out, check_folder, console, errors, fail, progress_bar
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
        rows = _measure(cells, form, out)
    except (ValueError, OSError) as error:
        fail(error)
    except KeyboardInterrupt:
        kept = "" if out is None else f"; the finished rows are in {out}, and the same command goes on from there"
        errors.print(f"stopped{kept}", highlight=False, markup=False)
        raise typer.Exit(130) from None
    if form == "table":
        console.print(tables.table(rows))
        console.print(tables.LEGEND, style="dim", highlight=False)
        for line in regained(rows):
            console.print(line, highlight=False)
    elif out is None:
        sys.stdout.write(tables.as_text(rows, form))


def _with_axes(cell: Cell, axes: dict[str, Any]) -> Cell:
    try:
        return replace(cell, protocol=resolve({"preset": cell.protocol, **axes}))
    except ValueError as error:
        raise ValueError(f"{cell.protocol} with {', '.join(axes)}: {error}") from None


def _measure(cells: list[Cell], form: str, out: Path | None) -> list[Row]:
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

        return run_rows(cells, journal, done)


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
) -> None:
    """Tell one episode hazard by hazard.

    First without a protocol and then with the cure, on the same seed; then the numbers over 64 seeds.
    """
    try:
        settings, axes = common(agents, think, delay, sets)
        if axes:
            raise ValueError(f"the demo takes a protocol by name; --set {next(iter(axes))} is for compare")
        if picture:
            check_folder(out)
        story.tell(console, scenario, protocol, seed, settings, out if picture else None)
    except (ValueError, OSError) as error:
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


def main() -> None:
    """Run the command line."""
    app()
