"""The turn-based view, a PettingZoo AECEnv over the parallel one: every agent has its turn, then the tick runs."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray
from pettingzoo import AECEnv

from .copying import give_back
from .parallel_env import StaleGridParallelEnv

# What of the environment changes in an episode.
_EPISODE = (
    "agents", "agent_selection", "rewards", "terminations", "truncations", "infos", "_cumulative_rewards", "_turn",
    "_over", "_actions", "_observed", "_skip_agent_selection",
)  # fmt: skip


class StaleGridAECEnv(AECEnv[str, Any, Any]):
    """Enforces order itself, so it needs no wrapper; a busy agent's turn takes any action and ignores it."""

    def __init__(self, parallel: StaleGridParallelEnv) -> None:
        self.parallel = parallel
        self.metadata = parallel.metadata
        self.render_mode = parallel.render_mode
        self.max_cycles = parallel.max_cycles
        self.possible_agents = list(parallel.possible_agents)
        self.action_table = parallel.action_table
        self.observation_legend = parallel.observation_legend
        self.state_legend = parallel.state_legend
        self.action_spaces = parallel.action_spaces
        self.observation_spaces = parallel.observation_spaces
        self.state_space = parallel.state_space
        self.agents: list[str] = []
        self._turn = 0
        self._over = False
        self._actions: dict[str, int] = {}
        self._observed: dict[str, Any] = {}
        self._limit = len(self.action_table)
        self._zero = dict.fromkeys(self.possible_agents, 0.0)
        self._skip_agent_selection: Any = None  # the base class's, while agents leave one by one

    def __setstate__(self, state: dict[str, Any]) -> None:
        give_back(self, state)

    @property
    def np_random(self) -> np.random.Generator:
        """The generator that seeds episodes."""
        return self.parallel.np_random

    def action_space(self, agent: str) -> spaces.Space[Any]:
        """Return the same space at each call."""
        return self.action_spaces[agent]

    def observation_space(self, agent: str) -> spaces.Space[Any]:
        """Return the same space at each call."""
        return self.observation_spaces[agent]

    def reset(self, seed: int | None = None, options: dict[str, Any] | None = None) -> None:
        """Begin an episode."""
        self._observed, self.infos = self.parallel.reset(seed, options)
        self.agents = list(self.parallel.agents)
        self.rewards = dict(self._zero)
        self._cumulative_rewards = dict(self._zero)
        self.terminations = dict.fromkeys(self.agents, False)
        self.truncations = dict.fromkeys(self.agents, False)
        self._actions = {}
        self._turn = 0
        self._over = False
        self._skip_agent_selection = None
        self.agent_selection = self.agents[0]

    def step(self, action: int | None) -> None:
        """Take the selected agent's action; after the last agent's, the tick runs.

        Raises: RuntimeError before reset; ValueError for an action outside the space.
        """
        if not self.agents:
            if self.parallel.seed is None:
                raise RuntimeError("call reset() before step()")
            return
        agent = self.agent_selection
        if self._over:
            self._was_dead_step(action)
            del self._observed[agent]
            return
        # A plain whole number is looked at here: to ask the space takes longer than a tick of one agent.
        is_plain = type(action) is int and 0 <= action < self._limit
        if action is None or not (is_plain or self.action_spaces[agent].contains(action)):
            raise ValueError(f"the action of {agent} is an integer from 0 to {self._limit - 1}; got {action!r}")
        self._actions[agent] = action
        self._cumulative_rewards[agent] = 0.0
        turn = self._turn = self._turn + 1
        if turn < len(self.agents):
            if turn == 1:
                self.rewards = self._zero.copy()
            self.agent_selection = self.agents[turn]
            return
        stepped = self.parallel.step(self._actions)
        self._observed, self.rewards, self.terminations, self.truncations, self.infos = stepped
        self._cumulative_rewards = self.rewards.copy()  # each agent's was 0 from its turn on
        self._over = not self.parallel.agents
        self._actions = {}
        self._turn = 0
        self.agent_selection = self.agents[0]

    def observe(self, agent: str) -> Any:
        """Return what the agent observed last, fresh arrays; zeros for an agent that is gone."""
        observed = self._observed.get(agent)
        if isinstance(observed, dict):
            return {name: part.copy() for name, part in observed.items()}
        if observed is not None:
            return observed.copy()
        zeros = np.zeros(len(self.observation_legend), np.float32)
        if not isinstance(self.observation_spaces[agent], spaces.Dict):
            return zeros
        mask = np.zeros(len(self.action_table), np.int8)
        mask[0] = 1
        return {self.parallel.observation_key: zeros, "action_mask": mask}

    def state(self) -> NDArray[np.float32]:
        """Return what is true, a fresh vector."""
        return self.parallel.state()

    def render(self) -> Any:
        """Draw, as the parallel environment does."""
        return self.parallel.render()

    def close(self) -> None:
        """Close the window, if there is one."""
        self.parallel.close()

    @property
    def tick(self) -> int:
        """Ticks of the episode so far, 0 after reset."""
        return self.parallel.tick

    def events_since(self, tick: int = -1) -> list[dict[str, Any]]:
        """Return the events after a tick, by default all."""
        return self.parallel.events_since(tick)

    def digest(self) -> str:
        """Return the SHA-256 of the episode so far; needs log=True."""
        return self.parallel.digest()

    def snapshot(self) -> dict[str, Any]:
        """Return a copy of the episode, the actions given in this round included, for `restore`."""
        parallel = self.parallel.snapshot()
        return {"parallel": parallel, **deepcopy({name: getattr(self, name) for name in _EPISODE})}

    def restore(self, snapshot: dict[str, Any]) -> None:
        """Continue from a snapshot, as often as wanted."""
        self.parallel.restore(snapshot["parallel"])
        give_back(self, deepcopy({name: snapshot[name] for name in _EPISODE}))
