"""The flags that commands share, spelt and read in one place."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated, Any

import typer

from .agents.minds import MINDS
from .compare import Cell, check_cells
from .protocols.config import AXES, PARAMETERS
from .protocols.presets import resolve
from .world.scenario import CONTENTION
from .world.scenarios import SCENARIOS
from .world.settings import Settings

Scenario = Annotated[str | None, typer.Option(help="scenarios, separated by commas")]
Protocol = Annotated[str | None, typer.Option(help="protocols, separated by commas")]
_MINDS = f"{', '.join(MINDS)}; naive+long (with --set think_choice=true) thinks long on each task"
MindOption = Annotated[str, typer.Option("--mind", help=f"minds, separated by commas: {_MINDS}")]
Agents = Annotated[int | None, typer.Option(help="number of agents")]
Think = Annotated[int | None, typer.Option(help="centre of the think time, in ticks")]
Delay = Annotated[int | None, typer.Option(help="centre of the message delay, in ticks")]
Size = Annotated[str, typer.Option(help="tiny, small, medium or large")]
Mind = Annotated[str, typer.Option(help=f"mind of all agents, or in play of the others: {_MINDS}")]
Contention = Annotated[str, typer.Option(help=f"levels, separated by commas: {', '.join(CONTENTION)}")]
FirstSeed = Annotated[int, typer.Option(help="the seed, or the first; test seeds begin at 1,000,000")]
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


def with_axes(cell: Cell, axes: dict[str, Any]) -> Cell:
    """Return a cell whose protocol has these axes as well.

    Raises: ValueError for axes that contradict it.
    """
    if not axes:
        return cell
    try:
        return replace(cell, protocol=resolve({"preset": cell.protocol, **axes}))
    except ValueError as error:
        raise ValueError(f"{cell.protocol} with {', '.join(axes)}: {error}") from None


def one_cell(
    scenario: str,
    protocol: str,
    mind: str,
    size: str,
    seeds: int,
    seed: int,
    given: tuple[dict[str, Any], dict[str, Any]],
) -> Cell:
    """Return the episodes that flags ask for; `given` is what `common` made of the others.

    Raises: ValueError for what cannot run.
    """
    settings, axes = given
    cell = with_axes(Cell(scenario, protocol, mind, size, seeds, seed, tuple(settings.items())), axes)
    check_cells([cell])
    return cell


def at_levels(cells: list[Cell], levels: list[str]) -> list[Cell]:
    """Return cells at levels of contention; of a scenario that knows one level only, the usual one.

    Raises: ValueError for a level that there is not, and where nothing is left.
    """
    unknown = [level for level in levels if level not in CONTENTION]
    if unknown or not levels:
        raise ValueError(f"--contention is some of {', '.join(CONTENTION)}; got {unknown[0] if unknown else ''!r}")
    known = {cell.scenario: SCENARIOS[cell.scenario].contention for cell in cells if cell.scenario in SCENARIOS}
    chosen = [
        replace(cell, contention=level)
        for level in levels
        for cell in cells
        if known.get(cell.scenario) or level == "usual"
    ]
    if not chosen:
        raise ValueError(f"{', '.join(known)} has one level of contention, the usual one; got {', '.join(levels)}")
    return chosen
