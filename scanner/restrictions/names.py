"""Find the names of territories in running prose, in every language of `territories.toml`.

The longest name wins. Where words stand apart, names are looked up word by word in a tree of words; where they do
not, by the two characters that begin them. Either way each place of a text is tried once.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, TypeAlias

from config.territory_names import Name, Script, fold, load_names

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_LETTER = r"[^\W_\u2e80-\uffef]"
_WORD = re.compile(rf"{_LETTER}+")
_NEXT = re.compile(rf"[^\w\u2e80-\uffef]{{0,3}}{_LETTER}+")
_PRONOUN = "US"
_ARTICLE = "THE"
_ARABIC_PREFIXES = ("و", "ب", "ل", "ف", "ك", "وب", "ول")
_ARABIC_ARTICLE = "ال"
_LOOK_BEHIND = 24


@dataclass(frozen=True, slots=True)
class Mention:
    """A name of a territory in a text.

    Attributes:
        start: where it begins.
        end: where it ends.
        codes: the territories it stands for, EU and EEA as groups.
        people: it means people or what is theirs ("Chinese", "中国人"), and counts only where persons are spoken of.
        bare: it is another name or a word as well ("Georgia", "US" in capitals), and counts only beside others.
    """

    start: int
    end: int
    codes: tuple[str, ...]
    people: bool = False
    bare: bool = False


_Ending: TypeAlias = tuple[str, Name]
"""A name that ends at a place in the tree of words, and what has to follow there: "." or ")" or nothing."""


class _Node(dict[str, "_Node"]):
    """A place in the tree of words: the words that go on from here, each with the marks before it.

    Attributes:
        endings: the names that end here.
        skipped: for a first word, how many of its letters stand before the name.
        exact: for a first word with which nothing else begins, the only way to write it.
    """

    __slots__ = ("endings", "exact", "skipped")

    def __init__(self) -> None:
        super().__init__()
        self.endings: tuple[_Ending, ...] = ()
        self.skipped = 0
        self.exact = ""


def find_mentions(text: str) -> list[Mention]:
    """Find every mention, in order.

    Args:
        text: prose, cleaned: ASCII for full-width forms, one space for white space.
    """
    found = [mentions for mentions in map(list, _by_script(text)) if mentions]
    ordered = found[0] if len(found) == 1 else _longest([mention for mentions in found for mention in mentions])
    return [mention for mention in ordered if mention.codes]


def names_territory(text: str) -> bool:
    """Tell whether a text mentions any territory."""
    return any(mention.codes for mentions in _by_script(text) for mention in mentions)


def _by_script(text: str) -> Iterator[Iterator[Mention]]:
    """Yield the mentions of each script, with the names that mean no territory."""
    folded = fold(text)
    for script in Script:
        if script.occurs(text):
            yield _in_words(text, folded, script) if script.spaced else _in_characters(folded, script)


def _longest(found: list[Mention]) -> Iterator[Mention]:
    """Yield mentions in order, without those that lie in others ("EU" in "EU加盟国")."""
    end = 0
    for mention in sorted(found, key=lambda one: (one.start, -one.end)):
        if mention.start >= end:
            yield mention
            end = mention.end


def _in_words(text: str, folded: str, script: Script) -> Iterator[Mention]:
    tree = _tree(script)
    end = 0
    identifiers = "_" in text
    for word in _WORD.finditer(folded):
        node = tree.get(word[0])
        if node is None or word.start() < end:
            continue
        first = word.start() + node.skipped
        if node.exact and text[first : word.end()] != node.exact:
            continue
        for stop, name in reversed(_walk(folded, node, word.end())):
            if name.exact and text[first:stop] != name.exact:
                continue
            if name.exact and text[first - 1 : first] == "-" and _in_locale(text, first):
                continue
            if name.bare and name.word and text[first:stop] == folded[first:stop]:
                continue
            if not (identifiers and _in_identifier(text, first, stop)):
                end = stop
                yield Mention(first, stop, name.codes, name.people, _is_bare(text, folded, first, stop, name))
                break


def _walk(folded: str, node: _Node, position: int) -> list[tuple[int, Name]]:
    """Follow a text through the tree; return the names on the way and where they end, the longest last."""
    found: list[tuple[int, Name]] = []
    while True:
        for tail, name in node.endings:
            if not tail or folded.startswith(tail, position):
                found.append((position + len(tail), name))
        following = _NEXT.match(folded, position) if node else None
        if following is None or following[0] not in node:
            return found
        node, position = node[following[0]], following.end()


def _in_identifier(text: str, start: int, end: int) -> bool:
    """Tell whether a name is part of an identifier ("china_2020")."""
    return text[max(start - 1, 0) : start] == "_" or text[end : end + 1] == "_"


def _is_bare(text: str, folded: str, start: int, end: int, name: Name) -> bool:
    if name.bare or (name.word and text[start:end] == folded[start:end]):
        return True
    return name.exact == _PRONOUN and _in_capitals(text, start)


def _in_locale(text: str, start: int) -> bool:
    """Tell whether a language stands before a code ("en-US", "zh-CN"), whose region it then is."""
    language, before = text[max(start - 3, 0) : start - 1], text[max(start - 4, 0) : max(start - 3, 0)]
    return len(language) == len("en") and language.isalpha() and language.islower() and not before.isalnum()


def _in_capitals(text: str, start: int) -> bool:
    """Tell whether the word before is in capitals as well ("CONTACT US"), so that it may be the pronoun."""
    if text[start - 1 : start] != " " or not text[start - 2 : start - 1].isupper():
        return False
    before = text[text.rfind(" ", max(start - _LOOK_BEHIND, 0), start - 1) + 1 : start - 1]
    return len(before) > 1 and before.isupper() and before != _ARTICLE


@lru_cache(maxsize=len(Script))
def _tree(script: Script) -> _Node:
    """Build the tree of a script's names by their words."""
    root = _Node()
    for text, name in load_names(script).items():
        word = _WORD.search(text)
        if word is None:
            continue
        node, position, chunk = root, word.end(), word[0]
        while True:
            node = node.setdefault(chunk, _Node()) if chunk not in node else node[chunk]
            following = _NEXT.match(text, position)
            if following is None:
                break
            chunk, position = following[0], following.end()
        tail = text[position:]
        # "u.s" before "u.s.": the longest is the last on the way.
        node.endings = (*node.endings, (tail, name)) if tail else ((tail, name), *node.endings)
    for node in root.values():
        if not node and len(node.endings) == 1:
            node.exact = node.endings[0][1].exact
    if script is Script.ARABIC:
        for form, skipped, node in list(_prefixed(root)):
            if form not in root:
                root[form] = _beginning_later(node, skipped)
    return root


