"""A bitmap font of 5 x 7 pixels: digits, capitals, a few signs; small letters become capitals, unknown signs '?'."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

WIDTH, HEIGHT, ADVANCE = 5, 7, 6  # pixels; a letter and the gap after it

# Seven rows of five bits each, the leftmost pixel the highest bit.
_GLYPHS = {
    "0": "0E11111111110E", "1": "040C040404040E", "2": "0E11010204081F", "3": "1F02040201110E", "4": "02060A121F0202",
    "5": "1F101E0101110E", "6": "0608101E11110E", "7": "1F010204080808", "8": "0E11110E11110E", "9": "0E11110F01020C",
    "A": "0E11111F111111", "B": "1E11111E11111E", "C": "0E11101010110E", "D": "1C12111111121C", "E": "1F10101E10101F",
    "F": "1F10101E101010", "G": "0E11101711110F", "H": "1111111F111111", "I": "0E04040404040E", "J": "0702020202120C",
    "K": "11121418141211", "L": "1010101010101F", "M": "111B1515111111", "N": "11111915131111", "O": "0E11111111110E",
    "P": "1E11111E101010", "Q": "0E11111115120D", "R": "1E11111E141211", "S": "0F10100E01011E", "T": "1F040404040404",
    "U": "1111111111110E", "V": "11111111110A04", "W": "1111111515150A", "X": "11110A040A1111", "Y": "1111110A040404",
    "Z": "1F01020408101F", " ": "00000000000000", ".": "00000000000C0C", ",": "000000000C0408", ":": "000C0C000C0C00",
    ";": "000C0C000C0408", "/": "00010204081000", "-": "0000001F000000", "+": "0004041F040400", "=": "00001F001F0000",
    "?": "0E110102040004", "!": "04040404040004", "_": "0000000000001F", "(": "02040808080402", ")": "08040202020408",
    "%": "18190204081303", "<": "02040810080402", ">": "08040201020408", "*": "0004150E150400", "#": "0A0A1F0A1F0A0A",
    "'": "04040800000000", '"': "0A0A0A00000000", "[": "0E08080808080E", "]": "0E02020202020E", "|": "04040404040404",
}  # fmt: skip


def text_width(text: str, scale: int = 1) -> int:
    """Return how many pixels wide a line of text is."""
    return max(0, len(text) * ADVANCE - 1) * scale


@lru_cache(maxsize=2048)
def text_mask(text: str, scale: int = 1) -> NDArray[np.bool_]:
    """Return the pixels of one line, [7 * scale, text_width] bool, read-only."""
    mask = np.zeros((HEIGHT, max(1, len(text) * ADVANCE - 1)), np.bool_)
    for nth, letter in enumerate(text.upper()):
        rows = bytes.fromhex(_GLYPHS.get(letter, _GLYPHS["?"]))
        for row, bits in enumerate(rows):
            for column in range(WIDTH):
                if bits >> (WIDTH - 1 - column) & 1:
                    mask[row, nth * ADVANCE + column] = True
    mask = np.kron(mask, np.ones((scale, scale), np.bool_))
    mask.setflags(write=False)
    return mask


def write(
    frame: NDArray[np.uint8], text: str, top: int, left: int, colour: tuple[int, int, int], scale: int = 1
) -> None:
    """Write one line into `frame`, [H, W, 3] uint8, in place; what does not fit is cut off."""
    mask = text_mask(text, scale)
    above, before = max(0, -top), max(0, -left)
    area = frame[max(0, top) : max(0, top + mask.shape[0]), max(0, left) : max(0, left + mask.shape[1])]
    area[mask[above : above + area.shape[0], before : before + area.shape[1]]] = colour
