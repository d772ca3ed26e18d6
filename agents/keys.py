"""Minds of moved_key: seekers, who fetch keys for doors, and movers, who shift the keys now and then."""

from __future__ import annotations

import numpy as np

from ..world.scenarios.moved_key import PATIENCE
from .mind import Chance, Choices, Masks, Memory, Seen, View, first_allowed

SHIFTS = 0.2  # chance in a tick that an idle mover begins to shift a key
STILL = 10  # ticks for which the careful seeker wants its keys to stand still before it fetches one


class _Lanes:
    """Where each key's two shelves and its door stand in observations and actions; keys across, [K]."""

    def __init__(self, view: View, rows: Seen, masks: Masks) -> None:
        doors = [action.name[len("do deliver to ") :] for action in view.actions if "deliver to" in action.name]
        shelves = [(door.replace("door", "shelf") + side) for door in doors for side in "ab"]
        self.deliver = np.array([view.action(f"do deliver to {door}") for door in doors])
        self.take = np.array([view.action(f"do take from {shelf}") for shelf in shelves])
        self.shift = np.array([view.action(f"do shift from {shelf}") for shelf in shelves])
        self.lay_down = np.array([view.action(f"do lay down at {shelf}") for shelf in shelves[::2]])
        is_open = rows[:, [view.entry(f"{door}: value") for door in doors]] < 0.5
        value = rows[:, [view.entry(f"{shelf}: value") for shelf in shelves]]
        # Neither empty nor a decoy, whose number is the highest: a key. [N, shelves], two shelves a key.
        self.has_key = (value > 0.01) & (value < 0.99) & is_open.repeat(2, axis=1)
        self.masks = masks


def _seek(view: View, lanes: _Lanes, rows: Seen, memory: Memory) -> Choices:
    """Fetch the first key whose door has got nothing yet; what is in the hand already goes to the door it is for."""
    seen = lanes.has_key & lanes.masks[:, lanes.take]
    first = seen.argmax(axis=1)
    wanted = np.where(seen.any(axis=1), lanes.take[first], 0)
    holds = rows[:, view.entry("hand")] > 0
    wanted = np.where(holds, lanes.deliver[memory[:, 0]], wanted)
    memory[:, 0] = np.where(holds, memory[:, 0], first // 2)
    return wanted


def _move(view: View, lanes: _Lanes, rows: Seen, chance: Chance, memory: Memory) -> Choices:
    """Now and then shift a key of the list, whichever; lay down what was left in the hand, and fetch a lost decoy."""
    can = lanes.has_key & lanes.masks[:, lanes.shift]
    many = can.sum(axis=1)
    begins = (chance < SHIFTS) | (rows[:, view.entry("has token")] > 0.5)
    share = np.where(chance < SHIFTS, chance / SHIFTS, chance)
    # The n-th of those that can be shifted, all equally likely.
    nth = (can.cumsum(axis=1) > np.floor(share * many)[:, None]).argmax(axis=1)
    hand = rows[:, view.entry("hand")]
    is_key, is_bare = (hand > 0.01) & (hand < 0.89), hand <= 0.01
    wanted = np.where(begins & (many > 0), lanes.shift[nth], 0)
    wanted = np.where(is_key, lanes.lay_down[memory[:, 0]], wanted)
    wanted = np.where(is_bare & (many > 0), view.action("do fetch decoy"), wanted)
    memory[:, 0] = np.where(is_key | (wanted == 0), memory[:, 0], nth // 2)
    return wanted


def _either(view: View, lanes: _Lanes, rows: Seen, chance: Chance, memory: Memory) -> Choices:
    seeker = rows[:, view.entry("is seeker")] > 0.5
    for_seeker, for_mover = memory.copy(), memory.copy()
    seeks = _seek(view, lanes, rows, for_seeker)
    moves = _move(view, lanes, rows, chance, for_mover)
    memory[:] = np.where(seeker[:, None], for_seeker, for_mover)
    return np.where(seeker, seeks, moves)


def naive(view: View, rows: Seen, masks: Masks, chance: Chance, memory: Memory) -> Choices:
    """Seekers go for the first key they see; movers shift keys now and then."""
    return first_allowed(masks, _either(view, _Lanes(view, rows, masks), rows, chance, memory))


def careful(view: View, rows: Seen, masks: Masks, chance: Chance, memory: Memory) -> Choices:
    """Seekers wait until the keys that they can fetch have stood still for a while; movers are as they are."""
    lanes = _Lanes(view, rows, masks)
    seen = lanes.has_key & masks[:, lanes.take]
    keys = (seen << np.arange(seen.shape[1])).sum(axis=1)
    still = np.where(memory[:, 1] == keys, memory[:, 2] + 1, 0)
    waits = (
        (rows[:, view.entry("is seeker")] > 0.5)
        & (rows[:, view.entry("has token")] < 0.5)
        & (rows[:, view.entry("hand")] <= 0)
        & (still < STILL)
        & (memory[:, 3] < PATIENCE)
    )
    wanted = _either(view, lanes, rows, chance, memory)
    memory[:, 1], memory[:, 2], memory[:, 3] = keys, still, np.where(waits, memory[:, 3] + 1, 0)
    return first_allowed(masks, np.where(waits, 0, wanted))
