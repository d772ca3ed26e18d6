"""The action table: what the index handed to `step` means. Fixed at construction, the same for all agents."""

from __future__ import annotations

from dataclasses import dataclass

from .layout import MOVES
from .scenario import Blueprint, Task
from .settings import LONG, SHORT, THOUGHTS, USUAL, Settings

WAIT, MOVE, DO, LOOK_AT, CHECK, TELL, PROMISE_THAT, SAY = range(8)
MAX_ACTIONS = 128


@dataclass(frozen=True)
class Action:
    """One row: its name, its kind, which move, task, site or symbol it is about, and how long a task is thought on."""

    name: str
    kind: int
    index: int
    thought: int = USUAL


def action_table(blueprint: Blueprint, settings: Settings) -> tuple[Action, ...]:
    """List the actions of a blueprint. What settings add stands last: the other indexes do not move.

    Raises: ValueError if there are more than 128.
    """
    sites = {site.name: index for index, site in enumerate(blueprint.sites)}
    table = [Action("wait", WAIT, 0)]
    if settings.navigation == "manual":
        table += [Action(f"move {name}", MOVE, index) for index, (name, _, _) in enumerate(MOVES)]
    for index, task in enumerate(blueprint.tasks):
        table.append(Action(_do(task), DO, index))
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
    if settings.think_choice:
        table += [
            Action(f"{_do(task)}, {THOUGHTS[thought]}", DO, index, thought)
            for index, task in enumerate(blueprint.tasks)
            if task.thought and task.ops[0].verb != "cross"
            for thought in (SHORT, LONG)
        ]
    table += [Action(f"say {symbol}", SAY, symbol) for symbol in range(settings.symbols)]
    if len(table) > MAX_ACTIONS:
        more = " with think_choice, which adds two a task: take a smaller size" if settings.think_choice else ""
        raise ValueError(f"an action table holds at most {MAX_ACTIONS} actions; this one has {len(table)}{more}")
    return tuple(table)


def _do(task: Task) -> str:
    return f"{'correct' if task.ops[0].verb == 'correct' else 'do'} {task.name}"
