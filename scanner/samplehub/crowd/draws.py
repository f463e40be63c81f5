"""Chance without memory: numbers from a digest, an invertible shuffle, and evenly spread choices one can count.

A crowd is never held in memory, so whatever is asked of it must be answered by arithmetic: the k-th model of a listing
from k, and its place in the listing from the model.
"""

from __future__ import annotations

import hashlib
import struct
from typing import NamedTuple

_LAYOUT = struct.Struct("<8I16H")
_KEY = struct.Struct("<QQ")
ROUNDS = 4
MASK64 = (1 << 64) - 1


def words(seed: int, number: int, purpose: bytes) -> tuple[int, ...]:
    """Eight draws of 32 bits and sixteen of 16 bits that belong to a model and a purpose."""
    return _LAYOUT.unpack(hashlib.blake2b(_KEY.pack(seed, number), digest_size=64, person=purpose).digest())


def hexadecimal(text: str, digits: int) -> str:
    """So many hex digits that belong to a text."""
    return hashlib.blake2b(text.encode(), digest_size=digits // 2).hexdigest()


class Shuffle:
    """A permutation of 0..size-1 as a Feistel network over the next even power of two, walked until it lands inside."""

    def __init__(self, size: int, key: int) -> None:
        self.size = size
        self._half = max((size - 1).bit_length() + 1, 2) // 2
        self._mask = (1 << self._half) - 1
        self._keys = [(key * 0x9E3779B97F4A7C15 + n * 0xBF58476D1CE4E5B9 + 1) & MASK64 for n in range(ROUNDS)]

    def _round(self, value: int, key: int) -> int:
        mixed = (value * 0x94D049BB133111EB ^ key) * 0xD6E8FEB86659FD93 & MASK64
        return (mixed >> 32) & self._mask

    def at(self, number: int) -> int:
        """Where a number lands."""
        half, mask = self._half, self._mask
        while True:
            left, right = number >> half, number & mask
            for key in self._keys:
                left, right = right, left ^ self._round(right, key)
            number = left << half | right
            if number < self.size:
                return number

    def inverse(self, place: int) -> int:
        """The number that lands there."""
        half, mask = self._half, self._mask
        while True:
            left, right = place >> half, place & mask
            for key in reversed(self._keys):
                left, right = right ^ self._round(left, key), left
            place = left << half | right
            if place < self.size:
                return place


class Spread(NamedTuple):
    """`part` of every `whole` numbers chosen as evenly as can be (a Beatty sequence); needs part < whole."""

    part: int
    whole: int

    def before(self, number: int) -> int:
        """How many chosen ones are smaller than this number."""
        return number * self.part // self.whole

    def chosen(self, number: int) -> bool:
        """Whether this number is one of them."""
        return (number + 1) * self.part // self.whole > number * self.part // self.whole

    def nth(self, rank: int) -> int:
        """The chosen number of this rank, from 0."""
        return -(-(rank + 1) * self.whole // self.part) - 1

    def nth_other(self, rank: int) -> int:
        """The number of this rank among those that are not chosen."""
        return rank * self.whole // (self.whole - self.part)
