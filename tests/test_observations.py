"""What is written eight entries at a time is what the readable engine writes one by one, for teams of any size."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import stalegrid


@pytest.mark.parametrize(
    ("scenario", "options"),
    [
        *[("ledger", {"size": "small", "agents": agents, "observe": ("others",)}) for agents in (2, 4, 6, 7)],
        ("ledger", {"size": "tiny", "observe": ("others",)}),
        ("ledger", {"size": "small", "sight": 2, "observe": ("ages",)}),
        ("ledger", {"size": "small", "agents": 9, "sight": 3}),
        ("disjoint", {"agents": 12, "sight": 4}),
        ("warehouse", {"size": "medium", "agents": 8}),
        ("warehouse", {"size": "medium", "agents": 20, "navigation": "manual", "think": 1}),
    ],
)
def test_both_engines_show_the_same(scenario: str, options: dict[str, Any]) -> None:
    envs = [stalegrid.parallel_env(scenario, "occ", engine=engine, **options) for engine in ("compiled", "reference")]
    rng = np.random.default_rng(0)
    shown = [env.reset(seed=5) for env in envs]
    for _ in range(60):
        (observed, infos), (expected, _) = shown
        for name in envs[0].agents:
            if infos[name]["ready"]:
                np.testing.assert_allclose(observed[name], expected[name], atol=1e-6, err_msg=name)
        actions = {name: int(rng.choice(np.flatnonzero(infos[name]["action_mask"]))) for name in envs[0].agents}
        if not actions:
            break
        shown = [(step[0], step[4]) for step in (env.step(actions) for env in envs)]
