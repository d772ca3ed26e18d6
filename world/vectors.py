"""Eight entries of an observation, or eight agents, at a time: LLVM's own vectors, which every processor has somehow.

Entries of one kind lie side by side, those of all others or of all sites. A write of eight may be more than there are:
see at each function what it does to what comes after. A mask's lowest bit is the first of the eight.
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir  # type: ignore[import-untyped]
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from .memory import mark

LANES = 8
_REAL, _BIT, _NUMBER, _WORD = ir.FloatType(), ir.IntType(1), ir.IntType(32), ir.IntType(64)
_REALS, _BITS, _NUMBERS, _WORDS = (ir.VectorType(kind, LANES) for kind in (_REAL, _BIT, _NUMBER, _WORD))
_FOUR_REALS, _FOUR_NUMBERS = (ir.VectorType(kind, 4) for kind in (_REAL, _NUMBER))
_ZERO, _ONE = (ir.Constant(_REALS, [value] * LANES) for value in (0.0, 1.0))


def agent_lanes(agents: int) -> int:
    """Return for how many agents there is room where eight are read at a time, from any one or the next one on."""
    return (-(-agents // LANES) + 1) * LANES


def _load(builder: Any, address: Any) -> Any:
    """Load eight float32; any alignment that they may have."""
    loaded = builder.load(builder.inttoptr(address, _REALS.as_pointer()), align=4)
    mark(builder, loaded, "float32", False)
    return loaded


def _store(builder: Any, values: Any, address: Any) -> None:
    pointer = builder.inttoptr(address, values.type.as_pointer())
    mark(builder, builder.store(values, pointer, align=4), "float32", False)


def _all(builder: Any, value: Any, kind: Any) -> Any:
    one = builder.insert_element(ir.Constant(kind, ir.Undefined), value, ir.Constant(ir.IntType(32), 0))
    return builder.shuffle_vector(one, one, ir.Constant(ir.VectorType(ir.IntType(32), LANES), [0] * LANES))


def _bits(builder: Any, members: Any) -> Any:
    return builder.bitcast(builder.trunc(members, ir.IntType(LANES)), _BITS)


def _set(builder: Any, bits: Any) -> Any:
    return builder.zext(builder.bitcast(bits, ir.IntType(LANES)), _WORD)


def _bytes(address: Any, builder: Any, count: Any) -> Any:
    return builder.add(address, builder.mul(count, ir.Constant(_WORD, 4)))


@intrinsic
def show_others(
    typingctx: Any, to: Any, step: Any, figures: Any, lanes: Any, busy: Any, after: Any,
    down: Any, right: Any, reach: Any, per_row: Any, per_column: Any, hands: Any,
) -> Any:  # fmt: skip
    """Write what is seen of eight others from `down` and `right`: in view, rows and columns away, busy, and in hand.

    Figures are those of eight agents, in rows of `lanes`, and `busy` is a set of them; from the nth of the eight on,
    with n = `after`, they are those of the agents one further. Zeros for who is out of reach. The kinds of entries are
    `step` entries apart, in order, the last one only with `hands`. Of less than eight others, those that are written
    too much lie where the next kinds are written; behind the last one nothing is.
    """
    kinds = (*[types.int64] * 4, types.uint64, types.int64, *[types.float32] * 5, types.boolean)
    return types.none(*kinds), lambda context, builder, signature, args: _show(context, builder, args)


def _show(context: Any, builder: Any, args: Any) -> Any:
    to, step, figures, lanes, busy, after, down, right, reach, per_row, per_column, hands = args
    index = ir.Constant(_NUMBERS, list(range(LANES)))
    beyond = builder.icmp_signed(">=", index, _all(builder, builder.trunc(after, _NUMBER), _NUMBERS))

    def of(row: int) -> Any:
        there = _bytes(figures, builder, builder.mul(lanes, ir.Constant(_WORD, row)))
        further = builder.add(there, ir.Constant(_WORD, 4))
        return builder.select(beyond, _load(builder, further), _load(builder, there))

    size = cgutils.get_or_insert_function(builder.module, ir.FunctionType(_REALS, [_REALS]), f"llvm.fabs.v{LANES}f32")
    rows = builder.fsub(of(0), _all(builder, down, _REALS))
    columns = builder.fsub(of(1), _all(builder, right, _REALS))
    most = _all(builder, reach, _REALS)
    near = builder.and_(
        builder.fcmp_ordered("<=", builder.call(size, [rows]), most),
        builder.fcmp_ordered("<=", builder.call(size, [columns]), most),
    )
    works = builder.select(beyond, _bits(builder, builder.lshr(busy, ir.Constant(_WORD, 1))), _bits(builder, busy))
    shown = [
        _ONE, builder.fmul(rows, _all(builder, per_row, _REALS)),
        builder.fmul(columns, _all(builder, per_column, _REALS)), builder.select(works, _ONE, _ZERO),
    ]  # fmt: skip
    place, room = to, builder.mul(step, builder.select(hands, ir.Constant(_WORD, 5), ir.Constant(_WORD, 4)))
    for values in shown:
        _store_others(builder, builder.select(near, values, _ZERO), place, step, room)
        place, room = _bytes(place, builder, step), builder.sub(room, step)
    with builder.if_then(hands):
        _store_others(builder, builder.select(near, of(2), _ZERO), place, step, room)
    return context.get_dummy_value()


def _store_others(builder: Any, values: Any, address: Any, many: Any, room: Any) -> None:
    """Store eight float32 where there is room for so many, or else the first `many`: four, two, and one of them.

    To store eight and put back what lay behind them would have to wait for the memory there.
    """
    fits = builder.icmp_signed(">=", room, ir.Constant(_WORD, LANES))
    with builder.if_else(fits) as (whole, parts):
        with whole:
            _store(builder, values, address)
        with parts:
            for size in (4, 2, 1):
                has = builder.icmp_signed("!=", builder.and_(many, ir.Constant(_WORD, size)), ir.Constant(_WORD, 0))
                with builder.if_then(has):
                    _store(builder, _lanes(builder, values, 0, size), address)
                left = _lanes(builder, values, size, LANES)
                values = builder.select(has, left, values)
                address = builder.select(has, _bytes(address, builder, ir.Constant(_WORD, size)), address)


def _lanes(builder: Any, values: Any, first: int, many: int) -> Any:
    """Return so many lanes from one on, and after the last one any."""
    picked = [min(lane, LANES - 1) for lane in range(first, first + many)]
    return builder.shuffle_vector(values, values, ir.Constant(ir.VectorType(_NUMBER, many), picked))


@intrinsic
def show_eight(typingctx: Any, to: Any, source: Any, whole: Any) -> Any:
    """Write eight int16 that nothing changes as shares of a `whole`, at most 1."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        to, source, whole = args
        small = ir.VectorType(ir.IntType(16), LANES)
        counts = builder.load(builder.inttoptr(source, small.as_pointer()), align=2)
        mark(builder, counts, "int16", True)
        shares = builder.fdiv(builder.sitofp(counts, _REALS), _all(builder, whole, _REALS))
        _store(builder, builder.select(builder.fcmp_ordered("<", shares, _ONE), shares, _ONE), to)
        return context.get_dummy_value()

    return types.none(types.int64, types.int64, types.float32), codegen


