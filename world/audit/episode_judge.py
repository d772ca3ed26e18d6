"""The verdict on an episode: its levels with the world taken out, and beside them what only the world brought in."""

from __future__ import annotations

from dataclasses import dataclass

from ..verbs import REGION
from .anomalies import LEVELS
from .episodes import EpisodeHistory, history_of
from .exchange import from_object
from .judge import Judgement, judge
from .units import Units


@dataclass(frozen=True, eq=False)
class EpisodeJudgement:
    """What one episode is worth on one bracket, by one unit."""

    history: EpisodeHistory  # of the agents alone
    judgement: Judgement
    whole: EpisodeHistory  # with the transactions of the world
    with_world: Judgement

    @property
    def held(self) -> str | None:
        """The strongest level that the agents' transactions hold among themselves."""
        return self.judgement.held

    @property
    def drift(self) -> tuple[str, ...]:
        """The anomalies that vanish when the world's transactions are taken out."""
        return tuple(name for name in self.with_world.anomalies if name not in self.judgement.anomalies)

    @property
    def drifting(self) -> int:
        """Decisions on a cycle or G1 only because of the world."""
        guilty = _guilty(self.history, self.judgement)
        return len(_guilty(self.whole, self.with_world) - guilty)


def judge_episode(
    units: Units, episode: int = 0, *, bracket: str = "headline", unit: str = "decision", name: str = "episode"
) -> EpisodeJudgement:
    """Judge one episode at the five levels; `bracket` and `unit` as in `episodes.history_of`."""
    told = [history_of(units, episode, bracket=bracket, unit=unit, world=world, name=name) for world in (False, True)]
    # An episode without events of the world is judged once.
    same = len(told[0].transactions) == len(told[1].transactions)
    verdicts = [_verdict(units, one) for one in (told[:1] if same else told)]
    return EpisodeJudgement(told[0], verdicts[0], told[-1], verdicts[-1])


def _verdict(units: Units, told: EpisodeHistory) -> Judgement:
    rules = units.rules
    regions = {name for name, kind in zip(rules.site_names, rules.site_kinds, strict=True) if kind == REGION}
    counted = {name for name in told.order if name.partition("/")[0] in regions}
    return judge(from_object(told.to_object(), told.id), counted)


def _guilty(told: EpisodeHistory, found: Judgement) -> set[object]:
    return {
        one.member
        for one, is_guilty in zip(told.transactions, found.is_guilty.tolist(), strict=True)
        if is_guilty and one.member is not None and one.process != "world"
    }


def rank(level: str | None) -> int:
    """Return how strong a level is; -1 where not even the weakest holds."""
    return -1 if level is None else LEVELS.index(level)
