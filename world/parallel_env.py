"""The native environment: a PettingZoo ParallelEnv, a thin view of one world."""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from copy import deepcopy
from struct import Struct, error
from typing import Any, cast

import gymnasium
import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray
from pettingzoo import ParallelEnv

from . import log
from .copying import give_back
from .engine import Engine, state_names
from .seeds import SEEDS, TRAINING_SEEDS, check_episode_seeds, drawn
from .state import RUNNING, TERMINATED, TRUNCATED

MASK_PLACES = ("info", "obs", "both", "off")
STEPS = ("tick", "decision")
RENDER_MODES = ("human", "rgb_array", "ansi")

METADATA: dict[str, Any] = {
    "name": "stalegrid_v0",
    "render_modes": list(RENDER_MODES),
    "render_fps": 8,
    "is_parallelizable": True,
}

Drawing = Callable[[Engine, str], Any]


class StaleGridParallelEnv(ParallelEnv[str, Any, int]):
    """One scenario under one protocol; made by `stalegrid.parallel_env`.

    Actions are indexes into `action_table`. An agent that thinks, walks or waits is busy: it may be left out of the
    action dict, and its observation stays what it decided on. Masked actions are counted no-ops.
    """

    metadata = METADATA

    def __init__(
        self,
        engine: Engine,
        *,
        render_mode: str | None = None,
        drawing: Drawing | None = None,
        action_mask: str = "info",
        observation_key: str = "observation",
        steps: str = "tick",
        episode_seeds: Sequence[int] = TRAINING_SEEDS,
        layouts: Callable[[int], Engine] | None = None,
    ) -> None:
        for what, value, allowed in (
            ("action_mask", action_mask, MASK_PLACES),
            ("steps", steps, STEPS),
            ("render_mode", render_mode, (None, *RENDER_MODES)),
        ):
            if value not in allowed:
                raise ValueError(f"{what} is one of {', '.join(map(str, allowed))}; got {value!r}")
        if not isinstance(observation_key, str) or observation_key in ("", "action_mask"):
            raise ValueError(f"observation_key is a word other than 'action_mask'; got {observation_key!r}")
        check_episode_seeds(episode_seeds)
        self.episode_seeds = episode_seeds
        self.engine = engine
        self.render_mode = render_mode
        self.max_cycles = engine.rules.max_cycles
        self.possible_agents: list[str] = list(engine.rules.agent_names)
        self.agents: list[str] = []
        self.action_table = engine.rules.actions
        self.observation_legend = engine.layout.names
        self.state_legend = state_names(engine.rules)
        self.np_random = np.random.default_rng()
        self.seed: int | None = None
        self._to_decision = steps == "decision"
        self.mask_in_info = action_mask in ("info", "both")
        self.observation_key = observation_key
        self._mask_in_observation = action_mask in ("obs", "both")
        self._drawing = drawing
        self._layouts = layouts
        self._known = frozenset(self.possible_agents)
        self._limit = len(self.action_table)
        self._all_true = dict.fromkeys(self.possible_agents, True)
        self._all_false = dict.fromkeys(self.possible_agents, False)
        self._choices = np.zeros((1, len(self.possible_agents)), np.int32)
        self._action_space = cast("spaces.Space[int]", spaces.Discrete(len(self.action_table)))
        box = spaces.Box(-1.0, 1.0, (engine.layout.width,), np.float32)
        self._observation_space: spaces.Space[Any] = box
        if self._mask_in_observation:
            mask = spaces.Box(0, 1, (len(self.action_table),), np.int8)
            self._observation_space = spaces.Dict({observation_key: box, "action_mask": mask})
        self.action_spaces = dict.fromkeys(self.possible_agents, self._action_space)
        self.observation_spaces = dict.fromkeys(self.possible_agents, self._observation_space)
        self.state_space = spaces.Box(-1.0, 1.0, (len(self.state_legend),), np.float32)
        self._look()

    def _look(self) -> None:
        """Make what writes to the memory of `_choices`."""
        self._pack = Struct(f"{len(self.possible_agents)}I").pack_into
        self._packed = self._choices.data

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in self.__dict__.items() if name not in ("_pack", "_packed")}

    def __setstate__(self, state: dict[str, Any]) -> None:
        give_back(self, state)
        self._look()
        if self.seed is None:  # copies of a new environment, such as SuperSuit makes, must not all play the same
            self.np_random = np.random.default_rng()

    def action_space(self, agent: str) -> spaces.Space[Any]:
        """Return the same `Discrete` at each call."""
        return self.action_spaces[agent]

    def observation_space(self, agent: str) -> spaces.Space[Any]:
        """Return the same space at each call."""
        return self.observation_spaces[agent]

    def reset(
        self, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[dict[str, Any], dict[str, dict[str, Any]]]:
        """Begin an episode: a seed names it, without one `np_random` draws it from `episode_seeds`.

        `options["layout_seed"]` changes the layout of this and the later episodes, for scenarios that have a generator;
        the spaces stay as they are. Other options are ignored.

        Raises: ValueError for a seed that is not a whole number from 0 to 2**64 - 1, or a layout that is not to be had.
        """
        if seed is not None:
            if not isinstance(seed, (int, np.integer)) or not 0 <= seed < SEEDS:
                raise ValueError(f"a seed is a whole number from 0 to 2**64 - 1; got {seed!r}")
        self._lay_out((options or {}).get("layout_seed"))
        if seed is not None:
            self.np_random = np.random.default_rng(seed)
        self.seed = int(seed if seed is not None else drawn(self.np_random, self.episode_seeds, 1)[0])
        self.engine.reset(self.seed)
        self.agents = list(self.possible_agents)
        if self.render_mode == "human":
            self.render()
        observations, _, infos = self._shown()
        return observations, infos

    def _lay_out(self, layout_seed: Any) -> None:
        """Take another layout, unless it is none or the one that there is."""
        if layout_seed is None:
            return
        if self._layouts is None:
            raise ValueError("this environment was made without layouts: make it with stalegrid.parallel_env")
        if layout_seed != self.engine.rules.parameters.get("layout_seed"):
            self.engine = self._layouts(layout_seed)

    def step(
        self, actions: dict[str, int]
    ) -> tuple[dict[str, Any], dict[str, float], dict[str, bool], dict[str, bool], dict[str, dict[str, Any]]]:
        """Advance by a tick (or, with `steps="decision"`, until some agent must act).

        Raises: RuntimeError before reset; ValueError for an unknown agent, an action outside the space, or a missing
        action of an agent that must act. The game is then left as it was.
        """
        if not self.agents:
            if self.seed is None:
                raise RuntimeError("call reset() before step()")
            return {}, {}, {}, {}, {}
        engine = self.engine
        if not self._take(actions):
            self._read(actions)
        engine.step(self._choices, self._to_decision)
        observations, rewards, infos = self._shown()
        status = engine.status
        if status != RUNNING:
            self.agents = []
        if self.render_mode == "human":
            self.render()
        return (
            observations,
            rewards,
            (self._all_true if status == TERMINATED else self._all_false).copy(),
            (self._all_true if status == TRUNCATED else self._all_false).copy(),
            infos,
        )

    def _read(self, actions: dict[str, int]) -> None:
        """Check every action, then fill `_choices`."""
        limit = len(self.action_table)
        choices = [0] * len(self.possible_agents)
        found = 0
        for index, name in enumerate(self.possible_agents):
            action = actions.get(name)
            if action is None:
                if self.engine.ready[index]:
                    raise ValueError(f"{name} must act now and has no action; the agents are {', '.join(self.agents)}")
                continue
            found += 1
            try:
                choice = operator.index(action)
            except TypeError:
                raise ValueError(f"the action of {name} is an integer from 0 to {limit - 1}; got {action!r}") from None
            if not 0 <= choice < limit:
                raise ValueError(f"the action of {name} is an integer from 0 to {limit - 1}; got {choice}")
            choices[index] = choice
        if found != len(actions):
            for name, action in actions.items():
                if name not in self._known:
                    agents = ", ".join(self.possible_agents)
                    raise ValueError(f"unknown agent {name!r} with action {action!r}; the agents are {agents}")
        self._choices[0] = choices

    def _take(self, actions: dict[str, int]) -> bool:
        """Fill `_choices` where each agent, in order, has an action in the space; tell whether so."""
        if list(actions) != self.possible_agents:
            return False
        try:
            self._pack(self._packed, 0, *actions.values())
            return max(actions.values()) < self._limit
        except (TypeError, error):
            return False

    def _shown(self) -> tuple[dict[str, Any], dict[str, float], dict[str, dict[str, Any]]]:
        """Return what the agents see now, what they were paid and what they are told, all of it fresh."""
        engine, elapsed = self.engine, self.engine.elapsed
        observations: dict[str, Any] = {}
        rewards: dict[str, float] = {}
        infos: dict[str, dict[str, Any]] = {}
        # One walk for all three, for each zip takes as long to begin as two agents. A strict one would ask an array for
        # one row more than it has, and the error takes as long as all rows.
        for name, row, mask, reward, ready, wait in zip(
            self.possible_agents, engine.observations(), engine.masks(), engine.rewards, engine.ready, engine.ready_in,
            strict=False,
        ):  # fmt: skip
            observations[name] = row
            rewards[name] = reward
            infos[name] = {"action_mask": mask, "busy": 1 - ready, "ready_in": wait, "elapsed": elapsed, "ready": ready}
        if self._mask_in_observation:
            for name, mask in zip(self.possible_agents, engine.masks(), strict=False):
                observations[name] = {self.observation_key: observations[name], "action_mask": mask}
        if not self.mask_in_info:
            for info in infos.values():
                del info["action_mask"]
        return observations, rewards, infos

    def state(self) -> NDArray[np.float32]:
        """Return what is true, a fresh vector; `state_legend` names its entries."""
        self._need_reset("state()")
        return self.engine.true_values()

    def render(self) -> Any:
        """Draw: an array for rgb_array, a string for ansi, None for human, which shows a window."""
        self._need_reset("render()")
        if self.render_mode is None or self._drawing is None:
            gymnasium.logger.warn("render() draws nothing: make the environment with a render_mode")
            return None
        return self._drawing(self.engine, self.render_mode)

    def close(self) -> None:
        """Close the window, if there is one; twice is fine."""
        close = getattr(self._drawing, "close", None)
        if close is not None:
            close()

    def _need_reset(self, what: str) -> None:
        if self.seed is None:
            raise RuntimeError(f"call reset() before {what}")

    @property
    def tick(self) -> int:
        """Ticks of the episode so far, 0 after reset."""
        self._need_reset("tick")
        return self.engine.tick

    def events_since(self, tick: int = -1) -> list[dict[str, Any]]:
        """Return the events after a tick, by default all, each as a dict of the columns of `world.log`, `kind` by name.

        What reset logs is of tick 0, so `env.tick` before a step, given afterwards, returns what that step brought.

        Raises: RuntimeError before reset, or if the environment was made without log=True.
        """
        self._need_reset("events_since()")
        events = self.engine.events()
        rows = [dict(zip(log.COLUMNS, row.tolist(), strict=True)) for row in events[events["tick"] > tick]]
        return [{**row, "kind": log.KIND_NAMES[row["kind"]]} for row in rows]

    def digest(self) -> str:
        """Return the SHA-256 of the episode so far; needs log=True."""
        self._need_reset("digest()")
        return self.engine.digest()

    def snapshot(self) -> dict[str, Any]:
        """Return a copy of the episode, mail in flight and open transactions included, for `restore`."""
        self._need_reset("snapshot()")
        return self._copied({name: getattr(self, name) for name in ("engine", "agents", "seed", "np_random")})

    def restore(self, snapshot: dict[str, Any]) -> None:
        """Continue from a snapshot, as often as wanted."""
        give_back(self, self._copied(snapshot))

    def _copied(self, parts: dict[str, Any]) -> dict[str, Any]:
        # The rules never change, and copying them would take most of the time.
        rules = parts["engine"].rules
        return deepcopy(parts, {id(rules): rules})
