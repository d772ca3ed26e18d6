"""The single-agent view: one learner among scripted team-mates, a plain gymnasium.Env."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import gymnasium
import numpy as np
from numpy.typing import NDArray

from .parallel_env import METADATA, StaleGridParallelEnv
from .seeds import drawn
from .state import RUNNING, TERMINATED, TRUNCATED

HELD = (1073742049, 1073742048, 1073742050)  # what pygame calls K_LSHIFT, K_LCTRL and K_LALT
Teammate = Callable[[NDArray[np.float32], NDArray[np.int8]], int]


class StaleGridSoloEnv(gymnasium.Env[Any, int]):
    """`learner` acts; the others are played by `teammates(seed, agent) -> (observation, mask) -> action`.

    Each step runs to the learner's next decision, so every step is one of its own.
    """

    metadata = METADATA

    def __init__(self, parallel: StaleGridParallelEnv, learner: str, teammates: Callable[[int, int], Teammate]) -> None:
        if learner not in parallel.possible_agents:
            raise ValueError(f"unknown agent {learner!r}; the agents are {', '.join(parallel.possible_agents)}")
        self.parallel = parallel
        self.learner = learner
        self.render_mode = parallel.render_mode
        self.action_space = parallel.action_space(learner)
        self.observation_space = parallel.observation_space(learner)
        self.action_table = parallel.action_table
        self.observation_legend = parallel.observation_legend
        self.state_legend = parallel.state_legend
        self._index = parallel.possible_agents.index(learner)
        self._mask_in_info = parallel.mask_in_info
        self._make_teammate = teammates
        self._teammates: dict[str, Teammate] = {}
        self._observed: dict[str, Any] = {}
        self._paid = 0.0

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        """Begin an episode and run to the learner's first decision."""
        super().reset(seed=seed)
        episode = int(drawn(self.np_random, self.parallel.episode_seeds, 1)[0]) if seed is None else seed
        self._observed, _ = self.parallel.reset(episode, options)
        self._teammates = {
            name: self._make_teammate(episode, index)
            for index, name in enumerate(self.parallel.possible_agents)
            if name != self.learner
        }
        # In lockstep others may have their turn before; what is paid until then comes with the first step.
        self._paid, elapsed = self._run({}) if not self._must_act else (0.0, 0)
        return self._observed[self.learner], self._info(elapsed)

    def step(self, action: int) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        """Act, and run until the learner must act again or the episode ends.

        Raises: RuntimeError before reset and after the end; ValueError for an action outside the space.
        """
        if not self.parallel.agents:
            raise RuntimeError("call reset() before step(): there is no episode")
        if not self.action_space.contains(action):  # before any team-mate has made up its mind
            limit = len(self.action_table) - 1
            raise ValueError(f"the action of {self.learner} is an integer from 0 to {limit}; got {action!r}")
        paid, elapsed = self._run({self.learner: action})
        paid, self._paid = paid + self._paid, 0.0
        status = self.parallel.engine.status
        return (
            self._observed[self.learner], paid, status == TERMINATED, status == TRUNCATED, self._info(elapsed)
        )  # fmt: skip

    @property
    def _must_act(self) -> bool:
        return self.parallel.engine.ready[self._index] == 1

    def _run(self, actions: dict[str, int]) -> tuple[float, int]:
        """Step until the learner must act or the episode ends; return its discounted pay, and the ticks."""
        engine, paid, elapsed = self.parallel.engine, 0.0, 0
        while True:
            masks = engine.masks()
            for index, name in enumerate(self.parallel.possible_agents):
                if engine.ready[index] and name != self.learner:
                    seen = self._observed[name]
                    row = seen[self.parallel.observation_key] if isinstance(seen, dict) else seen
                    actions[name] = self._teammates[name](row, masks[index])
            self._observed, rewards, *_ = self.parallel.step(actions)
            paid += engine.discount**elapsed * rewards[self.learner]
            elapsed += engine.elapsed
            if self._must_act or engine.status != RUNNING:
                return paid, elapsed
            actions = {}

    def _info(self, elapsed: int) -> dict[str, Any]:
        if not self._mask_in_info:
            return {"elapsed": elapsed}
        return {"action_mask": self.parallel.engine.masks()[self._index], "elapsed": elapsed}

    @property
    def tick(self) -> int:
        """Ticks of the episode so far, 0 after reset."""
        return self.parallel.tick

    def state(self) -> NDArray[np.float32]:
        """Return what is true, a fresh vector; `state_legend` names its entries."""
        return self.parallel.state()

    def events_since(self, tick: int = -1) -> list[dict[str, Any]]:
        """Return the events after a tick, by default all."""
        return self.parallel.events_since(tick)

    def digest(self) -> str:
        """Return the SHA-256 of the episode so far; needs log=True."""
        return self.parallel.digest()

    def action_masks(self) -> NDArray[np.bool_]:
        """Return the learner's mask, [actions] bool, under the name that sb3-contrib looks for."""
        mask: NDArray[np.bool_] = self.parallel.engine.masks()[self._index].astype(np.bool_)
        return mask

    def get_keys_to_action(self) -> dict[tuple[int, ...], int]:
        """Map keys to actions for `gymnasium.utils.play`: digits and letters in the order of the action table.

        From the 37th action on with shift held, then control, then alt.
        """
        keys = [ord(key) for key in "0123456789abcdefghijklmnopqrstuvwxyz"]
        pressed = [(key,) for key in keys] + [(key, held) for held in HELD for key in keys]
        return {keys: index for index, keys in enumerate(pressed[: len(self.action_table)])}

    def render(self) -> Any:
        """Draw, as the parallel environment does."""
        return self.parallel.render()

    def close(self) -> None:
        """Close the window, if there is one."""
        self.parallel.close()
