"""When jobs are due, carrying them out one at a time, and the daemon around both."""
