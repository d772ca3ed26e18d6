"""How long to think where thought errs: what a choice gains against slips, and what it loses to others meanwhile.

Porters add to shared counters, and an amount goes wrong with probability 1/4 x 2^(-k/4) after k ticks of thought. One at
a time (serial) a long thought is the better one. All at once (none) it is overtaken more often.
"""

from stalegrid.compare import Cell, Comparison

SETTINGS = (("think_choice", True), ("slip", 0.25), ("half_life", 4))
CHOICES = {"short": "naive+short", "usual": "naive", "long": "naive+long"}

if __name__ == "__main__":
    print("ledger, 32 seeds             slips  lost updates")
    print("protocol     thought      S  an episode       E")
    for protocol in ("serial", "object_cas", "none"):
        for choice, mind in CHOICES.items():
            row = Comparison().row(Cell("ledger", protocol, mind, seeds=32, settings=SETTINGS))
            lost = row["hazards"]["lost_update"]["decisive"]
            print(f"{protocol:11}  {choice:7}  {row['success']:.2f}  {row['slips']:6.2f}  {lost:6.2f}  {row['efficiency']}")
