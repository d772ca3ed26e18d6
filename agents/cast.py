"""The scripted minds of all agents of one world, with what they remember."""

from __future__ import annotations

from collections.abc import Container

import numpy as np
from numpy.typing import NDArray

from ..world.engine import Engine
from ..world.entropy import MIND, draw, uniform
from .mind import MEMORY
from .minds import rule_of, view_of


class Cast:
    """Decides for every agent that must act, as a `Mind` each would; its state is two small arrays."""

    def __init__(self, mind: str, engine: Engine, seed: int) -> None:
        """Take the minds of that name for the scenario and the observations of an engine.

        Raises: ValueError that lists the minds.
        """
        self.rule = rule_of(mind, engine.rules.name)
        self.view = view_of(engine.rules, engine.layout)
        self.seed = seed
        agents = len(engine.rules.agent_names)
        self.memory = np.zeros((agents, MEMORY), np.int64)
        self.decided = np.zeros(agents, np.int64)  # decisions made

    def choose(self, engine: Engine, absent: Container[int] = ()) -> NDArray[np.int32]:
        """Return the actions of this tick, [1, A]: 0 for who need not act and for the `absent`, played by others."""
        choices = np.zeros((1, len(self.decided)), np.int32)
        agents = [agent for agent, ready in enumerate(engine.ready) if ready and agent not in absent]
        if agents:
            self.decided[agents] += 1
            counts = self.decided[agents].tolist()
            chance = [uniform(draw(self.seed, MIND, agent, count)) for agent, count in zip(agents, counts, strict=True)]
            rows, masks = engine.observations()[agents], engine.masks()[agents].astype(np.bool_)
            own = self.memory[agents]
            choices[0, agents] = self.rule(self.view, rows, masks, np.array(chance), own)
            self.memory[agents] = own
        return choices

    def save(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return a copy of what it remembers, for `load`."""
        return self.memory.copy(), self.decided.copy()

    def load(self, saved: tuple[NDArray[np.int64], NDArray[np.int64]]) -> None:
        """Remember what was saved, and forget the rest."""
        self.memory[...], self.decided[...] = saved