@intrinsic
def show_flag(typingctx: Any, to: Any, is_set: Any) -> Any:
    """Write 1.0 or 0.0 as float32 to an address, by its bits: of two floats LLVM chooses with a branch."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        whole = ir.IntType(32)
        bits = builder.mul(builder.zext(args[1], whole), ir.Constant(whole, 0x3F800000))
        mark(builder, builder.store(bits, builder.inttoptr(args[0], whole.as_pointer()), align=4), "float32", False)
        return context.get_dummy_value()

    return types.none(types.int64, types.boolean), codegen


@intrinsic
def show_real(typingctx: Any, to: Any, value: Any) -> Any:
    """Write a float32 to an address."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        stored = builder.store(args[1], builder.inttoptr(args[0], _REAL.as_pointer()), align=4)
        mark(builder, stored, "float32", False)
        return context.get_dummy_value()

    return types.none(types.int64, types.float32), codegen


@intrinsic
def show_ages(
    typingctx: Any, to: Any, other_to: Any, since: Any, other_since: Any, sensed: Any, other_sensed: Any,
    tick: Any, scale: Any, ages: Any, stamps: Any,
) -> Any:  # fmt: skip
    """Write how long ago two times were, if `ages`, and two more behind, if `stamps`; `scale` or more ticks as 1."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        to, other_to, *times, tick, scale, ages, stamps = args
        then, now, most = (ir.Constant(_FOUR_NUMBERS, ir.Undefined) for _ in range(3))
        for lane, time in enumerate(times):
            place = ir.Constant(_NUMBER, lane)
            then = builder.insert_element(then, builder.trunc(time, _NUMBER), place)
            now = builder.insert_element(now, builder.trunc(tick, _NUMBER), place)
            most = builder.insert_element(most, builder.trunc(scale, _NUMBER), place)
        gone = builder.sub(now, then)
        gone = builder.select(builder.icmp_signed("<", gone, most), gone, most)
        shown = builder.fdiv(builder.sitofp(gone, _FOUR_REALS), builder.sitofp(most, _FOUR_REALS))
        behind = builder.select(ages, ir.Constant(_WORD, 4), ir.Constant(_WORD, 0))
        for wanted, further, first in ((ages, ir.Constant(_WORD, 0), 0), (stamps, behind, 2)):
            with builder.if_then(wanted):
                for nth, start in enumerate((to, other_to)):
                    address = builder.inttoptr(builder.add(start, further), _REAL.as_pointer())
                    entry = builder.extract_element(shown, ir.Constant(_NUMBER, first + nth))
                    mark(builder, builder.store(entry, address, align=4), "float32", False)
        return context.get_dummy_value()

    return types.none(*[types.int64] * 8, types.boolean, types.boolean), codegen


@intrinsic
def count_down(typingctx: Any, address: Any, members: Any) -> Any:
    """Take one from each of eight int32 that is a member of a set and not 0; return those members that are 0."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        pointer = builder.inttoptr(args[0], _NUMBERS.as_pointer())
        left = builder.load(pointer, align=4)
        mark(builder, left, "int32", False)
        chosen, none = _bits(builder, args[1]), ir.Constant(_NUMBERS, [0] * LANES)
        over = builder.icmp_signed("==", left, none)
        less = builder.add(left, ir.Constant(_NUMBERS, [-1] * LANES))
        goes_on = builder.and_(chosen, builder.not_(over))
        mark(builder, builder.store(builder.select(goes_on, less, left), pointer, align=4), "int32", False)
        return _set(builder, builder.and_(chosen, over))

    return types.uint64(types.int64, types.uint64), codegen


