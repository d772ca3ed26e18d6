"""What the benchmark counts is what was done: steps, decisions and commits of every way to step."""

from __future__ import annotations

from typing import Any

import pytest

from stalegrid.protocols.batch import Batch
from stalegrid.protocols.presets import resolve
from stalegrid.rates import BatchLoad, Load, ParallelLoad, TurnLoad, VectorLoad
from stalegrid.reading import make_rules
from stalegrid.world.state import COUNTER_INDEX

CONFIG = resolve("occ")
LOADS = {
    "ParallelEnv": lambda: ParallelLoad("ledger", CONFIG, size="tiny"),
    "AEC": lambda: TurnLoad("ledger", CONFIG, size="tiny"),
    "VectorEnv": lambda: VectorLoad("ledger", CONFIG, 3, size="tiny"),
    "batch": lambda: BatchLoad(make_rules("ledger", size="tiny"), CONFIG, 3),
}


@pytest.mark.parametrize("name", LOADS)
def test_a_load_counts_the_commits_and_ticks_of_all_its_episodes(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    batches: list[Batch] = []
    done = {"committed": 0, "agent_steps": 0}
    begin, init = Batch._begin, Batch.__init__

    def tally(batch: Batch, chosen: Any = slice(None)) -> None:
        done["committed"] += int(batch.state.counts[chosen, COUNTER_INDEX["committed"]].sum())
        done["agent_steps"] += int(batch.state.world["tick"][chosen].sum()) * batch.agents

    def begin_and_tally(batch: Batch, chosen: Any, *rest: Any) -> None:
        tally(batch, chosen)
        begin(batch, chosen, *rest)

    def init_and_keep(batch: Batch, *arguments: Any, **options: Any) -> None:
        init(batch, *arguments, **options)
        batches.append(batch)

    monkeypatch.setattr(Batch, "__init__", init_and_keep)
    monkeypatch.setattr(Batch, "_begin", begin_and_tally)
    load: Load = LOADS[name]()
    done.update(committed=0, agent_steps=0)  # the tape was recorded before
    for _ in range(40):
        load.run()
    tally(batches[-1])
    assert (load.commits, load.agent_steps) == (done["committed"], done["agent_steps"])
    assert load.agent_steps > load.decisions > load.commits > 0


def test_the_two_environments_of_one_world_play_the_same() -> None:
    parallel, turns = LOADS["ParallelEnv"](), LOADS["AEC"]()
    for _ in range(5):
        parallel.run()
        turns.run()
        assert (parallel.decisions, parallel.commits) == (turns.decisions, turns.commits)
