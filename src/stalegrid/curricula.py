"""Curricula: stages from an easy task to the full one, ready to be made."""

from __future__ import annotations

from dataclasses import replace

from .world.scenario import Stage
from .world.scenarios import SCENARIOS


def curriculum(scenario: str) -> list[Stage]:
    """Return the stages of a scenario, the easiest first.

    Each is a mapping of arguments with a `name` and what it `teaches`: `parallel_env(**stage)`, or
    `vector_env(**stage, worlds=512)`. Observations and actions are those of its size and dials, so that they may differ
    from one stage to the next.

    Raises: ValueError that lists the scenarios, or those that have a curriculum.
    """
    if scenario not in SCENARIOS:
        raise ValueError(f"unknown scenario {scenario!r}; available are {', '.join(SCENARIOS)}")
    stages = SCENARIOS[scenario].curriculum
    if not stages:
        able = ", ".join(name for name, one in SCENARIOS.items() if one.curriculum)
        raise ValueError(f"{scenario} has no curriculum; there is one for {able}")
    return [replace(stage, arguments={"scenario": scenario, **stage.arguments}) for stage in stages]
