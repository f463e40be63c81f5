"""Licences known by name, link or title, held against the texts that were read."""
