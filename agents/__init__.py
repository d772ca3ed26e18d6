"""Who decides: scripted minds that see observations only."""
