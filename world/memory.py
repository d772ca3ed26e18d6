"""What the compiler may know of memory: which of it never changes, and which of it cannot be the same.

LLVM must assume that every store may change whatever is loaded after it. Here each load and store of a field names its
record and field, and those of arrays of plain numbers their type, as C compilers do by the rules of strict aliasing
(metadata `tbaa`); and what no compiled code writes, the context and the rules, is marked as such (`invariant.load`).
So a size or a switch is loaded once, and an agent's cell is not loaded again because its observation was written.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

from llvmlite import ir  # type: ignore[import-untyped]
from numba import from_dtype, types
from numba.core import cgutils
from numba.core.datamodel.models import RecordModel
from numba.core.imputils import lower_getattr_generic, lower_setattr_generic
from numba.extending import intrinsic, register_model
from numba.np import arrayobj
from numba.np.arrayobj import make_array, populate_array


class Kept(types.Record):  # type: ignore[misc]  # numba has no types
    """A record of a world's state, at an address."""


class Fixed(types.Record):  # type: ignore[misc]
    """A record that nothing changes as long as a call lasts."""

    mutable = False


register_model(Kept)(RecordModel)
register_model(Fixed)(RecordModel)


@lower_getattr_generic(Kept)
@lower_getattr_generic(Fixed)
def _get_field(context: Any, builder: Any, kind: Any, value: Any, name: str) -> Any:
    loaded = arrayobj.record_getattr(context, builder, kind, value, name)
    mark(builder, loaded, _place(kind, name), isinstance(kind, Fixed))
    return loaded


@lower_setattr_generic(Kept)
def _set_field(context: Any, builder: Any, signature: Any, args: Any, name: str) -> Any:
    arrayobj.record_setattr(context, builder, signature, args, name)
    mark(builder, builder.block.instructions[-1], _place(signature.args[0], name), False)


@cache
def _record(kind: Any) -> str:
    return hashlib.sha256(kind.key.encode()).hexdigest()[:12]


def _place(kind: Any, name: str) -> str:
    return f"{_record(kind)}.{name}"


def places_of(dtype: Any) -> dict[str, str]:
    """Return what compiled code calls the fields of a record that nothing changes, and which they are."""
    kind = _item(types.DType(from_dtype(dtype)), Fixed)
    return {_place(kind, name): name for name in dtype.names}


def mark(builder: Any, instruction: Any, place: str, fixed: bool) -> None:
    """Say of a load or a store what it may touch; anything else, such as a nested array, is left alone."""
    if not isinstance(instruction, ir.LoadInstr | ir.StoreInstr):
        return
    module = builder.module
    root = module.add_metadata(["stalegrid"])
    start = ir.Constant(ir.IntType(64), 0)
    scalar = module.add_metadata([place, root, start])
    instruction.set_metadata("tbaa", module.add_metadata([scalar, scalar, start]))
    if fixed:
        instruction.set_metadata("invariant.load", module.add_metadata([]))


@contextmanager
def marked_items() -> Iterator[None]:
    """Mark the loads and stores of arrays of plain numbers too. Records as a whole are copied unmarked."""
    load, store = getattr(arrayobj, "load_item", None), getattr(arrayobj, "store_item", None)
    if load is None or store is None:
        yield
        return

    def load_marked(context: Any, builder: Any, kind: Any, pointer: Any) -> Any:
        loaded = load(context, builder, kind, pointer)
        if isinstance(kind.dtype, types.Number):
            mark(builder, loaded, str(kind.dtype), not kind.mutable)
        return loaded

    def store_marked(context: Any, builder: Any, kind: Any, value: Any, pointer: Any) -> Any:
        store(context, builder, kind, value, pointer)
        if isinstance(kind.dtype, types.Number):
            mark(builder, builder.block.instructions[-1], str(kind.dtype), False)

    arrayobj.load_item, arrayobj.store_item = load_marked, store_marked
    try:
        yield
    finally:
        arrayobj.load_item, arrayobj.store_item = load, store


def _item(dtype: Any, record: type) -> Any:
    """Return the type of the items of a dtype, a number or one of the records here."""
    kind = dtype.dtype
    if not isinstance(kind, types.Record):
        return kind
    fields = [
        (name, {"type": field.type, "offset": field.offset, "alignment": field.alignment, "title": field.title})
        for name, field in kind.fields.items()
    ]
    return record(fields, kind.size, kind.aligned)


def _array_at(address: Any, shape: Any, item: Any, fixed: bool) -> Any:
    kind = types.Array(item, len(shape), "C", readonly=fixed)

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        array = make_array(kind)(context, builder)
        sizes = cgutils.unpack_tuple(builder, args[1], kind.ndim)
        itemsize = context.get_constant(types.intp, context.get_abi_sizeof(context.get_data_type(kind.dtype)))
        strides = [itemsize]
        for size in sizes[:0:-1]:
            strides.insert(0, builder.mul(strides[0], size))
        data = builder.inttoptr(args[0], array.data.type)
        populate_array(array, data=data, shape=sizes, strides=strides, itemsize=itemsize, meminfo=None)
        return array._getvalue()

    return kind, codegen


@intrinsic
def array_at(typingctx: Any, address: Any, shape: Any, dtype: Any) -> Any:
    """Return the contiguous array of some shape and dtype at an address: `numba.carray`, in fewer words of code."""
    kind, codegen = _array_at(address, shape, _item(dtype, Kept), False)
    return kind(types.int64, types.UniTuple(types.int64, len(shape)), dtype), codegen


@intrinsic
def fixed_array_at(typingctx: Any, address: Any, shape: Any, dtype: Any) -> Any:
    """Return an array that nothing changes as long as a call lasts."""
    kind, codegen = _array_at(address, shape, _item(dtype, Fixed), True)
    return kind(types.int64, types.UniTuple(types.int64, len(shape)), dtype), codegen


def _pointer(context: Any, builder: Any, signature: Any, args: Any) -> Any:
    return builder.inttoptr(args[0], context.get_value_type(signature.return_type))


@intrinsic
def record_at(typingctx: Any, address: Any, dtype: Any) -> Any:
    """Return the one record at an address."""
    return _item(dtype, Kept)(types.int64, dtype), _pointer


@intrinsic
def fixed_record_at(typingctx: Any, address: Any, dtype: Any) -> Any:
    """Return a record that nothing changes as long as a call lasts."""
    return _item(dtype, Fixed)(types.int64, dtype), _pointer


@intrinsic
def address_in(typingctx: Any, record: Any) -> Any:
    """Return the address of a record."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.ptrtoint(args[0], ir.IntType(64))

    return types.int64(record), codegen


NUMBERS = 10  # int64 that a function takes which is called at an address


@intrinsic
def call_at(
    typingctx: Any, address: Any, zero: Any, one: Any, two: Any, three: Any, four: Any, five: Any, six: Any,
    seven: Any, eight: Any, nine: Any,
) -> Any:  # fmt: skip
    """Call the function of `NUMBERS` int64 at an address; return its int64."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        word = ir.IntType(64)
        function = ir.FunctionType(word, [word] * NUMBERS)
        return builder.call(builder.inttoptr(args[0], function.as_pointer()), args[1:])

    return types.int64(*[types.int64] * (1 + NUMBERS)), codegen


@intrinsic
def first_fixed(typingctx: Any, array: Any) -> Any:
    """Return the first record of an array, as one that nothing changes as long as the call lasts."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        data = make_array(array)(context, builder, args[0]).data
        return builder.bitcast(data, context.get_value_type(signature.return_type))

    return _item(array, Fixed)(array), codegen
