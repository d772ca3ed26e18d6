"""How long to think where thought errs: what a longer thought gains against slips, and what it loses to the others.

Porters add to shared counters; after k ticks of thought an amount is wrong with probability 0.15 x 2^(-k / 3). One at a
time (serial), longer is better. All at once (none), longer is also overtaken more often, and slower.
"""

from stalegrid.compare import Cell, Comparison

SETTINGS = (("agents", 3), ("counters", 4), ("think_choice", True), ("slip", 0.15), ("half_life", 3))
MINDS = {"short": "naive+short", "usual": "naive", "long": "naive+long"}

if __name__ == "__main__":
    comparison = Comparison()
    print("ledger, 3 agents, 4 counters       per episode")
    print("protocol    thought     S    slips  lost updates")
    for protocol in ("serial", "object_cas", "none"):
        for thought, mind in MINDS.items():
            row = comparison.row(Cell("ledger", protocol, mind, size="tiny", seeds=64, settings=SETTINGS))
            lost = row["hazards"]["lost_update"]["decisive"]
            print(f"{protocol:10}  {thought:7}  {row['success']:.2f}  {row['slips']:6.2f}  {lost:12.2f}")
