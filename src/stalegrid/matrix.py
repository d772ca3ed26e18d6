"""The matrix: which anomalies and hazards each preset rules out, and what was measured of it.

The table is literal. Its columns are those of the auditor, over whole decisions; `measure` counts what really happens,
over the exhaustive small scope and over random contended episodes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from rich.table import Table

from . import contended, small_scope
from .exhibits import exhibit
from .findings import BROKEN, DEADLOCK, FRACTURED, LATE, OUTDATED, SAID, STALE, findings
from .protocols.presets import resolve
from .protocols.textbook import Textbook
from .world.audit.metrics import upper_bound

FORBIDDEN, ALLOWED, TRANSIENT, NOT_APPLICABLE = "-x~."
MARKS = {
    FORBIDDEN: "forbidden", ALLOWED: "allowed", TRANSIENT: "transient: it arises and is dissolved",
    NOT_APPLICABLE: "not applicable",
}  # fmt: skip


LETTERS = "abcdefghijklmnop"


class Column(NamedTuple):
    """One column: its head, and the name of what is counted in it."""

    head: str
    name: str  # of `findings`
    about: str


COLUMNS = (
    Column("G0", "G0", "dirty write"),
    Column("1a", "G1a", "aborted read"),
    Column("1b", "G1b", "intermediate read"),
    Column("1c", "G1c", "circular flow"),
    Column("LU", "lost update", "lost update"),
    Column("FR", FRACTURED, "fractured read: a part of what another wrote, and not the rest"),
    Column("RS", "G-single", "read skew"),
    Column("LF", "G-nonadjacent", "long fork"),
    Column("WS", "G2-item", "write skew"),
    Column("Ph", "phantom", "phantom: by way of who is in a region"),
    Column("SO", STALE, "stale observation: an act on what was seen and is no more"),
    Column("OC", OUTDATED, "outdated correction: a plan corrected on what is no more"),
    Column("LT", LATE, "late or torn step: an act on a plan that was corrected"),
    Column("SD", SAID, "said, not done: an act on what was told and is not so"),
    Column("DL", DEADLOCK, "deadlock"),
)
NAMES = tuple(column.name for column in COLUMNS)

# One row a preset, one mark a column.
MATRIX: Mapping[str, str] = {
    #                         G0 1a 1b 1c LU FR RS LF WS Ph SO OC LT SD DL
    "none":                  "x  x  x  x  x  x  x  x  x  x  x  x  x  x  .",
    "fresh":                 "x  -  x  x  x  x  x  x  x  x  x  x  x  -  .",
    "object_cas":            "-  x  x  x  -  x  x  x  x  x  x  x  x  x  .",
    "sight_check":           "x  x  x  x  x  x  x  x  x  x  -  x  x  x  .",
    "stamped":               "x  -  x  x  x  x  x  x  x  x  x  x  x  -  .",
    "epoch_plans":           "x  x  x  x  x  x  x  x  x  x  x  x  -  x  .",
    "stamped_epochs":        "x  -  x  x  x  x  x  x  x  x  x  x  -  -  .",
    "merge_occ":             "-  x  x  x  x  x  x  x  x  x  x  -  x  x  ~",
    "read_committed":        "-  x  x  x  x  x  x  x  x  x  x  x  x  x  ~",
    "snapshot":              "-  -  -  -  -  -  -  -  x  x  x  x  x  -  ~",
    "serializable_snapshot": "-  -  -  -  -  -  -  -  -  -  x  x  x  -  ~",
    "premise":               "-  x  x  x  x  x  x  x  x  x  -  -  -  -  ~",
    "occ":                   "-  -  -  -  -  -  -  -  -  -  -  -  -  -  ~",
    "occ_forward":           "-  -  -  -  -  -  -  -  -  -  -  -  -  -  -",
    "contention_aware":      "-  -  -  -  -  -  -  -  -  -  -  -  -  -  ~",
    "full":                  "-  -  -  -  -  -  -  -  -  -  -  -  -  -  ~",
    "two_phase_locking":     "-  -  -  -  -  -  -  -  -  -  -  -  -  -  ~",
    "region_locking":        "-  -  -  -  -  -  -  -  -  -  -  -  -  -  ~",
    "world_locking":         "-  -  -  -  -  -  -  -  -  -  -  -  -  -  ~",
    "locking_as_needed":     "-  -  -  -  -  -  -  -  -  -  -  -  -  -  ~",
    "wait_die":              "-  -  -  -  -  -  -  -  -  -  -  -  -  -  ~",
    "wound_wait":            "-  -  -  -  -  -  -  -  -  -  -  -  -  -  ~",
    "timeout_locking":       "-  -  -  -  -  -  -  -  -  -  -  -  -  -  ~",
    "speculative_locking":   "-  -  -  -  -  -  -  -  -  -  -  -  -  -  ~",
    "serial":                "-  -  -  -  -  -  -  -  -  -  -  -  -  -  -",
    "mtpo":                  "~  ~  ~  ~  ~  ~  ~  ~  ~  ~  ~  ~  ~  -  ~",
}  # fmt: skip


class Note(NamedTuple):
    """A footnote to some cells."""

    presets: tuple[str, ...]
    heads: tuple[str, ...]
    text: str


NOTES = (
    Note(
        ("none", "object_cas", "sight_check", "epoch_plans", "merge_occ", "read_committed"), ("1a",),
        "only by a promise that is never kept: nothing that was done is taken back",
    ),
    Note(
        ("object_cas", "read_committed"), ("1c",),
        "only by a promise: who acted on it depends on a write that came after its own",
    ),
    Note(
        ("object_cas", "stamped", "epoch_plans", "stamped_epochs", "sight_check", "snapshot"), ("OC",),
        "comparing the epoch is not enough: the mover may commit under the old plan before the corrector, who saw the "
        "world as it was, publishes the new one. sight_check admits it where the corrector only heard of "
        "the world, snapshot because the two write different things",
    ),
    Note(
        ("merge_occ",), ("1a", "1b", "1c", "LU", "FR", "RS", "LF", "WS", "Ph", "SO", "LT", "SD"),
        "only by what was done to physical sites before the merge refused the task",
    ),
    Note(
        ("occ", "full", "merge_occ", "read_committed", "premise", "snapshot", "serializable_snapshot"), ("DL",),
        "two tasks that each wait for a physical site which the other has changed: the one that loses patience aborts",
    ),
    Note(
        ("occ_forward",), ("DL",),
        "whoever would close the circle has been stopped by the write that it waits for",
    ),
    Note(
        ("wait_die", "wound_wait"), ("DL",),
        "only through the border of a region, whose lock is held without a transaction; found as a circle",
    ),
    Note(
        ("serializable_snapshot",), ("SO", "OC", "LT"),
        "such an act comes before what it has not seen: the order of its transactions is a serial one all the same",
    ),
    Note(
        ("premise",), ("1a", "1b", "1c", "LU", "FR", "RS", "LF", "WS", "Ph"),
        "only by reads that made no difference: it is replayed on what is current that premise and write are the same",
    ),
    Note(
        ("mtpo",), tuple(column.head for column in COLUMNS[:13]),
        "until all is quiet, and cut off where an episode ends before. What is measured is what ranks that are quiet "
        "have come to: serializable in the order of ranks, not strictly, only with a judge who is right, and only "
        "where the world lets be taken back what must be. It may not where something drifts that hands have to put "
        "right, nor after an accident: there the audit finds the certificate broken",
    ),
    Note(
        ("mtpo",), ("DL",),
        "who waits while a lower rank waits for its work to be taken back gives up what it is at",
    ),
    Note(
        ("contention_aware",), ("DL",),
        "as of occ, but of two tasks one is held back, so only if it was let in because age_bound was over: found with "
        "0 ticks, and nowhere with the 24 of the preset",
    ),
)  # fmt: skip


def cell(preset: str, column: Column) -> str:
    """Return the mark of a cell."""
    return MATRIX[preset].split()[COLUMNS.index(column)]


def note_of(preset: str, column: Column) -> str:
    """Return the letter of a cell's footnote, or nothing."""
    for letter, note in zip(LETTERS, NOTES, strict=False):
        if preset in note.presets and column.head in note.heads:
            return letter
    return ""


