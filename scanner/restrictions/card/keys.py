"""Card keys by which people limit territories, and how their values are read.

The Hub has one key of its own (`extra_gated_eu_disallowed`); everything else is home-made: `restricted_regions: [CN]`,
`allowedCountries: "US, CA"`, `geo: {block: [EU]}`, `availability: {CN: false, default: true}`. A key that looks like
such a limit and cannot be read is told as a suggestion, never guessed at.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

from config.limit_keys import load_limit_keys
from scanner.restrictions.card.gates import KEYS as GATE_KEYS
from scanner.restrictions.card.key_names import Sense, goes_with_inner, is_about_else, read_key_name
from scanner.restrictions.card.key_tables import MAX_DEPTH, Finder
from scanner.restrictions.card.key_words import read_answer
from scanner.restrictions.names import names_territory

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from scanner.restrictions.card.key_names import KeyName

MAX_KEYS = 2000  # of one card, those in tables counted
MAX_TEXT = 4000  # characters of a value in which a territory's name is looked for

KeyPath: TypeAlias = "tuple[str | int, ...]"


@dataclass(frozen=True, slots=True)
class KeyReading:
    """What one home-made key says.

    Attributes:
        excluded: territories it excludes.
        limited_to: territories it limits use to.
        embargo: territories it names as under an embargo.
        complete: False where part of the value could not be read.
        prose: places of texts below the key that are no lists; they may be sentences.
    """

    excluded: tuple[str, ...] = ()
    limited_to: tuple[str, ...] = ()
    embargo: tuple[str, ...] = ()
    complete: bool = True
    prose: tuple[KeyPath, ...] = ()


def read_keys(data: Mapping[str, Any]) -> Iterator[tuple[KeyPath, KeyReading]]:
    """Read every key of a card that speaks of territories, with where it stands, also in tables of other keys."""
    yield from _Walk().read(data, (), "", 0)


class _Walk:
    """Goes through the tables of a card, with a limit on all of it."""

    def __init__(self) -> None:
        self._left = MAX_KEYS

    def read(
        self, table: Mapping[Any, Any], path: KeyPath, around: str, depth: int
    ) -> Iterator[tuple[KeyPath, KeyReading]]:
        for name, value in table.items():
            if self._left <= 0:
                return
            self._left -= 1
            if not isinstance(name, str) or (depth == 0 and (name in GATE_KEYS or _never(name))):
                continue
            if is_about_else(name):
                continue
            inner = _has_tables(value)
            together = inner and goes_with_inner(name)
            reading = None if together else read_key(f"{around} {name}" if around else name, value)
            if reading is not None:
                yield (*path, name), reading
            elif inner and depth < MAX_DEPTH:
                yield from self._below(value, (*path, name), name if together else "", depth + 1)

    def _below(self, value: Any, path: KeyPath, around: str, depth: int) -> Iterator[tuple[KeyPath, KeyReading]]:
        if isinstance(value, dict):
            yield from self.read(value, path, around, depth)
        elif isinstance(value, list):
            for number, item in enumerate(value[: self._left]):
                if isinstance(item, dict):
                    yield from self.read(item, (*path, number), around, depth)


def _has_tables(value: Any) -> bool:
    return isinstance(value, dict) or (isinstance(value, list) and any(isinstance(item, dict) for item in value))


def _never(name: str) -> bool:
    return name in load_limit_keys().never


def read_key(name: str, value: Any) -> KeyReading | None:
    """Read one key of a card; None where it has nothing to do with territories."""
    key = read_key_name(name)
    if key is None:
        return None
    if key.codes:
        return _named(key, read_answer(value))
    finder = Finder(exact=not key.strong)
    finder.read(value, key.sense)
    if set(finder.excluded()) & set(finder.limited_to()):
        return KeyReading(complete=False)  # it contradicts itself
    reading = KeyReading(
        finder.excluded(),
        finder.limited_to() if finder.complete else (),
        finder.embargo(),
        finder.complete,
        tuple(finder.prose),
    )
    if reading == KeyReading():
        return None
    return reading if reading.complete or _means_territories(key, value, reading, finder.telling) else None


def read_tag(tag: str) -> KeyReading | None:
    """Read a tag: `restricted_region:cn`, `not-for-china`; None where it says nothing of territories."""
    name, colon, value = tag.partition(":")
    key = read_key_name(name)
    if key is None or not key.strong or bool(colon) == bool(key.codes):
        return None
    return read_key(name, value if colon else True)


def _named(key: KeyName, answer: bool | None) -> KeyReading | None:
    """Read a key that names its territories itself: "not_for_china: true", "available_in_china: false"."""
    if key.sense is Sense.EXCLUDED and answer:
        return KeyReading(excluded=key.codes)
    if key.sense is Sense.ALLOWED and key.only and answer:
        return KeyReading(limited_to=key.codes)
    if key.sense is Sense.ALLOWED and not key.only and answer is False:
        return KeyReading(excluded=key.codes)
    return None


def _means_territories(key: KeyName, value: Any, reading: KeyReading, telling: bool) -> bool:
    """Tell whether a key that was not understood is one of ours, where its name alone does not say so."""
    if key.strong or reading.excluded or reading.limited_to or reading.embargo:
        return True
    if key.sense is Sense.AREA and not telling:
        return False
    return names_territory(" . ".join(_texts(value, MAX_DEPTH))[:MAX_TEXT])


def _texts(value: Any, depth: int) -> Iterator[str]:
    """Yield the texts of a value and of its tables."""
    if isinstance(value, str):
        yield value[:MAX_TEXT]
    elif depth and isinstance(value, dict):
        for name, inner in list(value.items())[: MAX_DEPTH * 10]:
            yield str(name)[:MAX_TEXT]
            yield from _texts(inner, depth - 1)
    elif depth and isinstance(value, list):
        for inner in value[: MAX_DEPTH * 10]:
            yield from _texts(inner, depth - 1)
