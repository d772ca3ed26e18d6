"""`stalegrid demo`: one episode told twice, without protocol and with the cure, on the same seed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.padding import Padding

from . import tables
from .compare import FIRST_TEST_SEED, Cell, Comparison, Row, Run, check_cells, regained
from .episodes import play, run_episodes
from .make import compile_engine, make_rules
from .protocols.presets import resolve
from .protocols.single import CompiledEngine
from .story import HAZARD_WORDS, Line
from .story import tell as story
from .tape import Tape
from .world.audit import EpisodeReport, audit_episode
from .world.rules import Rules
from .world.scenarios import SCENARIOS

SEEDS = 64
MOST_LINES = 7
FRAMES_BEFORE, FRAMES_AFTER = 50, 30  # around the first thing that goes wrong
FPS = 8
READING = 10  # frames for a moment at which something is said
TILE_PX = 32


def tell(
    console: Console, scenario: str, protocol: str | None, seed: int | None, settings: dict[str, Any], out: Path | None
) -> None:
    """Tell the demo on a console; write its picture to `out`.

    Without the extra that draws, it says so and goes on without the picture.

    Raises: ValueError for a scenario without a hazard and for what cannot run.
    """
    rules = make_rules(scenario, **settings)
    hazard, usual = SCENARIOS[scenario].hazard, SCENARIOS[scenario].cure
    if hazard is None or usual is None:
        shown = ", ".join(name for name, one in SCENARIOS.items() if one.hazard)
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
        seed = median_seed(none, hazard)
    console.print(f"\n[bold]{scenario}[/bold]: {SCENARIOS[scenario].story}", highlight=False)
    harmed = sum(report.counts[f"{hazard}.decisive"] > 0 for report in none.reports)
    console.print(
        f"The hazard is {HAZARD_WORDS[hazard]}; it bites in {harmed} of {SEEDS} seeds. This is seed {seed}.\n",
        highlight=False,
    )
    told = {}
    for name, title in (("none", "without a protocol"), (cure, f"with {cure}")):
        told[name] = _tell_one(console, rules, name, title, seed)
    if out is not None:
        try:
            with console.status("drawing the picture"):
                _draw(rules, cure, seed, told, out)
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
        "stalegrid compare",
        f"stalegrid compare --scenario {scenario} --all --think 12",
        f"stalegrid list {scenario}",
    ):
        console.print(f"  {command}", style="cyan", highlight=False)


def median_seed(run: Run, hazard: str) -> int:
    """Return the seed whose count of decisive acts is the median of those that have any."""
    counts = [(report.counts[f"{hazard}.decisive"], nth) for nth, report in enumerate(run.reports)]
    bitten = sorted(pair for pair in counts if pair[0] > 0) or counts
    return FIRST_TEST_SEED + bitten[len(bitten) // 2][1]


def lines_of(rules: Rules, protocol: str, seed: int) -> tuple[list[Line], EpisodeReport]:
    """Play one episode with naive minds; return it in sentences, and what the auditor says of it."""
    episode = run_episodes(rules, resolve(protocol), "naive", [seed])[0]
    report = audit_episode(rules, episode.events)
    return story(rules, episode.events, report), report


def _tell_one(console: Console, rules: Rules, protocol: str, title: str, seed: int) -> list[Line]:
    lines, report = lines_of(rules, protocol, seed)
    console.print(f"[bold]{title}[/bold]", highlight=False)
    _print_lines(console, lines, report)
    return lines


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


def first_harm(told: dict[str, list[Line]]) -> tuple[int, int | None]:
    """Return the tick of the first thing that goes wrong without a protocol, and the agent that did it."""
    found = next((line for line in told["none"] if line.grave), None)
    return (found.tick, found.agent) if found else (FRAMES_BEFORE, None)


def frames_of(
    rules: Rules, cure: str, seed: int, told: dict[str, list[Line]], window: range, tile_px: int = TILE_PX
) -> list[NDArray[np.uint8]]:
    """Draw the two episodes side by side, a frame for each tick of the window, all of one shape."""
    from .render.drawing import scene_of
    from .render.gif import side_by_side
    from .render.tiles import draw

    _, focus = first_harm(told)
    panes: dict[str, list[NDArray[np.uint8]]] = {}
    for name in ("none", cure):
        engine, panes[name] = CompiledEngine(rules, resolve(name)), []
        for _ in play(engine, "naive", seed):
            if engine.tick in window:
                panes[name].append(draw(scene_of(engine), tile_px, focus))
            if engine.tick >= window.stop:
                break
        panes[name] += panes[name][-1:] * (len(window) - len(panes[name]))
    about = SCENARIOS[rules.name].story
    frames = [
        side_by_side(left, right, ("no protocol", cure), _caption(tick, told, cure) or about)
        for tick, left, right in zip(window, panes["none"], panes[cure], strict=True)
    ]
    tallest = max(frame.shape[0] for frame in frames)
    return [_padded(frame, tallest) for frame in frames]


def _draw(rules: Rules, cure: str, seed: int, told: dict[str, list[Line]], out: Path) -> None:
    from .render.gif import write_gif

    first, _ = first_harm(told)
    window = range(max(0, first - FRAMES_BEFORE), first + FRAMES_AFTER)
    write_gif(out, slowed(frames_of(rules, cure, seed, told, window), told, window), FPS)


def slowed(frames: list[NDArray[np.uint8]], told: dict[str, list[Line]], window: range) -> list[NDArray[np.uint8]]:
    """Repeat the frames at which something is said: time to read."""
    said = {line.tick for lines in told.values() for line in lines}
    repeats = [READING if tick in said or tick == window.start else 1 for tick in window]
    return [frame for frame, times in zip(frames, repeats, strict=True) for _ in range(times)]


def _caption(tick: int, told: dict[str, list[Line]], cure: str) -> str:
    """Return the sentences under the panes: what was said last, of either pane, for a while."""
    recent = [
        (line.tick, name, line.text) for name, lines in told.items() for line in lines if 0 <= tick - line.tick < 10
    ]
    if not recent:
        return ""
    latest, _, _ = max(recent)
    # Where both panes have something to say at one tick, the harm is the news.
    pane = "none" if any(name == "none" and when == latest for when, name, _ in recent) else cure
    sentences = " ".join(text for when, name, text in recent if (when, name) == (latest, pane))
    return f"tick {latest}, {'no protocol' if pane == 'none' else pane}: {sentences}".replace("*", "")


def _padded(frame: NDArray[np.uint8], height: int) -> NDArray[np.uint8]:
    return np.pad(frame, ((0, height - frame.shape[0]), (0, 0), (0, 0)), mode="edge")