def is_serializable(preset: str) -> bool:
    """Tell whether a row forbids all that *serializable* forbids, or dissolves it until all is quiet."""
    return all(cell(preset, column) in (FORBIDDEN, TRANSIENT) for column in COLUMNS[:10])


def banned(preset: str, found: Iterable[str]) -> list[str]:
    """Return what of these findings cannot be where a row is right.

    A deadlock is found as it arises; all else in what is left at last, where what was transient is no more.
    """
    marks = {column.name: cell(preset, column) for column in COLUMNS}
    cannot_be = {BROKEN, *(name for name, mark in marks.items() if mark in (FORBIDDEN, NOT_APPLICABLE))}
    cannot_be |= {name for name, mark in marks.items() if mark == TRANSIENT and name != DEADLOCK}
    if is_serializable(preset):
        cannot_be.add("internal")
    is_strict = TRANSIENT not in [marks[name] for name in NAMES[:10]] and is_serializable(preset)
    return [name for name in found if name in cannot_be or (is_strict and name.endswith("-realtime"))]


@dataclass
class Counted:
    """In how many of so many episodes something was found, and in which first."""

    episodes: int = 0
    found: dict[str, int] = field(default_factory=dict)
    first: dict[str, int] = field(default_factory=dict)

    def add(self, numbers: Iterable[int], shown: Iterable[frozenset[str]]) -> None:
        """Count some more episodes."""
        for number, names in zip(numbers, shown, strict=True):
            self.episodes += 1
            for name in names:
                self.found[name] = self.found.get(name, 0) + 1
                self.first.setdefault(name, number)


