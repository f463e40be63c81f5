"""Find territories in running prose, and put one mark in place of each list of them.

"in the European Union, United Kingdom and South Korea" becomes "in ■": patterns then stay short, whichever countries
a text names and however it joins them.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from config.phrases import TERRITORY_MARK
from config.territories import load_territories

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

MARK = TERRITORY_MARK
# "U.S. export laws", "China Mobile": the name qualifies another word, and nothing is said of the territory.
_QUALIFYING = re.compile(
    r"(?:-based|-related)?[ -](?:laws?|legislation|exports?|embargo(?:e[ds]|ed)?|government|treasury|department|"
    r"sanctions?|trade|commerce|federal|dollars?|customs|copyright|patents?|courts?|regulations?|securities|munitions|bureau|office|"
    r"directive|ai act|gdpr|citizenship act|entity list|commercial|arms|munition)\b",
    re.IGNORECASE,
)

# Between two territories of one list. English, German and French share the places of articles.
_ARTICLES = (
    r"(?:the |(?:in|to|from|within|for|of) (?:the )?|member states of (?:the )?|territory of (?:the )?"
    r"|im |in der |der |die |dem |den |des |das |du |de la |de l'|la |le |les |l'|en |au |aux |dans )?"
)
_JOINT = (
    rf"(?: ?[,;/&|、·・]| ?\+| (?:and|or|and/or|nor|as well as|und|oder|sowie|bzw\.?|et|ou|ni|i|oraz)\b){{1,2}}"
    rf"(?: ?(?:and|or|nor|und|oder|sowie|et|ou|ni)\b)? ?{_ARTICLES}{_ARTICLES}(?:\")?"
    r"|[、,]?(?:和|与|與|及|以及|或|或者|并|並|や|と|および|及び|または|又は|ならびに|並びに)"
    r"|(?:에?는?|에서)? ?(?:및|과|와|또는|혹은|이나|나|,)\s?(?:및 |또는 )?"
)
_WITHOUT = (
    r"(?:excluding|except(?: for)?|other than|not including|without|ohne|außer|hors|sauf|不包括|不含|不包含|除去)"
    r" ?(?:the )?{list}(?:,? ?(?:which|that)[^()]{{0,40}})?"
    r"|{list}(?:を除く|は除く|除外|除く|제외|除外)"
)
_WITH = (
    r"(?:including|inclusive of|incl\.|einschließlich|y compris|包括|包含|含) ?(?:the )?{list}"
    r"|{list}(?:を含む|포함)"
)


@dataclass(frozen=True, slots=True)
class Marked:
    """Prose with a mark for each list of territories.

    Attributes:
        text: the prose.
        lists: the codes of each mark, in order.
        marks: where each mark stands.
        shifts: for each mark, how much longer the original text is behind it, in all.
    """

    text: str
    lists: tuple[tuple[str, ...], ...]
    marks: tuple[int, ...]
    shifts: tuple[int, ...]

    def codes_at(self, position: int) -> tuple[str, ...]:
        """Return the codes of the mark that stands at a position."""
        return self.lists[self.marks.index(position)]

    def origin(self, position: int) -> int:
        """Return where a position of the marked prose stood before marking."""
        shift = 0
        for mark, total in zip(self.marks, self.shifts, strict=True):
            if mark >= position:
                break
            shift = total
        return position + shift


def mark_territories(text: str) -> Marked | None:
    """Mark the territories of a sentence; None where it names none."""
    found = [
        (match.start(), match.end(), codes)
        for match in _names().finditer(text)
        if (codes := _codes(match[0])) and not _QUALIFYING.match(text, match.end())
    ]
    if not found:
        return None
    return _replace(text, _merged(text, found))


def names_territory(text: str) -> bool:
    """Tell whether a text names any territory."""
    return any(_codes(match[0]) for match in _names().finditer(text))


def _merged(text: str, found: list[tuple[int, int, tuple[str, ...]]]) -> list[tuple[int, int, tuple[str, ...]]]:
    """Join territories of one list, and take what stands in brackets behind it as part of it."""
    merged = [found[0]]
    for start, end, codes in found[1:]:
        last_start, last_end, last_codes = merged[-1]
        if _joint().fullmatch(text, last_end, start) or _same_in_brackets(
            text, last_end, start, end, codes, last_codes
        ):
            merged[-1] = (last_start, end, tuple(dict.fromkeys((*last_codes, *codes))))
        else:
            merged.append((start, end, codes))
    return _with_brackets(text, merged)


def _same_in_brackets(
    text: str, last_end: int, start: int, end: int, codes: tuple[str, ...], last_codes: tuple[str, ...]
) -> bool:
    """Recognise a name followed by its own abbreviation: "People's Republic of China (PRC)"."""
    return (
        codes[0] in last_codes
        and text[last_end:start].strip(' "') == "("
        and text[end : end + 2].strip(' "')[:1] == ")"
    )


def _with_brackets(text: str, merged: list[tuple[int, int, tuple[str, ...]]]) -> list[tuple[int, int, tuple[str, ...]]]:
    """Apply "(including X)" and "(excluding X)" behind a list to it."""
    kept: list[tuple[int, int, tuple[str, ...]]] = []
    for start, end, codes in merged:
        if kept:
            first_start, first_end, first_codes = kept[-1]
            opening = text.find("(", first_end, first_end + 3)
            closing = text.find(")", end, end + 40)
            if (
                opening >= 0
                and not text[first_end:opening].strip(" ,")
                and closing >= 0
                and "(" not in text[opening + 1 : end]
            ):
                inside = text[opening + 1 : start] + MARK + text[end:closing]
                if _pattern(_WITHOUT).fullmatch(inside):
                    kept[-1] = (first_start, closing + 1, tuple(c for c in first_codes if c not in codes))
                    continue
                if _pattern(_WITH).fullmatch(inside):
                    kept[-1] = (first_start, closing + 1, tuple(dict.fromkeys((*first_codes, *codes))))
                    continue
        if kept and start < kept[-1][1]:
            continue
        kept.append((start, end, codes))
    return kept


def _replace(text: str, lists: list[tuple[int, int, tuple[str, ...]]]) -> Marked:
    parts: list[str] = []
    marks: list[int] = []
    shifts: list[int] = []
    position = length = shift = 0
    for start, end, _ in lists:
        parts += (text[position:start], MARK)
        length += start - position
        marks.append(length)
        length += 1
        shift += end - start - 1
        shifts.append(shift)
        position = end
    parts.append(text[position:])
    return Marked("".join(parts), tuple(codes for _, _, codes in lists), tuple(marks), tuple(shifts))


@lru_cache(maxsize=1)
def _joint() -> re.Pattern[str]:
    return re.compile(_JOINT, re.IGNORECASE)


@lru_cache(maxsize=4)
def _pattern(template: str) -> re.Pattern[str]:
    return re.compile(template.format(list=MARK), re.IGNORECASE)


def _codes(name: str) -> tuple[str, ...]:
    """Return what a matched name stands for; empty where it is a name that only contains a territory's."""
    return _exact().get(name) or _table().get(name.casefold(), ())


