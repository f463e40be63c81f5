"""A Report in, a message out. Knows nothing of how a scan is made."""