def count_small_scope(preset: str, kind: str, numbers: Sequence[int]) -> Counted:
    """Count what schedules of the small scope show, by their numbers."""
    episodes = list(small_scope.play(resolve(preset), kind, numbers))
    counted = Counted()
    counted.add(numbers, findings(small_scope.rules_of(kind), episodes, alike=True))
    return counted


def count_contended(preset: str, seeds: Sequence[int], times: bool = True) -> Counted:
    """Count what contended episodes show, by their seeds, and whether the certificate holds that the preset hands out.

    Without `times` not what real time alone forbids.
    """
    counted = Counted()
    config = resolve(preset)
    for start in range(0, len(seeds), contended.AT_ONCE):
        chosen = seeds[start : start + contended.AT_ONCE]
        episodes = list(contended.play(config, chosen))
        counted.add(chosen, findings(contended.rules(), episodes, times=times, certificate=config.certificate))
    return counted


@dataclass(frozen=True)
class Measured:
    """What was counted of one preset, and under `none` on the same schedules and seeds: what there was to find."""

    preset: str
    small: dict[str, Counted]  # by kind of sites
    contended: Counted
    exposed: Measured | None = None

    def found(self, name: str) -> int:
        """Return in how many schedules and episodes something was found."""
        return sum(one.found.get(name, 0) for one in (*self.small.values(), self.contended))

    @property
    def wrong(self) -> list[str]:
        """What was found and cannot be: what the row forbids; of a serializable one also what its level adds."""
        seen = {name for one in (*self.small.values(), self.contended) for name in one.found}
        return banned(self.preset, [*(name for name in NAMES if name in seen), *sorted(seen.difference(NAMES))])


def measure(
    presets: Sequence[str], seeds: int, first_seed: int, every: int, done: Callable[[], None] = lambda: None
) -> list[Measured]:
    """Measure presets on contended episodes and on every so-many-th schedule of the small scope (0: none of them).

    `none` is measured first, whether it is among them or not: it says what there was to find. `done` is told after
    each of the presets and after `none`.
    """
    numbers = range(0, small_scope.SCHEDULES, every) if every else range(0)
    chosen = range(first_seed, first_seed + seeds)
    exposed: Measured | None = None
    measured = []
    for preset in ("none", *(name for name in presets if name != "none")):
        small = {kind: count_small_scope(preset, kind, numbers) for kind in small_scope.KINDS}
        row = Measured(preset, small, count_contended(preset, chosen), exposed)
        exposed = exposed or row
        measured.append(row)
        done()
    return [row for row in measured if row.preset in presets]


def bound(exposed: int) -> str:
    """Return below what a share is that was found in none of so many, at 95 %; "-" where there was nothing to find."""
    return f"{100 * upper_bound(0, exposed):.2g} %" if exposed else "-"


def grid(presets: Iterable[str]) -> list[list[str]]:
    """Return the table as words: a head, then a row a preset."""
    told = [["preset", *(column.head for column in COLUMNS)]]
    told += [[name, *(cell(name, column) + note_of(name, column) for column in COLUMNS)] for name in presets]
    return told


def legend() -> str:
    """Return what the marks, the heads and the letters of the table mean."""
    lines = ["  ".join(f"{mark} {said}" for mark, said in MARKS.items())]
    lines += [f"{column.head}  {column.about}" for column in COLUMNS]
    lines += [f"{letter}   {note.text}" for letter, note in zip(LETTERS, NOTES, strict=False)]
    return "\n".join(lines)


def table(presets: Iterable[str], measured: Sequence[Measured] = ()) -> Table:
    """Return the table; red is what was found though the row forbids it."""
    made = Table(box=None, pad_edge=False, padding=(0, 1, 0, 0), header_style="bold")
    wrong = {row.preset: row.wrong for row in measured}
    head, *body = grid(presets)
    for name in head:
        made.add_column(name)
    for preset, *cells in body:
        marked = zip(cells, NAMES, strict=True)
        made.add_row(preset, *(f"[red]{one}[/red]" if name in wrong.get(preset, ()) else one for one, name in marked))
    return made


