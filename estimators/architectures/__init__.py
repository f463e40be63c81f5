"""Parameters from a configuration: one family of architectures, one file."""
