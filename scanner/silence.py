"""Whether a model's metadata says nothing of limits: no gate's words, no key, no tag, no licence that might.

Nothing is read here: key names, tags and licences are put to the functions that read them (`restrictions/card/`), once
each, and what they make of one is remembered. Most cards are made of a few hundred keys, a few thousand tags and some
hundred licences. A card that may say something is told as one that does. Where that is only by its gate's words or its
licence, these few parts are all that reading it rests on.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import IntEnum
from typing import Any, Generic, TypeVar

import msgspec

from config.licences import load_licences
from config.limit_keys import load_limit_keys
from scanner.restrictions.card.gates import KEYS as GATE_KEYS
from scanner.restrictions.card.key_names import goes_with_inner, is_about_else, read_key_name
from scanner.restrictions.card.keys import read_tag
from scanner.restrictions.licence.licence_names import name_licence

LONGEST_SAID = 4096  # bytes of a gate's words and a licence that are told as they are
_LICENCE = ("license", "license_name", "license_link")
MOST_TABLES = 200  # looked through below one key; a card with more of them takes the long way
K = TypeVar("K")
V = TypeVar("V")


class Remembered(dict[K, V], Generic[K, V]):
    """Answers, up to a number of them; then all are forgotten, and those that recur come back at once."""

    def __init__(self, most: int) -> None:
        super().__init__()
        self._most = most

    def keep(self, key: K, value: V) -> V:
        """Remember an answer, and return it."""
        if len(self) >= self._most:
            self.clear()
        self[key] = value
        return value


class _Key(IntEnum):
    """What a card's key may lead to."""

    NOTHING = 0  # whatever stands below it
    BELOW = 1  # only tables below it may say something
    SOMETHING = 2
    GATE = 3  # the gate's words


class Silence:
    """Tells which cards say nothing; keeps what it was told of their parts."""

    def __init__(self) -> None:
        self._licences = load_licences()
        self._never = load_limit_keys().never
        self._top: Remembered[str, _Key] = Remembered(8192)
        self._below: Remembered[str, _Key] = Remembered(8192)
        self._tags: Remembered[str, bool] = Remembered(16_384)
        self._named: Remembered[tuple[Any, ...], bool] = Remembered(4096)

    def of_card(self, card: Mapping[str, Any]) -> bool:
        """Whether card data declares and suggests nothing, whatever the gate; tags of a model without any are apart."""
        return self.said(card) == b""

    def said(self, card: Mapping[str, Any]) -> bytes | None:
        """What of card data may say something, as far as that is the gate's words and the licence alone.

        Args:
            card: the data; tags of a model without any are apart.

        Returns:
            Whatever reading it rests on besides the gate itself; empty where the card says nothing, None where keys,
            tags or too much of it may say more.
        """
        keys = self._top
        gate: list[tuple[str, Any]] | None = None
        for name, value in card.items():
            sense = keys.get(name)
            if sense is None:
                sense = keys.keep(name, self._sense(name, top=True))
            if not sense:
                continue
            if sense == _Key.GATE:
                gate = [*(gate or ()), (name, value)]
            elif sense == _Key.SOMETHING or (type(value) in (dict, list) and not self._is_flat(name, value)):
                return None
        own = card.get("tags")
        if isinstance(own, list) and not self.of_tags(own):
            return None
        silent = self._of_licence(card)
        if silent and gate is None:
            return b""
        named = [card.get(name) for name in _LICENCE] if not silent else None
        try:
            said = msgspec.json.encode((named, gate))
        except (TypeError, ValueError, OverflowError, RecursionError):  # numbers beyond all range
            return None
        return said if len(said) <= LONGEST_SAID else None

    def of_tags(self, tags: Sequence[Any]) -> bool:
        """Whether no tag declares a limit."""
        known = self._tags
        for tag in tags:
            if not isinstance(tag, str):
                continue
            silent = known.get(tag)
            if silent is None:
                silent = known.keep(tag, _is_silent_tag(tag))
            if not silent:
                return False
        return True

    def _of_licence(self, card: Mapping[str, Any]) -> bool:
        named = card.get("license")
        key = (tuple(named) if isinstance(named, list) else named, card.get("license_name"), card.get("license_link"))
        try:
            silent = self._named.get(key)
        except TypeError:  # something that is no text
            return False
        if silent is None:
            found = name_licence(card, [], self._licences)
            silent = self._named.keep(key, found.limited is None and not found.suggests)
        return silent

    def _sense(self, name: str, *, top: bool) -> _Key:
        if top and name in GATE_KEYS:
            return _Key.GATE
        if (top and name in self._never) or is_about_else(name):
            return _Key.NOTHING
        return _Key.BELOW if read_key_name(name) is None else _Key.SOMETHING

    def _is_flat(self, name: str, value: Any) -> bool:
        """Whether no table in a value has a key that may say something."""
        tables: list[tuple[str, Any]] = [(name, value)]
        for looked_at, (around, item) in enumerate(tables):
            inner = [item] if isinstance(item, dict) else [one for one in item if isinstance(one, dict)]
            if inner and (goes_with_inner(around) or looked_at > MOST_TABLES):
                return False
            for table in inner:
                for key, below in table.items():
                    sense = self._below.get(key)
                    if sense is None:
                        sense = self._below.keep(key, self._sense(key, top=False))
                    if sense == _Key.SOMETHING:
                        return False
                    if sense and isinstance(below, dict | list):
                        tables.append((key, below))
        return True


def _is_silent_tag(tag: str) -> bool:
    reading = read_tag(tag)
    return reading is None or not reading.complete or not (reading.excluded or reading.limited_to)
