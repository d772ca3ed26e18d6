"""The tick that is timed phase by phase is the engine's tick."""

from __future__ import annotations

import ast
import inspect
from typing import Any

import numpy as np
import pytest

from stalegrid.bench_parts import Job, phases
from stalegrid.phases import CAN_RUN, NOTHING, WITHIN, PhaseClock, Timed
from stalegrid.protocols.presets import resolve
from stalegrid.rates import BatchLoad

# Their order is the semantics.
PHASES = ("decide", "think", "walk", "act", "world_events", "deliver", "turn_epoch", "sense", "score")


class Untimed(ast.NodeTransformer):
    """Takes the readings out again."""

    def visit_Assign(self, node: ast.Assign) -> Any:
        return None if ast.unparse(node).startswith("last = _") else node

    def visit_Call(self, node: ast.Call) -> ast.Call:
        self.generic_visit(node)
        if ast.unparse(node.func).startswith("timed_"):
            return ast.Call(ast.Name(ast.unparse(node.func).removeprefix("timed_")), node.args[:-1], node.keywords)
        return node


@pytest.mark.parametrize("name", WITHIN)
def test_without_its_readings_the_timed_function_is_the_engines(name: str) -> None:
    (timed,) = Untimed().visit(Timed().of(name)).body
    (own,) = ast.parse(inspect.getsource(WITHIN[name].py_func)).body
    assert isinstance(own, ast.FunctionDef)
    assert [ast.unparse(line) for line in timed.body] == [ast.unparse(line) for line in own.body[1:]]


def test_each_phase_of_the_tick_is_timed_in_its_order() -> None:
    timed = Timed()
    for name in WITHIN:
        timed.of(name)
    assert [name for name in timed.phases if name in PHASES] == list(PHASES)
    assert timed.phases.index("present") > timed.phases.index(NOTHING) > timed.phases.index("score")


@pytest.mark.long
@pytest.mark.skipif(not CAN_RUN, reason="this processor keeps its cycle counter to itself")
def test_steps_that_are_timed_leave_the_same_state_and_their_shares_add_up() -> None:
    job = Job("warehouse", resolve("full"), "small", 4, 0.05)
    plain, timed = job.batch(), job.batch()
    clock = PhaseClock(timed.batch)
    timed.play = clock.play
    for _ in range(60):
        plain.run()
        timed.run()
        assert_same(plain, timed)
    assert plain.commits > 0
    shares = clock.shares()
    assert sum(shares.values()) == pytest.approx(1)
    assert set(shares) >= {*PHASES, "present"}
    assert {row["what"] for row in phases(job)} >= {"decide", "walk", "act", "present"}


def assert_same(one: BatchLoad, other: BatchLoad) -> None:
    for name, array in one.batch.state._asdict().items():
        assert np.array_equal(array, getattr(other.batch.state, name)), name
