"""What is seen: pictures made from state and log."""
