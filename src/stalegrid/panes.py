"""Episodes as panes that the painter draws, with the story of each told in sentences."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import Any

from numpy.typing import NDArray

from .protocols.presets import ABOUT
from .render.chronicle import Chronicle, Span, Verdict
from .render.pane import ALERT, BAD, CALM, GOOD, Beat, Pane
from .render.scene import Scene
from .story import Line, agent_name, claim
from .tape import Tape
from .world.audit import EpisodeReport
from .world.rules import Rules
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


def pane_of(tape: Tape, serial: EpisodeReport | None = None) -> Pane:
    """Make a pane of a tape; `serial`, the report of the serial run of its seed, is what E and I are measured by."""
    return make_pane(
        tape.rules, tape.protocol, tape.scene, tape.length, tape.events, tape.report, tape.lines, tape.forked_at, serial
    )


@lru_cache(maxsize=8)
def _serial_run(scenario: str, seed: int, settings: tuple[tuple[str, Any], ...]) -> EpisodeReport:
    return Tape(scenario, "serial", seed, **dict(settings)).report


def serial_of(scenario: str, seed: int, settings: Mapping[str, Any]) -> EpisodeReport:
    """Return the report of the serial run of a seed."""
    return _serial_run(scenario, seed, tuple(sorted(settings.items())))


def make_pane(
    rules: Rules, protocol: str, scene: Callable[[int], Scene], length: int, events: NDArray[Any],
    report: EpisodeReport, lines: Sequence[Line], forked: int | None = None, serial: EpisodeReport | None = None,
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
        stats=lambda tick: live_stats(chronicle, scene(tick), serial),
    )


def live_stats(chronicle: Chronicle, scene: Scene, serial: EpisodeReport | None) -> tuple[tuple[str, str], ...]:
    """Return S, C, E and I and some counts as they stand at a moment, by name.

    E is goals met per tick so far and I think ticks per goal so far, each over the same of the whole serial run.
    """
    tick, met = scene.tick, scene.goals_met
    committed = chronicle.count("committed", tick)
    clean: float | None = None
    if committed and chronicle.rules.blueprint.invariants:
        clean = 1 - chronicle.count("broke", tick) / committed
    thought = chronicle.thought_until(tick)
    pace = spent = None
    if serial is not None and serial.goals_met and tick:
        pace = (met / tick) / (serial.goals_met / max(1, serial.ticks_to_goals))
        if met and serial.counts["think_ticks"]:
            spent = (thought / met) / (serial.counts["think_ticks"] / serial.goals_met)
    numbers = {"S": scene.success, "C": clean, "E": pace, "I": spent}
    counted = ("went wrong", "caught", "committed", "refused", "messages")
    counts = {name: chronicle.count(name, tick) for name in counted}
    return (
        *((name, "-" if value is None else f"{value:.2f}") for name, value in numbers.items()),
        *((name, str(value)) for name, value in counts.items()),
        ("think ticks", str(thought)),
    )


def tell_beats(rules: Rules, chronicle: Chronicle, lines: Sequence[Line]) -> tuple[Beat, ...]:
    """Tell an episode in three beats a verdict: what is decided on what belief, what changes it, how it ends."""
    beats = [Beat(0, _cast(rules), CALM)]
    for tick, agent in chronicle.held:
        text = f"{agent_name(rules, agent)} is held: its plan is being replaced, and all are to have the new one first."
        beats.append(Beat(tick, _sentence(text), ALERT))
    for verdict in chronicle.verdicts:
        span = chronicle.spans.get(verdict.txn)
        if span is None or not verdict.named:
            continue
        who, task = agent_name(rules, verdict.agent), rules.task_names[span.task].replace("_", " ")
        beats.append(Beat(span.decided, _decision(rules, verdict, span, who, task), CALM))
        news = chronicle.first_change(verdict)
        if news is not None:
            now = claim(rules, chronicle.site_of(news), news.value)
            by = agent_name(rules, news.writer)
            text = f"{by} changes that: now {now}. {_sentence(who)} does not know and goes on."
            beats.append(Beat(news.tick, _sentence(text), ALERT))
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


def _cast(rules: Rules) -> str:
    """Say which numbers are which role."""
    said = []
    for index, role in enumerate(rules.blueprint.roles):
        members = [agent for agent, own in enumerate(rules.role_of) if own == index]
        if len(members) == 1:
            said.append(f"{members[0]} is the {role.name}")
        elif members:
            said.append(f"{members[0]} to {members[-1]} are {role.name}s")
    return _sentence(", ".join(said)) + "."


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
