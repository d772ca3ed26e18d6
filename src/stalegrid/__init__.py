"""StaleGrid: a grid world in which thinking takes time, and the concurrency control that it then needs."""

from __future__ import annotations

from . import stalegrid_v0
from .curricula import curriculum
from .make import env, parallel_env, raw_env, sb3_env, solo_env, team, vector_env
from .protocols.config import Config
from .protocols.presets import PRESETS
from .reading import make_rules
from .registry import register_all
from .world.control import Answer, Blocked, Control, Stale
from .world.scenario import Stage
from .world.scenarios import SCENARIOS

__version__ = "0.1.0"

__all__ = [
    "PRESETS",
    "SCENARIOS",
    "Answer",
    "Blocked",
    "Config",
    "Control",
    "Stage",
    "Stale",
    "curriculum",
    "env",
    "make_rules",
    "parallel_env",
    "raw_env",
    "sb3_env",
    "solo_env",
    "stalegrid_v0",
    "team",
    "vector_env",
]

register_all()
