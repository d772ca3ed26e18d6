"""Episodes of one's own before the graph auditor: their levels in every bracket, and witnesses as sentences."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from .compare import Cell, certificates_of, replays_of
from .episodes import Episode, run_episodes
from .story import agent_name, claim
from .world.audit.certificates import Certificate
from .world.audit.episode_judge import EpisodeJudgement, judge_episode
from .world.audit.episodes import NO_ONE, EpisodeHistory, Transaction, history_of
from .world.audit.judge import Witness
from .world.audit.units import BRACKETS, CROSSING, DECISION, HEADLINE, Units, read_logs
from .world.state import NEVER


@dataclass(frozen=True)
class Judged:
    """One episode, judged once a bracket, and its protocol's certificate if it hands one out."""

    digest: str
    units: Units
    verdicts: dict[str, EpisodeJudgement]  # by bracket
    certificate: Certificate | None
    replay: Certificate | None  # a serial order that was looked for without a promise

    @property
    def bracket(self) -> str:
        """The bracket that speaks for the episode: the headline if it was asked for."""
        headline = BRACKETS[HEADLINE]
        return headline if headline in self.verdicts else next(iter(self.verdicts))

    @property
    def name(self) -> str:
        """What the episode is called, here and as an exported history."""
        return self.verdicts[self.bracket].history.id

    @property
    def cut_off(self) -> int:
        """How many decisions count nowhere, for their ranks were not quiet when the episode ended."""
        (ranks,) = self.units.ranks
        return 0 if ranks is None else ranks.cut_off

    def as_json(self) -> dict[str, Any]:
        """Return the object that `stalegrid audit` prints of any history, and what is known of an episode besides."""
        return {
            **self._verdict(self.bracket),
            "certificate": _order(self.certificate),
            "replay": _order(self.replay),
            "cut_off": self.cut_off,
            "digest": self.digest,
            "other_brackets": [self._verdict(bracket) for bracket in self.verdicts if bracket != self.bracket],
        }

    def _verdict(self, bracket: str) -> dict[str, Any]:
        verdict = self.verdicts[bracket]
        said = verdict.judgement.as_json()
        for witness, one in zip(said["witnesses"], verdict.judgement.witnesses, strict=True):
            witness["events"] = witness_lines(self.units, verdict.history, one)
        return {**said, "bracket": bracket, "held": verdict.held, "drift": list(verdict.drift)}


def _order(found: Certificate | None) -> dict[str, Any] | None:
    return None if found is None else {"holds": found.holds, "listed": found.listed, "problems": list(found.problems)}


def judge_own(cell: Cell, brackets: Sequence[str] = BRACKETS, unit: str = "decision") -> Iterator[Judged]:
    """Run the episodes of a cell and judge each."""
    for episode, units, name in _played(cell):
        verdicts = {bracket: judge_episode(units, bracket=bracket, unit=unit, name=name) for bracket in brackets}
        (certificate,), (replay,) = certificates_of(units, cell.config), replays_of(units, cell.config)
        yield Judged(episode.digest, units, verdicts, certificate, replay)


def histories(cell: Cell, bracket: str, unit: str) -> Iterator[EpisodeHistory]:
    """Run the episodes of a cell and return them as histories, the world's transactions among them."""
    for _, units, name in _played(cell):
        yield history_of(units, bracket=bracket, unit=unit, name=name)


def _played(cell: Cell) -> Iterator[tuple[Episode, Units, str]]:
    """Yield each episode of a cell with its tables and the name of its history."""
    rules, seeds = cell.rules(), range(cell.first_seed, cell.first_seed + cell.seeds)
    for episode in run_episodes(rules, cell.config, cell.mind, seeds):
        units = read_logs(rules, [episode.events])
        yield episode, units, f"{cell.scenario}, {cell.name}, seed {episode.seed}"


def witness_lines(units: Units, told: EpisodeHistory, witness: Witness) -> list[str]:
    """Tell a witness: its transactions in the order in which they were decided, and how each stands to the next."""
    places = sorted(dict.fromkeys(witness.transactions), key=lambda place: told.transactions[place].invoke)
    return [*(f"T{place}: {transaction_line(units, told.transactions[place])}" for place in places), *witness.steps]


def transaction_line(units: Units, one: Transaction) -> str:
    """Tell a transaction: when, who, what, what it used and what it made of it."""
    if one.member is None:
        if one.process == NO_ONE:
            return "nobody below the reader's rank had left what it read: it saw past its rank, or what was taken back."
        return f"{one.process.replace('_', ' ')} promised what did not come."
    unit, rules = units.unit[one.member.unit], units.rules
    who = agent_name(rules, int(unit["agent"]))
    wrote = [
        claim(rules, int(row["site"]) - int(unit["episode"]) * units.sites, int(row["value"]))
        for row in units.written[units.written["unit"] == one.member.unit]
        if one.member.op in (-1, row["op"])
    ]
    made = ", ".join(wrote) or "nothing new"
    if unit["sort"] != DECISION:
        how = "crosses a border" if unit["sort"] == CROSSING else "does it"
        return f"tick {unit['decided']}: {who} {how}: {made}."
    uses = units.used[(units.used["unit"] == one.member.unit) & (units.used["bracket"] <= HEADLINE)]
    if one.member.op >= 0:
        uses = uses[units.act["op"][uses["act"]] == one.member.op]
    rests = list(
        dict.fromkeys(
            claim(rules, int(use["site"]) - int(unit["episode"]) * units.sites, int(use["value"])) for use in uses
        )
    )
    on = f" on {', '.join(rests)}" if rests else ""
    end = "is still open" if unit["settled"] == NEVER else f"settles in tick {unit['settled']}"
    task = rules.task_names[unit["task"]].replace("_", " ")
    return f"tick {unit['decided']}: {who} decides to {task}{on}; {end}: {made}."
