"""What many episodes come to: success, compatibility, efficiency and inference, each with its interval.

Pure functions. Efficiency and inference are ratios to the serial run of the same seeds: arrays over episodes, `met`
goals met, `ticks` to the last goal met (`EpisodeReport.ticks_to_goals`), `thought` think ticks; row i of the serial
arrays has the seed of row i. `None` stands where a number would have no meaning.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import betaincinv

RESAMPLES = 2000
CONFIDENCE = 0.95
_GENERATOR_SEED = 0  # fixed: the same episodes give the same interval

Floats = NDArray[np.float64]


class Estimate(NamedTuple):
    """A value and the ends of its 95 % interval; all three are None where there is nothing to measure."""

    value: float | None
    low: float | None
    high: float | None


# ---------------------------------------------------------------------- one number each


def success(met: int, goals: int) -> float | None:
    """Return S, the share of goals met at the end; None without goals."""
    return met / goals if goals else None


def compatibility(incompatible: int, committed: int) -> float | None:
    """Return C, the share of committed decisions that go together in some serial order and broke no invariant.

    `incompatible` are those on a cycle or G1 that *serializable* forbids, or that broke an invariant. None if none
    committed.
    """
    return 1 - incompatible / committed if committed else None


def efficiency(met: ArrayLike, ticks: ArrayLike, serial_met: ArrayLike, serial_ticks: ArrayLike) -> float | None:
    """Return E, goals met per tick over the same of the serial run, as a ratio of sums; None if serial met none."""
    columns = _columns(met, ticks, serial_met, serial_ticks)
    return _number(_efficiency(columns.sum(axis=1, keepdims=True)))


def inference(met: ArrayLike, thought: ArrayLike, serial_met: ArrayLike, serial_thought: ArrayLike) -> float | None:
    """Return I, think ticks per goal met over the same of the serial run, as a ratio of sums; lower is better.

    1 if neither run thought at all; None if only the serial run did not, or either met no goal.
    """
    columns = _columns(met, thought, serial_met, serial_thought)
    return _number(_inference(columns.sum(axis=1, keepdims=True)))


def wasted_inference(counts: Mapping[str, int]) -> float | None:
    """Return the share of think ticks that went into transactions that were refused, failed or given up."""
    return counts["wasted_think_ticks"] / counts["think_ticks"] if counts["think_ticks"] else None


def blocked_share(counts: Mapping[str, int], agents: int, ticks: int) -> float | None:
    """Return the share of agent-ticks spent waiting for admission or in a hold."""
    return counts["blocked_ticks"] / (agents * ticks) if agents * ticks else None


def upper_bound(events: int, trials: int, confidence: float = CONFIDENCE) -> float:
    """Return the one-sided upper bound of a share seen as `events` of `trials`: what a zero still allows.

    Source: Clopper and Pearson, Biometrika 26, 1934; for a zero it is close to 3 / trials, the rule of three.
    """
    if not 0 <= events <= trials:
        raise ValueError(f"events lie between 0 and the number of trials; got {events} of {trials}")
    if events == trials:
        return 1.0
    return float(betaincinv(events + 1, trials - events, confidence))


def share_interval(events: int, trials: int, confidence: float = CONFIDENCE) -> tuple[float, float]:
    """Return the two-sided exact interval of a share seen as `events` of `trials`, (0, 1) of no trials.

    Source: Clopper and Pearson, Biometrika 26, 1934.
    """
    one_sided = (1 + confidence) / 2
    return 1 - upper_bound(trials - events, trials, one_sided), upper_bound(events, trials, one_sided)


# ---------------------------------------------------------------------- with intervals, seeds resampled


def success_interval(shares: ArrayLike) -> Estimate:
    """Return the mean success over episodes."""
    return _bootstrap(_columns(shares), lambda sums: sums[0] / sums[-1])


def difference_interval(shares: ArrayLike, other_shares: ArrayLike) -> Estimate:
    """Return the mean difference in success of two protocols, paired by seed."""
    return _bootstrap(_columns(shares, other_shares), lambda sums: (sums[0] - sums[1]) / sums[-1])


def efficiency_interval(met: ArrayLike, ticks: ArrayLike, serial_met: ArrayLike, serial_ticks: ArrayLike) -> Estimate:
    """Return E; a run and its serial reference are resampled together."""
    return _bootstrap(_columns(met, ticks, serial_met, serial_ticks), _efficiency)


def inference_interval(
    met: ArrayLike, thought: ArrayLike, serial_met: ArrayLike, serial_thought: ArrayLike
) -> Estimate:
    """Return I; a run and its serial reference are resampled together."""
    return _bootstrap(_columns(met, thought, serial_met, serial_thought), _inference)


def _columns(*columns: ArrayLike) -> Floats:
    """Return the columns and a column of ones, [columns + 1, episodes].

    Raises: ValueError if they differ in length.
    """
    arrays = [np.asarray(column, np.float64).reshape(-1) for column in columns]
    if len({len(array) for array in arrays}) > 1:
        lengths = ", ".join(str(len(array)) for array in arrays)
        raise ValueError(f"runs are paired by seed, so columns are of one length; got {lengths}")
    return np.stack([*arrays, np.ones(len(arrays[0]))])


def _bootstrap(columns: Floats, statistic: Callable[[Floats], Floats]) -> Estimate:
    """Return a statistic of sums over episodes, and the percentile interval over resampled episodes."""
    episodes = columns.shape[1]
    value = _number(statistic(columns.sum(axis=1, keepdims=True))) if episodes else None
    if value is None:
        return Estimate(None, None, None)
    # How often each episode is drawn is all that a resample is: a matrix of weights, one product for all sums.
    weights = np.random.default_rng(_GENERATOR_SEED).multinomial(episodes, np.full(episodes, 1 / episodes), RESAMPLES)
    found = statistic(columns @ weights.T)
    found = found[~np.isnan(found)]
    low, high = np.quantile(found, [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2])
    return Estimate(value, float(low), float(high))


def _efficiency(sums: Floats) -> Floats:
    met, ticks, serial_met, serial_ticks = sums[:4]
    return _ratio(met * serial_ticks, ticks * serial_met)


def _inference(sums: Floats) -> Floats:
    met, thought, serial_met, serial_thought = sums[:4]
    found = _ratio(thought * serial_met, met * serial_thought)
    found[(met == 0) | (serial_met == 0)] = np.nan
    found[(thought == 0) & (serial_thought == 0)] = 1.0
    return found


def _ratio(above: Floats, below: Floats) -> Floats:
    """Divide, with nan for x/0."""
    found: Floats = np.divide(above, below, out=np.full(below.shape, np.nan), where=below != 0)
    return found


def _number(found: Any) -> float | None:
    value = float(found[0])
    return None if np.isnan(value) else value
