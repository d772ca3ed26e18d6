"""`stalegrid demo`: one episode told twice, without protocol and with the cure, on the same seed."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.padding import Padding

from . import tables
from .compare import FIRST_TEST_SEED, Cell, Comparison, Row, Run, check_cells, regained
from .compiling import compile_engine
from .episodes import run_episodes
from .protocols.presets import resolve
from .reading import make_rules
from .render.window import MISSING
from .story import HAZARD_WORDS, Line
from .story import tell as story
from .tape import Tape
from .terminal import program
from .world.audit import EpisodeReport, audit_episode
from .world.rules import Rules
from .world.scenarios import SCENARIOS
from .world.state import HAZARDS

SEEDS = 64
MOST_LINES = 7


def tell(
    console: Console, scenario: str, protocol: str | None, seed: int | None, settings: dict[str, Any], out: Path | None
) -> None:
    """Tell the demo on a console; write its picture to `out`.

    Without the extra that draws, it says so and goes on without the picture.

    Raises: ValueError for a scenario without a hazard and for what cannot run.
    """
    rules = make_rules(scenario, **settings)
    hazard, usual = SCENARIOS[scenario].hazard, SCENARIOS[scenario].cure
    hazards = HAZARDS if hazard is None else (hazard,)
    if usual is None:
        shown = ", ".join(name for name, one in SCENARIOS.items() if one.cure)
        raise ValueError(f"{scenario} has no hazard to tell; there is one in {shown}")
    cure = protocol or usual
    if cure == "none":
        raise ValueError(f"the demo tells a protocol beside none: give another, such as {usual}")
    given = tuple(settings.items())
    check_cells([Cell(scenario, cure, seeds=1, first_seed=FIRST_TEST_SEED if seed is None else seed, settings=given)])
    cells = {name: Cell(scenario, name, seeds=SEEDS, settings=given) for name in ("none", cure, "serial")}
    comparison = Comparison()
    compile_engine()
    none = comparison.run(cells["none"])
    if seed is None:
        seed = median_seed(none, hazards)
    console.print(f"\n[bold]{scenario}[/bold]: {SCENARIOS[scenario].story}", highlight=False)
    harmed = sum(any(report.counts[f"{one}.decisive"] for one in hazards) for report in none.reports)
    shows = "There are all four hazards" if hazard is None else f"The hazard is {HAZARD_WORDS[hazard]}"
    bites = f"{'one at least' if hazard is None else 'it'} bites in {harmed} of {SEEDS} seeds."
    console.print(f"{shows}; {bites} This is seed {seed}.\n", highlight=False)
    for name, title in (("none", "without a protocol"), (cure, f"with {cure}")):
        _tell_one(console, rules, name, title, seed)
    if out is not None:
        try:
            with console.status("drawing the picture"):
                note = f"Seed {seed}, twice. {bites.capitalize()}"
                _draw([Tape(rules, name, seed) for name in ("none", cure)], note, out)
            said = f"The picture: {out} ({out.stat().st_size / 1e6:.1f} MB)\n"
        except ImportError as error:
            said = f"No picture: {error}\n"
        console.print(said, highlight=False, markup=False)
    rows: list[Row] = [comparison.row(cell) for cell in cells.values()]
    console.print(f"The same over {SEEDS} seeds:", highlight=False)
    console.print(tables.table(rows))
    console.print(tables.LEGEND, style="dim", highlight=False)
    for line in regained(rows):
        console.print(line, highlight=False)
    console.print("\nNext:", highlight=False)
    for command in (
        f"view --scenario {scenario}",
        f"compare --scenario {scenario} --all --think 12",
        f"list {scenario}",
    ):
        console.print(f"  {program()} {command}", style="cyan", highlight=False)


def median_seed(run: Run, hazards: Sequence[str]) -> int:
    """Return the seed whose count of decisive acts is the median of those that have any."""
    counts = [
        (sum(report.counts[f"{hazard}.decisive"] for hazard in hazards), nth) for nth, report in enumerate(run.reports)
    ]
    bitten = sorted(pair for pair in counts if pair[0] > 0) or counts
    return FIRST_TEST_SEED + bitten[len(bitten) // 2][1]


def lines_of(rules: Rules, protocol: str, seed: int) -> tuple[list[Line], EpisodeReport]:
    """Play one episode with naive minds; return it in sentences, and what the auditor says of it."""
    episode = run_episodes(rules, resolve(protocol), "naive", [seed])[0]
    report = audit_episode(rules, episode.events)
    return story(rules, episode.events, report), report


def _tell_one(console: Console, rules: Rules, protocol: str, title: str, seed: int) -> None:
    lines, report = lines_of(rules, protocol, seed)
    console.print(f"[bold]{title}[/bold]", highlight=False)
    _print_lines(console, lines, report)


def tell_tape(console: Console, tape: Tape) -> None:
    """Tell an episode that a person played, or a replay that came out the same."""
    played = "" if tape.agent is None else f", {tape.rules.agent_names[tape.agent]} played by a person"
    left = "" if tape.is_over else f", left at tick {tape.length}"
    console.print(
        f"{tape.rules.name}, {tape.protocol}, seed {tape.seed}, {tape.mind} minds{played}{left}\n"
        f"{tape.length} ticks, {len(tape.events)} events, digest {(tape.digest or '')[:16]}\n",
        highlight=False, markup=False,
    )  # fmt: skip
    _print_lines(console, tape.lines, tape.report)


def _print_lines(console: Console, lines: list[Line], report: EpisodeReport) -> None:
    for line in lines[:MOST_LINES]:
        mark = "[red]x[/red]" if line.grave else "[green]ok[/green]"
        console.print(Padding(f"{mark} tick {line.tick}: {line.text}", (0, 0, 0, 2)), highlight=False)
    if len(lines) > MOST_LINES:
        console.print(f"  ... and {len(lines) - MOST_LINES} more like these", style="dim", highlight=False)
    if not lines:
        console.print("  nothing went wrong, and nothing had to be refused", highlight=False)
    console.print(
        f"  {report.goals_met} of {report.goals} goals met, {report.ticks} ticks, "
        f"{report.counts['think_ticks']} ticks of thought\n",
        highlight=False,
    )  # fmt: skip


def _draw(tapes: Sequence[Tape], note: str, out: Path) -> None:
    try:
        from .clip import FPS, clip_frames, clip_of, clip_size, look_of
    except ImportError as error:
        raise ImportError(MISSING) from error
    from .render.film import write_film

    clip = clip_of(tapes)
    write_film(out, clip_frames(clip, look_of(tapes[0].rules.name, note), clip_size(clip, note=True)), FPS)
