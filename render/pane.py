"""One pane: an episode under one protocol at one moment, its default layer only."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import lru_cache

import pygame

from ..world.state import NO_CELL, NO_TXN, NOBODY, PROMISE, THINKING, WAITING
from . import pieces
from .actors import Moment, flight, stand
from .arrange import PanePlaces
from .board import Grid, board, rim
from .brush import Surface, dashes, label, mix, pill, text_size, wrapped, write
from .chronicle import ACT, Chronicle, Verdict
from .ground import berths
from .letters import letter
from .palette import Colour
from .scene import AgentView, Scene, Stage
from .themes import Theme
from .words import agent_label, agent_mark, letter_text, notice, short_names

# Moods of a sentence: all goes its way, something changed, it went wrong, it was caught.
CALM, ALERT, BAD, GOOD = range(4)
EARLY = 1e-6  # ticks: what is off by rounding only
PASSAGE = 4.0  # ticks for which a boat is seen that has got through
ROOMY = 20  # pixels of a tile from which on there is room for words on the map
MOST_TOLD = 8  # letters in flight that say all they say
READ = 6  # ticks for which a verdict stands
HEADLINES = {BAD: "Acted on old news", GOOD: "Caught: refused"}


@dataclass(frozen=True)
class Beat:
    """One sentence under a pane, from a time on until another, both in ticks."""

    tick: float
    text: str
    mood: int
    until: float = math.inf
    headline: str = ""
    txn: int = NO_TXN  # that it is about


@dataclass(frozen=True, eq=False)
class Pane:
    """One episode to be drawn. `scene(tick)` gives its scenes from 0 to `length`, the same at each call."""

    title: str
    about: str
    scene: Callable[[int], Scene]
    length: int  # ticks
    chronicle: Chronicle
    beats: tuple[Beat, ...] = ()
    ending: str = ""  # the whole episode in a sentence
    checks: bool = False  # its protocol compares versions: they are shown
    focus: frozenset[int] | None = None  # transactions whose story is told, None for all
    forked: int | None = None  # tick at which it left its seed's own course, None if it did not
    stats: Callable[[int], tuple[tuple[str, str], ...]] | None = field(default=None)  # of the detail layer, by tick

    @property
    def verdicts(self) -> list[Verdict]:
        """What is to be shown of what went wrong and what was caught, in order."""
        return [one for one in self.chronicle.verdicts if self.focus is None or one.txn in self.focus]

    def marks(self) -> list[tuple[float, bool]]:
        """List (time, caught) of what is to be shown of it, accidents included, in order."""
        return self.chronicle.marks() if self.focus is None else [(one.when, one.caught) for one in self.verdicts]

    def moment(self, time: float) -> Moment:
        """Return the moment at a time in ticks; before the beginning and after the end it stands still.

        Where an act is judged, the sites that it rested on hold what they held at the act: another may have changed
        them earlier in the same tick, and what the act itself does is seen at the end of the tick.
        """
        time = min(max(0.0, time), float(self.length))
        tick = min(int(time + EARLY), self.length)
        share = max(0.0, time - tick)
        scene = self.scene(tick)
        judged = [one for one in self.verdicts if one.tick == tick + 1]
        if judged and share >= 1 - ACT - EARLY:
            sites = list(scene.sites)
            for verdict in judged:
                for one in verdict.named:
                    sites[one.site] = sites[one.site]._replace(value=one.current_value, version=one.current_version)
            scene = replace(scene, sites=tuple(sites))
        return Moment(scene, self.scene(min(tick + 1, self.length)), share, bool(judged))

    def beat(self, time: float) -> Beat | None:
        """Return the sentence that stands at a time."""
        past = [beat for beat in self.beats if beat.tick <= time + EARLY and time < beat.until]
        # A verdict stays long enough to be read, whatever is decided meanwhile.
        grave = next((beat for beat in reversed(past) if beat.mood in (BAD, GOOD)), None)
        return grave or (past[-1] if past else None)

    def at(self, time: float, places: PanePlaces, spot: tuple[float, float]) -> tuple[str, int] | None:
        """Return what stands at a point of the surface: ("agent", index), ("site", index) or None."""
        grid, moment = places.grid, self.moment(time)
        for index, (right, down, size) in reversed(list(enumerate(stand(moment, grid)))):
            if math.hypot(spot[0] - right, spot[1] - down) <= max(7.0, size / 2):
                return "agent", index
        for entry, rect in plan_places(places, moment.scene).items():
            if rect.collidepoint(spot):
                return "site", entry
        cell = grid.cell_at(*spot)
        stage = moment.scene.stage
        if cell in stage.site_cells:
            return "site", stage.site_cells.index(cell)
        return next((("site", site) for site, cells in stage.regions.items() if cell in cells), None)


def mood_colour(mood: int, theme: Theme) -> Colour:
    """Return the colour of a mood."""
    return {ALERT: theme.ghost, BAD: theme.bad, GOOD: theme.good}.get(mood, theme.soft)


# ---------------------------------------------------------------------- the frame around the map


def draw_card(surface: Surface, places: PanePlaces, theme: Theme, glow: float, mood: int, forked: bool) -> None:
    """Draw the card that a pane lies on; it glows in the colour of a verdict."""
    unit, card = places.unit, places.card
    colour = mix(theme.edge, mood_colour(mood, theme), glow) if glow > 0 else theme.edge
    thick = max(1, round((1 + 2 * glow) * unit))
    corner = round(12 * unit)
    pygame.draw.rect(surface, theme.card, card, border_radius=corner)
    pygame.draw.rect(surface, colour, card, thick, border_radius=corner)
    if forked:
        inner = card.inflate(-6 * unit, -6 * unit)
        for start, end in (
            (inner.topleft, inner.topright), (inner.topright, inner.bottomright),
            (inner.bottomright, inner.bottomleft), (inner.bottomleft, inner.topleft),
        ):  # fmt: skip
            dashes(surface, start, end, theme.ghost, max(1.6, 2 * unit), 10 * unit, 7 * unit)


def draw_head(surface: Surface, pane: Pane, places: PanePlaces, scene: Scene, theme: Theme) -> None:
    """Write the protocol, what it is, and the share of goals met as a bar with a segment for each."""
    unit, head, bar = places.unit, places.head, places.bar
    big, small = round(25 * unit), round(17 * unit)
    low = head.top + (big - small) * 0.62
    right = float(head.right)
    if scene.goals_lost:
        right = write(surface, f", {scene.goals_lost} lost", (right, low), small, theme.bad, "topright").left
    count = f"goals: {scene.goals_met} of {scene.goals} met"
    right = write(surface, count, (right, low), small, theme.ink, "topright").left
    room = right - head.left - 8 * unit
    write(surface, pane.title, head.topleft, big, theme.ink, room=room)
    left = float(head.left)
    if pane.forked is not None:
        text, place = f"fork at tick {pane.forked}, no result", (left, head.top + 23 * unit)
        left = label(surface, text, place, small, theme.card, theme.ghost, "topleft").right + 6 * unit
    write(surface, pane.about, (left, head.top + 24 * unit), small, theme.soft, room=head.right - left)
    _bar(surface, bar, scene, theme, unit)


def _bar(surface: Surface, bar: pygame.Rect, scene: Scene, theme: Theme, unit: float) -> None:
    goals = max(1, scene.goals)
    gap = 2 if bar.width / goals >= 7 else 0
    corner = bar.height // 2 if gap == 0 else 2
    if gap == 0:  # too many for segments
        surface.fill(theme.faint, bar)
        met = bar.width * scene.goals_met // goals
        lost = bar.width * scene.goals_lost // goals
        surface.fill(theme.good, (bar.left, bar.top, met, bar.height))
        surface.fill(theme.bad, (bar.right - lost, bar.centery - bar.height // 4, lost, max(2, bar.height // 2)))
        return
    for nth in range(goals):
        left, right = bar.left + bar.width * nth // goals, bar.left + bar.width * (nth + 1) // goals - gap
        segment = pygame.Rect(left, bar.top, right - left, bar.height)
        if nth < scene.goals_met:
            pygame.draw.rect(surface, theme.good, segment, border_radius=corner)
        elif nth >= goals - scene.goals_lost:
            pygame.draw.rect(surface, theme.bad, segment, max(1, round(1.6 * unit)), border_radius=corner)
            pygame.draw.line(surface, theme.bad, segment.bottomleft, segment.topright, max(1, round(1.6 * unit)))
        else:
            pygame.draw.rect(surface, theme.faint, segment, border_radius=corner)


def draw_sentence(surface: Surface, pane: Pane, places: PanePlaces, time: float, theme: Theme) -> None:
    """Write what the log says of this moment, with a sign for good or bad news."""
    beat = pane.beat(time)
    if beat is None:
        return
    unit, room = places.unit, places.say
    size = round((20 + min(8, max(0, room.height / unit - 66) * 0.25)) * unit)
    sign_px = round(26 * unit)
    left = room.left + sign_px + 8 * unit
    width = int(room.right - left)
    headline = beat.headline or HEADLINES.get(beat.mood)
    big = round(size * 1.12)
    lines = wrapped(beat.text, size, width)
    while headline and big > 12 and text_size(headline, big)[0] > width:
        big -= 1
    head = big * 0.86 if headline else 0.0
    while head + len(lines) * size * 0.8 > room.height and size > 9:
        size -= 1
        lines = wrapped(beat.text, size, width)
    step = size * 0.8
    top = room.top + max(0.0, (room.height - head - len(lines) * step) / 2)
    if headline:
        write(surface, headline, (left, top), big, mood_colour(beat.mood, theme), room=width)
        top += head
    sign_top = room.centery - sign_px / 2
    if beat.mood == BAD:
        surface.blit(pieces.cross(sign_px, theme), (room.left, sign_top))
    elif beat.mood == GOOD:
        surface.blit(pieces.shield(sign_px, theme), (room.left, sign_top))
    else:
        dot = pill(sign_px // 3, sign_px // 3, mood_colour(beat.mood, theme))
        surface.blit(dot, dot.get_rect(center=(round(room.left + sign_px / 2), room.centery)))
    colour = theme.ink if beat.mood != CALM else mix(theme.ink, theme.soft, 0.5)
    for nth, line in enumerate(lines):
        write(surface, line, (left, top + nth * step), size, colour)


# ---------------------------------------------------------------------- the map


def draw_map(
    surface: Surface, pane: Pane, places: PanePlaces, moment: Moment, theme: Theme
) -> list[tuple[float, float, float]]:
    """Draw the world and who is in it, letters excepted; return where the agents are."""
    grid, scene = places.grid, moment.scene
    edge = rim(grid.px)
    surface.blit(board(scene.stage, grid.px, theme, scene.closed), (grid.left - edge, grid.top - edge))
    _draw_boats(surface, grid, moment, pane.chronicle.passed, theme)
    where = stand(moment, grid)
    _draw_intents(surface, grid, scene, where, theme)
    _draw_sites(surface, grid, scene, theme)
    for index, agent in enumerate(scene.agents):
        draw_agent(surface, scene, index, agent, where[index], moment.share, theme)
    _draw_regions(surface, grid, scene, pane.checks, theme)
    return where


def _draw_boats(surface: Surface, grid: Grid, moment: Moment, passed: list[int], theme: Theme) -> None:
    """Draw the boats that wait, and under way, for a while, those that have got through."""
    scene = moment.scene
    waiting = sum(state == WAITING for state in scene.boats)
    if scene.boats:
        sprite = pieces.boat(grid.px, theme)
        for cell in berths(scene.stage)[:waiting]:
            surface.blit(sprite, grid.corner(cell))
        for tick in passed:
            share = (moment.time - tick) / PASSAGE
            if 0 <= share < 1:
                surface.blit(sprite, sprite.get_rect(center=_passing(grid, share)))


def _passing(grid: Grid, share: float) -> tuple[int, int]:
    """Return where a boat is that has got through: under the bridge, then on its way out."""
    middles = [grid.middle(cell) for cells in grid.stage.gates.values() for cell in cells]
    right, down = (sum(places) / len(middles) for places in zip(*middles, strict=True))
    end = max(grid.middle(cell)[1] for cell in berths(grid.stage))
    return round(right), round(down + (end - down) * share)


def _draw_intents(
    surface: Surface, grid: Grid, scene: Scene, where: list[tuple[float, float, float]], theme: Theme
) -> None:
    """Dot a faint line from each busy agent to the site that it is about to act on."""
    for index, agent in enumerate(scene.agents):
        if agent.target != NO_CELL and not agent.is_out:
            right, down, _ = where[index]
            end = grid.middle(agent.target)
            if math.hypot(end[0] - right, end[1] - down) > grid.px:
                colour = mix(theme.floor, theme.role(agent.role), 0.45)
                dashes(surface, (right, down), end, colour, 1.2, max(2, grid.px / 12), max(3, grid.px / 6))


def _draw_sites(surface: Surface, grid: Grid, scene: Scene, theme: Theme) -> None:
    stage, px = scene.stage, grid.px
    size = max(13, round(px * 0.39))
    names = site_names(stage, size, round(px * 1.32))
    for index, (cell, view) in enumerate(zip(stage.site_cells, scene.sites, strict=True)):
        if cell == NO_CELL:
            continue
        kind = stage.site_kinds[index]
        left, top = grid.corner(cell)
        side = site_px(px)
        surface.blit(pieces.site(kind, view.value, view.unsettled >= 0, side, theme), (left + (px - side) // 2, top))
        if side < px:
            name = notice(view.value) if stage.site_names[index].startswith("notice") else names[index]
            rect = text_rect(name, size, (left + px / 2, top + side - 1))
            write(surface, name, rect.clamp(grid.rect).topleft, size, mix(theme.floor, theme.ink, 0.75))


def site_px(px: int) -> int:
    """Return the side of a site's picture: with its name beneath it fills a tile."""
    return round(px * 0.78) if px >= 24 else px


