"""The action table: what the index handed to `step` means. Fixed at construction, the same for all agents."""

from __future__ import annotations

from dataclasses import dataclass

from .layout import MOVES
from .scenario import Blueprint

WAIT, MOVE, DO, LOOK_AT, CHECK, TELL, PROMISE_THAT = range(7)
MAX_ACTIONS = 128


@dataclass(frozen=True)
class Action:
    """One row: its name, its kind, and which move, task or site it is about."""

    name: str
    kind: int
    index: int


def action_table(blueprint: Blueprint, navigation: str) -> tuple[Action, ...]:
    """List the actions of a blueprint.

    Raises: ValueError if there are more than 128.
    """
    sites = {site.name: index for index, site in enumerate(blueprint.sites)}
    table = [Action("wait", WAIT, 0)]
    if navigation == "manual":
        table += [Action(f"move {name}", MOVE, index) for index, (name, _, _) in enumerate(MOVES)]
    for index, task in enumerate(blueprint.tasks):
        said = "correct" if task.ops[0].verb == "correct" else "do"
        table.append(Action(f"{said} {task.name}", DO, index))
    # An entry of the plan is nowhere to be looked at, and its copies are sent by the protocol.
    placed = [site for site in blueprint.sites if site.kind != "plan"]
    table += [Action(f"look {site.name}", LOOK_AT, sites[site.name]) for site in placed]
    table.append(Action("check", CHECK, 0))
    table += [Action(f"tell {site.name}", TELL, sites[site.name]) for site in placed if site.listeners]
    table += [
        Action(f"promise {task.name}", PROMISE_THAT, index)
        for index, task in enumerate(blueprint.tasks)
        if blueprint.sites[sites[task.ops[-1].site]].listeners and task.ops[0].verb != "correct"
    ]
    if len(table) > MAX_ACTIONS:
        raise ValueError(f"an action table holds at most {MAX_ACTIONS} actions; this one has {len(table)}")
    return tuple(table)
