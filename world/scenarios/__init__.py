"""The scenarios by name. To add one: a file that ends in a `SCENARIO`, and its line here."""

from __future__ import annotations

from ..scenario import Scenario
from . import disjoint, drawbridge, exposure, guards, ledger, moved_key, refactor, reroute, warehouse

SCENARIOS: dict[str, Scenario] = {
    module.SCENARIO.name: module.SCENARIO
    for module in (ledger, drawbridge, moved_key, refactor, guards, reroute, disjoint, exposure, warehouse)
}
