"""Asking the processor for memory that is about to be used, where it is known which: a large batch leaves the cache.

What is asked for is neither read nor changed; whoever asks in vain has lost some instructions.
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir  # type: ignore[import-untyped]
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from .context import observation_at
from .jit import inlined
from .observe import OWN
from .state import AGENT_RECORD, CACHE_LINE, FIGURE_SIZE, SITE_RECORD, WORLD_RECORD

_WORLD, _AGENT, _SITE = WORLD_RECORD.itemsize, AGENT_RECORD.itemsize, SITE_RECORD.itemsize
_OFTEN = 2 * CACHE_LINE  # bytes of an agent's record that most ticks read


@intrinsic
def _ask(typingctx: Any, address: Any) -> Any:
    """Ask for the cache line at an address, to write there, too."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        byte, number = ir.IntType(8).as_pointer(), ir.IntType(32)
        kind = ir.FunctionType(ir.VoidType(), [byte, number, number, number])
        fetch = cgutils.get_or_insert_function(builder.module, kind, "llvm.prefetch.p0")
        to_write, to_keep, data = number(1), number(3), number(1)
        builder.call(fetch, [builder.inttoptr(args[0], byte), to_write, to_keep, data])
        return context.get_dummy_value()

    return types.none(types.int64), codegen


@inlined
def _ask_for(address, size):
    for line in range(0, size, CACHE_LINE):
        _ask(address + line)


@inlined
def ask_for_world(c, b):
    """Ask for what every tick of a world looks at."""
    _ask_for(c.world + b * _WORLD, _WORLD)
    for a in range(c.agents):
        _ask_for(c.agent + (b * c.agents + a) * _AGENT, _OFTEN)
    _ask_for(c.site + b * c.sites * _SITE, c.sites * _SITE)
    _ask_for(c.sight + b * c.lanes * 8, c.lanes * 8)
    _ask_for(c.thought_left + b * c.lanes * 4, c.lanes * 4)
    _ask_for(c.figure + b * c.lanes * FIGURE_SIZE * 4, c.lanes * FIGURE_SIZE * 4)


@inlined
def ask_for_observation(c, b, a):
    """Ask for what every observation of an agent writes: the beginning, with all others; the sites have few changes."""
    entries = 2 + c.roles + OWN + c.others * (c.agents - 1) * (4 + c.hands)
    _ask_for(observation_at(c, b, a, 0), 4 * entries)
