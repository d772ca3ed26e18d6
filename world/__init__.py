"""What is true: the world, its records, its log, and the readable engine."""