def _prefixed(root: _Node) -> Iterator[tuple[str, int, _Node]]:
    """Yield Arabic words with the particles that are written in one word with them."""
    for word, node in root.items():
        for prefix in _ARABIC_PREFIXES:
            yield prefix + word, len(prefix), node
        if word.startswith(_ARABIC_ARTICLE):  # "to" swallows the first letter of the article
            yield "ل" + word[1:], 1, node


def _beginning_later(node: _Node, skipped: int) -> _Node:
    copy = _Node()
    copy.update(node)
    copy.endings, copy.skipped = node.endings, skipped
    return copy


def _in_characters(text: str, script: Script) -> Iterator[Mention]:
    names = load_names(script)
    pattern, lengths = _beginnings(script)
    end = 0
    for match in pattern.finditer(text):
        start = match.start()
        if start < end:
            continue
        for length in lengths.get(text[start : start + 2], ()):
            written = text[start : start + length]
            name = names.get(written) if len(written) == length else None
            if name is not None and not _runs_on(text, start, start + length):
                end = start + length
                yield Mention(start, end, name.codes, name.people, name.bare)
                break


def _runs_on(text: str, start: int, end: int) -> bool:
    """Tell whether a name is part of a longer word: after a syllable in Korean, between Katakana in Japanese."""
    first, last = text[start], text[end - 1]
    if _is_syllable(first):
        return start > 0 and _is_syllable(text[start - 1])
    if _is_katakana(first) and start > 0 and _is_katakana(text[start - 1]):
        return True
    return _is_katakana(last) and end < len(text) and _is_katakana(text[end])


def _is_syllable(character: str) -> bool:
    return "\uac00" <= character <= "\ud7a3"


def _is_katakana(character: str) -> bool:
    return "\u30a1" <= character <= "\u30fe" and character != "\u30fb"  # the dot stands between names


@lru_cache(maxsize=len(Script))
def _beginnings(script: Script) -> tuple[re.Pattern[str], Mapping[str, tuple[int, ...]]]:
    """Return a pattern of the characters that begin names, and by the first two the lengths of names, longest first."""
    lengths: dict[str, set[int]] = {}
    for name in load_names(script):
        lengths.setdefault(name[:2], set()).add(len(name))
    pattern = "".join(sorted({start[0] for start in lengths}))
    return re.compile(f"[{re.escape(pattern)}]"), {
        start: tuple(sorted(found, reverse=True)) for start, found in lengths.items()
    }
