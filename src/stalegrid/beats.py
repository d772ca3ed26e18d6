"""An episode in a few plain sentences, for the panes: what is decided on what, what changes it, how that ends."""

from __future__ import annotations

from .protocols.config import Config
from .render.chronicle import Chronicle, Span, Verdict
from .render.pane import ALERT, BAD, CALM, GOOD, READ, Beat
from .story import agent_name, and_more, claim, hit_words
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
            text = f"Accident: {hit_words(rules, accident.bodies, accident.boat)}."
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
    elif rules.blueprint.boats is not None:
        said = "nobody hit, no boat lost"
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
    span, news = chronicle.spans[verdict.txn], verdict.named[0]
    who = _sentence(agent_name(rules, verdict.agent))
    task = plain_task(rules, span.task)
    checks = isinstance(config, Config) and bool(config.scopes)
    said = _first(f"“{claim(rules, news.site, news.value)}”", verdict)
    stamp = f" ({_version(rules, news.site, news.version)})" if checks and not news.promise else ""
    thinks = " and thinks about it" if span.thinks else ""
    text = f"{who} decides to {task}{thinks}. It {_how(rules, news)}: {said}{stamp}."
    beats = [Beat(span.decided, text, CALM, verdict.when)]
    change = chronicle.first_change(verdict)
    if change is not None and change.tick < verdict.tick:
        now = claim(rules, chronicle.site_of(change), change.value)
        text = f"{_sentence(agent_name(rules, change.writer))} changes that: now {now}. {who} does not know."
        # One reads one thing after the other, also where both happen in one tick.
        beats.append(Beat(max(change.tick, span.decided + 1), text, ALERT, verdict.when))
    until, mood = verdict.tick + READ, GOOD if verdict.caught else BAD
    if verdict.caught:
        at_act, after = _check(rules, config, span, verdict, who, task), f"Nothing happens. {who} decides again."
    else:
        at_act, after = _act(rules, chronicle, verdict, who, task, said), _harm(rules, chronicle, verdict, who)
    beats += [Beat(verdict.when, at_act, mood, until), Beat(verdict.tick, after, mood, until)]
    return [Beat(one.tick, one.text, one.mood, one.until, txn=verdict.txn) for one in beats]


def _check(rules: Rules, config: Config | Control, span: Span, verdict: Verdict, who: str, task: str) -> str:
    """Say what was compared with what, where it was versions that were compared."""
    news = verdict.named[0]
    was, now = claim(rules, news.site, news.value), claim(rules, news.site, news.current_value)
    by_version = isinstance(config, Config) and bool(config.scopes) and config.rule == "version"
    if not by_version or span.outcome != REJECTED:
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
    news = verdict.named[0]
    written = _written(chronicle, verdict)
    writes = f" and writes {written}" if verdict.hazard == HAZARDS[LOST_UPDATE] and written is not None else ""
    now = claim(rules, news.site, news.current_value)
    alone = len(verdict.named) == 1 and rules.blueprint.sites[news.site].kind != "region"  # others are on it too
    by = f" ({agent_name(rules, news.writer)})" if alone and news.superseded >= 0 else ""
    return f"{who} {_third_person(task)}: it {_how(rules, news)} {said}{writes}. But now: {now}{by}."


def _harm(rules: Rules, chronicle: Chronicle, verdict: Verdict, who: str) -> str:
    """Say what came of an act that should not have been done."""
    news, written = verdict.named[0], _written(chronicle, verdict)
    accident = chronicle.accident_of(verdict)
    if accident is not None:
        return f"Accident: {hit_words(rules, accident.bodies, accident.boat)}."
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
