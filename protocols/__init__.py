"""Who may act on what: the design space, its presets, the mechanisms and the compiled tick."""
