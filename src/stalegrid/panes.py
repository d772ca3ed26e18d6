"""Episodes as panes that the painter draws, with the story of each told in sentences."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any

from numpy.typing import NDArray

from .protocols.presets import ABOUT
from .render.chronicle import Chronicle, Span, Verdict
from .render.pane import ALERT, BAD, CALM, GOOD, Beat, Pane
from .render.scene import Scene
from .story import Line, agent_name, claim
from .world.audit import EpisodeReport
from .world.rules import Rules
from .world.scenarios import SCENARIOS
from .world.state import MESSAGE

PLAIN: dict[str, str] = {
    "none": "every action goes through",
    "object_cas": "a write is refused if its target has changed since it was read",
    "sight_check": "an act is refused if what its agent saw has changed",
    "stamped": "messages carry versions; an act on an outdated message is refused",
    "epoch_plans": "a new plan starts for all at once; acts by the old one are held",
    "serial": "one agent at a time",
}  # in the words of the window, where the list's own say more than there is room for
_STARRED = re.compile(r"\*([^*]*)\*")


def make_pane(
    rules: Rules, protocol: str, scene: Callable[[int], Scene], length: int, events: NDArray[Any],
    report: EpisodeReport, lines: Sequence[Line], forked: int | None = None,
) -> Pane:  # fmt: skip
    """Make a pane of one whole episode: its scenes, its log, what the auditor found and what the story says."""
    chronicle = Chronicle(rules, events, report)
    return Pane(
        title="no protocol" if protocol == "none" else protocol,
        about=PLAIN.get(protocol) or ABOUT.get(protocol, "a protocol of one's own"),
        scene=scene,
        length=length,
        chronicle=chronicle,
        beats=tell_beats(rules, chronicle, lines),
        forked=forked,
    )


def tell_beats(rules: Rules, chronicle: Chronicle, lines: Sequence[Line]) -> tuple[Beat, ...]:
    """Tell an episode in three beats a verdict: what is decided on what belief, what changes it, how it ends."""
    beats = [Beat(0, SCENARIOS[rules.name].story, CALM)]
    for verdict in chronicle.verdicts:
        span = chronicle.spans.get(verdict.txn)
        if span is None or not verdict.named:
            continue
        who, task = agent_name(rules, verdict.agent), rules.task_names[span.task].replace("_", " ")
        beats.append(Beat(span.decided, _decision(rules, verdict, span, who, task), CALM))
        news = verdict.named[0]
        if span.decided <= news.superseded < verdict.tick:
            now = claim(rules, news.site, news.current_value)
            by = agent_name(rules, news.writer)
            text = f"{by} changes that: now {now}. {who} does not know and goes on."
            beats.append(Beat(news.superseded, _sentence(text), ALERT))
    grouped: dict[tuple[int, bool], list[str]] = {}
    for line in lines:
        grouped.setdefault((line.tick, line.grave), []).append(_sentence(_STARRED.sub("“\\1”", line.text)))
    for (tick, grave), texts in grouped.items():
        accidents = [text for text in texts if text.startswith("Accident")]
        acts = [text for text in texts if text not in accidents]
        more = [f"And {len(acts) - 1} more like this."] if len(acts) > 1 else []
        beats.append(Beat(tick, " ".join([*acts[:1], *more, *accidents]), BAD if grave else GOOD))
    beats.sort(key=lambda beat: (beat.tick, beat.mood))
    return tuple(beats)


def _decision(rules: Rules, verdict: Verdict, span: Span, who: str, task: str) -> str:
    believed = " and ".join(dict.fromkeys(claim(rules, one.site, one.value) for one in verdict.named))
    news = verdict.named[0]
    how = "It was promised" if news.promise else "It was told" if news.channel == MESSAGE else "It sees"
    if news.site in rules.plan:
        how = "The plan it has says"
    thinks = " and thinks" if span.thinks else ""
    return _sentence(f"{who} decides to {task}{thinks}. {how}: {believed}.")


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:]
