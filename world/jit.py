"""How this project compiles: one version of each function.

Numba compiles a function anew for each combination of integer widths and literal arguments; a kernel of many small
functions called with constants would be compiled several times over. `compiled` takes every signed integer as int64.
Only the entry points are cached; what they call is part of them.

Numba by itself optimises each function and makes machine code of it, together with all that it calls: a leaf of the
call tree goes through LLVM once for every level above it, for code that nobody runs. Here an inner function is a
`_Part`: its code is kept as it was lowered, and is linked, optimised and made machine code in the entry points alone.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import llvmlite.binding as llvm  # type: ignore[import-untyped]
import numba
from llvmlite import ir
from numba import types
from numba.core import cgutils, config
from numba.core.caching import IndexDataCacheFile
from numba.core.codegen import JITCodeLibrary
from numba.core.compiler import CompilerBase, DefaultPassBuilder
from numba.core.compiler_lock import global_compiler_lock
from numba.core.compiler_machinery import LoweringPass, register_pass
from numba.core.typed_passes import AnnotateTypes, NopythonRewrites
from numba.core.types.functions import BaseFunction
from numba.core.untyped_passes import InlineClosureLikes
from numba.extending import intrinsic
from numba.np import arrayobj

from .memory import marked_items


def _widen(kind: Any) -> Any:
    kind = types.unliteral(kind)
    return types.int64 if isinstance(kind, types.Integer) and kind.signed else kind


class _Part(JITCodeLibrary):  # type: ignore[misc]  # numba has no types
    """The code of an inner function, neither linked nor optimised."""

    def finalize(self) -> None:
        """Leave everything to the entry points."""
        self._finalized = True

    def get_pointer_to_function(self, name: str) -> int:
        """There is no machine code to point to, which numba takes for a function without a wrapper."""
        self._ensure_finalized()
        return 0

    @property
    def codegen(self) -> Any:
        """Stand in for the code generator where numba wants to set the environment of the machine code."""
        return self

    def set_env(self, name: str, env: Any) -> None:
        """There is no machine code to set it in."""


class _Whole(JITCodeLibrary):  # type: ignore[misc]
    """The code of an entry point, with all its parts."""

    _linking_libraries: list[Any]

    def finalize(self) -> None:
        """Link the parts, and the parts of the parts, each once; then go on as numba does.

        Callers come first: LLVM leaves out what nothing refers to yet.
        """
        found: dict[Any, None] = {}

        def visit(library: Any) -> None:
            if library not in found:
                for part in library._linking_libraries if isinstance(library, _Part) else ():
                    visit(part)
                found[library] = None

        for library in self._linking_libraries:
            visit(library)
        self._linking_libraries = [*reversed(found)]
        super().finalize()

    def _optimize_final_module(self) -> None:
        """Keep the parts to this entry point: those of another one have the same names, and may be other code."""
        for function in self._final_module.functions:
            if not function.is_declaration and function.linkage.name == "linkonce_odr":
                function.linkage = "internal"
        super()._optimize_final_module()


# What the two rely on beyond numba's documented interface; where some of it is missing, numba goes its own, slow way.
_RELIED_ON = ("_linking_libraries", "_final_module", "_finalized", "_ensure_finalized", "_get_module_for_linking")


class _ChooseLibrary(LoweringPass):  # type: ignore[misc]
    """A pass before lowering: it says which kind of library the code goes into."""

    _name = "choose_library"
    kind: type = _Whole

    def __init__(self) -> None:
        super().__init__()

    def run_pass(self, state: Any) -> bool:
        """Make the library just as numba's lowering would, if it were not there."""
        library = self.kind(state.targetctx.codegen(), state.func_id.func_qualname)
        if state.library is None and all(hasattr(library, name) for name in _RELIED_ON):
            library.enable_object_caching()
            state.library = library
            # The arrays here are views of memory that numba does not own: there is nothing to count references of.
            state.targetctx.enable_nrt = self.kind is not _Part
        return True


