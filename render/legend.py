"""The row that says what the signs on the map mean."""

from __future__ import annotations

from functools import lru_cache

import pygame

from . import pieces
from .brush import Surface, text_size, write
from .letters import bubble, letter
from .scene import Stage
from .themes import Theme
from .words import agent_mark

GAP = 1.1  # between two signs, in heights of the writing


def draw_legend(surface: Surface, stage: Stage, room: pygame.Rect, theme: Theme) -> None:
    """Draw the signs and what they mean, in one row, smaller where it is narrow."""
    size = room.height
    while size > 8 and _width(stage, size, theme) > room.width:
        size -= 1
    left = room.centerx - _width(stage, size, theme) / 2
    for sign, text in _signs(stage, size, theme):
        surface.blit(sign, (round(left), round(room.centery - sign.get_height() / 2)))
        left += sign.get_width() + size * 0.3
        left = write(surface, text, (left, room.centery), size, theme.soft, "midleft").right + size * GAP


def _width(stage: Stage, size: int, theme: Theme) -> float:
    signs = _signs(stage, size, theme)
    return sum(sign.get_width() + text_size(text, size)[0] + size * (GAP + 0.3) for sign, text in signs) - size * GAP


@lru_cache(maxsize=64)
def _signs(stage: Stage, size: int, theme: Theme) -> tuple[tuple[Surface, str], ...]:
    side = round(size * 0.95)
    found = []
    for role, name in enumerate(stage.role_names):
        if role in stage.agent_roles:
            mark = agent_mark(stage, stage.agent_roles.index(role)).rstrip("0123456789")
            found.append((pieces.number_disc(side, role, mark, theme), name))
    found.append((pieces.thought_ring(side, pieces.RING_STEPS * 5 // 8, theme), "thinks"))
    if stage.mails:
        found.append((letter("", False, size, theme), "message"))
        found.append((letter("", True, size, theme), "out of date"))
    found.append((bubble("…", False, size, theme), "believes this"))
    found.append((bubble("…", True, size, theme), "no longer true"))
    return tuple(found)
