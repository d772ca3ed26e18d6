"""The single-agent view: one learner among scripted team-mates, a plain gymnasium.Env."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

import gymnasium
import numpy as np
from numpy.typing import NDArray

from .parallel_env import RENDER_MODES, StaleGridParallelEnv

Teammate = Callable[[NDArray[np.float32], NDArray[np.int8]], int]


class StaleGridSoloEnv(gymnasium.Env[Any, int]):
    """`learner` acts; the others are played by `teammates(seed, agent) -> (observation, mask) -> action`.

    Each step runs to the learner's next decision, so every step is one of its own.
    """

    metadata: ClassVar[dict[str, Any]] = {"render_modes": list(RENDER_MODES), "render_fps": 8}

    def __init__(
        self, parallel: StaleGridParallelEnv, learner: str, teammates: Callable[[int, int], Teammate]
    ) -> None:
        if learner not in parallel.possible_agents:
            raise ValueError(f"unknown agent {learner!r}; the agents are {', '.join(parallel.possible_agents)}")
        self.parallel = parallel
        self.learner = learner
        self.render_mode = parallel.render_mode
        self.action_space = parallel.action_space(learner)
        self.observation_space = parallel.observation_space(learner)
        self.action_table = parallel.action_table
        self._index = parallel.possible_agents.index(learner)
        self._make_teammate = teammates
        self._teammates: dict[str, Teammate] = {}
        self._observed: dict[str, Any] = {}

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        """Begin an episode and run to the learner's first decision."""
        super().reset(seed=seed)
        episode = int(self.np_random.integers(2**31)) if seed is None else seed
        self._observed, _ = self.parallel.reset(episode, options)
        self._teammates = {
            name: self._make_teammate(episode, index)
            for index, name in enumerate(self.parallel.possible_agents)
            if name != self.learner
        }
        return self._observed[self.learner], self._info(0)

    def step(self, action: int) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        """Act, and run until the learner must act again or the episode ends."""
        if not self.parallel.agents:
            raise RuntimeError("call reset() before step(): there is no episode")
        engine, total, elapsed = self.parallel.engine, 0.0, 0
        choice: int | None = action
        while True:
            actions: dict[str, int] = {} if choice is None else {self.learner: choice}
            masks = engine.masks()
            for index, name in enumerate(self.parallel.possible_agents):
                if engine.ready[index] and name != self.learner:
                    seen = self._observed[name]
                    row = seen["observation"] if isinstance(seen, dict) else seen
                    actions[name] = self._teammates[name](row, masks[index])
            self._observed, rewards, terminations, truncations, _ = self.parallel.step(actions)
            choice = None
            total += rewards[self.learner]
            elapsed += engine.elapsed
            over = terminations[self.learner] or truncations[self.learner]
            if over or engine.ready[self._index]:
                return (
                    self._observed[self.learner], total, terminations[self.learner], truncations[self.learner],
                    self._info(elapsed),
                )  # fmt: skip

    def _info(self, elapsed: int) -> dict[str, Any]:
        return {"action_mask": self.action_masks(), "elapsed": elapsed}

    def action_masks(self) -> NDArray[np.bool_]:
        """Return the learner's mask, [actions] bool, under the name that sb3-contrib looks for."""
        mask: NDArray[np.bool_] = self.parallel.engine.masks()[self._index].astype(np.bool_)
        return mask

    def get_keys_to_action(self) -> dict[tuple[int, ...], int]:
        """Map keys to actions for `gymnasium.utils.play`: digits and letters in the order of the action table."""
        keys = "0123456789abcdefghijklmnopqrstuvwxyz"
        return {(ord(key),): index for index, (key, _) in enumerate(zip(keys, self.action_table, strict=False))}

    def render(self) -> Any:
        """Draw, as the parallel environment does."""
        return self.parallel.render()

    def close(self) -> None:
        """Close the window, if there is one."""
        self.parallel.close()
