"""Version 0 of the environments, under the names that PettingZoo's tools look for."""

from __future__ import annotations

from .agents.manual import ManualPolicy
from .make import env, parallel_env, raw_env

__all__ = ["ManualPolicy", "env", "parallel_env", "raw_env"]
