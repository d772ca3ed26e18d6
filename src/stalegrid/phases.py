"""How a tick's time is shared among its phases: the engine's own tick, with a clock read behind each phase.

The tick is not written a second time. Its source is read, a reading of the clock is put behind each call that is a
statement of its own, and the result is compiled, when it is asked for. The clock is the processor's cycle counter,
which only x86 lets everybody read.
"""

from __future__ import annotations

import ast
import inspect
import platform
import textwrap
from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
from llvmlite import ir  # type: ignore[import-untyped]
from numba import types
from numba.core.caching import NullCache
from numba.extending import intrinsic
from numpy.typing import NDArray

from .protocols.batch import Batch
from .protocols.engine import tick
from .protocols.stepping import random_choices, step_world
from .world.jit import entry_point, inlined
from .world.memory import first_fixed

CAN_RUN = platform.machine().lower() in ("x86_64", "amd64")
NOTHING = "nothing"  # what is measured between two readings with nothing between
_AWAY = 1 << 18  # cycles; no phase of a world takes as long: the processor was with somebody else
WITHIN = {"tick": tick, "step_world": step_world}  # the functions that are timed: the second calls the first


@intrinsic
def _cycles(typingctx: Any) -> Any:
    """Return the processor's cycle counter."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        read = builder.module.declare_intrinsic("llvm.readcyclecounter", (), ir.FunctionType(ir.IntType(64), ()))
        return builder.call(read, ())

    return types.int64(), codegen


@inlined
def _lap(spent: Any, phase: Any, last: Any) -> Any:
    """Add the time since the last reading to a phase, and return the present one."""
    now = _cycles()
    if now - last < _AWAY:
        spent[phase, 0] += now - last
        spent[phase, 1] += 1
    return now


class Timed(ast.NodeTransformer):
    """Puts `last = _lap(spent, phase, last)` behind each call of a function, and tells the `phases` in order."""

    def __init__(self) -> None:
        self.phases: list[str] = []

    def of(self, name: str) -> ast.Module:
        """Return the source of an engine's function with its readings, as `timed_` and the name."""
        tree = ast.parse(textwrap.dedent(inspect.getsource(WITHIN[name].py_func)))
        (function,) = tree.body
        assert isinstance(function, ast.FunctionDef)
        function.name, function.decorator_list = f"timed_{name}", []
        function.args.args.append(ast.arg("spent"))
        function.body = [self.visit(statement) for statement in function.body[1:]]  # without the docstring
        function.body[:0] = ast.parse("last = _cycles()").body
        return ast.fix_missing_locations(ast.parse(ast.unparse(tree)))  # a list in a body is flat again

    def _after(self, node: Any) -> Any:
        call = node.value
        if not isinstance(call, ast.Call) or not isinstance(call.func, ast.Name) or call.func.id.endswith("_of"):
            return node
        name = call.func.id
        if name in WITHIN:
            call.func.id, call.args = f"timed_{name}", [*call.args, ast.Name("spent")]
            return [node, *ast.parse(f"last = _lap(spent, {self._index(NOTHING)}, _cycles())").body]
        return [node, *ast.parse(f"last = _lap(spent, {self._index(name)}, last)").body]

    visit_Expr = visit_Assign = visit_AugAssign = _after

    def _index(self, phase: str) -> int:
        if phase not in self.phases:
            self.phases.append(phase)
        return self.phases.index(phase)


@cache
def _stepper() -> tuple[Callable[..., None], list[str]]:
    """Compile the timed tick; return what steps all worlds with it, and the names of the phases."""
    timed, made = Timed(), {"_lap": _lap, "_cycles": _cycles}
    for name, function in WITHIN.items():
        names = {**function.py_func.__globals__, **made}
        exec(compile(timed.of(name), f"<timed {name}>", "exec"), names)
        made[f"timed_{name}"] = inlined(names[f"timed_{name}"])
    timed_step_world = made["timed_step_world"]

    def step_timed(context: Any, choices: Any, spent: Any) -> None:
        c = first_fixed(context)
        for b in range(len(choices)):
            timed_step_world(c, b, choices, False, 0, spent)

    stepper = entry_point(step_timed)
    stepper._cache = NullCache()  # what it is made of stands in no file that the cache could look at
    return stepper, timed.phases


class PhaseClock:
    """Plays a batch as `Batch.play` does, in this thread, and keeps account of its phases."""

    def __init__(self, batch: Batch) -> None:
        self.batch = batch
        self._step, self.phases = _stepper()
        self._spent: NDArray[np.int64] = np.zeros((len(self.phases), 2), np.int64)

    def play(self, choices: NDArray[np.int32], streams: NDArray[np.uint64], ticks: int = 1) -> None:
        """Advance every running world by some ticks of random play."""
        for _ in range(ticks):
            random_choices(self.batch.context, choices, streams)
            self._step(self.batch.context, choices, self._spent)

    def shares(self) -> dict[str, float]:
        """Return the share of each phase that was ever reached, without what the readings themselves take."""
        cycles, readings = self._spent.T
        nothing = self.phases.index(NOTHING)
        own = cycles - readings * (cycles[nothing] / max(1, readings[nothing]))
        own = np.maximum(own, 0)
        return {
            name: float(own[nth] / own.sum())
            for nth, name in enumerate(self.phases)
            if readings[nth] and name != NOTHING
        }
