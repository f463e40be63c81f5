"""What tables in a card's metadata answer: that a territory is allowed, or not, and what holds for all others."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from scanner.restrictions.card.key_names import Sense, kind_of, read_key_name
from scanner.restrictions.card.key_values import read_territory
from scanner.restrictions.card.key_words import is_world, read_answer

_BESIDE = ("default", "note", "exceptions")


@dataclass(slots=True)
class Answers:
    """What a table or a list of rows says of single territories, and of all others."""

    default: bool | None = None
    refused: bool = False
    allowed: list[str] = field(default_factory=list)


def is_plain(name: Any) -> bool:
    """Tell whether a key in a table is a territory, or what may stand beside some."""
    return bool(read_territory(name)) or (isinstance(name, str) and (kind_of(name) in _BESIDE or is_world(name)))


def answer_of(rows: list[tuple[Any, Any]]) -> bool | None:
    """Return what a table says of the territories it names beside it ("allowed: false", "type: blocklist")."""
    for name, value in rows:
        if not isinstance(name, str):
            continue
        key = read_key_name(name, inner=True)
        if kind_of(name) == "mode" or kind_of(name) == "open" or (key is not None and key.sense is Sense.OPEN):
            answer = None if isinstance(value, bool) else read_status(value)
        elif key is not None and key.sense in (Sense.EXCLUDED, Sense.ALLOWED):
            answer = read_answer(value)
            answer = answer if answer is None or key.sense is Sense.ALLOWED else not answer
        else:
            answer = None
        if answer is not None:
            return answer
    return None


def has_unknown_mode(rows: list[tuple[Any, Any]]) -> bool:
    """Tell whether a table says in words not understood what the lists in it are ("type: curated")."""
    return any(
        isinstance(name, str)
        and kind_of(name) == "mode"
        and not (isinstance(value, str) and kind_of(value) in ("area", "geo"))
        for name, value in rows
    )


def default_of(rows: list[tuple[Any, Any]]) -> bool | None:
    """Return what a table says of all territories it does not name ("default: true", "allow: all")."""
    for name, value in rows:
        if not isinstance(name, str):
            continue
        key = read_key_name(name, inner=True)
        if kind_of(name) == "default" or is_world(name):
            return read_status(value)
        if key is not None and key.sense in (Sense.EXCLUDED, Sense.ALLOWED) and is_world(value):
            return key.sense is Sense.ALLOWED
    return None


def read_status(value: Any) -> bool | None:
    """Read a yes or a no, or a word that has the sense of one ("blocked", "not available")."""
    answer = read_answer(value)
    if answer is not None or not isinstance(value, str):
        return answer
    key = read_key_name(value, inner=True)
    if key is None or key.codes:
        return None
    return {Sense.EXCLUDED: False, Sense.ALLOWED: True}.get(key.sense)


def is_status(value: Any) -> bool:
    """Tell whether a value is a yes or a no."""
    return not isinstance(value, dict | list) and read_status(value) is not None


def opposite(default: bool | None) -> Sense:
    """Return what exceptions to a default are."""
    return Sense.UNCLEAR if default is None else Sense.EXCLUDED if default else Sense.ALLOWED
