"""The share of reads that are superseded before they are acted on: its closed form beside what the auditor counts.

In the scenario `exposure` each of N - 1 writers writes the hot site in every tick with probability p = rate x overlap,
whatever else happens, and each write changes the value. So an act is exposed unless every opportunity to write, after
what the reader read was sensed and before the reader acts, went by unused: with n opportunities, with probability
1 - (1 - p)^n. It remains to count them.

- Sensing ends a tick, acts come before it. An input sensed at the end of tick s and acted on in tick t meets the acts
  of the ticks s + 1 to t - 1 in full: w = t - s - 1 whole ticks of N - 1 opportunities. What is in sight was sensed
  in the tick before the decision, so there w is the think time. A writer is never busy, so it misses none of them.
- In tick t itself acts are judged in a seeded order: only those writers that come before the reader count. The reader's
  place is uniform among N and independent of all else, so b = 0 to N - 1 writers come before it, each as likely.

    P = 1 - E[(1 - p)^(w (N - 1) + b)] = 1 - E[(1 - q)^w] x L
    q = 1 - (1 - p)^(N - 1),    L = (1/N) sum of (1 - p)^b = (1 - (1 - p)^N) / (N p)

The expectation is over the w of the run, one for each act. Where the hot site is out of sight, the reader acts on a
message with stamp 0 that nothing renews: s is 0 for ever, w the age of the message. All reads of such an episode may
miss the same writes, so they are no independent trials; of acts on one sensing the last alone counts.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from rich.table import Table

from .episodes import run_episodes
from .protocols.presets import resolve
from .reading import make_rules
from .world import log
from .world.audit import audit_episode, metrics
from .world.rules import Rules
from .world.seeds import SEEDS
from .world.settings import Law

READER = 0
READS = 32  # of an episode that sees the hot site
BLIND_READS = 2  # of one that does not: enough that the message is older than the thought
ALPHA = 0.05  # chance that some cell disagrees though the closed form is right

Row = dict[str, Any]


@dataclass(frozen=True)
class Cell:
    """One combination of dials. `rate` and `overlap` in per cent; `think` is the centre of `law`, in ticks."""

    agents: int = 6
    rate: int = 10
    overlap: int = 20
    think: int = 6
    law: Law = "uniform"
    sight: int | Literal["all"] = "all"

    @property
    def is_blind(self) -> bool:
        """Tell whether the reader, who stands beside the hot site, does not see it."""
        return self.sight == 0

    @property
    def reads(self) -> int:
        """Return how often the reader reads in an episode."""
        return BLIND_READS if self.is_blind else READS

    def rules(self) -> Rules:
        """Return the scenario with these dials."""
        return make_rules(
            "exposure", agents=self.agents, rate=self.rate, overlap=self.overlap, reads=self.reads, think=self.think,
            think_law=self.law, sight=self.sight,
        )  # fmt: skip


_USUAL = Cell()
CELLS = (
    _USUAL,
    *(replace(_USUAL, agents=agents) for agents in (2, 4, 12, 24)),
    *(replace(_USUAL, rate=rate) for rate in (2, 50, 100)),
    *(replace(_USUAL, overlap=overlap) for overlap in (0, 5, 50, 100)),
    *(replace(_USUAL, think=think) for think in (0, 1, 3, 12, 24)),
    Cell(law="constant"),
    Cell(law="geometric"),
    Cell(law="lognormal"),
    # Where all write in every tick, only the order of one tick is left to chance: P = 1 - 1/N.
    Cell(agents=2, rate=100, overlap=100, think=0),
    Cell(agents=6, rate=100, overlap=100, think=0),
    Cell(agents=12, rate=5, overlap=50, think=3, law="geometric"),
    Cell(agents=3, rate=50, overlap=10, think=12, law="lognormal"),
    Cell(sight=1),
    Cell(sight=0),
    Cell(sight=0, overlap=0),
    Cell(sight=0, agents=12, rate=2, law="geometric"),
    Cell(sight=0, agents=3, think=12, law="lognormal"),
)


def closed_form(waits: NDArray[np.int64], agents: int, rate: float, overlap: float) -> float:
    """Return P for acts that waited so many whole ticks, [acts]; rate and overlap are shares from 0 to 1."""
    writes = rate * overlap
    spared = (1 - writes) ** (agents - 1)  # 1 - q: a whole tick goes by without a write
    last_tick = float(np.mean((1 - writes) ** np.arange(agents)))
    return 1 - float(np.mean(spared ** waits.astype(np.float64))) * last_tick


def reads_of(rules: Rules, events: NDArray[Any]) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Return, of each act of the reader's that counts, the whole ticks it waited and whether it was exposed, [acts]."""
    hot = rules.site_index["hot"]
    mine = events[events["agent"] == READER]
    acts = mine[mine["kind"] == log.ACT]
    inputs = mine[(mine["kind"] == log.INPUT) & (mine["site"] == hot)]
    sensed = inputs["c"][np.searchsorted(inputs["txn"], acts["txn"])].astype(np.int64)
    # Of acts on one sensing the last: the first from behind.
    _, from_behind = np.unique(sensed[::-1], return_index=True)
    last = len(acts) - 1 - from_behind
    found = audit_episode(rules, events).findings
    exposed = [one.txn for one in found if one.level == "exposed" and any(read.site == hot for read in one.named)]
    waits: NDArray[np.int64] = acts["tick"].astype(np.int64) - sensed - 1
    return waits[last], np.isin(acts["txn"], exposed)[last]


