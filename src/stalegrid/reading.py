"""From a scenario's name, its size and settings to its rules: every word and number is checked here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from difflib import get_close_matches
from functools import lru_cache
from typing import Any

import numpy as np
from pydantic import ValidationError

from .world.rules import Rules
from .world.scenario import Blueprint
from .world.scenarios import SCENARIOS
from .world.settings import Settings
from .world.state import NEVER

LAYOUT_SEED = "layout_seed"  # the parameter of a scenario that has a generator of layouts
LAYOUTS_KEPT = 64  # floor plans that were made and may come again
LONGEST = NEVER // 2  # ticks; a due tick beyond the horizon must still come before NEVER


class UnknownSetting(ValueError):
    """A keyword that a scenario does not take."""

    def __init__(self, name: str, scenario: str, known: list[str]) -> None:
        super().__init__(name, scenario, known)  # as given: else it could not come back from another process
        self.name = name
        self.scenario = scenario
        self.known = known

    def __str__(self) -> str:
        close = get_close_matches(self.name, self.known, 1)
        maybe = f", perhaps {close[0]}" if close else ""
        return f"unknown setting {self.name!r}{maybe}; {self.scenario} takes {', '.join(self.known)}"


def make_rules(scenario: str = "ledger", *, size: str = "small", **settings: Any) -> Rules:
    """Read a scenario at a size under settings; parameters of the size (such as `agents`) can be given too.

    Raises: ValueError that lists what is allowed.
    """
    if scenario not in SCENARIOS:
        raise ValueError(f"unknown scenario {scenario!r}; available are {', '.join(SCENARIOS)}")
    chosen = SCENARIOS[scenario]
    if size not in chosen.sizes:
        raise ValueError(f"unknown size {size!r}; {scenario} has {', '.join(chosen.sizes)}")
    parameters = dict(chosen.sizes[size])
    for name in list(settings):
        if name in parameters:
            value = settings.pop(name)
            if value is None:
                continue
            least, most = chosen.limits.get(name, (1, None))
            is_whole = isinstance(value, int) and not isinstance(value, bool)
            if not is_whole or value < least or (most is not None and value > most):
                upto = "" if most is None else f" to {most}"
                raise ValueError(f"{name} is a whole number from {least}{upto}; got {value!r}")
            parameters[name] = value
    for name in settings:
        if name not in Settings.model_fields:
            raise UnknownSetting(name, scenario, sorted({*parameters, *Settings.model_fields}))
    blueprint = _build(scenario, parameters)
    given = {name: value for name, value in settings.items() if value is not None}
    try:
        read = Settings(**{"think": blueprint.think, "delay": blueprint.delay, **given})
    except ValidationError as error:
        problems = (f"{'.'.join(map(str, p['loc'][:1]))}: {p['msg']}; got {p['input']!r}" for p in error.errors())
        raise ValueError("; ".join(problems)) from None
    if isinstance(read.sight, int) and read.sight < 0:
        raise ValueError(f"sight is 'all', 'scenario' or a radius from 0; got {read.sight}")
    for name, ticks in (("patience", read.patience), ("max_cycles", read.max_cycles or 0)):
        if ticks > LONGEST:
            raise ValueError(f"{name} is at most {LONGEST} ticks; got {ticks}")
    rules = Rules(scenario, blueprint, read, {"size": size, **parameters})
    if rules.max_cycles > LONGEST:
        raise ValueError(f"an episode lasts at most {LONGEST} ticks; these settings ask for {rules.max_cycles}")
    return rules


@dataclass(frozen=True)
class Bound:
    """A scenario's bound by the scenario's name: unlike a lambda it can be pickled, with the environment."""

    scenario: str
    parameters: Mapping[str, int]

    def __call__(self, think: int, delay: int) -> int:
        """Return the ticks within which the serial protocol surely ends."""
        return SCENARIOS[self.scenario].build(**self.parameters).bound(think, delay)


def _build(scenario: str, parameters: dict[str, int]) -> Blueprint:
    """Build a scenario's blueprint.

    Raises: ValueError if its parameters leave no room for what it holds.
    """
    given = ", ".join(f"{name}={value}" for name, value in parameters.items())
    try:
        blueprint = SCENARIOS[scenario].build(**parameters)
    except (ArithmeticError, IndexError) as error:
        raise ValueError(f"{scenario} does not fit into {given}: give it more rows and columns") from error
    places = {site.name: [*([site.cell] if site.cell else []), *site.cells] for site in blueprint.sites}
    for role in blueprint.roles:
        places[role.name] = [*role.homes, *(place for pair in role.stations for place in pair)]
    for name, cells in places.items():
        for row, column in cells:
            inside = 0 <= row < len(blueprint.map) and 0 <= column < len(blueprint.map[row])
            if not inside or blueprint.map[row][column] == "#":
                raise ValueError(f"{scenario} does not fit into {given}: {name} would stand outside or in a wall")
    return replace(blueprint, bound=Bound(scenario, parameters))


def laid_out(scenario: str, size: str, settings: tuple[tuple[str, Any], ...], layout_seed: Any) -> Rules:
    """Return a scenario with another layout.

    Raises: ValueError for a scenario without a generator of layouts, or another seed than it takes.
    """
    if LAYOUT_SEED not in SCENARIOS[scenario].sizes[size]:
        able = ", ".join(name for name, one in SCENARIOS.items() if LAYOUT_SEED in one.sizes[size])
        raise ValueError(f"{scenario} has one layout, so it takes no layout_seed; {able} has a generator")
    if isinstance(layout_seed, bool) or not isinstance(layout_seed, (int, np.integer)):
        raise ValueError(f"layout_seed is a whole number; got {layout_seed!r}")
    return _kept_layout(scenario, size, settings, int(layout_seed))


@lru_cache(maxsize=LAYOUTS_KEPT)
def _kept_layout(scenario: str, size: str, settings: tuple[tuple[str, Any], ...], layout_seed: int) -> Rules:
    return make_rules(scenario, size=size, **{**dict(settings), LAYOUT_SEED: layout_seed})
