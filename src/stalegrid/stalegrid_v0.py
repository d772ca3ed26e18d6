"""Version 0 of the environments, under the names that PettingZoo's tools look for."""

from __future__ import annotations

from .make import env, parallel_env, raw_env

__all__ = ["env", "parallel_env", "raw_env"]
