"""Boosted trees, whose parameters have no settled meaning."""