@lru_cache(maxsize=1)
def _table() -> dict[str, tuple[str, ...]]:
    territories = load_territories()
    table: dict[str, tuple[str, ...]] = {}
    for language in territories.languages.values():
        for code, names in language.names.items():
            for name in names:
                table.setdefault(name.casefold(), territories.expand(code))
    for language in territories.languages.values():
        table.update(dict.fromkeys((name.casefold() for name in language.not_territories), ()))
    return table


@lru_cache(maxsize=1)
def _exact() -> dict[str, tuple[str, ...]]:
    territories = load_territories()
    return {
        name: territories.expand(code)
        for language in territories.languages.values()
        for code, names in language.abbreviations.items()
        for name in names
    }


@lru_cache(maxsize=1)
def _names() -> re.Pattern[str]:
    """Build one pattern of all names: a tree of prefixes, so that each place of a text is tried once."""
    spaced = [name for name in _table() if _is_spaced(name)]
    unspaced = [name for name in _table() if not _is_spaced(name)]
    hangul = [name for name in unspaced if "\uac00" <= name[-1] <= "\ud7a3"]
    dense = [name for name in unspaced if name not in hangul]
    # Korean endings follow a name without a space; a syllable before it makes it another word.
    return re.compile(
        rf"(?<![^\W_\u2e80-\uffef])(?:(?i:{_tree(spaced)})|{_tree(_exact())})(?![^\W_\u2e80-\uffef])"
        rf"|(?<![\uac00-\ud7a3])(?:{_tree(hangul)})|{_tree(dense)}"
    )


def _is_spaced(name: str) -> bool:
    """Tell whether a name's script puts spaces between words, so that it must stand alone."""
    return name[-1] < "\u2e80"


def _tree(names: Iterable[str]) -> str:
    """Write names as nested alternatives by common prefixes; the longest one wins."""
    root: dict[str, Any] = {}
    for name in names:
        node = root
        for character in name:
            node = node.setdefault(character, {})
        node[""] = {}
    return _branch(root)


def _branch(node: Mapping[str, Any]) -> str:
    parts = [_symbol(character) + _branch(after) for character, after in node.items() if character]
    if not parts:
        return ""
    joined = parts[0] if len(parts) == 1 and "" not in node else f"(?:{'|'.join(parts)})"
    return joined + ("?" if "" in node else "")


def _symbol(character: str) -> str:
    return " " if character == " " else re.escape(character)
