"""Count parameters from few bytes. Pure: bytes and file names in, intervals out; no Hub, no database, no settings."""
