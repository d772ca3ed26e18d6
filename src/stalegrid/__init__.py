"""StaleGrid."""
