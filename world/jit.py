"""How this project compiles: one version of each function.

Numba compiles a function anew for each combination of integer widths and literal arguments; a kernel of many small
functions called with constants would be compiled several times over. `compiled` takes every signed integer as int64.
Only the entry points are cached; what they call is part of them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numba
from numba import types
from numba.core import cgutils, config
from numba.core.caching import IndexDataCacheFile
from numba.extending import intrinsic


def _widen(kind: Any) -> Any:
    kind = types.unliteral(kind)
    return types.int64 if isinstance(kind, types.Integer) and kind.signed else kind


def compiled(function: Callable[..., Any]) -> Any:
    """Compile an inner function: called from compiled code only, every signed integer an int64."""
    return _compiled(function, False)


def inlined(function: Callable[..., Any]) -> Any:
    """Compile an inner function into its callers: for the few that every tick of every agent passes through."""
    return _compiled(function, True)


def _compiled(function: Callable[..., Any], inline: bool) -> Any:
    dispatcher = numba.njit(
        no_cpython_wrapper=True, no_cfunc_wrapper=True, error_model="numpy", forceinline=inline
    )(function)  # fmt: skip
    resolve = dispatcher.get_call_template
    dispatcher.get_call_template = lambda args, kws: resolve(tuple(_widen(kind) for kind in args), kws)
    return dispatcher


def entry_point(function: Callable[..., Any]) -> Any:
    """Compile a function that Python calls; cached on disk, and free of the interpreter's lock."""
    dispatcher = numba.njit(cache=True, nogil=True, error_model="numpy")(function)
    build = dispatcher.compile

    def scalar(signature: Any) -> Any:
        # Loops here run over a few agents or sites, strided: as vectors they gather, and are a quarter slower.
        before = config.LOOP_VECTORIZE, config.SLP_VECTORIZE
        config.LOOP_VECTORIZE = config.SLP_VECTORIZE = 0
        try:
            return build(signature)
        finally:
            config.LOOP_VECTORIZE, config.SLP_VECTORIZE = before

    dispatcher.compile = scalar
    # Numba looks at the age of the function's own file only; what it calls is compiled into it, so all sources count.
    store = dispatcher._cache
    store._cache_file = IndexDataCacheFile(store._cache_path, store._impl.filename_base, _source_stamp())
    return dispatcher


@intrinsic
def lowest(typingctx: Any, members: Any) -> Any:
    """Return the lowest member of a set that is not empty; the hardware counts trailing zeros."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.cttz(args[0], cgutils.true_bit)

    return types.int64(types.uint64), codegen


@cache
def _source_stamp() -> str:
    here = Path(__file__).resolve().parent
    wings = (here, here.parent / "protocols")
    sha = hashlib.sha256()
    for source in sorted(path for wing in wings for path in wing.rglob("*.py")):
        sha.update(source.read_bytes())
    return sha.hexdigest()
