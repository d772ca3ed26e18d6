"""What the benchmark counts is what was done: steps, decisions and commits of every way to step."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from stalegrid.protocols.batch import Batch
from stalegrid.protocols.presets import resolve
from stalegrid.rates import ROUNDS, BatchLoad, Load, ParallelLoad, TurnLoad, VectorLoad, measure
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


class Clocked:
    """A load that takes a second for 8 steps, or for 2 in the rounds in which the machine is slow; `clock` tells."""

    now, slow = 0.0, frozenset(range(0, ROUNDS, 3))

    def __init__(self, times: int) -> None:
        self.times = times
        self.agent_steps = self.decisions = self.commits = 0
        self._runs = 0

    def run(self) -> None:
        self._runs += 1
        one = 2 if (self._runs - 2) // 2 in self.slow else 8  # a run before all others, then two in each round
        self.agent_steps += self.times * one
        Clocked.now += 1.0

    def seen(self) -> NDArray[np.float32]:
        return np.array([self._runs], np.float32)


def test_a_load_is_put_beside_the_first_in_the_same_round_whatever_the_machine_does() -> None:
    one, other = measure({"one": Clocked(1), "other": Clocked(3)}, ROUNDS, lambda: Clocked.now).values()
    assert (one.share, other.share) == (1.0, 3.0)