def measured_table(row: Measured) -> Table:
    """Return what was measured of one preset, column by column, beside what is claimed."""
    told = as_json(row)
    made = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold", title=row.preset)
    made.add_column("")
    made.add_column("claim")
    for name in ("schedules", "episodes", "none", "below", "first seed"):
        made.add_column(name, justify="right")
    for found in told["columns"]:
        below = "" if found["contended"] else found["bound"]
        first = "" if found["first_seed"] is None else str(found["first_seed"])
        made.add_row(
            found["name"], found["claim"].partition(":")[0], f"{found['small_scope']:,}", f"{found['contended']:,}",
            f"{found['exposed']:,}", below, first,
        )  # fmt: skip
    return made


def as_json(row: Measured) -> dict[str, Any]:
    """Return what was measured of one preset.

    `exposed` counts the contended seeds on which `none` shows it; `bound` is the upper bound of a zero among those.
    """
    base = row.exposed or row
    columns = []
    for column in COLUMNS:
        first = next((one.first[column.name] for one in row.small.values() if column.name in one.first), None)
        there = base.contended.found.get(column.name, 0)
        columns.append({
            "name": column.name, "claim": MARKS[cell(row.preset, column)],
            "small_scope": sum(one.found.get(column.name, 0) for one in row.small.values()),
            "small_scope_exposed": sum(one.found.get(column.name, 0) for one in base.small.values()),
            "contended": row.contended.found.get(column.name, 0), "exposed": there, "bound": bound(there),
            "first_schedule": None if first is None else str(small_scope.schedule(first)),
            "first_seed": row.contended.first.get(column.name),
        })  # fmt: skip
    return {
        "protocol": row.preset, "schedules": sum(one.episodes for one in row.small.values()),
        "episodes": row.contended.episodes, "columns": columns, "wrong": row.wrong,
    }  # fmt: skip


MEASURED_LEGEND = (
    "schedules, episodes: in how many it is found; none: in how many of the same episodes under `none`; below: what a "
    "zero leaves possible of those, at 95 %.\n"
)


def summary(measured: Sequence[Measured]) -> str:
    """Say how much was looked at, and what is not as claimed."""
    wrong = [f"{name} under {row.preset}" for row in measured for name in row.wrong]
    schedules = sum(one.episodes for one in measured[0].small.values()) if measured else 0
    episodes = measured[0].contended.episodes if measured else 0
    looked = f"{schedules:,} schedules of the small scope and {episodes:,} contended episodes a preset"
    if wrong:
        return f"Forbidden, and found: {', '.join(wrong)} ({looked})."
    return f"Nothing found that is forbidden: {looked}."


def markdown() -> str:
    """Return the table, its legend and its exhibits as a page of the documentation."""
    head, *body = grid(MATRIX)
    told = [head, ["---"] * len(head), *([f"`{name}`", *cells] for name, *cells in body)]
    lines = [f"| {' | '.join(row)} |" for row in told]
    marks = [f"- `{mark}` {said}" for mark, said in MARKS.items()]
    heads = [f"- **{column.head}** {column.about}" for column in COLUMNS]
    notes = [f"- *{letter}* {note.text}" for letter, note in zip(LETTERS, NOTES, strict=False)]
    shown = []
    for column in COLUMNS:
        by_exhibit: dict[str, list[str]] = {}
        for preset in MATRIX:
            if cell(preset, column) == ALLOWED:
                found = exhibit(column.name, lambda preset=preset: Textbook(resolve(preset)))  # type: ignore[misc]
                by_exhibit.setdefault(str(found), []).append(f"`{preset}`")
        shown += [f"- **{column.head}** {said}: {', '.join(names)}" for said, names in by_exhibit.items()]
    return "\n".join((_PAGE.format(schedules=small_scope.SCHEDULES), *lines, "", *marks, "", *heads, "", *notes, "",
                       _EXHIBITS, *shown, ""))  # fmt: skip


_PAGE = """# The matrix

What each preset rules out, by the auditor's names, with a whole decision as one transaction. This page is printed by
`stalegrid check matrix --markdown`; a test compares them.

`stalegrid check matrix` measures it: on the exhaustive small scope, all {schedules:,} schedules of two transactions of
two reads or writes of two sites (`--exhaustive`; by default a sample), on record and on physical sites, and on
contended random episodes (`--seeds`). Beside a zero stands on how many of the same seeds `none` shows it: what there
was to find. Of contended episodes the certificate is checked, too, where the preset hands one out.
A row holds of a protocol that sees every input and is told the true footprint of every task. Where the settings
`visibility` and `footprint_error` say otherwise, none but `serial` promises anything ([semantics](semantics.md)).
A row that forbids all of G0 to phantom was found to forbid what real time adds, too: it is strict serializable.
"""
_EXHIBITS = """## Exhibits

What is allowed happens: the smallest schedule for each column, and under which presets it shows it. A step of the small
scope reads `rx` (read x), `wx` (write x); the last part says whose step is when, each first one being the decision.
"""
