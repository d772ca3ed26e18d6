"""What threads say to each other in memory, word by word, each an int64: compiled, and in one order for all of them."""

from __future__ import annotations

from typing import Any

from llvmlite import ir  # type: ignore[import-untyped]
from llvmlite.binding import get_default_triple  # type: ignore[import-untyped]
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

_ORDER = "seq_cst"
_WORD = ir.IntType(64)


def _there(builder: Any, address: Any) -> Any:
    return builder.inttoptr(address, _WORD.as_pointer())


@intrinsic
def load_at(typingctx: Any, address: Any) -> Any:
    """Return the word at an address."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.load_atomic(_there(builder, args[0]), _ORDER, 8)

    return types.int64(types.int64), codegen


@intrinsic
def add_at(typingctx: Any, address: Any, amount: Any) -> Any:
    """Add to the word at an address and return what it was."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.atomic_rmw("add", _there(builder, args[0]), args[1], _ORDER)

    return types.int64(types.int64, types.int64), codegen


@intrinsic
def swap_at(typingctx: Any, address: Any, word: Any) -> Any:
    """Put a word at an address and return what was there."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.atomic_rmw("xchg", _there(builder, args[0]), args[1], _ORDER)

    return types.int64(types.int64, types.int64), codegen


@intrinsic
def swap_if(typingctx: Any, address: Any, expected: Any, word: Any) -> Any:
    """Put a word at an address if another one is there; tell whether it was."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        found = builder.cmpxchg(_there(builder, args[0]), args[1], args[2], _ORDER, _ORDER)
        return builder.extract_value(found, 1)

    return types.boolean(types.int64, types.int64, types.int64), codegen


@intrinsic
def relax(typingctx: Any) -> Any:
    """Leave the core to others for a moment, where the processor has a word for it: for one who looks and looks."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        if get_default_triple().startswith("x86_64"):
            nothing = ir.FunctionType(ir.VoidType(), [])
            builder.call(cgutils.get_or_insert_function(builder.module, nothing, "llvm.x86.sse2.pause"), [])
        return context.get_dummy_value()

    return types.none(), codegen
