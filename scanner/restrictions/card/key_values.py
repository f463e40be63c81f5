"""Values of card keys that list territories: codes and names, "!CN", "worldwide except mainland China", "US only".

What cannot be read to the last word is said to be so; the words are those of `limit_keys.toml`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from config.territories import load_territories
from config.territory_names import fold
from scanner.restrictions.card.key_words import (
    MAX_NAME,
    clean,
    forms,
    is_nothing,
    is_word,
    negated,
    reduced,
    separators,
    surrounded,
)

if TYPE_CHECKING:
    from collections.abc import Iterable

MAX_VALUES = 400  # more than there are territories
MAX_LENGTH = 2000  # characters of a value that may be a list; a longer one is prose
MAX_PARTS = 6  # of one name that holds commas ("Korea, Republic of")

_BULLET = re.compile(r"^\s*(?:[-*•+]\s+|\d{1,3}[.)]\s+)", re.MULTILINE)
_MARKS = "()[]{}（）「」『』【】“”\"'.。!！:：,，、-–— "
_BRACKETS = re.compile(r"(?P<name>[^()\[\]]{1,100}?)\s*[(\[](?P<other>[^()\[\]]{1,100})[)\]]")


@dataclass(frozen=True, slots=True)
class Places:
    """The territories of a value.

    Attributes:
        inside: those it names.
        outside: those it names as left out.
        everywhere: it speaks of all territories, but for those outside.
        only: it says that those inside are the only ones.
        complete: all of it was understood.
    """

    inside: tuple[str, ...] = ()
    outside: tuple[str, ...] = ()
    everywhere: bool = False
    only: bool = False
    complete: bool = True


NOT_READ = Places(complete=False)


def read_places(value: Any, *, exact: bool = False) -> Places:
    """Read a list of names and codes, or a text.

    Args:
        value: any value of a card's metadata.
        exact: whether codes have to be in capitals, where the key might as well list languages.
    """
    if is_nothing(value):
        return Places()
    if isinstance(value, list):
        items = value[:MAX_VALUES]
        return _join((_item(item, exact) for item in items), complete=len(items) == len(value))
    return _text(value, exact) if isinstance(value, str) else NOT_READ


def read_territory(text: Any, *, exact: bool = False) -> tuple[str, ...]:
    """Read one name or code; empty where it is none. YAML 1.1 has made a Boolean of Norway's code."""
    if text is False:
        return ("NO",)
    if not isinstance(text, str) or len(text) > MAX_NAME:
        return ()
    territories = load_territories()
    text = clean(text)
    return (() if exact and text != text.upper() else territories.read_code(text)) or territories.read_name(text)


def _item(item: Any, exact: bool) -> Places:
    if item is False:
        return Places(("NO",))
    if isinstance(item, str) and len(item) <= MAX_NAME:
        return _text(item, exact)
    return Places() if item is None else NOT_READ


def _text(text: str, exact: bool) -> Places:
    """Read a text: as a list, else as what is left out of the world or of the others."""
    if len(text) > MAX_LENGTH:
        return NOT_READ
    text = clean(_BULLET.sub("", text) if "\n" in text else text)
    found = read_territory(text, exact=exact)
    if found:
        return Places(found)
    if is_word(text, "nothing"):
        return Places()
    folded = fold(text)
    if less := _less(text, folded, exact):
        return Places(less)
    for form, reading in forms():
        match = form.fullmatch(folded)
        places = _list(text[slice(*match.span("rest"))], exact) if match else NOT_READ
        if places.complete and places.inside and not places.outside:
            if reading == "only":
                return Places(places.inside, only=True)
            named = reading == "outside" or bool(match and (match["world"] or match["world_behind"]))
            return Places(outside=places.inside, everywhere=named)
    return _list(text, exact)


def _less(text: str, folded: str, exact: bool) -> tuple[str, ...]:
    """Read territories without some ("China (excluding Hong Kong)"); empty where that is no list of territories."""
    match = reduced().fullmatch(folded)
    if match is None:
        return ()
    codes, but = (_list(text[slice(*match.span(part))], exact) for part in ("all", "but"))
    if not (codes.complete and but.complete and codes.inside and but.inside) or codes.everywhere:
        return ()
    if any(load_territories().contains(codes.inside, code) and code not in codes.inside for code in but.inside):
        return ()  # part of a group
    return tuple(code for code in codes.inside if code not in but.inside)


def _list(text: str, exact: bool) -> Places:
    """Read names between commas and the like; the longest run of parts that is a name counts as one."""
    pieces, signs = _pieces(text)
    if len(pieces) > MAX_VALUES:
        return NOT_READ
    found: list[Places] = []
    position = 0
    while position < len(pieces):
        for length in range(min(MAX_PARTS, len(pieces) - position), 0, -1):
            run = "".join(
                piece + sign
                for piece, sign in zip(
                    pieces[position : position + length],
                    [*signs[position : position + length - 1], ""],
                    strict=True,
                )
            )
            one = _one(run, exact) if length == 1 else Places(read_territory(run, exact=exact))
            if length == 1 or one.inside:
                found.append(one)
                position += length
                break
    places = _join(found)
    return places if places.complete else NOT_READ  # what is left of "China (excluding Hong Kong and Macau)" misleads


def _pieces(text: str) -> tuple[list[str], list[str]]:
    """Cut a text at commas and the like; return what stands between them, and them."""
    pieces, signs, position = [], [], 0
    for match in separators().finditer(fold(text)):
        pieces.append(text[position : match.start()])
        signs.append(text[slice(*match.span())])
        position = match.end()
    return [*pieces, text[position:]], signs


def _one(text: str, exact: bool) -> Places:
    """Read one name, with what may stand around it: "!CN", "users in China", "China (CN)", "everywhere"."""
    text = text.strip().strip("\"'“”「」")
    if not text.strip(_MARKS) and "*" not in text:
        return Places()
    if codes := read_territory(text, exact=exact):
        return Places(codes)
    if is_word(text, "world"):
        return Places(everywhere=True)
    match = negated().fullmatch(fold(text))
    if match and (codes := read_territory(text[match.start("rest") :], exact=exact)):
        return Places(outside=codes)
    if (match := _BRACKETS.fullmatch(text)) and (codes := read_territory(match["name"], exact=exact)):
        return Places(codes) if read_territory(match["other"]) == codes else NOT_READ
    if codes := _codes(text.split()):
        return Places(codes)
    bare = text.strip(_MARKS)
    for _ in range(MAX_PARTS):
        if codes := read_territory(bare, exact=exact):
            return Places(codes)
        match = surrounded().fullmatch(fold(bare))
        if match is None or match["rest"] == fold(bare):
            break
        bare = bare[slice(*match.span("rest"))].strip(_MARKS)
    return NOT_READ


def _codes(words: list[str]) -> tuple[str, ...]:
    """Read codes with nothing but space between them, and a flag before a name."""
    each = [read_territory(word) for word in words]
    if len(each) < 2 or not all(each) or not words[0].isupper():
        return ()
    same = len(set(each)) == 1
    return tuple(dict.fromkeys(code for one in each for code in one)) if same or all(map(str.isupper, words)) else ()


def _join(found: Iterable[Places], *, complete: bool = True) -> Places:
    every = list(found)
    return Places(
        tuple(dict.fromkeys(code for one in every for code in one.inside)),
        tuple(dict.fromkeys(code for one in every for code in one.outside)),
        any(one.everywhere for one in every),
        any(one.only for one in every),
        complete and all(one.complete for one in every),
    )
