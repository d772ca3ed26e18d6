"""Every colour a picture uses, named by what it says. The hues are Okabe and Ito's, for colour-blind eyes too.

No meaning hangs on a hue alone: outcomes carry a tick or a cross, a closed gate is striped, a superseded message bears
a bar.
Source: M. Okabe, K. Ito, "Color Universal Design", 2008.
"""

from __future__ import annotations

Colour = tuple[int, int, int]  # red, green, blue, 0 to 255

WHITE: Colour = (255, 255, 255)
ORANGE: Colour = (230, 159, 0)
SKY: Colour = (86, 180, 233)
GREEN: Colour = (0, 158, 115)
YELLOW: Colour = (240, 228, 66)
BLUE: Colour = (0, 114, 178)
VERMILLION: Colour = (213, 94, 0)
PURPLE: Colour = (204, 121, 167)

# The ground.
FLOOR: Colour = (244, 241, 234)
FLOOR_LINE: Colour = (226, 222, 212)
WALL: Colour = (84, 88, 96)
WALL_LIGHT: Colour = (112, 117, 126)
WATER: Colour = (150, 203, 232)
WATER_LINE: Colour = (200, 229, 244)
ROAD: Colour = (150, 152, 158)
ROAD_LINE: Colour = (232, 230, 222)
PLANK: Colour = (214, 178, 128)
PLANK_LINE: Colour = (158, 120, 74)
BARRIER: Colour = VERMILLION
REGION: Colour = BLUE

# Writing and instruments.
INK: Colour = (28, 30, 34)
PAPER: Colour = (255, 254, 250)
FRAME: Colour = (58, 62, 70)
FAINT: Colour = (176, 178, 182)
STRIP: Colour = (36, 39, 45)
STRIP_INK: Colour = (238, 238, 234)
STRIP_FAINT: Colour = (98, 103, 112)

# Agents and what befalls them. Green and vermillion are kept for good and bad news.
ROLES: tuple[Colour, ...] = (BLUE, ORANGE, PURPLE, SKY, (110, 76, 46), (92, 92, 92))
OUT_OF_PLAY: Colour = (150, 150, 150)
THOUGHT: Colour = INK
THOUGHT_TRACK: Colour = (206, 208, 210)
TOKEN: Colour = YELLOW
ITEM: Colour = YELLOW
UNSETTLED: Colour = YELLOW  # a version whose transaction is still open
GOOD: Colour = GREEN
BAD: Colour = VERMILLION
HALF: Colour = YELLOW  # a partial commit

# Messages and beliefs.
LETTER: Colour = PAPER
LETTER_PROMISE: Colour = YELLOW
LETTER_STALE: Colour = VERMILLION
GHOST: Colour = (120, 66, 118)
GHOST_PAPER: Colour = (238, 226, 240)


def role_colour(role: int) -> Colour:
    """Return the colour of a role by its index; they repeat after six."""
    return ROLES[role % len(ROLES)]


def ink_on(ground: Colour) -> Colour:
    """Return black or white, whichever is read more easily on `ground`."""
    red, green, blue = ground
    return WHITE if 299 * red + 587 * green + 114 * blue < 150_000 else INK
