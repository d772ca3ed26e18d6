"""The colours of the window, on a dark and on a light ground. Meanings keep their Okabe-Ito hue on both."""

from __future__ import annotations

from dataclasses import dataclass

from .palette import BLUE, GREEN, ORANGE, PURPLE, SKY, VERMILLION, YELLOW, Colour


@dataclass(frozen=True)
class Theme:
    """One set of colours, named by what they are for."""

    name: str
    page: Colour  # behind everything
    card: Colour  # of a pane
    edge: Colour  # around a card
    ink: Colour
    soft: Colour  # less important writing
    faint: Colour  # tracks, ticks, guide lines
    floor: Colour
    seam: Colour  # between floor tiles
    wall: Colour
    wall_top: Colour
    water: Colour
    wave: Colour
    plank: Colour
    plank_seam: Colour
    road: Colour
    road_line: Colour
    paper: Colour  # of sites and letters
    print: Colour  # what is written on paper
    frame: Colour  # outlines of sites
    good: Colour
    bad: Colour
    alert: Colour  # waiting, promises, tokens
    ghost: Colour
    ghost_paper: Colour
    track: Colour  # of a ring of thought
    thought: Colour
    region: Colour
    roles: tuple[Colour, ...]
    items: tuple[Colour, ...]

    def role(self, index: int) -> Colour:
        """Return the colour of a role; they repeat."""
        return self.roles[index % len(self.roles)]

    def item(self, number: int) -> Colour:
        """Return the colour of an item; four repeat, and from nine on it is the grey of decoys."""
        return self.items[(number - 1) % 4 if number < 9 else 4]


DARK = Theme(
    name="dark", page=(20, 23, 29), card=(29, 33, 41), edge=(52, 58, 70), ink=(236, 238, 242), soft=(160, 168, 182),
    faint=(72, 79, 93), floor=(43, 48, 58), seam=(50, 56, 67), wall=(25, 28, 35), wall_top=(62, 69, 83),
    water=(25, 62, 92), wave=(44, 94, 132), plank=(116, 88, 56), plank_seam=(82, 61, 38), road=(31, 33, 38),
    road_line=(146, 140, 112), paper=(235, 234, 228),
    print=(24, 27, 33), frame=(148, 156, 170), good=(18, 178, 132), bad=(236, 110, 36), alert=YELLOW,
    ghost=(226, 158, 198), ghost_paper=(66, 42, 60), track=(78, 86, 101), thought=(250, 250, 250), region=SKY,
    roles=(SKY, ORANGE, PURPLE, (118, 205, 180), (196, 160, 120), (180, 186, 196)),
    items=(YELLOW, (120, 214, 190), (245, 180, 120), (190, 170, 250), (150, 155, 164)),
)  # fmt: skip

LIGHT = Theme(
    name="light", page=(233, 231, 225), card=(252, 251, 248), edge=(210, 207, 198), ink=(28, 31, 38),
    soft=(96, 100, 110), faint=(206, 204, 198), floor=(245, 242, 235), seam=(232, 228, 218), wall=(186, 188, 192),
    wall_top=(160, 163, 170), water=(164, 212, 240), wave=(208, 234, 248), plank=(222, 190, 144),
    plank_seam=(176, 138, 90), road=(172, 173, 176),
    road_line=(250, 249, 244), paper=(255, 255, 253), print=(28, 31, 38), frame=(84, 90, 102), good=(0, 140, 102),
    bad=VERMILLION, alert=YELLOW, ghost=(140, 66, 118), ghost_paper=(247, 231, 242), track=(208, 210, 214),
    thought=(28, 31, 38), region=BLUE,
    roles=(BLUE, ORANGE, PURPLE, GREEN, (130, 92, 56), (110, 114, 122)),
    items=(YELLOW, (102, 205, 178), (248, 176, 110), (186, 164, 250), (170, 174, 180)),
)  # fmt: skip