@register_pass(mutates_CFG=False, analysis_only=False)
class _ChooseWhole(_ChooseLibrary):
    pass


@register_pass(mutates_CFG=False, analysis_only=False)
class _ChoosePart(_ChooseLibrary):
    _name, kind = "choose_part", _Part


class _WholeCompiler(CompilerBase):  # type: ignore[misc]
    """Numba's compiler, with a library of ours; without passes over closures and array expressions: there are none."""

    choice: type = _ChooseWhole

    def define_pipelines(self) -> list[Any]:
        """Change the list of passes."""
        passes = DefaultPassBuilder.define_nopython_pipeline(self.state)
        passes.passes = [entry for entry in passes.passes if entry[0] not in (InlineClosureLikes, NopythonRewrites)]
        passes.add_pass_after(self.choice, AnnotateTypes)
        passes.finalize()
        return [passes]


class _PartCompiler(_WholeCompiler):
    choice = _ChoosePart


def compiled(function: Callable[..., Any]) -> Any:
    """Compile an inner function: called from compiled code only, every signed integer an int64."""
    return _compiled(function, False)


def inlined(function: Callable[..., Any]) -> Any:
    """Compile an inner function into its callers: for the few that every tick of every agent passes through."""
    return _compiled(function, True)


def _compiled(function: Callable[..., Any], inline: bool) -> Any:
    dispatcher = numba.njit(
        no_cpython_wrapper=True, no_cfunc_wrapper=True, error_model="numpy", forceinline=inline,
        pipeline_class=_PartCompiler,
    )(function)  # fmt: skip
    resolve = dispatcher.get_call_template
    dispatcher.get_call_template = lambda args, kws: resolve(tuple(_widen(kind) for kind in args), kws)
    return dispatcher


def entry_point(function: Callable[..., Any]) -> Any:
    """Compile a function that Python calls; cached on disk, and free of the interpreter's lock."""
    dispatcher = numba.njit(cache=True, nogil=True, error_model="numpy", pipeline_class=_WholeCompiler)(function)
    build = dispatcher.compile

    def build_in_our_way(signature: Any) -> Any:
        # Under numba's lock: what is changed of numba for the while is changed for all threads.
        with global_compiler_lock, _scalar(), _typed_once(), _no_negative_index(), marked_items():
            return build(signature)

    dispatcher.compile = build_in_our_way
    # Numba looks at the age of the function's own file only; what it calls is compiled into it, so all sources count.
    store = dispatcher._cache
    store._cache_file = IndexDataCacheFile(store._cache_path, store._impl.filename_base, source_stamp())
    return dispatcher


def address_of(function: Any, numbers: int) -> int:
    """Return the address of an entry point that takes so many int64 and returns one, for compiled code to call it."""
    found = _of_numbers(function, numbers)
    address: int = found.library.get_pointer_to_function(found.fndesc.llvm_cfunc_wrapper_name)
    return address


def code_of(function: Any, numbers: int) -> tuple[str, str]:
    """Return LLVM's code of such an entry point, optimised, and the name in it of what `address_of` gives."""
    found = _of_numbers(function, numbers)
    return str(found.library._get_module_for_linking()), found.fndesc.llvm_cfunc_wrapper_name


def _of_numbers(function: Any, numbers: int) -> Any:
    signature = (types.int64,) * numbers
    function.compile(signature)
    return function.overloads[signature]


@contextmanager
def _scalar() -> Iterator[None]:
    """Compile without vectors: loops here run over a few strided agents or sites, and gather a quarter slower."""
    before = config.LOOP_VECTORIZE, config.SLP_VECTORIZE
    config.LOOP_VECTORIZE = config.SLP_VECTORIZE = 0
    try:
        yield
    finally:
        config.LOOP_VECTORIZE, config.SLP_VECTORIZE = before