@intrinsic
def who_meet(typingctx: Any, address: Any, members: Any) -> Any:
    """Return which of eight sets have a member in common with a set."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        sets = builder.load(builder.inttoptr(args[0], _WORDS.as_pointer()), align=8)
        mark(builder, sets, "uint64", False)
        common = builder.and_(sets, _all(builder, args[1], _WORDS))
        return _set(builder, builder.icmp_unsigned("!=", common, ir.Constant(_WORDS, [0] * LANES)))

    return types.uint64(types.int64, types.uint64), codegen


@intrinsic
def show_octet(typingctx: Any, to: Any, members: Any) -> Any:
    """Write the lowest eight members of a set to an address, each as a byte that is 1 or 0."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        whole = ir.IntType(64)
        octet, ones = builder.and_(args[1], ir.Constant(whole, 0xFF)), ir.Constant(whole, 0x0101010101010101)
        own = builder.and_(builder.mul(octet, ones), ir.Constant(whole, 0x8040201008040201))  # byte i keeps bit i
        carried = builder.lshr(builder.add(own, ir.Constant(whole, 0x7F7F7F7F7F7F7F7F)), ir.Constant(whole, 7))
        builder.store(builder.and_(carried, ones), builder.inttoptr(args[0], whole.as_pointer()), align=1)
        return context.get_dummy_value()

    return types.none(types.int64, types.uint64), codegen
