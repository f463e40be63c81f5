"""Bytes of a text to passages: what a reader sees of a card or licence, with its places in the file."""