@contextmanager
def _no_negative_index() -> Iterator[None]:
    """Take an index as it is: numba adds the size to a negative one, which costs at each access; none is used here."""
    fix = getattr(arrayobj, "fix_integer_index", None)
    if fix is None:
        yield
        return

    def as_it_is(context: Any, builder: Any, kind: Any, index: Any, size: Any) -> Any:
        return context.cast(builder, index, kind, types.intp)

    arrayobj.fix_integer_index = as_it_is
    try:
        yield
    finally:
        arrayobj.fix_integer_index = fix


@contextmanager
def _typed_once() -> Iterator[None]:
    """Remember how an operator or builtin is typed: numba tries some ten templates at every place it is used."""
    resolve = getattr(BaseFunction, "get_call_type", None)
    if resolve is None:
        yield
        return
    known: dict[Any, Any] = {}

    def remember(self: Any, context: Any, args: Any, kws: Any) -> Any:
        asked = (self, context, tuple(args), tuple(kws.items()))
        if asked not in known:
            known[asked] = resolve(self, context, args, kws)
        return known[asked]

    BaseFunction.get_call_type = remember  # type: ignore[method-assign]
    try:
        yield
    finally:
        BaseFunction.get_call_type = resolve  # type: ignore[method-assign]


@intrinsic
def lowest(typingctx: Any, members: Any) -> Any:
    """Return the lowest member of a set that is not empty; the hardware counts trailing zeros."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.cttz(args[0], cgutils.true_bit)

    return types.int64(types.uint64), codegen


@intrinsic
def how_many(typingctx: Any, members: Any) -> Any:
    """Return the size of a set."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.ctpop(args[0])

    return types.int64(types.uint64), codegen


@intrinsic
def member(typingctx: Any, members: Any, nth: Any) -> Any:
    """Return the member of a set that `nth` members are below, without a branch to guess wrong."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        members, nth = args
        if not _deposits():
            return _halve(builder, members, nth)
        word = members.type
        deposit = cgutils.get_or_insert_function(
            builder.module, ir.FunctionType(word, [word, word]), "llvm.x86.bmi.pdep.64"
        )
        bit = builder.shl(ir.Constant(word, 1), nth)
        return builder.cttz(builder.call(deposit, [bit, members]), cgutils.true_bit)

    return types.int64(types.uint64, types.int64), codegen


@intrinsic
def member_by_halves(typingctx: Any, members: Any, nth: Any) -> Any:
    """Return the same, as processors find it that cannot put bits to the places of others in one instruction."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return _halve(builder, *args)

    return types.int64(types.uint64, types.int64), codegen


def _deposits() -> bool:
    """Tell whether the processor has `pdep`, and is not one of those that take hundreds of cycles for it."""
    if config.CPU_NAME is not None:  # numba was told to compile for another one
        return False
    return bool(llvm.get_host_cpu_features().get("bmi2")) and llvm.get_host_cpu_name() not in ("znver1", "znver2")


def _halve(builder: Any, word: Any, left: Any) -> Any:
    zero = at = ir.Constant(word.type, 0)
    for half in (32, 16, 8, 4, 2, 1):
        below = builder.ctpop(builder.and_(word, ir.Constant(word.type, (1 << half) - 1)))
        above = builder.icmp_unsigned("<=", below, left)
        left = builder.sub(left, builder.select(above, below, zero))
        skipped = builder.select(above, ir.Constant(word.type, half), zero)
        word = builder.lshr(word, skipped)
        at = builder.add(at, skipped)
    return at


@cache
def source_stamp() -> str:
    """Return a digest of all that is compiled, and of what compiles it."""
    here = Path(__file__).resolve().parent
    wings = (here, here.parent / "protocols")
    sha = hashlib.sha256()
    for source in sorted(path for wing in wings for path in wing.rglob("*.py")):
        sha.update(source.read_bytes())
    return sha.hexdigest()
