"""Ids in Gymnasium's and PettingZoo's registries."""

from __future__ import annotations

from typing import Any

import gymnasium
import pettingzoo

from .world.scenarios import SCENARIOS

SOLO_ID = "stalegrid/solo-v0"


def register_all() -> None:
    """Register `stalegrid/<scenario>-v0` in PettingZoo's two registries (from 1.27), the solo view in Gymnasium's."""
    if SOLO_ID not in gymnasium.registry:
        gymnasium.register(SOLO_ID, "stalegrid.make:solo_env", disable_env_checker=True)
    register: Any = getattr(pettingzoo, "register", None)
    if register is None:
        return
    for scenario in SCENARIOS:
        for kind, entry in (("parallel", "parallel_env"), ("aec", "env")):
            registry = getattr(pettingzoo, f"{kind}_registry")
            if f"stalegrid/{scenario}-v0" not in registry:
                entry_point = f"stalegrid.make:{entry}"
                register(kind, f"stalegrid/{scenario}-v0", entry_point, kwargs={"scenario": scenario})
