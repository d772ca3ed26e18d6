"""The commands that judge isolation: audit and export."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from .audit import audit_files
from .audit_own import audit_episodes
from .compare import FIRST_TEST_SEED
from .compiling import compile_engine
from .flags import Agents, Delay, FirstSeed, Mind, Sets, Size, Think, common, one_cell
from .judged import histories
from .terminal import Out, check_folder, check_form, console, telling
from .world.audit.episodes import UNITS
from .world.audit.exchange import write_histories
from .world.audit.units import BRACKETS

Seeds = Annotated[int, typer.Option(help="how many seeds, from --seed")]
Unit = Annotated[str, typer.Option(help=f"what a transaction is: {', '.join(UNITS)}")]


def audit(
    files: Annotated[
        list[Path] | None, typer.Argument(metavar="FILE", help="histories, one a line; .gz is compressed")
    ] = None,
    scenario: Annotated[str | None, typer.Option(help="the scenario of an episode to run and judge instead")] = None,
    protocol: Annotated[str, typer.Option(help="its protocol")] = "none",
    mind: Mind = "naive",
    agents: Agents = None,
    think: Think = None,
    delay: Delay = None,
    size: Size = "small",
    seeds: Seeds = 1,
    seed: FirstSeed = FIRST_TEST_SEED,
    bracket: Annotated[
        str | None, typer.Option(help=f"what counts as read: {', '.join(BRACKETS)}; all of them by default")
    ] = None,
    unit: Unit = "decision",
    sets: Sets = None,
    form: Annotated[str, typer.Option("--format", help="table, or json: an object a line")] = "table",
    out: Out = None,
    line_limit: Annotated[int, typer.Option(metavar="MIB", help="longest line of a file to read, in MiB")] = 1024,
) -> None:
    """Judge histories, or episodes, at the five levels.

    Files of histories, or --scenario for episodes of one's own, with the anomalies in them and a witness for each. The
    format is in docs/audit.md. The exit code is 0 once everything was read, whatever the verdicts; 1 if the certificate
    of an episode's protocol is broken.
    """
    all_hold = True
    with telling():
        check_form(form, "table", "json")
        if bool(files) == (scenario is not None):
            raise ValueError("audit takes files of histories, or --scenario with --protocol and --seed: one of the two")
        check_folder(out)
        if files:
            audit_files(files, form, out, line_limit * 2**20)
        elif scenario is not None:
            cell = one_cell(scenario, protocol, mind, size, seeds, seed, common(agents, think, delay, sets))
            compile_engine()
            all_hold = audit_episodes(cell, BRACKETS if bracket is None else (bracket,), unit, form, out)
    if not all_hold:
        raise typer.Exit(1)


def export(
    out: Annotated[Path, typer.Option(help="file to write, an episode a line; .gz is compressed")],
    history: Annotated[
        bool, typer.Option("--history", help="who read and wrote which version, and when; all that there is so far")
    ] = True,
    scenario: Annotated[str, typer.Option(help="the scenario")] = "ledger",
    protocol: Annotated[str, typer.Option(help="the protocol")] = "none",
    mind: Mind = "naive",
    agents: Agents = None,
    think: Think = None,
    delay: Delay = None,
    size: Size = "small",
    seeds: Seeds = 1,
    seed: FirstSeed = FIRST_TEST_SEED,
    bracket: Annotated[str, typer.Option(help=f"what counts as read: {', '.join(BRACKETS)}")] = "headline",
    unit: Unit = "decision",
    sets: Sets = None,
) -> None:
    """Write episodes as histories of the exchange format.

    `stalegrid audit FILE` reads them, and so may any other checker. The world's transactions are of the process
    world.
    """
    del history  # names what is written; there is nothing else to choose yet
    with telling():
        cell = one_cell(scenario, protocol, mind, size, seeds, seed, common(agents, think, delay, sets))
        check_folder(out)
        compile_engine()
        write_histories(out, (one.to_object() for one in histories(cell, bracket, unit)))
    console.print(f"{out}: {seeds} {'history' if seeds == 1 else 'histories'}", highlight=False, markup=False)
