"""`stalegrid demo`: one episode told twice, without protocol and with the cure, on the same seed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rich.console import Console

from . import tables
from .compare import FIRST_TEST_SEED, Cell, Comparison, Row, Run, regained
from .episodes import play, run_episodes
from .make import Compiling, make_rules
from .protocols.presets import resolve
from .protocols.single import CompiledEngine
from .story import HAZARD_WORDS, Line, tell as story
from .world.rules import Rules
from .world.scenarios import SCENARIOS

SEEDS = 64
MOST_LINES = 7
FRAMES_BEFORE, FRAMES_AFTER = 50, 30  # around the first thing that goes wrong
FPS = 8
TILE_PX = 32


def tell(
    console: Console, scenario: str, protocol: str | None, seed: int | None, settings: dict[str, Any], out: Path | None
) -> None:
    """Tell the demo on a console; write its picture to `out`.

    Raises: ValueError for a scenario without a hazard, ImportError if the picture's extra is missing.
    """
    rules = make_rules(scenario, **settings)
    hazard, usual = SCENARIOS[scenario].hazard, SCENARIOS[scenario].cure
    if hazard is None or usual is None:
        shown = ", ".join(name for name, one in SCENARIOS.items() if one.hazard)
        raise ValueError(f"{scenario} has no hazard to tell; there is one in {shown}")
    cure = protocol or usual
    resolve(cure)
    cells = {name: Cell(scenario, name, seeds=SEEDS, settings=tuple(settings.items())) for name in ("none", cure, "serial")}
    comparison = Comparison()
    with Compiling():
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
        with console.status(f"drawing {out}"):
            _draw(rules, cure, seed, told, out)
        console.print(f"The picture: {out} ({out.stat().st_size / 1e6:.1f} MB)\n", highlight=False)
    rows: list[Row] = [comparison.row(cell) for cell in cells.values()]
    console.print(f"The same over {SEEDS} seeds:", highlight=False)
    console.print(tables.table(rows))
    console.print(tables.LEGEND, style="dim", highlight=False)
    for line in regained(rows):
        console.print(line, highlight=False)
    console.print("\nNext:", highlight=False)
    for command in (
        "stalegrid compare",
        f"stalegrid compare --scenario {scenario} --protocol none,fresh,{cure},occ,serial --think 12",
        f"stalegrid list {scenario}",
    ):
        console.print(f"  {command}", style="cyan", highlight=False)


def median_seed(run: Run, hazard: str) -> int:
    """Return the seed whose count of decisive acts is the median of those that have any."""
    counts = [(report.counts[f"{hazard}.decisive"], nth) for nth, report in enumerate(run.reports)]
    bitten = sorted(pair for pair in counts if pair[0] > 0) or counts
    return FIRST_TEST_SEED + bitten[len(bitten) // 2][1]


def _tell_one(console: Console, rules: Rules, protocol: str, title: str, seed: int) -> list[Line]:
    from .world.audit import audit_episode

    episode = run_episodes(rules, resolve(protocol), "naive", [seed])[0]
    report = audit_episode(rules, episode.events)
    lines = story(rules, episode.events, report)
    console.print(f"[bold]{title}[/bold]", highlight=False)
    for line in lines[:MOST_LINES]:
        mark = "[red]x[/red]" if line.grave else "[green]ok[/green]"
        console.print(f"  {mark} tick {line.tick}: {line.text}", highlight=False)
    if len(lines) > MOST_LINES:
        console.print(f"  ... and {len(lines) - MOST_LINES} more like these", style="dim", highlight=False)
    if not lines:
        console.print("  nothing went wrong, and nothing had to be refused", highlight=False)
    console.print(
        f"  {report.goals_met} of {report.goals} goals met, {report.ticks} ticks, "
        f"{report.counts['think_ticks']} ticks of thought\n",
        highlight=False,
    )  # fmt: skip
    return lines


def _draw(rules: Rules, cure: str, seed: int, told: dict[str, list[Line]], out: Path) -> None:
    from .render.drawing import scene_of
    from .render.gif import side_by_side, write_gif
    from .render.tiles import draw

    first = next((line.tick for line in told["none"] if line.grave), FRAMES_BEFORE)
    focus = next((line.agent for line in told["none"] if line.grave), None)
    window = range(max(0, first - FRAMES_BEFORE), first + FRAMES_AFTER)
    panes: dict[str, list[NDArray[np.uint8]]] = {}
    for name in ("none", cure):
        engine, panes[name] = CompiledEngine(rules, resolve(name)), []
        for _ in play(engine, "naive", seed):
            if engine.tick in window:
                panes[name].append(draw(scene_of(engine), TILE_PX, focus))
            if engine.tick >= window.stop:
                break
        panes[name] += panes[name][-1:] * (len(window) - len(panes[name]))
    frames = []
    for nth, tick in enumerate(window):
        frame = side_by_side(
            panes["none"][nth], panes[cure][nth], ("no protocol", cure), _caption(tick, told, cure) or " "
        )  # fmt: skip
        said = any(line.tick == tick for lines in told.values() for line in lines)
        frames += [frame] * (6 if said else 1)  # time slows where something happens
    tallest = max(frame.shape[0] for frame in frames)
    write_gif(out, [_padded(frame, tallest) for frame in frames], FPS)


def _caption(tick: int, told: dict[str, list[Line]], cure: str) -> str:
    """Return the sentence under the panes: the last thing said, of either pane, for a while."""
    recent = [
        (line.tick, f"tick {line.tick}, {'no protocol' if name == 'none' else name}: {line.text}")
        for name, lines in told.items()
        for line in lines
        if 0 <= tick - line.tick < 10
    ]
    return max(recent)[1].replace("*", "") if recent else ""


def _padded(frame: NDArray[np.uint8], height: int) -> NDArray[np.uint8]:
    return np.pad(frame, ((0, height - frame.shape[0]), (0, 0), (0, 0)), mode="edge")
