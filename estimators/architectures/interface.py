"""What every family of architectures shares: a configuration read with suspicion, and a sum that knows its doubts.

A `config.json` is a mapping of anything that an author wrote, so every field is checked as it is read. What a family
adds up is kept in three parts, because one configuration is written for several classes of a model: the bare network,
the one with the head that `architectures` names, and copies that store tied matrices or buffers as well.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

MAX_SIZE = 10**8  # of one field: the widest layers in use have 10^5 units, the longest vocabularies 10^7 entries
MAX_LAYERS = 10_000  # of one stack: the deepest networks in use have a few hundred
MAX_ITEMS = 1_000  # of one list, such as a size per stage or a kind per layer
MAX_FACTOR = 1_000.0  # of one ratio, such as the widening inside a layer
MAX_LABELS = 10**6  # of one classifier
MAX_DEPTH = 4  # configurations inside configurations: a composite of composites has three

_TASK = re.compile(
    r"(?:For[A-Z]\w*|LMHeadModel|WithLMHead(?:Model)?|DoubleHeadsModel|ModelWithProjection|WithProjection)\Z"
)


class Undescribed(Exception):
    """The configuration does not say what the family needs; caught in `described.py`, no caller sees it."""


@dataclass(frozen=True, slots=True)
class Sum:
    """Parameters by whether every copy holds them.

    Attributes:
        certain: every class of the architecture stores them.
        likely: the class that the configuration names stores them, others leave them out.
        possible: only other classes or other writers store them (heads, tied duplicates, buffers).
    """

    certain: int = 0
    likely: int = 0
    possible: int = 0

    def __add__(self, other: Sum) -> Sum:
        return Sum(self.certain + other.certain, self.likely + other.likely, self.possible + other.possible)

    def __mul__(self, times: int) -> Sum:
        return Sum(self.certain * times, self.likely * times, self.possible * times)

    @property
    def point(self) -> int:
        """What the named class stores."""
        return self.certain + self.likely

    @property
    def high(self) -> int:
        """What the most generous writer stores."""
        return self.certain + self.likely + self.possible


def certain(parameters: int) -> Sum:
    """Parameters that every copy holds."""
    return Sum(certain=parameters)


def about(parameters: int, factor: int) -> Sum:
    """A sum of the main layers only: the truth lies within `factor` either side."""
    least = parameters // factor
    return Sum(least, parameters - least, parameters * (factor - 1))


def optional(parameters: int, *, expected: bool) -> Sum:
    """Parameters that only some copies hold."""
    return Sum(likely=parameters) if expected else Sum(possible=parameters)


class Config:
    """One configuration, or one inside another; every reading method raises Undescribed where a field is absurd."""

    def __init__(self, fields: Mapping[str, Any], outer: Config | None = None) -> None:
        self._fields = fields
        self._depth: int = outer._depth + 1 if outer else 0
        if self._depth > MAX_DEPTH:
            raise Undescribed("configurations nested too deeply")
        self._told: set[str] = outer._told if outer else set()
        self._guessed: set[str] = outer._guessed if outer else set()

    @property
    def told(self) -> bool:
        """Whether any size of the first order that was read so far, here or in a part, was present."""
        return bool(self._told)

    @property
    def guessed(self) -> bool:
        """Whether any such size was missing, so that the class's default stood in."""
        return bool(self._guessed)

    def has(self, name: str) -> bool:
        """Whether a field is present and says something."""
        return self._fields.get(name) is not None

    @property
    def names(self) -> tuple[str, ...]:
        """The fields' names, no more than a configuration has."""
        return tuple(name for name in list(self._fields)[:MAX_ITEMS] if isinstance(name, str))

    def raw(self, name: str) -> Any:
        """A field as it stands, unchecked."""
        return self._fields.get(name)

    def main(self, *names: str, default: int | None = None, most: int = MAX_SIZE) -> int:
        """A size of the first order; where it is missing the default stands in, and the answer is known to be a guess.

        Args:
            names: the field, and the names that other versions give it.
            default: what the class takes where the field is missing.
            most: the largest value that is believed.
        """
        present = any(self.has(name) for name in names)
        if present or default is not None:
            (self._told if present else self._guessed).add(names[0])
        return self.size(*names, default=default, most=most)

    def size(self, *names: str, default: int | None = None, most: int = MAX_SIZE, least: int = 1) -> int:
        """The first of the fields that is present, as a whole number.

        Args:
            names: the field, and the names that other versions give it.
            default: what the class takes where the field is missing.
            most: the largest value that is believed.
            least: the smallest value that is believed.
        """
        value = next((self._fields[name] for name in names if self._fields.get(name) is not None), default)
        return _whole(value, names[0], least, most)

    def layers(self, *names: str, default: int | None = None) -> int:
        """The number of layers in a stack."""
        return self.main(*names, default=default, most=MAX_LAYERS)

    def flag(self, name: str, *, default: bool) -> bool:
        """A switch."""
        value = self._fields.get(name)
        return bool(value) if isinstance(value, bool | int) else default

    def text(self, name: str, default: str = "") -> str:
        """A word, lower case."""
        value = self._fields.get(name)
        return value[:200].lower() if isinstance(value, str) else default

    def factor(self, name: str, default: float) -> float:
        """A positive ratio."""
        value = self._fields.get(name)
        if value is None:
            return default
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value <= MAX_FACTOR:
            raise Undescribed(f"{name} is no ratio")
        return float(value)

    def sizes(self, *names: str, default: tuple[int, ...] | None = None, least: int = 1) -> tuple[int, ...]:
        """A list of whole numbers; a single number is a list of one."""
        value = next((self._fields[name] for name in names if self._fields.get(name) is not None), default)
        items = value if isinstance(value, list | tuple) else [value]
        if not 0 < len(items) <= MAX_ITEMS:
            raise Undescribed(f"{names[0]} has {len(items)} entries")
        return tuple(_whole(item, names[0], least, MAX_SIZE) for item in items)

    def pair(self, name: str, default: int) -> tuple[int, int]:
        """Height and width, given as one number or as two."""
        values = self.sizes(name, default=(default,))
        return (values[0], values[-1])

    def words(self, name: str) -> tuple[str, ...]:
        """A list of words, such as a kind per layer; empty where there is none."""
        value = self._fields.get(name)
        if not isinstance(value, list | tuple):
            return ()
        return tuple(item[:200].lower() for item in value[:MAX_ITEMS] if isinstance(item, str))

    def part(self, *names: str) -> Config | None:
        """The configuration under the first of the names that holds one."""
        for name in names:
            value = self._fields.get(name)
            if isinstance(value, Mapping):
                return Config(value, self)
        return None

    @property
    def architecture(self) -> str:
        """The class that the weights were saved from, or empty."""
        value = self._fields.get("architectures")
        first = value[0] if isinstance(value, list | tuple) and value else None
        return first[:200] if isinstance(first, str) else ""

    @property
    def task(self) -> str:
        """What the class adds to the bare network (`ForMaskedLM`, `LMHeadModel`), or empty."""
        found = _TASK.search(self.architecture)
        return found.group() if found else ""

    @property
    def bare(self) -> bool:
        """Whether the class named is the network without a head."""
        return self.architecture != "" and not self.task

    @property
    def labels(self) -> int:
        """Outputs of a classifier."""
        names = self._fields.get("id2label")
        if isinstance(names, Mapping) and names:
            return min(len(names), MAX_LABELS)
        try:
            return self.size("num_labels", "_num_labels", default=2, most=MAX_LABELS, least=0)
        except Undescribed:
            return 2


Family: TypeAlias = Callable[[Config], Sum]
"""Adds up one family's layers; raises only Undescribed."""


def _whole(value: Any, name: str, least: int, most: int) -> int:
    if isinstance(value, float) and math.isfinite(value) and value.is_integer():
        value = int(value) if abs(value) <= MAX_SIZE else None
    if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
        raise Undescribed(f"{name} is no size")
    return value
