"""What a researcher can set about the world itself, apart from scenario and protocol; part of an episode's digest."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, model_validator

from .entropy import PROBABILITY_BITS

# Later than the first digests: a header names them only where they are set, so that digests without them stay.
LATER = ("think_choice", "slip", "half_life", "symbols", "thinkers", "visibility", "footprint_error")

QUANTILES = 4096  # a law is a table of so many equally likely values

Law = Literal["constant", "uniform", "geometric", "lognormal"]


class Settings(BaseModel):
    """Settings of the environment, frozen and validated. Ticks are the unit of every duration."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    think: int = Field(6, ge=0, le=1000, description="centre of the think time")
    think_law: Law = "uniform"
    think_choice: bool = Field(False, description="agents choose a short, usual or long thought for each task")
    slip: float = Field(0.0, ge=0, le=1, description="share of arguments that go wrong where nothing is thought")
    half_life: int = Field(6, ge=1, le=10**6, description="ticks of thought that halve the share of slips")
    thinkers: int | None = Field(None, ge=1, description="how many agents may think at once; None: all")
    delay: int = Field(0, ge=0, le=1000, description="centre of the message delay")
    delay_law: Law = "uniform"
    loss: float = Field(0.0, ge=0, le=1, description="share of messages that are lost")
    duplication: float = Field(0.0, ge=0, le=1, description="share of messages that arrive twice")
    stall: int = Field(0, ge=0, le=10_000, description="ticks for which an agent stands still at each stall; 0: never")
    stall_every: int = Field(200, ge=1, le=10**6, description="each agent stalls once in so many ticks")
    visibility: float = Field(1.0, ge=0, le=1, description="share of a task's inputs that the protocol sees")
    footprint_error: float = Field(0.0, ge=0, le=1, description="share of declared footprints with a site wrong")
    patience: int = Field(40, ge=1, description="ticks after which an agent stopped on its way gives up")
    navigation: Literal["auto", "manual"] = "auto"
    sight: int | Literal["all", "scenario"] = "scenario"
    symbols: int = Field(0, ge=0, le=16, description="tokens that agents may say to each other")
    lockstep: bool = False
    max_cycles: int | None = Field(None, ge=1, description="horizon; None: 1.25 x the scenario's bound")

    @property
    def is_perfect(self) -> bool:
        """True if the protocol knows the footprint of every task."""
        return self.visibility == 1 and self.footprint_error == 0

    @property
    def header(self) -> dict[str, Any]:
        """What an episode's digest says of them."""
        return without_later(self, LATER)

    @model_validator(mode="after")
    def _stalls_end(self) -> Settings:
        if self.stall >= self.stall_every:
            raise ValueError(f"a stall ends before the next: stall {self.stall} is not below {self.stall_every}")
        return self


# What an agent may choose of thought, where it may choose, and by how much that scales what is drawn.
USUAL, SHORT, LONG = 0, 1, 2
THOUGHTS = ("usual", "short", "long")


def thought_chosen(drawn: int, choice: int) -> int:
    """Return the ticks of a thought for which so many are drawn: half of them if it is short, twice if it is long."""
    if choice == SHORT:
        return drawn // 2
    return 2 * drawn if choice == LONG else drawn


def slip_table(slip: float, half_life: int, longest: int) -> NDArray[np.uint64]:
    """Return what the upper bits of a draw must be below for a slip, [longest + 1] uint64 by ticks of thought.

    The share is slip x 2^(-k / half_life). Both engines read this one table.
    """
    shares = (slip * 2.0 ** (-k / half_life) for k in range(longest + 1))
    return np.array([int(share * (1 << PROBABILITY_BITS)) for share in shares], np.uint64)


def without_later(model: BaseModel, later: tuple[str, ...]) -> dict[str, Any]:
    """Return a model's fields as JSON has them, those of `later` only where they differ from their defaults."""
    defaults = type(model).model_fields
    told = model.model_dump(mode="json")
    return {name: told[name] for name in told if name not in later or getattr(model, name) != defaults[name].default}


def thought_table(centre: int, law: Law) -> NDArray[np.int32]:
    """Return the quantiles of a think time, [QUANTILES] int32; uniform on [K - K//2, K + K//2]."""
    return _table(centre, law, centre - centre // 2, centre + centre // 2)


def delay_table(centre: int, law: Law) -> NDArray[np.int32]:
    """Return the quantiles of a message delay, [QUANTILES] int32; uniform on [D//2, 2D - D//2]."""
    return _table(centre, law, centre // 2, 2 * centre - centre // 2)


def _table(centre: int, law: Law, low: int, high: int) -> NDArray[np.int32]:
    # One table for every law: drawing is an index into it, so both engines and every platform agree to the bit.
    share = (np.arange(QUANTILES) + 0.5) / QUANTILES
    values: NDArray[Any]
    if centre == 0 or law == "constant":
        values = np.full(QUANTILES, centre)
    elif law == "uniform":
        values = low + np.floor(share * (high - low + 1))
    elif law == "geometric":
        values = np.floor(np.log1p(-share) / np.log1p(-1.0 / (centre + 1)))
    else:
        from scipy.special import ndtri

        # Median `centre`, sigma 1/2: the long right tail that thinking times of language models have.
        values = np.rint(centre * np.exp(0.5 * ndtri(share)))
    return values.astype(np.int32)