def text_rect(text: str, size: int, midtop: tuple[float, float]) -> pygame.Rect:
    """Return the rectangle of a line whose upper edge has its middle at a point."""
    rect = pygame.Rect((0, 0), text_size(text, size))
    rect.midtop = round(midtop[0]), round(midtop[1])
    return rect


@lru_cache(maxsize=64)
def site_names(stage: Stage, size: int, room: int) -> tuple[str, ...]:
    """Return how each site is called on the map: those of one family all in full, or all in brief."""
    families: dict[str, list[str]] = {}
    for name in stage.site_names:
        families.setdefault(name.split("_")[0], []).append(name)
    full = {
        family: all(text_size(short_names(name)[0], size)[0] <= room for name in names)
        for family, names in families.items()
    }
    return tuple(short_names(name)[0 if full[name.split("_")[0]] else 1] for name in stage.site_names)


def draw_agent(
    surface: Surface, scene: Scene, index: int, agent: AgentView, place: tuple[float, float, float], share: float,
    theme: Theme,
) -> None:  # fmt: skip
    """Draw one agent, with a ring that fills while it thinks."""
    right, down, size = place
    px = max(8, round(size))
    corner = round(right - px / 2), round(down - px / 2)
    if agent.phase == THINKING and agent.thought:
        done = min(1.0, (agent.thought - agent.thought_left + share) / agent.thought)
        surface.blit(pieces.thought_ring(px, round(pieces.RING_STEPS * done), theme), corner)
    token = scene.holder == index and scene.holder != NOBODY
    sprite = pieces.agent(
        px, agent.role, agent_mark(scene.stage, index), agent.hand, agent.is_out, agent.is_waiting, token, theme
    )
    surface.blit(sprite, corner)


