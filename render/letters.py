"""What agents say and hold true: letters in flight, and bubbles at those who go by what they heard or saw."""

from __future__ import annotations

from functools import lru_cache

from .brush import Canvas, Surface, mix, text_size, writing
from .themes import Theme


@lru_cache(maxsize=1024)
def letter(text: str, old: bool, size: int, theme: Theme) -> Surface:
    """Draw an envelope, and beside it what it says; in the colour of what is no longer so once that is `old`."""
    ground, ink = (theme.ghost, theme.print) if old else (theme.paper, theme.print)
    icon_height = max(6, round(size * 0.56))
    icon_width = round(icon_height * 1.45)
    words = text_size(text, size)[0] if text else 0
    height = max(icon_height + 4, round(size * 0.88))
    width = icon_width + 6 + (words + round(size * 0.25) if text else 0)
    canvas = Canvas(width, height)
    canvas.box(0, 0, width, height, theme.print, height * 0.2)
    canvas.box(1, 1, width - 2, height - 2, ground, height * 0.16)
    left, top = 3.0, (height - icon_height) / 2
    canvas.box(left, top, icon_width, icon_height, mix(ground, theme.print, 0.75), 1.5)
    canvas.box(left + 1, top + 1, icon_width - 2, icon_height - 2, mix(ground, (255, 255, 255), 0.5), 1)
    tip = left + icon_width / 2, top + icon_height * 0.58
    for corner in (left + 1, left + icon_width - 1):
        canvas.line((corner, top + 1), tip, 1.1, mix(ground, theme.print, 0.75))
    if old:
        canvas.line((left, top + icon_height), (left + icon_width, top), 1.6, theme.print)
    sprite = canvas.sprite()
    if text:
        made = writing(text, size, ink)
        sprite.blit(made, (icon_width + 6, (height - made.get_height()) // 2 + 1))
    return sprite


@lru_cache(maxsize=512)
def bubble(text: str, wrong: bool, size: int, theme: Theme) -> Surface:
    """Draw a bubble with what an agent goes by; struck and in another colour when it is no longer so."""
    ground, edge = (theme.ghost_paper, theme.ghost) if wrong else (theme.paper, theme.frame)
    ink = theme.ghost if wrong else theme.print
    width, height = text_size(text, size)
    wide, high = width + round(size * 0.9), height + 4
    canvas = Canvas(wide, high)
    canvas.box(0, 0, wide, high, edge, high * 0.45)
    line = 1.6 if wrong else 1.0
    canvas.box(line, line, wide - 2 * line, high - 2 * line, ground, high * 0.42)
    sprite = canvas.sprite()
    made = writing(text, size, ink)
    sprite.blit(made, made.get_rect(center=(wide // 2, high // 2 + 1)))
    return sprite
