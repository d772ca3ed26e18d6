"""The metrics: their values on numbers that can be checked by hand, and what stands where a number has no meaning."""

from __future__ import annotations

import numpy as np
import pytest

from stalegrid.world.audit.metrics import (
    blocked_share,
    compatibility,
    difference_interval,
    efficiency,
    efficiency_interval,
    inference,
    inference_interval,
    success,
    success_interval,
    upper_bound,
    wasted_inference,
)


def test_efficiency_is_a_ratio_of_sums_and_not_a_mean_of_ratios():
    assert efficiency([2, 2], [10, 30], [2, 2], [40, 40]) == pytest.approx(2.0)
    assert efficiency([1], [10], [0], [40]) is None


def test_no_thought_in_either_run_is_as_much_as_serial_and_thought_only_in_one_has_no_ratio():
    assert inference([3], [0], [3], [0]) == 1.0
    assert inference([3], [5], [3], [0]) is None
    assert inference([0], [5], [3], [5]) is None
    assert inference([2, 2], [10, 20], [4, 4], [20, 10]) == pytest.approx(2.0)


def test_compatibility_says_nothing_without_commits():
    assert compatibility(1, 4) == 0.75
    assert compatibility(0, 4) == 1.0
    assert compatibility(0, 0) is None


def test_shares_of_nothing_are_none():
    assert success(0, 0) is None
    assert wasted_inference({"wasted_think_ticks": 0, "think_ticks": 0}) is None
    assert wasted_inference({"wasted_think_ticks": 3, "think_ticks": 12}) == 0.25
    assert blocked_share({"blocked_ticks": 10}, agents=2, ticks=20) == 0.25


def test_a_zero_out_of_256_is_below_1_2_percent():
    assert 0.0115 < upper_bound(0, 256) < 0.012
    assert upper_bound(0, 10_000) == pytest.approx(3 / 10_000, rel=0.01)
    assert upper_bound(0, 0) == upper_bound(7, 7) == 1.0
    with pytest.raises(ValueError, match="3 of 2"):
        upper_bound(3, 2)


def test_an_interval_holds_its_value_and_is_the_same_each_time():
    rng = np.random.default_rng(1)
    met, ticks = rng.integers(1, 5, 200), rng.integers(20, 40, 200)
    for estimate in (success_interval(met / 5), efficiency_interval(met, ticks, met[::-1], ticks[::-1] * 2)):
        assert estimate.low < estimate.value < estimate.high
    assert success_interval(met / 5) == success_interval(met / 5)


def test_the_bootstrap_agrees_with_the_normal_interval_on_many_episodes():
    shares = np.random.default_rng(2).random(400)
    estimate = success_interval(shares)
    assert (estimate.high - estimate.low) / (2 * 1.96 * shares.std() / np.sqrt(400)) == pytest.approx(1, abs=0.1)


def test_a_paired_difference_is_narrower_than_its_sides():
    serial = np.random.default_rng(3).random(100)
    difference = difference_interval(serial - 0.1, serial)
    assert difference.value == pytest.approx(-0.1)
    assert difference.high - difference.low == pytest.approx(0, abs=1e-9)


def test_there_is_no_interval_where_there_is_no_value():
    assert success_interval([]) == efficiency_interval([1], [5], [0], [5]) == (None, None, None)
    assert inference_interval([0, 0], [1, 2], [3, 3], [4, 4]) == (None, None, None)


def test_columns_of_different_length_are_refused():
    with pytest.raises(ValueError, match="got 2, 1"):
        difference_interval([1, 2], [1])