def measure(cell: Cell, seeds: int, first_seed: int) -> Row:
    """Run a cell without a protocol: `seeds` episodes, or as many more as a blind reader needs for as many ticks."""
    rules = cell.rules()
    many = seeds * READS // cell.reads
    episodes = run_episodes(rules, resolve("none"), "naive", range(first_seed, first_seed + many))
    waited, superseded = zip(*(reads_of(rules, episode.events) for episode in episodes), strict=True)
    waits, exposed = np.concatenate(waited), np.concatenate(superseded)
    count = int(exposed.sum())
    return {
        "agents": cell.agents,
        "rate": cell.rate,
        "overlap": cell.overlap,
        "think": cell.think,
        "think_law": cell.law,
        "sight": cell.sight,
        "episodes": many,
        "reads": len(waits),
        "waited": float(waits.mean()),
        "exposed": count,
        "closed_form": closed_form(waits, cell.agents, cell.rate / 100, cell.overlap / 100),
        "measured": count / len(waits),
        "interval": list(metrics.share_interval(count, len(waits))),
    }


def check(cells: Sequence[Cell], seeds: int, first_seed: int, done: Callable[[int], None]) -> list[Row]:
    """Measure every cell, on seeds of its own, and judge each.

    A cell agrees if the closed form lies in its exact interval at the level 1 - ALPHA / cells (Bonferroni), so that
    all agree with a probability of at least 1 - ALPHA if the closed form is right. The interval of Clopper and Pearson
    errs on the safe side here: acts that waited differently long spread less than equal ones would.

    Raises: ValueError for seeds that are not there.
    """
    apart = seeds * READS // BLIND_READS  # seeds between the cells
    if seeds < 1:
        raise ValueError(f"seeds is a whole number from 1; got {seeds}")
    if not 0 <= first_seed <= SEEDS - apart * len(cells):
        raise ValueError(f"seeds lie between 0 and 2**64 - 1; got {apart * len(cells)} from {first_seed}")
    rows = []
    for index, cell in enumerate(cells):
        row = measure(cell, seeds, first_seed + index * apart)
        low, high = metrics.share_interval(row["exposed"], row["reads"], 1 - ALPHA / len(cells))
        rows.append({**row, "agrees": bool(low <= row["closed_form"] <= high)})
        done(len(rows))
    return rows


def table(rows: Sequence[Row]) -> Table:
    """Return the rows for a terminal of 80 columns."""
    made = Table(box=None, pad_edge=False, padding=(0, 1, 0, 0), header_style="bold")
    for name in ("agents", "writes", "think", "law", "sight", "reads", "w", "closed", "measured", "95 %"):
        made.add_column(name, justify="left" if name == "law" else "right", no_wrap=True)
    made.add_column("ok", no_wrap=True)
    for row in rows:
        low, high = row["interval"]
        made.add_row(
            str(row["agents"]), f"{row['rate']}x{row['overlap']}", str(row["think"]), row["think_law"],
            str(row["sight"]), str(row["reads"]), f"{row['waited']:.1f}", f"{row['closed_form']:.3f}",
            f"{row['measured']:.3f}", f"{low:.3f}-{high:.3f}", "yes" if row["agrees"] else "NO",
        )  # fmt: skip
    return made


def summary(rows: Sequence[Row]) -> str:
    """Say what the columns mean and what the rows come to."""
    outside = sum(not row["interval"][0] <= row["closed_form"] <= row["interval"][1] for row in rows)
    agree = sum(row["agrees"] for row in rows)
    return (
        "\nwrites: per cent of ticks in which a writer writes x per cent of its writes\n"
        "that are to the hot site. w: whole ticks from sensing to act, mean of the run.\n"
        "closed: the closed form on the w of the run. measured: the share of reads that\n"
        "the auditor counts as exposed.\n\n"
        f"{outside} of {len(rows)} lie outside their own 95 %. Judged together, each at 1 - {ALPHA:.0%}/{len(rows)} "
        f"(so by\nchance one in {1 / ALPHA:.0f} such tables has a NO), {agree} of {len(rows)} agree."
    )
