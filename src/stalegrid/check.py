"""`stalegrid check`: measures what the software claims of itself, and fails where it is not so."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from . import cures as defences
from . import exposure as probe
from . import matrix as claims
from .compare import FIRST_TEST_SEED
from .compiling import compile_engine
from .terminal import Out, check_folder, check_form, console, progress_bar, telling

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
    with telling():
        check_form(form, "table", "json")
        check_folder(out)
        compile_engine()
        with progress_bar() as progress:
            task = progress.add_task("exposure", total=len(probe.CELLS))
            rows = probe.check(probe.CELLS, seeds, seed, lambda many: progress.update(task, completed=many))
        text = json.dumps(rows, indent=1) + "\n"
        if out is not None:
            out.write_text(text, encoding="utf-8")
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
    """Compare who cures what with the table that claims it.

    Each one-hazard scenario under each single defence, or under all their sets. Exit code 1 if a cell is not so.
    """
    with telling():
        check_form(form, "table", "json")
        check_folder(out)
        compile_engine()
        total = len(defences.one_hazard_scenarios()) * (16 if sets else 4)
        with progress_bar() as progress:
            task = progress.add_task("cures", total=total)
            rows = defences.measure(seeds, seed, sets, lambda many: progress.update(task, completed=many))
        text = json.dumps(defences.as_json(rows), indent=1) + "\n"
        if out is not None:
            out.write_text(text, encoding="utf-8")
    if form == "table":
        console.print(defences.sets_table(rows) if sets else defences.table(rows))
        said = defences.SETS_LEGEND if sets else defences.LEGEND
        console.print(said, style="dim", highlight=False)
        console.print(defences.summary(rows, seeds), style="dim", highlight=False)
    elif out is None:
        print(text, end="")
    if not all(defences.holds(row) for row in rows):
        raise typer.Exit(1)


@app.command()
def matrix(
    protocol: Annotated[list[str] | None, typer.Option(help="only these presets, each with all its numbers")] = None,
    seeds: Annotated[int, typer.Option(min=0, help="contended episodes for each preset")] = 100,
    seed: Annotated[int, typer.Option(help="the first seed")] = 0,
    every: Annotated[int, typer.Option(min=0, help="take every Nth schedule of the small scope; 0 takes none")] = 101,
    exhaustive: Annotated[bool, typer.Option("--exhaustive", help="every schedule; half a minute a preset")] = False,
    claimed: Annotated[bool, typer.Option("--claimed", help="print the table without measuring")] = False,
    markdown: Annotated[bool, typer.Option("--markdown", help="print docs/matrix.md without measuring")] = False,
    form: Annotated[str, typer.Option("--format", help="table or json")] = "table",
    out: Out = None,
) -> None:
    """Compare what each preset rules out with what is found.

    On schedules of the small scope and on contended random episodes. Exit code 1 if something forbidden is found.
    """
    with telling():
        check_form(form, "table", "json")
        unknown = [name for name in protocol or () if name not in claims.MATRIX]
        if unknown:
            known = ", ".join(claims.MATRIX)
            raise ValueError(f"the matrix measures {known}; got {unknown[0]!r}")
        check_folder(out)
        if markdown or claimed:
            if markdown and claimed:
                raise ValueError("--claimed is for the terminal and --markdown for a file: give only one")
            if claimed and (out is not None or form != "table"):
                raise ValueError("--claimed is for the terminal: --markdown with --out writes the table to a file")
            if out is not None:
                out.write_text(claims.markdown(), encoding="utf-8")
            elif markdown:
                print(claims.markdown(), end="")
            if claimed:
                console.print(claims.table(claims.MATRIX))
                console.print(claims.legend(), style="dim", highlight=False)
            return
        compile_engine()
        presets = protocol or list(claims.MATRIX)
        with progress_bar() as progress:
            task = progress.add_task("matrix", total=len({"none", *presets}))
            rows = claims.measure(presets, seeds, seed, 1 if exhaustive else every, lambda: progress.advance(task))
        text = json.dumps([claims.as_json(row) for row in rows], indent=1) + "\n"
        if out is not None:
            out.write_text(text, encoding="utf-8")
    if form == "table":
        console.print(claims.table(presets, rows))
        console.print(claims.legend(), style="dim", highlight=False)
        for row in rows if protocol else ():
            console.print()
            console.print(claims.measured_table(row))
        if protocol:
            console.print(claims.MEASURED_LEGEND, style="dim", highlight=False)
        console.print(claims.summary(rows), style="dim", highlight=False)
    elif out is None:
        print(text, end="")
    if any(row.wrong for row in rows):
        raise typer.Exit(1)
