"""Episodes of one's own before the graph auditor: their levels in every bracket, and witnesses as sentences."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from .episodes import Episode, run_episodes
from .protocols.config import Config
from .story import agent_name, claim
from .world.audit.anomalies import ANOMALIES
from .world.audit.certificates import Certificate, check
from .world.audit.episode_judge import EpisodeJudgement, judge_episode
from .world.audit.episodes import EpisodeHistory, Transaction, history_of
from .world.audit.judge import Witness
from .world.audit.units import BRACKETS, CROSSING, DECISION, HEADLINE, Units, read_logs
from .world.control import Control
from .world.rules import Rules
from .world.state import NEVER


@dataclass(frozen=True)
class Judged:
    """One episode, judged once a bracket, and its protocol's certificate if it hands one out."""

    seed: int
    digest: str
    units: Units
    verdicts: dict[str, EpisodeJudgement]  # by bracket
    certificate: Certificate | None

    def as_json(self) -> dict[str, Any]:
        """Return what `stalegrid audit` prints of an episode: one object with the headline's verdict, and the rest."""
        found = []
        for bracket, verdict in self.verdicts.items():
            said = verdict.judgement.as_json()
            said["id"] = f"seed {self.seed}"
            said |= {"bracket": bracket, "held": verdict.held, "drift": list(verdict.drift)}
            for witness, one in zip(said["witnesses"], verdict.judgement.witnesses, strict=True):
                witness["events"] = witness_lines(self.units, verdict.history, one)
            found.append(said)
        certificate = self.certificate
        return {
            "seed": self.seed,
            "digest": self.digest,
            "brackets": found,
            "certificate": None
            if certificate is None
            else {"holds": certificate.holds, "listed": certificate.listed, "problems": list(certificate.problems)},
        }


def certificate_of(units: Units, episode: int, protocol: Config | Control) -> Certificate | None:
    """Check the certificate that a protocol hands out; None where it hands out none."""
    if isinstance(protocol, Control) or protocol.certificate is None:
        return None
    return check(units, episode, protocol.certificate, by_replay=protocol.rule == "premise")


def judge_own(
    rules: Rules,
    protocol: Config | Control,
    mind: str,
    seeds: Sequence[int],
    brackets: Sequence[str] = BRACKETS,
    unit: str = "decision",
) -> Iterator[Judged]:
    """Run an episode for each seed and judge it."""
    for seed in seeds:
        (episode,) = run_episodes(rules, protocol, mind, [seed])
        units = read_logs(rules, [episode.events])
        verdicts = {bracket: judge_episode(units, bracket=bracket, unit=unit, name=f"{seed}") for bracket in brackets}
        yield Judged(seed, episode.digest, units, verdicts, certificate_of(units, 0, protocol))


def histories(
    rules: Rules, episodes: Sequence[Episode], name: str, bracket: str, unit: str
) -> Iterator[EpisodeHistory]:
    """Return episodes as histories, the world's transactions among them."""
    for episode in episodes:
        units = read_logs(rules, [episode.events])
        yield history_of(units, bracket=bracket, unit=unit, name=f"{name}, seed {episode.seed}")


def witness_lines(units: Units, told: EpisodeHistory, witness: Witness) -> list[str]:
    """Tell a witness: its transactions in the order in which they were decided, and how each stands to the next."""
    places = sorted(dict.fromkeys(witness.transactions), key=lambda place: told.transactions[place].invoke)
    return [*(f"T{place}: {transaction_line(units, told.transactions[place])}" for place in places), *witness.steps]


def transaction_line(units: Units, one: Transaction) -> str:
    """Tell a transaction: when, who, what, what it used and what it made of it."""
    if one.member is None:
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


def about(anomaly: str) -> str:
    """Return what an anomaly is."""
    return ANOMALIES[anomaly].sentence
