"""Stable-Baselines3's view: a VecEnv over the vector environment, a row for each agent of each world."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import partial
from typing import Any

import numpy as np
from gymnasium.vector import AutoresetMode
from numpy.typing import NDArray

from .world.vector_env import StaleGridVectorEnv

try:
    from stable_baselines3.common.vec_env.base_vec_env import VecEnv
except ImportError:  # the module itself can be imported without it, as every other
    VecEnv = None

MISSING = 'this view needs stable-baselines3: pip install "stalegrid[sb3]"'
MASKS = "action_masks"  # what sb3-contrib asks each row for


class StaleGridVecEnv(VecEnv or object):  # type: ignore[misc]
    """All rows of a vector environment, each an environment in the eyes of Stable-Baselines3; made by `sb3_env`.

    Every row gives a sample at every step, for that library cannot leave rows out. A row that is busy may only wait:
    whatever is given for it is ignored. `action_masks` say so, and then such a sample teaches the critic alone.

    Infos of a row: `ready`, whether it must act now; `elapsed`, ticks of the step; `TimeLimit.truncated`; and at the
    end `terminal_observation`, and `is_success`, which is S.

    Raises: ImportError that names the pip command; ValueError for an environment that does not reset in the same step.
    """

    def __init__(self, env: StaleGridVectorEnv) -> None:
        if VecEnv is None:
            raise ImportError(MISSING)
        if env.autoreset_mode is not AutoresetMode.SAME_STEP:
            raise ValueError(
                f"Stable-Baselines3 resets in the step that ends: autoreset_mode is same_step; "
                f"got {env.autoreset_mode.name.lower()}"
            )
        self.env = env
        self._seed: int | None = None
        self._actions = np.zeros(env.num_envs, np.int64)
        super().__init__(env.num_envs, env.single_observation_space, env.single_action_space)

    def seed(self, seed: int | None = None) -> Sequence[int | None]:
        """Let world w play `seed + w` after the next reset, and draw later episodes from the training seeds."""
        self._seed = seed
        agents = self.env.batch.agents
        return [None if seed is None else seed + row // agents for row in range(self.num_envs)]

    def reset(self) -> NDArray[np.float32]:
        """Begin an episode in every world; return observations, [N, D] float32."""
        observations, infos = self.env.reset(seed=self._seed)
        self._seed = None
        self.reset_infos = self._infos(infos["ready"], infos["elapsed"])
        return observations

    def step_async(self, actions: NDArray[Any]) -> None:
        """Take the actions, [N]."""
        self._actions = actions

    def step_wait(self) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.bool_], list[dict[str, Any]]]:
        """Step; return observations, rewards, which rows are done, and an info for each."""
        observations, rewards, terminated, truncated, given = self.env.step(self._actions)
        infos = self._infos(given["ready"], given["elapsed"])
        for info, is_cut in zip(infos, truncated.tolist(), strict=True):
            info["TimeLimit.truncated"] = is_cut
        done = terminated | truncated
        for row in np.flatnonzero(done).tolist():
            infos[row]["terminal_observation"] = given["final_obs"][row]
            infos[row]["elapsed"] = int(given["final_info"]["elapsed"][row])
            infos[row]["is_success"] = float(given["final_info"]["success"][row])
        return observations, rewards.astype(np.float32), done, infos

    def _infos(self, ready: NDArray[np.bool_], elapsed: NDArray[np.int64]) -> list[dict[str, Any]]:
        rows = zip(ready.tolist(), elapsed.tolist(), strict=True)
        return [{"ready": is_ready, "elapsed": ticks} for is_ready, ticks in rows]

    def close(self) -> None:
        """Close the vector environment."""
        self.env.close()

    # ------------------------------------------------------------------ what is asked of the environments in the rows

    def get_attr(self, attr_name: str, indices: int | Iterable[int] | None = None) -> list[Any]:
        """Return an attribute of the vector environment for each row: its part where there are parts."""
        if attr_name == MASKS:
            return [partial(self._mask_of, row) for row in self._get_indices(indices)]
        return self._by_row(getattr(self.env, attr_name), indices)

    def set_attr(self, attr_name: str, value: Any, indices: int | Iterable[int] | None = None) -> None:
        """Set an attribute of the one environment that stands behind all rows."""
        setattr(self.env, attr_name, value)

    def env_method(
        self, method_name: str, *method_args: Any, indices: int | Iterable[int] | None = None, **method_kwargs: Any
    ) -> list[Any]:
        """Call a method of the vector environment once; return each row's part of what it gives."""
        return self._by_row(getattr(self.env, method_name)(*method_args, **method_kwargs), indices)

    def env_is_wrapped(self, wrapper_class: type, indices: int | Iterable[int] | None = None) -> list[bool]:
        """Return False for each row: there are no wrappers in here."""
        return [False for _ in self._get_indices(indices)]

    def _mask_of(self, row: int) -> NDArray[np.bool_]:
        mask: NDArray[np.bool_] = self.env.action_masks()[row]
        return mask

    def _by_row(self, value: Any, indices: int | Iterable[int] | None) -> list[Any]:
        rows = self._get_indices(indices)
        if isinstance(value, np.ndarray) and len(value) == self.num_envs:
            return [value[row] for row in rows]
        if isinstance(value, np.ndarray) and len(value) == self.env.batch.worlds:
            return [value[row // self.env.batch.agents] for row in rows]
        return [value for _ in rows]
