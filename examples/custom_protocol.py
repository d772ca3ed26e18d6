"""A protocol of one's own: a subclass of `Control` with the hooks it needs, compared with the built-in ones.

The reference engine runs it; the log and the auditor are the same as for every protocol.
"""

from stalegrid import Answer, Control
from stalegrid.compare import Cell, Comparison


class SiteLocks(Control):
    """Before it thinks, an agent locks every site that its task reads or writes; it lets go when it has settled."""

    name = "site_locks"
    reads = "admission"  # a lock does not make an old belief true: inputs are renewed when it is granted

    def reset(self):
        """Begin an episode with every site free."""
        self.owner = {}  # site -> agent

    def admit(self, world, agent, task, moment):
        """Take all locks of the task, or none and wait."""
        sites = {site for op in world.rules.tasks[task].ops for site in (op.site, *op.inputs)} if task >= 0 else set()
        if any(self.owner.get(site, agent) != agent for site in sites):
            return Answer.WAIT
        self.owner |= dict.fromkeys(sites, agent)
        return Answer.GO

    def settle(self, world, agent):
        """Let go of everything the agent holds."""
        self.owner = {site: owner for site, owner in self.owner.items() if owner != agent}


if __name__ == "__main__":
    comparison = Comparison()
    print("ledger      S     E     I     lost updates  refused  blocked")
    for protocol in ("none", "object_cas", SiteLocks(), "serial"):
        row = comparison.row(Cell("ledger", protocol, seeds=32))
        lost = row["hazards"]["lost_update"]
        refused = lost["prevented"] + lost["retries"] + lost["false_reject"]
        print(
            f"{row['protocol']:10}  {row['success']:.2f}  {row['efficiency']:.2f}  {row['inference']:5.2f}"
            f"  {lost['decisive']:11.2f}  {refused:7.2f}  {row['blocked']:7.0%}"
        )
