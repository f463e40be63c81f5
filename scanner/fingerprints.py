"""What tells that a row of the listing says what it said before, and that it would be read and judged as it was."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import TYPE_CHECKING

import msgspec

from scanner.counting import RULES
from scanner.rules import rules_of
from scanner.sources.rows import seconds_of

if TYPE_CHECKING:
    from config.regulation import Regulation
    from scanner.sources.rows import Row

READING = 1
"""Raised with every change of how rows, names, cards or licences are read, so that unchanged rows are decided anew."""


def salt_of(regulations: Sequence[Regulation], tool_version: str, deep: str, *, named: bool = False) -> bytes:
    """What goes into every fingerprint besides the row: by another rule, or read in another way, nothing is the same.

    Args:
        regulations: the rules to apply.
        tool_version: of hubscope.
        deep: how much is read (`deepread.Deep`).
        named: whoever asks has a token, which may open gates.
    """
    said = msgspec.json.encode([rules_of(regulations), tool_version, deep, named, RULES, READING], order="sorted")
    return hashlib.blake2b(said, digest_size=16).digest()


def fingerprint(row: Row, salt: bytes) -> int:
    """A number of 64 bits, with a sign, for all that a row says but for its figures.

    Args:
        row: of a listing.
        salt: see `salt_of`.
    """
    said = b"\n".join(
        (
            f"{row.key}\n{row.name}\n{row.sha}\n{row.gated}\n{row.disabled}\n{row.private}\n"
            f"{seconds_of(row.created_at)}\n{seconds_of(row.last_modified)}".encode(),
            row.tags,
            row.card_data,
            row.base_models,
            row.config,
            row.safetensors,
            row.gguf,
            row.siblings,
        )
    )
    return int.from_bytes(hashlib.blake2b(said, digest_size=8, key=salt).digest(), "big", signed=True)
