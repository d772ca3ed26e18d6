"""What a scripted mind is: a rule from what an agent observes to an action, for many agents at once or for one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from ..world.actions import DO, Action
from ..world.settings import THOUGHTS, USUAL

# What a rule is given and gives, a row for each of N agents; MEMORY numbers of a row are the rule's own.
Seen = NDArray[np.float32]  # [N, D] observations
Masks = NDArray[np.bool_]  # [N, actions] that each may take
Chance = NDArray[np.float64]  # [N] in [0, 1)
Memory = NDArray[np.int64]  # [N, MEMORY], kept from one decision to the next
Choices = NDArray[np.int64]  # [N] actions
MEMORY = 4


class View:
    """Where things stand in the observations and actions of one scenario: what a mind is told beforehand."""

    def __init__(
        self, legend: tuple[str, ...], actions: tuple[Action, ...], step: float, parameters: Mapping[str, Any]
    ) -> None:
        self.legend = legend
        self.table = actions
        self.actions = tuple(action for action in actions if action.thought == USUAL)  # that a rule picks from
        self.step = step  # what a distance of one cell is shown as
        self.parameters = parameters  # of the scenario: its size and dials
        self._entry = {name: index for index, name in enumerate(legend)}
        self._action = {action.name: index for index, action in enumerate(actions)}
        self._named: dict[str, list[str]] = {}
        for name, colon, what in (entry.partition(": ") for entry in legend):
            if colon:
                self._named.setdefault(what, []).append(name)

    def entry(self, name: str) -> int:
        """Return the place of an entry of the observation."""
        return self._entry[name]

    def action(self, name: str) -> int:
        """Return the index of an action."""
        return self._action[name]

    def named(self, what: str) -> list[str]:
        """Return the sites or others of whom the observation has an entry such as "value" or "busy", in order."""
        return self._named.get(what, [])

    def index(self, rows: Seen) -> NDArray[np.int64]:
        """Return each row's own index among the agents, [N]."""
        most = max(1, self.parameters["agents"] - 1)
        index: NDArray[np.int64] = np.rint((rows[:, self.entry("index")] + 1) / 2 * most).astype(np.int64)
        return index


class Rule(Protocol):
    """How a mind decides, for N agents at once, each in its own row."""

    def __call__(self, view: View, rows: Seen, masks: Masks, chance: Chance, memory: Memory) -> Choices:
        """Return an action for each row that its mask allows."""


class Mind:
    """One agent's mind, by observations only."""

    def __init__(self, rule: Rule, view: View) -> None:
        self.rule = rule
        self.view = view
        self._memory = np.zeros((1, MEMORY), np.int64)

    def reset(self) -> None:
        """Forget the last episode."""
        self._memory[:] = 0

    def act(self, observation: NDArray[np.float32], mask: NDArray[Any], rng: Any) -> int:
        """Return an action; `rng` is anything with `random()`, such as a numpy Generator or entropy.KeyedUniform."""
        masks = np.asarray(mask)[None].astype(np.bool_)
        chance = np.array([rng.random()])
        return int(self.rule(self.view, observation[None], masks, chance, self._memory)[0])


def thinking(rule: Rule, thought: int) -> Rule:
    """Return a rule that decides as another and thinks short or long on each task; the thoughts are in `settings`."""

    def decide(view: View, rows: Seen, masks: Masks, chance: Chance, memory: Memory) -> Choices:
        instead = np.arange(len(view.table))
        tasks = [(place, action) for place, action in enumerate(view.table) if action.kind == DO]
        usual = {action.index: place for place, action in tasks if action.thought == USUAL}
        chosen = [(place, action) for place, action in enumerate(view.table) if action.thought == thought]
        if not chosen:
            raise ValueError(f"a mind that thinks {THOUGHTS[thought]} needs the setting think_choice=True")
        for place, action in chosen:
            instead[usual[action.index]] = place
        return instead[rule(view, rows, masks, chance, memory)]

    return decide


def first_allowed(masks: Masks, wanted: Choices) -> Choices:
    """Return the wanted actions, [N], with 0 (wait) where the mask forbids one."""
    return np.where(masks[np.arange(len(wanted)), wanted], wanted, 0)
