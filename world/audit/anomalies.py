"""What each anomaly is, which level forbids it and what it is a case of: one literal table."""

from __future__ import annotations

from typing import NamedTuple

LEVELS = ("read-uncommitted", "read-committed", "snapshot-isolation", "serializable", "strict-serializable")

ADYA = "Adya, Liskov, O'Neil 2000"
BERENSON = "Berenson et al. 1995"
CERONE = "Cerone, Gotsman 2018"
ELLE = "Kingsbury, Alvaro 2020"


class Anomaly(NamedTuple):
    """One row of the table."""

    name: str
    sentence: str
    source: str
    forbidden_from: str  # the weakest level that forbids it; all stronger ones do too
    case_of: tuple[str, ...] = ()  # wherever it is, these are too, in the wide sense of the source


ANOMALIES: dict[str, Anomaly] = {
    row.name: row
    for row in (
        Anomaly(
            "G0", "dirty write: transactions overwrite each other's writes in a cycle of ww edges",
            ADYA, "read-uncommitted", ("G0-realtime",),
        ),
        Anomaly(
            "G1a", "aborted read: a committed transaction read a version whose writer did not commit it",
            ADYA, "read-committed",
        ),
        Anomaly(
            "G1b", "intermediate read: a transaction read a version that was not its writer's last of that object",
            ADYA, "read-committed",
        ),
        Anomaly(
            "G1c", "circular flow: a cycle of ww and wr edges, of which some is wr",
            ADYA, "read-committed", ("G1c-realtime",),
        ),
        Anomaly(
            "internal", "a read differs from what the same transaction read or wrote of that object before",
            ELLE, "snapshot-isolation",
        ),
        Anomaly(
            "lost update", "a transaction overwrote another's version, newer than what it had read of the object",
            BERENSON, "snapshot-isolation",
        ),
        Anomaly(
            "G-single", "read skew: a cycle with exactly one rw edge",
            ADYA, "snapshot-isolation", ("G-nonadjacent", "G-single-realtime"),
        ),
        Anomaly(
            "G-nonadjacent", "a cycle with rw edges of which no two follow each other: a long fork",
            CERONE, "snapshot-isolation", ("G-nonadjacent-realtime",),
        ),
        Anomaly(
            "G2-item", "write skew: a cycle with two rw edges that follow each other",
            ADYA, "serializable", ("G2-item-realtime",),
        ),
        Anomaly(
            "phantom", "as G2-item, by way of an rw edge over a predicate: the count of a region",
            ADYA, "serializable", ("G2-item-realtime",),
        ),
        Anomaly(
            "G0-realtime", "as G0, with edges from what completed to what began after it",
            ELLE, "strict-serializable",
        ),
        Anomaly(
            "G1c-realtime", "as G1c, with real-time edges: a read from the future",
            ELLE, "strict-serializable",
        ),
        Anomaly(
            "G-single-realtime", "as G-single, with real-time edges: a read of what was overwritten before it began",
            ELLE, "strict-serializable", ("G-nonadjacent-realtime",),
        ),
        Anomaly(
            "G-nonadjacent-realtime", "as G-nonadjacent, with real-time edges",
            ELLE, "strict-serializable",
        ),
        Anomaly(
            "G2-item-realtime", "as G2-item, with real-time edges",
            ELLE, "strict-serializable",
        ),
    )
}  # fmt: skip


def forbids(level: str, name: str) -> bool:
    """Tell whether a level forbids an anomaly."""
    return LEVELS.index(level) >= LEVELS.index(ANOMALIES[name].forbidden_from)
