"""The nth member of a set is the same, in whichever way a processor finds it."""

from __future__ import annotations

from typing import Any

import numba
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stalegrid.world.jit import how_many, member, member_by_halves


@numba.njit
def nth(members: Any, n: Any) -> Any:
    return member(members, n), member_by_halves(members, n), how_many(members)


@given(st.sets(st.integers(0, 63), min_size=1), st.data())
def test_the_nth_member_is_the_same_in_both_ways(members: set[int], data: st.DataObject) -> None:
    n = data.draw(st.integers(0, len(members) - 1))
    bits = np.uint64(sum(1 << index for index in members))
    assert nth(bits, n) == (sorted(members)[n], sorted(members)[n], len(members))


@pytest.mark.parametrize("members", [{0}, {63}, set(range(64))])
def test_every_member_of_the_smallest_and_the_largest_sets_is_found(members: set[int]) -> None:
    bits = np.uint64(sum(1 << index for index in members))
    assert [nth(bits, n)[:2] for n in range(len(members))] == [(index, index) for index in sorted(members)]
