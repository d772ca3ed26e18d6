"""A scene as text: the map in single letters, then a line for each agent, the sites, the mail; colours on request."""

from __future__ import annotations

from ..world.state import (
    MESSAGE_KINDS,
    NO_CELL,
    NO_OUTCOME,
    NOBODY,
    OUTCOMES,
    PHASES,
    SYMBOL,
    THINKING,
    WAITING,
)
from . import palette
from .ground import water_cells
from .palette import Colour
from .scene import AgentView, Scene

DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"
KINDS = {
    "counter": "C", "switch": "S", "board": "B", "shelf": "H", "depot": "D", "interface": "I", "guard_post": "G",
}  # fmt: skip
BAR = 12  # characters


def text(scene: Scene, colours: bool = False) -> str:
    """Write a scene in lines without a final newline.

    On the map: `#` wall, `~` water, `=` open gate, `X` closed gate, `:` region, capitals for sites by kind, `0` to `z`
    for agents, `+` where several stand, `x` for one out of play. `colours` adds ANSI escapes for roles, gates and news.
    """

    def dye(letters: str, colour: Colour) -> str:
        return f"\x1b[38;2;{colour[0]};{colour[1]};{colour[2]}m{letters}\x1b[0m" if colours else letters

    grid = _grid(scene)
    for cell in scene.closed:
        if grid[cell] == "X":
            grid[cell] = dye("X", palette.BARRIER)
    for agent in scene.agents:
        if len(grid[agent.cell]) == 1 and not agent.is_out:
            grid[agent.cell] = dye(grid[agent.cell], palette.role_colour(agent.role))
    columns = scene.stage.columns
    rows = ["".join(grid[row * columns : (row + 1) * columns]) for row in range(scene.stage.rows)]
    full = round(BAR * scene.success)
    bar = dye("#" * full, palette.GOOD) + "-" * (BAR - full)
    head = f"{scene.stage.name}  tick {scene.tick}/{scene.stage.horizon}  S [{bar}] {scene.goals_met}/{scene.goals}"
    if scene.goals_lost:
        head += f"  {scene.goals_lost} lost"
    lines = [head, *rows]
    for index, agent in enumerate(scene.agents):
        mark = dye(_digit(index), palette.OUT_OF_PLAY if agent.is_out else palette.role_colour(agent.role))
        lines.append(f"{mark} {scene.stage.agent_names[index]:<12} {_doing(scene, index, agent)}")
    lines.append("sites  " + "  ".join(_site(scene, index) for index in range(len(scene.sites))))
    boats = sum(state == WAITING for state in scene.boats)
    if boats:
        lines.append(f"{scene.stage.craft}s  {boats} waiting")
    for mail in scene.messages:
        basis = "" if mail.is_current else dye("  superseded", palette.LETTER_STALE)
        when = "held" if mail.held else f"due {mail.due}"
        said = f"{mail.value}" if mail.kind == SYMBOL else f"{scene.stage.site_names[mail.site]}={mail.value}"
        kind = MESSAGE_KINDS[mail.kind]
        lines.append(f"mail   {_digit(mail.sender)}>{_digit(mail.receiver)} {kind} {said}  {when}{basis}")
    return "\n".join(lines)


def _digit(agent: int) -> str:
    return DIGITS[agent] if agent < len(DIGITS) else "@"


def _grid(scene: Scene) -> list[str]:
    stage = scene.stage
    grid = ["#" if is_wall else "." for is_wall in stage.walls]
    for cell in water_cells(stage):
        grid[cell] = "~"
    for cells in stage.regions.values():
        for cell in cells:
            grid[cell] = ":"
    for cells in stage.gates.values():
        for cell in cells:
            grid[cell] = "X" if cell in scene.closed else "="
    for kind, cell in zip(stage.site_kinds, stage.site_cells, strict=True):
        if cell != NO_CELL:
            grid[cell] = KINDS.get(kind, "?")
    bodies: dict[int, list[int]] = {}
    for index, agent in enumerate(scene.agents):
        bodies.setdefault(agent.cell, []).append(index)
    for cell, here in bodies.items():
        grid[cell] = "+" if len(here) > 1 else "x" if scene.agents[here[0]].is_out else _digit(here[0])
    return grid


def _doing(scene: Scene, index: int, agent: AgentView) -> str:
    """Say what an agent is at: phase, task, thought done, for whom it waits, what it carries, its last outcome."""
    words = ["out of play" if agent.is_out else PHASES[agent.phase]]
    if agent.task is not None:
        words.append(f'"{agent.task}"')
    if agent.phase == THINKING:
        words.append(f"{agent.thought - agent.thought_left}/{agent.thought}")
    if agent.waits_for != NOBODY:
        words.append(f"waits for {_digit(agent.waits_for)}")
    if agent.hand:
        words.append(f"carries {agent.hand}")
    if scene.holder == index:
        words.append("has the token")
    if agent.outcome != NO_OUTCOME and agent.task is None:
        words.append(f"({OUTCOMES[agent.outcome]})")
    return " ".join(words)


def _site(scene: Scene, index: int) -> str:
    site = scene.sites[index]
    return f"{scene.stage.site_names[index]}={site.value}{'*' if site.unsettled != NOBODY else ''} v{site.version}"
