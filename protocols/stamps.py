"""Stamps: a message carries the version that it speaks of, and the newer version wins.

Prevents: an older message that arrives late from overwriting a newer one.
Costs: nothing but the stamp. The compiled twin is the stamped branch of `world.kernel.deliver`.
Source: Lamport, Time, Clocks, and the Ordering of Events in a Distributed System, CACM 21(7), 1978; here one writer's
versions of one object, so a plain counter suffices.
"""

from __future__ import annotations

from ..world.reference import World
from ..world.reference_state import Mail
from ..world.state import NONE


class Stamps:
    """Believe a message only if it is newer than what is believed; a promise ranks directly after its stamp."""

    def deliver(self, world: World, mail: Mail) -> bool:
        """Compare versions."""
        belief = world.beliefs[mail.receiver][mail.site]
        return belief.channel == NONE or mail.rank > belief.rank
