"""The scripted minds by name and scenario: one literal table. To add a mind, write its rule and a line here."""

from __future__ import annotations

from ..world.observe import ObservationLayout
from ..world.rules import Rules
from ..world.settings import THOUGHTS
from . import bridge, carriers, keys, porters, probe, refactoring, sentries, warehouse
from .mind import Mind, Rule, View, thinking
from .random import random

MINDS: dict[str, dict[str, Rule]] = {
    "naive": {
        "ledger": porters.naive, "disjoint": porters.naive, "drawbridge": bridge.naive, "moved_key": keys.naive,
        "refactor": refactoring.naive, "guards": sentries.naive, "reroute": carriers.naive,
        "exposure": probe.by_chance, "warehouse": warehouse.naive,
    },
    "careful": {
        "ledger": porters.careful, "disjoint": porters.careful, "drawbridge": bridge.careful,
        "moved_key": keys.careful, "refactor": refactoring.careful, "guards": sentries.careful,
        "reroute": carriers.careful,
        "exposure": probe.by_chance,  # nothing there can go wrong, so there is nothing to be careful about
        "warehouse": warehouse.careful,
    },
    "random": {},  # knows no scenario
}  # fmt: skip

ABOUT = {
    "naive": "acts on what it believes",
    "careful": "looks, checks and waits before it acts",
    "random": "any allowed action",
}


def rule_of(mind: str, scenario: str) -> Rule:
    """Return how a mind decides in a scenario; "naive+long" is the naive one that thinks long on each task.

    Raises: ValueError that lists the minds.
    """
    mind, plus, thought = mind.partition("+")
    if plus:
        if thought not in THOUGHTS[1:]:
            raise ValueError(f"a mind thinks {' or '.join(THOUGHTS[1:])} after the plus; got {thought!r}")
        return thinking(rule_of(mind, scenario), THOUGHTS.index(thought))
    if mind not in MINDS:
        raise ValueError(f"unknown mind {mind!r}; available are {', '.join(MINDS)}")
    if mind == "random":
        return random
    if scenario not in MINDS[mind]:
        raise ValueError(f"no {mind} mind for scenario {scenario!r}; there is one for {', '.join(MINDS[mind])}")
    return MINDS[mind][scenario]


def view_of(rules: Rules, layout: ObservationLayout) -> View:
    """Return what minds are told of a scenario."""
    return View(layout.names, rules.actions, 1 / (rules.layout.rows + rules.layout.columns), rules.parameters)


def mind_of(name: str, rules: Rules, layout: ObservationLayout) -> Mind:
    """Return a fresh mind for one agent."""
    return Mind(rule_of(name, rules.name), view_of(rules, layout))
