"""The command line: list, compare, demo, bench. The others stand in `judge_commands`, `see_commands` and `check`."""

from __future__ import annotations

import os
import sys
from importlib.metadata import version
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.markdown import Markdown

from . import bench as benchmark
from . import check, tables
from . import demo as story
from .bench_parts import PARTS
from .compare import FIRST_TEST_SEED, Cell, Row, all_cells, check_cells, default_cells, regained
from .flags import (
    Agents,
    Contention,
    Delay,
    FirstSeed,
    MindOption,
    Protocol,
    Scenario,
    Sets,
    Size,
    Think,
    at_levels,
    common,
    names,
    with_axes,
)
from .judge_commands import audit, export
from .listing import overview, protocol_facts, scenario_facts
from .protocols.presets import PRESETS
from .rows import run_rows
from .see_commands import play, record, replay, show_window, view
from .terminal import Out, check_folder, check_form, console, errors, progress_bar, telling
from .world.scenarios import SCENARIOS

WORTH_SHARING = 3000  # episodes from which processes of one's own are begun sooner than they are missed

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
app.add_typer(check.app, name="check")


def _tell_version(asked: bool) -> None:
    if asked:
        print(f"stalegrid {version('stalegrid')}")
        raise typer.Exit


@app.callback()
def common_options(
    asked: Annotated[
        bool, typer.Option("--version", help="print the version", callback=_tell_version, is_eager=True)
    ] = False,
) -> None:
    """Concurrency control in multi-agent systems: a grid world in which thinking takes time."""


@app.command("list")
def list_command(
    name: Annotated[str | None, typer.Argument(help="a scenario or a protocol")] = None,
    size: Size = "small",
    markdown: Annotated[bool, typer.Option(help="print Markdown")] = False,
) -> None:
    """Print what there is, or the facts of one scenario or protocol."""
    with telling():
        if name is None:
            text = overview()
        elif name in PRESETS:
            text = protocol_facts(name)
        elif name in SCENARIOS:
            text = scenario_facts(name, size)
        else:
            raise ValueError(f"nothing is called {name!r}; there are {', '.join((*SCENARIOS, *PRESETS))}")
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
    contention: Contention = "usual",
    size: Size = "small",
    seeds: Annotated[int, typer.Option(help="how many seeds, from --seed")] = 64,
    seed: FirstSeed = FIRST_TEST_SEED,
    everything: Annotated[bool, typer.Option("--all", help="every scenario under every protocol")] = False,
    sets: Sets = None,
    isolation: Annotated[bool, typer.Option("--audit", help="judge isolation too: the level held, per agent")] = False,
    counters: Annotated[bool, typer.Option(help="no log and no audit: what the kernel counts, faster; no C")] = False,
    workers: Annotated[int | None, typer.Option(help="processes; by default one for each core, if it pays")] = None,
    form: Annotated[str, typer.Option("--format", help="table, json or csv")] = "table",
    out: Annotated[Path | None, typer.Option(help="file to write, CSV if it ends in .csv, else JSON")] = None,
) -> None:
    """Compare protocols on the same seeds.

    Without arguments, each hazard under none, its cure and serial.
    """
    with telling(kept=lambda: _kept(out)):
        check_form(form, *tables.FORMATS)
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
        check_cells(cells)
        cells = at_levels([with_axes(cell, axes) for cell in cells], names(contention))
        check_cells(cells)
        check_folder(out)
        if workers is None:
            workers = 1 if len(cells) * seeds < WORTH_SHARING else os.cpu_count() or 1
        rows = _measure(cells, form, out, isolation, counters, workers)
    if form == "table":
        console.print(tables.table(rows))
        console.print(tables.LEGEND, style="dim", highlight=False)
        if isolation:
            console.print(tables.isolation_table(rows))
            console.print(tables.ISOLATION_LEGEND, style="dim", highlight=False)
        for line in regained(rows):
            console.print(line, highlight=False)
    elif out is None:
        sys.stdout.write(tables.as_text(rows, form))


def _journal(out: Path) -> Path:
    return out.with_name(out.name + ".unfinished")


def _kept(out: Path | None) -> str:
    """Say what is left of a comparison that was broken off."""
    if out is not None and not _journal(out).exists():
        return "; no row was finished"
    there = "with --out FILE finished rows are kept" if out is None else f"the finished rows are in {out}"
    return f"; {there}, and the same command goes on from there"


def _measure(cells: list[Cell], form: str, out: Path | None, audit: bool, counters: bool, workers: int) -> list[Row]:
    """Run the cells with a progress bar; `out` holds the finished rows at every moment."""
    journal = None if out is None else _journal(out)
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

        return run_rows(cells, journal, done, audit, counters, workers)


app.command()(audit)
app.command()(export)


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
    with telling():
        settings, axes = common(agents, think, delay, sets)
        if axes:
            raise ValueError(f"the demo takes a protocol by name; it has no --set {next(iter(axes))}")
        if window:
            show_window(scenario, "none", [protocol] if protocol else [], seed, settings)
            return
        if picture:
            check_folder(out)
        story.tell(console, scenario, protocol, seed, settings, out if picture else None)


app.command()(view)
app.command()(record)
app.command()(replay)
app.command()(play)


@app.command()
def bench(
    what: Annotated[str, typer.Option(help=f"some of {', '.join(PARTS)}; or all")] = "views",
    scenario: Scenario = None,
    protocol: Protocol = None,
    worlds: Annotated[int, typer.Option(help="worlds in the batch")] = 256,
    ticks: Annotated[
        int, typer.Option(help="ticks a batch plays in one call; a world plays all of them in a row")
    ] = 64,
    seconds: Annotated[float, typer.Option(help="CPU seconds for each number")] = 2.0,
    size: Size = "medium",
    agents: Agents = None,
    think: Think = None,
    sets: Sets = None,
    tailor: Annotated[bool, typer.Option("--tailor", help="compile batches for scenario and protocol")] = False,
    form: Annotated[str, typer.Option("--format", help="table or json")] = "table",
    out: Out = None,
) -> None:
    """Measure agent-steps per CPU-second.

    On one core, with observations and random play, protocol and counters on, log off.
    """
    with telling():
        settings, axes = common(agents, think, None, sets)
        check_form(form, "table", "json")
        check_folder(out)
        parts = list(PARTS) if what == "all" else names(what)
        scenarios, protocols = names(scenario) or ["warehouse"], names(protocol) or ["stamped_epochs"]
        job = {"size": size, "worlds": worlds, "seconds": seconds, "ticks": ticks}
        job |= {"tailor": tailor, "settings": settings}
        with progress_bar() as progress:
            task = progress.add_task("measuring", total=None)

            found: list[dict[str, Any]] = []
            for row in benchmark.run(parts, scenarios, protocols, job, axes):
                found.append(row)
                progress.update(task, advance=1, description=f"{row['part']}: {row['what']}")
                benchmark.write(found, out)
        benchmark.show(console, found, form, out)


def main() -> None:
    """Run the command line."""
    app()
