"""An episode in a few plain sentences, for the panes: what is decided on what, what changes it, how that ends."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import groupby

from .protocols.config import Config
from .render.chronicle import Accident, Chronicle, Verdict, VersionView
from .render.pane import ALERT, BAD, CALM, GOOD, READ, Beat
from .story import agent_name, and_more, claim, craft_of, hit_words
from .world.audit import EpisodeReport, Evidence
from .world.control import Control
from .world.rules import Rules
from .world.scenarios import SCENARIOS
from .world.state import HAZARDS, LOST_UPDATE, MESSAGE, NO_TXN, REJECTED


def tell_beats(rules: Rules, config: Config | Control, chronicle: Chronicle) -> tuple[Beat, ...]:
    """Tell an episode in a few beats for each act that went wrong or was caught, and each accident."""
    beats = [Beat(0, _cast(rules), CALM)]
    for tick, agent in chronicle.held:
        span = chronicle.open_span(agent, tick)
        text = f"{agent_name(rules, agent)} is held: a new plan is on its way, and nobody goes on before all have it."
        until, txn = (span.settled, span.txn) if span else (tick + READ, NO_TXN)
        beats.append(Beat(tick, _sentence(text), ALERT, until, txn=txn))
    for verdict in chronicle.verdicts:
        if verdict.txn in chronicle.spans and verdict.named:
            beats += _of_verdict(rules, config, chronicle, verdict)
    judged = {(verdict.tick, verdict.agent) for verdict in chronicle.verdicts}
    for accident in chronicle.accidents:
        if (accident.tick, accident.agent) not in judged:
            text = _accident(rules, chronicle, accident)
            beats.append(Beat(accident.tick, text, BAD, accident.tick + READ, "An accident"))
    # What went wrong is said before what was caught in the same tick.
    beats.sort(key=lambda beat: (beat.tick, beat.mood == BAD, beat.mood))
    return tuple(beats)


def outcome(report: EpisodeReport, rules: Rules, chronicle: Chronicle) -> str:
    """Say in words how an episode ended."""
    wrong = sum(many for name, many in report.counts.items() if name.endswith(".decisive"))
    caught = sum(many for name, many in report.counts.items() if name.endswith(".prevented"))
    lost = report.counts[f"{HAZARDS[LOST_UPDATE]}.decisive"]
    if chronicle.accidents:
        hurt = sum(one.bodies for one in chronicle.accidents)
        said = hit_words(rules, hurt, sum(one.boat for one in chronicle.accidents))
        others = wrong - len(chronicle.accidents)
        said += f"; acted on old news {_often(others)} besides" if rules.blueprint.jobs and others > 0 else ""
    elif rules.blueprint.boats is not None:
        said = f"nobody hit, no {craft_of(rules)} lost"
    elif lost == wrong > 0:
        said = f"{lost} update{'s' if lost != 1 else ''} lost"
    elif wrong:
        said = f"acted on old news {_often(wrong)}"
    elif caught:
        said = f"refused {_often(caught)}, never acted on old news"
    else:
        said = "never acted on old news"
    return _sentence(f"{said}: {report.goals_met} of {report.goals} goals met.")


def _cast(rules: Rules) -> str:
    said = [
        f"one {role.name}" if role.count == 1 else f"{role.count} {role.name}s"
        for role in rules.blueprint.roles if role.count
    ]  # fmt: skip
    return _sentence(and_more(said)) + "."


def _of_verdict(rules: Rules, config: Config | Control, chronicle: Chronicle, verdict: Verdict) -> list[Beat]:
    span, news = chronicle.spans[verdict.txn], _news(chronicle, verdict)
    who = _sentence(agent_name(rules, verdict.agent))
    task = plain_task(rules, span.task)
    checks = isinstance(config, Config) and bool(config.scopes)
    said = _first(f"“{claim(rules, news.site, news.value)}”", verdict)
    stamp = f" ({_version(rules, news.site, news.version)})" if checks and not news.promise else ""
    thinks = " and thinks about it" if span.thinks else ""
    text = f"{who} decides to {task}{thinks}. It {_how(rules, news)}: {said}{stamp}."
    beats = [Beat(span.decided, text, CALM, verdict.when)]
    # One reads one thing after the other, also where decision and change fall into one tick.
    for tick, group in groupby(chronicle.changes(verdict), key=lambda change: max(change.tick, span.decided + 1)):
        changes = list(group)
        site = news.site if any(change.site == news.site for change in changes) else changes[-1].site
        text, now = _change(rules, chronicle, [change for change in changes if change.site == site])
        wrong = now != next(one.value for one in verdict.named if one.site == site)
        beats.append(Beat(tick, text + f" {who} does not know." * wrong, ALERT if wrong else CALM, verdict.when))
    until, mood = verdict.tick + READ, GOOD if verdict.caught else BAD
    if verdict.caught:
        at_act, after = _check(rules, config, chronicle, verdict, who, task), f"Nothing happens. {who} decides again."
    else:
        at_act, after = _act(rules, chronicle, verdict, who, task, said), _harm(rules, chronicle, verdict, who)
    beats += [Beat(verdict.when, at_act, mood, until), Beat(verdict.tick, after, mood, until)]
    return [Beat(one.tick, one.text, one.mood, one.until, txn=verdict.txn) for one in beats]


def _news(chronicle: Chronicle, verdict: Verdict) -> Evidence:
    """Choose what is told of what a verdict names: what changed first."""
    cause = chronicle.cause(verdict)
    return next((one for one in verdict.named if cause is not None and one.site == cause.site), verdict.named[0])


def _change(rules: Rules, chronicle: Chronicle, changes: Sequence[VersionView]) -> tuple[str, int]:
    """Say who changed a site within a tick, and to what; return its value as well."""
    last = changes[-1]
    if rules.blueprint.sites[last.site].kind != "region" or last.writer < 0:
        many, now = {change.writer for change in changes}, claim(rules, last.site, last.value)
        return f"{_sentence(_names(rules, many))} change{'s' if len(many) == 1 else ''} that: now {now}.", last.value
    name = rules.site_names[last.site].replace("_", " ")
    moves = []
    for enters, words in ((True, f"onto the {name}"), (False, f"off the {name}")):
        who = [change.writer for change in changes if chronicle.enters(change) == enters]
        if who:
            moves.append(f"{_names(rules, who)} step{'s' if len(who) == 1 else ''} {words}")
    return f"{_sentence(and_more(moves))}: now {last.value or 'nobody'} on it.", last.value


def _names(rules: Rules, agents: Iterable[int]) -> str:
    """Name some agents: the walkers of several as walkers 1 and 3."""
    many = sorted(agents)
    if len(many) == 1 or many[0] < 0 or len({rules.role_of[agent] for agent in many}) > 1:
        return and_more(agent_name(rules, agent) for agent in many)
    role = rules.blueprint.roles[rules.role_of[many[0]]]
    return f"{role.name}s {and_more(str(rules.nth_of_role(agent)) for agent in many)}"


def _is_now(rules: Rules, chronicle: Chronicle, news: Evidence) -> str:
    """Say what the act found instead of what it went by: of a region who is on it."""
    there = chronicle.bodies_on(news.site, news.current_version)
    if not there:
        return claim(rules, news.site, news.current_value)
    name = rules.site_names[news.site].replace("_", " ")
    return f"{_names(rules, there)} {'is' if len(there) == 1 else 'are'} on the {name}"


def _accident(rules: Rules, chronicle: Chronicle, accident: Accident) -> str:
    """Say who was hit, and what was lost."""
    hit = [agent for agent, tick in chronicle.put_out.items() if tick == accident.tick]
    if len(hit) != accident.bodies:  # two accidents in one tick
        return f"Accident: {hit_words(rules, accident.bodies, accident.boat)}."
    return f"Accident: {_names(rules, hit)} hit{f', a {craft_of(rules)} lost' if accident.boat else ''}."


def _check(rules: Rules, config: Config | Control, chronicle: Chronicle, verdict: Verdict, who: str, task: str) -> str:
    """Say what was compared with what, where it was versions that were compared."""
    news = _news(chronicle, verdict)
    was, now = claim(rules, news.site, news.value), _is_now(rules, chronicle, news)
    by_version = isinstance(config, Config) and bool(config.scopes) and config.rule == "version"
    if not by_version or chronicle.spans[verdict.txn].outcome != REJECTED:
        return f"{who} would {task}: it {_how(rules, news)} “{was}”. But now: {now}. Stopped."
    told, is_now = news.version + news.promise, news.current_version
    what = "promise" if news.promise else "message" if news.channel == MESSAGE else "it saw"
    what = "its plan says" if news.site in rules.plan else what
    compared = f"{told} is not {is_now}" if told != is_now else "not as promised"
    version = _version(rules, news.site, told)
    for_ = f"for {version}" if news.promise else version
    is_version = _version(rules, news.site, is_now)
    return f"Check: {what} “{was}”, {for_}; now {is_version}, {now}. {_sentence(compared)}: refused."


def _act(rules: Rules, chronicle: Chronicle, verdict: Verdict, who: str, task: str, said: str) -> str:
    news = _news(chronicle, verdict)
    written = _written(chronicle, verdict)
    writes = f" and writes {written}" if verdict.hazard == HAZARDS[LOST_UPDATE] and written is not None else ""
    now = _is_now(rules, chronicle, news)
    alone = len(verdict.named) == 1 and rules.blueprint.sites[news.site].kind != "region"  # others are on it too
    by = f" ({agent_name(rules, news.writer)})" if alone and news.superseded >= 0 else ""
    return f"{who} {_third_person(task)}: it {_how(rules, news)} {said}{writes}. But now: {now}{by}."


def _harm(rules: Rules, chronicle: Chronicle, verdict: Verdict, who: str) -> str:
    """Say what came of an act that should not have been done."""
    news, written = _news(chronicle, verdict), _written(chronicle, verdict)
    accident = chronicle.accident_of(verdict)
    if accident is not None:
        return _accident(rules, chronicle, accident)
    if verdict.hazard == HAZARDS[LOST_UPDATE] and written is not None:
        whose = f" of {agent_name(rules, news.writer)}" if news.superseded >= 0 else ""
        return f"{who} has written {written} over the {news.current_value}{whose}: that update is lost."
    broken = chronicle.broken.get(verdict.txn)
    if broken is not None:
        return f"Broken is the rule “{rules.blueprint.invariants[broken].name.replace('_', ' ')}”."
    if news.site == verdict.site and rules.blueprint.sites[news.site].kind == "shelf" and news.current_value:
        return f"{who} has taken item {news.current_value}, believing it to be item {news.value}."
    if news.site in rules.plan:
        return f"{who} has followed a plan that was replaced."
    was, now = claim(rules, news.site, news.value), claim(rules, news.site, news.current_value)
    return f"{who} has acted on “{was}” when it was: {now}."


def _first(words: str, verdict: Verdict) -> str:
    """Say how many more of a kind there are than the one that is told."""
    more = len({one.site for one in verdict.named}) - 1
    return f"{words} and {more} more" if more else words


def _written(chronicle: Chronicle, verdict: Verdict) -> int | None:
    """Return what an act wrote, None if nothing."""
    own = [v for v in chronicle.versions[verdict.site] if (v.tick, v.writer) == (verdict.tick, verdict.agent)]
    return own[-1].value if own else None


def _version(rules: Rules, site: int, version: int) -> str:
    return f"plan {version}" if site in rules.plan else f"version {version}"


def _how(rules: Rules, news: Evidence) -> str:
    """Say how an agent came to know."""
    if news.site in rules.plan:
        return "follows its plan"
    return "was promised" if news.promise else "was told" if news.channel == MESSAGE else "saw"


def plain_task(rules: Rules, task: int) -> str:
    """Name a task in the scenario's plain words."""
    name = rules.task_names[task].replace("_", " ")
    scenario = SCENARIOS.get(rules.name)
    for part, plain in scenario.plain.items() if scenario else ():
        name = name.replace(part, plain)
    return name


def _third_person(task: str) -> str:
    verb, _, rest = task.partition(" ")
    return f"{verb}{'es' if verb.endswith(('s', 'h')) else 's'} {rest}".rstrip()


def _often(number: int) -> str:
    return {1: "once", 2: "twice"}.get(number, f"{number} times")


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:]
