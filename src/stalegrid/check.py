"""`stalegrid check`: measures what the software claims of itself, and fails where it is not so."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from . import cures as defences
from . import exposure as probe
from .compare import FIRST_TEST_SEED
from .make import compile_engine
from .terminal import Out, check_folder, console, errors, fail, progress_bar

app = typer.Typer(
    help="Check claims by measuring them.", no_args_is_help=True, add_completion=False, rich_markup_mode=None
)


@app.callback()
def checks() -> None:
    """Check claims by measuring them; the exit code is 1 where one does not hold."""


@app.command()
def exposure(
    seeds: Annotated[int, typer.Option(help="episodes for each cell")] = 64,
    seed: Annotated[int, typer.Option(help="the first seed; test seeds begin at 1,000,000")] = FIRST_TEST_SEED,
    form: Annotated[str, typer.Option("--format", help="table or json")] = "table",
    out: Out = None,
) -> None:
    """Compare exposure, as counted, with its closed form.

    Over agents, writes, think time and its law, and sight. Exit code 1 if a cell disagrees beyond chance.
    """
    try:
        if form not in ("table", "json"):
            raise ValueError(f"--format is table or json; got {form!r}")
        check_folder(out)
        compile_engine()
        with progress_bar() as progress:
            task = progress.add_task("exposure", total=len(probe.CELLS))
            rows = probe.check(probe.CELLS, seeds, seed, lambda many: progress.update(task, completed=many))
        text = json.dumps(rows, indent=1) + "\n"
        if out is not None:
            out.write_text(text, encoding="utf-8")
    except (ValueError, OSError) as error:
        fail(error)
    except KeyboardInterrupt:
        errors.print("stopped", highlight=False, markup=False)
        raise typer.Exit(130) from None
    if form == "table":
        console.print(probe.table(rows))
        console.print(probe.summary(rows), style="dim", highlight=False)
    elif out is None:
        print(text, end="")
    if not all(row["agrees"] for row in rows):
        raise typer.Exit(1)


@app.command()
def cures(
    seeds: Annotated[int, typer.Option(help="episodes for each cell")] = 64,
    seed: Annotated[int, typer.Option(help="the first seed; test seeds begin at 1,000,000")] = FIRST_TEST_SEED,
    sets: Annotated[bool, typer.Option("--sets", help="all sixteen sets of the four defences")] = False,
    form: Annotated[str, typer.Option("--format", help="table or json")] = "table",
    out: Out = None,
) -> None:
    """Compare who cures what, as measured, with the table that claims it.

    Each one-hazard scenario under each single defence, or under all their sets. Exit code 1 if a cell is not so.
    """
    try:
        if form not in ("table", "json"):
            raise ValueError(f"--format is table or json; got {form!r}")
        check_folder(out)
        compile_engine()
        total = len(defences.one_hazard_scenarios()) * (16 if sets else 4)
        with progress_bar() as progress:
            task = progress.add_task("cures", total=total)
            rows = defences.measure(seeds, seed, sets, lambda many: progress.update(task, completed=many))
        text = json.dumps(defences.as_json(rows), indent=1) + "\n"
        if out is not None:
            out.write_text(text, encoding="utf-8")
    except (ValueError, OSError) as error:
        fail(error)
    except KeyboardInterrupt:
        errors.print("stopped", highlight=False, markup=False)
        raise typer.Exit(130) from None
    if form == "table":
        console.print(defences.sets_table(rows) if sets else defences.table(rows))
        said = defences.SETS_LEGEND if sets else defences.LEGEND
        console.print(said, style="dim", highlight=False)
        console.print(defences.summary(rows, seeds), style="dim", highlight=False)
    elif out is None:
        print(text, end="")
    if not all(defences.holds(row) for row in rows):
        raise typer.Exit(1)
