"""Masks of the readable engine: which actions an agent may take now."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from . import actions
from .state import IDLE, NO_JOB, NONE, WALKING

if TYPE_CHECKING:
    from .reference import World


def mask_of(world: World, agent: int) -> NDArray[np.bool_]:
    """Return which actions the agent may take now, [actions] bool; a busy one may only wait."""
    me = world.agents[agent]
    allowed = np.zeros(len(world.rules.actions), np.bool_)
    allowed[0] = True
    if me.phase not in (IDLE, WALKING) or (me.phase == WALKING and not steers_itself(world, agent)):
        return allowed
    for index, action in enumerate(world.rules.actions):
        if action.kind == actions.MOVE:
            allowed[index] = world.rules.layout.neighbour[me.cell][action.index] != me.cell
        elif me.phase != WALKING:
            allowed[index] = _allows(world, agent, action)
    return allowed


def _allows(world: World, agent: int, action: actions.Action) -> bool:
    beliefs, role = world.beliefs[agent], world.rules.blueprint.roles[world.rules.role_of[agent]]
    if action.kind == actions.TELL:
        return beliefs[action.index].channel != NONE
    if action.kind in (actions.DO, actions.PROMISE_THAT):
        task = world.rules.tasks[action.index]
        if agent not in task.agents:
            return False
        if task.crosses:
            if action.kind == actions.DO:
                return world.rules.settings.navigation == "auto" and world.agents[agent].trips < role.trips
            inside = world.rules.region_of.get(world.agents[agent].cell) == task.ops[0].site
            return inside and beliefs[task.ops[0].site].channel != NONE
        if action.kind == actions.PROMISE_THAT:
            last = task.ops[-1]
            known = {*last.pre, last.site}
        else:
            known = set(task.reads)
        return all(beliefs[site].channel != NONE for site in known) and (
            not task.jobs or world.next_job(agent, action.index) != NO_JOB
        )
    return True


def steers_itself(world: World, agent: int) -> bool:
    """Tell whether an agent chooses every step on the way to its op."""
    waits = world.agents[agent].wait is not None
    return world.rules.settings.navigation == "manual" and not waits and not world.in_reach(agent)
