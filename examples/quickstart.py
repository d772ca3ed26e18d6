"""Measure one scenario under three protocols: the same seeds and minds, judged by the same auditor."""

from stalegrid.compare import Cell, Comparison

comparison = Comparison()
for protocol in ("none", "stamped", "serial"):
    row = comparison.row(Cell("drawbridge", protocol, seeds=64))
    desync = row["hazards"]["action_message_desync"]
    print(f"{protocol:8} goals met {row['success']:.2f}, desyncs per episode {desync['decisive']:.2f}")
