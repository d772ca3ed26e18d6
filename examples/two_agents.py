"""Two agents, one counter, long thought: what each way of concurrency control costs, beside what CoAgent reports.

CoAgent (arXiv 2606.15376) reports speed and tokens of two language-model agents relative to running one after the
other. Here two porters share one counter; E is speed, I is thought, both over the serial run's. The two columns are not
one experiment: the shape can be compared, the numbers cannot.
"""

from stalegrid.compare import Cell, Comparison

SETTING = (("agents", 2), ("counters", 1), ("think", 16))
REPORTED = {"mtpo": (1.43, 1.15), "two_phase_locking": (1.04, None), "occ": (0.93, 1.83), "serial": (1.0, 1.0)}

if __name__ == "__main__":
    comparison = Comparison()
    print("ledger, 2 agents, 1 counter   measured                  reported by CoAgent")
    print("protocol               S      C      E     I            speed  tokens")
    for protocol, (speed, tokens) in REPORTED.items():
        row = comparison.row(Cell("ledger", protocol, seeds=32, settings=SETTING))
        told = "-" if tokens is None else f"{tokens:.2f}"
        print(
            f"{protocol:18}  {row['success']:.2f}   {row['compatibility']:.2f}   {row['efficiency']:.2f}"
            f"  {row['inference']:.2f}"
            f"            {speed:.2f}  {told:>6}"
        )
