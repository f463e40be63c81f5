"""Passages to declarations: sentences as rows of symbols, read by the grammars of their languages."""
