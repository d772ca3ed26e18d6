"""An episode in sentences, from its log and what the auditor found in it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from .world import log, verbs
from .world.audit import EpisodeReport, Evidence, Finding
from .world.rules import Rules
from .world.state import HAZARDS, LOST_UPDATE, MESSAGE, STALE_CORRECTION

HAZARD_WORDS = {
    "stale_read": "stale read",
    "lost_update": "lost update",
    "stale_correction": "stale correction",
    "action_message_desync": "action-message desync",
}

HAPPENS = {
    "stale_read": "somebody acts on old news",
    "lost_update": "an update is lost",
    "stale_correction": "somebody follows a plan that was replaced",
    "action_message_desync": "somebody acts on a message that is no longer true",
}


@dataclass(frozen=True)
class Line:
    """One sentence and the tick it is about; `agent` is who acted, `grave` marks what went wrong."""

    tick: int
    text: str
    agent: int
    grave: bool


def claim(rules: Rules, site: int, value: int) -> str:
    """Say what it means that a site has a value."""
    name, kind = rules.site_names[site].replace("_", " "), rules.blueprint.sites[site].kind
    if kind == "region":
        return f"{name} empty" if value == 0 else f"{value} on the {name}"
    if kind == "switch":
        return f"{name} {'closed' if value else 'open'}"
    if kind == "guard_post" and value in (0, 1):
        return f"{name} manned" if value else f"nobody at {name}"
    if kind == "shelf":
        return f"item {value} in {name}" if value else f"{name} empty"
    if kind == "interface" and value == 0:
        return f"{name} not built"
    if kind == "plan":
        return f"{name} to depot {value}"
    return f"{name} = {value}"


def and_more(words: Iterable[str]) -> str:
    """Join words as one does in speech."""
    *most, last = words
    return f"{', '.join(most)} and {last}" if most else last


def hit_words(rules: Rules, bodies: int, boats: int) -> str:
    """Say what an accident, or some, did."""
    roles = [role.name for role in rules.blueprint.roles if role.trips]
    who = roles[0] if len(roles) == 1 else "agent"
    hit = f"a {who} hit" if bodies == 1 else f"{bodies} {who}s hit"
    craft = craft_of(rules)
    return hit + (f", a {craft} lost" if boats == 1 else f", {boats} {craft}s lost" if boats else "")


def craft_of(rules: Rules) -> str:
    """Say what the boats are."""
    return rules.blueprint.boats.called if rules.blueprint.boats else "boat"


def agent_name(rules: Rules, agent: int) -> str:
    """Name an agent: the only one of its role by the role alone."""
    if agent < 0:
        return "the world"
    role = rules.blueprint.roles[rules.role_of[agent]]
    return f"the {role.name}" if role.count == 1 else f"{role.name} {rules.nth_of_role(agent)}"


def tell(rules: Rules, events: Any, report: EpisodeReport) -> list[Line]:
    """Tell the episode: every act that went wrong or was caught, every slip and accident, in order."""
    lines = [_finding(rules, finding) for finding in report.findings if finding.level in ("decisive", "prevented")]
    for event in events[events["kind"] == log.ACCIDENT]:
        who, many = agent_name(rules, int(event["agent"])), int(event["value"])
        gate = rules.site_names[int(event["site"])].replace("_", " ")
        text = f"accident: {who} closed the {gate}: {hit_words(rules, many, int(event['a'] >= 0))}."
        lines.append(Line(int(event["tick"]), text, int(event["agent"]), True))
    for event in events[events["kind"] == log.SLIP]:
        who, verb = agent_name(rules, int(event["agent"])), verbs.VERBS[int(event["c"])].name
        site = rules.site_names[int(event["site"])].replace("_", " ")
        ticks = f"{event['b']} tick{'s' if event['b'] != 1 else ''}"
        text = f"{who} slips after {ticks} of thought: {verb} {event['value']} at {site}, and {event['a']} was meant."
        lines.append(Line(int(event["tick"]), text, int(event["agent"]), True))
    return sorted(lines, key=lambda line: line.tick)


def _finding(rules: Rules, finding: Finding) -> Line:
    who = agent_name(rules, finding.agent)
    caught = finding.level == "prevented"
    parts = [_evidence(rules, finding, evidence, caught) for evidence in finding.named]
    return Line(finding.tick, f"{who} {' '.join(parts)}", finding.agent, not caught)


def _evidence(rules: Rules, finding: Finding, evidence: Evidence, caught: bool) -> str:
    believed, true = claim(rules, evidence.site, evidence.value), claim(rules, evidence.site, evidence.current_value)
    age = finding.tick - evidence.sensed
    old = f"{age} tick{'s' if age != 1 else ''} old"
    told = evidence.channel == MESSAGE
    how = "as promised" if evidence.promise else "a message" if told else "seen"
    by = f" ({agent_name(rules, evidence.writer)}, tick {evidence.superseded})" if evidence.superseded >= 0 else ""
    if finding.hazard == HAZARDS[LOST_UPDATE]:
        site = rules.site_names[evidence.site].replace("_", " ")
        seen = f"the {evidence.value} it {'was told of' if told else 'saw'} {age} tick{'s' if age != 1 else ''} ago"
        if caught:
            return f"would write {site} from {seen}. It is {evidence.current_value} now{by}: refused."
        return f"writes {site} from {seen}. It was {evidence.current_value} by then{by}: that update is lost."
    if finding.hazard == HAZARDS[STALE_CORRECTION]:
        says = f"Since tick {evidence.superseded} it says {evidence.current_value}"
        if caught:
            return f"would follow the plan's *{believed}*. {says}: refused."
        return f"follows the plan's *{believed}*. {says}."
    end = f"Now {true}{by}" if claim(rules, evidence.site, 0) != believed else f"It is not: {true}{by}"
    if caught:
        return f"would act on *{believed}*, {how}, {old}. {end}: refused."
    return f"acts on *{believed}*, {how}, {old}. {end}."