def _draw_regions(surface: Surface, grid: Grid, scene: Scene, checks: bool, theme: Theme) -> None:
    """Label each region beneath its lower border; with its version, where versions are compared."""
    for site, cells in scene.stage.regions.items():
        place = region_label_place(grid, cells)
        text = f"{scene.stage.site_names[site].replace('_', ' ')}: {scene.sites[site].value}"
        text += f"  v{scene.sites[site].version}" if checks else ""
        size = max(13, round(grid.px * 0.58))
        label(surface, text, place, size, theme.card, theme.region, "midtop", room=grid.rect)


def region_label_place(grid: Grid, cells: tuple[int, ...]) -> tuple[float, float]:
    """Return the point in the middle of a region's lower border."""
    corners = [grid.corner(cell) for cell in cells]
    lefts = [left for left, _ in corners]
    return (min(lefts) + max(lefts) + grid.px) / 2, max(top for _, top in corners) + grid.px + max(1, grid.px // 12)


def draw_mail(
    surface: Surface, pane: Pane, grid: Grid, moment: Moment, where: list[tuple[float, float, float]], theme: Theme
) -> None:
    """Draw the letters in flight; where few are, each with what it says."""
    messages = moment.scene.messages
    size = max(12, round(grid.px * 0.5))
    for nth, mail in enumerate(messages):
        right, down = flight(mail, moment, nth, where)
        text = str(mail.value)
        if grid.px >= ROOMY and len(messages) <= MOST_TOLD:
            text = letter_text(grid.stage, mail.site, mail.value)
            if mail.kind == PROMISE:
                text = f"soon {text}"
            elif pane.checks:
                text += f" v{mail.stamp}"
        sprite = letter(text, not mail.is_current, size, theme)
        surface.blit(sprite, sprite.get_rect(center=(round(right), round(down))).clamp(grid.rect.inflate(8, 8)))


def draw_names(
    surface: Surface, pane: Pane, grid: Grid, moment: Moment, where: list[tuple[float, float, float]], theme: Theme
) -> None:
    """Write the name beneath each agent who is alone in its role, and beneath those whose story is told."""
    if grid.px < ROOMY:
        return
    stage = grid.stage
    told = {one.agent for one in pane.verdicts} if pane.focus is not None else set()
    size = max(12, round(grid.px * 0.46))
    for index, agent in enumerate(moment.scene.agents):
        if not agent.is_out and (index in told or stage.agent_roles.count(agent.role) == 1):
            right, down, side = where[index]
            place = right, down + side * 0.5
            label(surface, agent_label(stage, index), place, size, theme.ink, theme.card, "midtop", room=grid.rect)


def plan_places(places: PanePlaces, scene: Scene) -> dict[int, pygame.Rect]:
    """Return the part of the row beneath the map in which each entry of the plan stands."""
    entries = [index for index, kind in enumerate(scene.stage.site_kinds) if kind == "plan"]
    if places.plan is None or not entries:
        return {}
    room = places.plan
    left = room.left + round(46 * places.unit)
    step = (room.right - left) / len(entries)
    return {
        entry: pygame.Rect(round(left + nth * step), room.top, round(step), room.height)
        for nth, entry in enumerate(entries)
    }


def draw_plan(surface: Surface, places: PanePlaces, scene: Scene, theme: Theme) -> None:
    """Write the entries of the plan in a row beneath the map."""
    if places.plan is None:
        return
    size = round(18 * places.unit)
    write(surface, "plan", places.plan.midleft, size, theme.soft, "midleft")
    for nth, (entry, room) in enumerate(plan_places(places, scene).items()):
        text = f"{nth} to d{scene.sites[entry].value}"
        if text_size(text, size)[0] + 8 > room.width:
            text = f"d{scene.sites[entry].value}"
        label(surface, text, room.midleft, size, theme.card, theme.region, "midleft")
