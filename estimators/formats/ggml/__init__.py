"""GGUF, its predecessors, and executables that carry it."""
