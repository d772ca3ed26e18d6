"""How corrections of the plan spread: when those who follow a changed entry came to know it, and who was held."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .. import log
from ..rules import Rules


@dataclass(frozen=True)
class Corrections:
    """Sums over the corrections of one episode. Followers are the agents whose tasks may follow a changed entry."""

    published: int = 0
    adopted: int = 0  # corrections that every follower in play came to know
    latency: int = 0  # ticks from the publication to the last follower's knowledge, of those
    skew: int = 0  # ticks from the first follower's knowledge to the last one's, of those
    held: int = 0  # agent-ticks in which an op was held for an epoch
    fenced: int = 0  # members who had not acknowledged at the boundary


def spread(rules: Rules, events: NDArray[Any]) -> Corrections:
    """Read from the whole log of an episode how its corrections spread."""
    kind = events["kind"]
    published = events[kind == log.PUBLISHED]
    if not len(published):
        return Corrections()
    writes = events[(kind == log.WRITE) & np.isin(events["site"], rules.plan)]
    told = (kind == log.SENSE) | ((kind == log.DELIVER) & (events["b"] == 1))
    learnt = events[told & np.isin(events["site"], rules.plan)]
    out = set(events["agent"][kind == log.PUT_OUT].tolist())
    adopted = latency = skew = 0
    for txn, tick, author in published[["txn", "tick", "agent"]].tolist():
        known: list[int] = []
        for site, version in writes[writes["txn"] == txn][["site", "version"]].tolist():
            newer = learnt[(learnt["site"] == site) & (learnt["version"] >= version) & (learnt["tick"] >= tick)]
            for follower in set(rules.listeners[site]) - out - {author}:
                ticks = newer["tick"][newer["agent"] == follower]
                known.append(int(ticks[0]) if len(ticks) else -1)
        if known and min(known) >= 0:
            adopted += 1
            latency += max(known) - tick
            skew += max(known) - min(known)
    held = (kind == log.WAIT_END) & (events["b"] == log.FOR_EPOCH)
    return Corrections(
        published=len(published),
        adopted=adopted,
        latency=latency,
        skew=skew,
        held=int(events["c"][held].sum()),
        fenced=int(events["b"][kind == log.ADOPTED].sum()),
    )
