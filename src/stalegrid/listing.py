"""What `stalegrid list` says, as Markdown."""

from __future__ import annotations

from collections.abc import Sequence

from .agents.minds import ABOUT as MINDS_ABOUT
from .protocols.config import AXES
from .protocols.presets import ABOUT, resolve
from .reading import make_rules
from .story import HAZARD_WORDS, craft_of
from .world.rules import GRAINS, Rules
from .world.scenario import GOAL_KINDS, INVARIANT_KINDS
from .world.scenarios import SCENARIOS
from .world.verbs import DEPENDS, NO_DEPS, PREMISES, TRUE, VERB_INDEX, VERBS, WRITES


def _table(head: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> list[str]:
    return [f"| {' | '.join(row)} |" for row in (head, ("---",) * len(head), *rows)]


def overview() -> str:
    """List scenarios, protocols, minds and the axes of the design space."""
    lines = ["# Scenarios", ""]
    lines += _table(("name", "shows", "story"), [(s.name, s.shows, s.story) for s in SCENARIOS.values()])
    lines += ["", "# Protocols", "", *_table(("name", "what it is"), list(ABOUT.items()))]
    lines += ["", "# Minds", "", *_table(("name", "what it does"), list(MINDS_ABOUT.items()))]
    rows = [(name, axis.question, ", ".join(axis.values)) for name, axis in AXES.items()]
    lines += ["", "# Axes of a protocol", "", *_table(("axis", "question", "values"), rows)]
    lines += ["", "Facts of one: `stalegrid list drawbridge`, `stalegrid list occ`."]
    return "\n".join(lines)


def protocol_facts(name: str) -> str:
    """Say what a preset is, how it differs from none, and what follows."""
    config = resolve(name)
    rows = [(axis, "+".join(v) if isinstance(v, tuple) else str(v)) for axis, v in config.differences().items()]
    lines = [f"# {name}", "", ABOUT[name].capitalize() + ".", ""]
    lines += _table(("axis", "value"), rows) if rows else ["Every axis has its default."]
    excluded = ", ".join(sorted(HAZARD_WORDS[hazard] for hazard in config.guarantees)) or "nothing"
    lines += ["", f"Excludes: {excluded}{', by rank, once all is quiet' if config.ranks else ''}."]
    return "\n".join(lines)


def scenario_facts(name: str, size: str) -> str:
    """Say what a scenario consists of: map, sites, tasks, goals, sizes, action table."""
    scenario, rules = SCENARIOS[name], make_rules(name, size=size)
    blueprint = rules.blueprint
    lines = [f"# {name}", "", scenario.story, "", f"- shows: {scenario.shows}"]
    if scenario.hazard:
        lines.append(f"- hazard: {HAZARD_WORDS[scenario.hazard]}, cured by `{scenario.cure}`")
    own = [f"{role.name} radius {role.sight}" for role in blueprint.roles if role.sight is not None]
    sight = ", ".join(["all" if blueprint.sight is None else f"radius {blueprint.sight}", *own])
    lines += [
        f"- a seed changes {scenario.seed_changes}",
        f"- ceiling: {scenario.ceiling}",
        f"- size {size}: {len(rules.agent_names)} agents, {rules.layout.rows} x {rules.layout.columns} cells, "
        f"sight {sight}",
        f"- think {rules.settings.think}, delay {rules.settings.delay}, horizon {rules.max_cycles} ticks",
        "",
        "## Map",
        "",
        "```",
        *_map(name, size),
        "```",
        "",
        "## Sites",
        "",
    ]
    lines += _table(
        ("site", "kind", "at first", "who hears of it"),
        [(s.name, s.kind, str(s.value), ", ".join(s.listeners) or "-") for s in blueprint.sites],
    )
    lines += ["", "Regions of sites, for coarse locks:", ""]
    lines += [f"- {', '.join(names)}" for names in _regions(rules)]
    lines += ["", "## Tasks", ""]
    rows = []
    for task in blueprint.tasks:
        for op in task.ops:
            verb = VERBS[VERB_INDEX[op.verb]]
            premise = verb.premise if op.premise is None else op.premise
            argument = "" if op.argument == 0 and op.verb != "set" else f" {op.argument}"
            declared = (*op.rests_on, *([op.follows] if op.follows else []))
            by_verb = () if verb.depends == NO_DEPS and declared else (DEPENDS[verb.depends],)
            holds = PREMISES[premise] if not op.follows else f"{op.follows} says {op.when}"
            if op.follows and premise != TRUE:
                holds = f"{PREMISES[premise]}, and {holds}"
            rows.append(
                (task.name, ", ".join(task.roles), f"{op.verb}{argument} at {op.site}", holds,
                 WRITES[verb.writes], ", ".join((*by_verb, *declared)))
            )  # fmt: skip
    lines += _table(("task", "role", "op", "premise", "writes", "rests on"), rows)
    lines += ["", "## Goals", ""]
    kinds = [GOAL_KINDS[goal.kind].replace("boat", craft_of(rules)) for goal in blueprint.goals]
    lines += [f"- {kinds.count(kind)} x {kind}" for kind in dict.fromkeys(kinds)]
    lines += [f"- invariant: {rule.name} ({INVARIANT_KINDS[rule.kind]})" for rule in blueprint.invariants]
    lines += ["", "## Sizes and dials", ""]
    lines += [f"- {one}: " + ", ".join(f"{k} {v}" for k, v in values.items()) for one, values in scenario.sizes.items()]
    lines += [f"- dial `{dial}`: {what}" for dial, what in scenario.dials.items()]
    if scenario.curriculum:
        lines += ["", f'## Curriculum: `stalegrid.curriculum("{name}")`', ""]
        stages = [(s.name, s.teaches, ", ".join(f"{k} {v}" for k, v in s.items())) for s in scenario.curriculum]
        lines += _table(("stage", "what it teaches", "settings"), stages)
    lines += ["", "## Actions", ""]
    lines += _table(("index", "action"), [(str(i), action.name) for i, action in enumerate(rules.actions)])
    return "\n".join(lines)


def _regions(rules: Rules) -> list[list[str]]:
    """Return the names of the sites of each region that one coarse lock covers."""
    lock_of = rules.lock_of[GRAINS.index("region")]
    return [
        [name for name, other in zip(rules.site_names, lock_of, strict=True) if other == lock]
        for lock in dict.fromkeys(lock_of)
    ]


def _map(name: str, size: str) -> list[str]:
    rules = make_rules(name, size=size)
    marks = [list(row) for row in rules.blueprint.map]
    for site in rules.blueprint.sites:
        cells = site.cells if site.kind == "region" else ()  # a gate's cells are the region's that it shuts
        for row, column in (*([site.cell] if site.cell else []), *cells):
            marks[row][column] = "=" if site.kind == "region" else site.kind[0].upper()
    for agent in range(len(rules.agent_names)):
        row, column = rules.layout.place(rules.targets[rules.station(agent, 0)])
        marks[row][column] = "0123456789abcdefghijklmnopqrstuvwxyz"[agent % 36]
    return ["".join(row) for row in marks]
