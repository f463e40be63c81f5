"""Characters of a text as a reader takes them, each in the place where it stands in the file.

One character for one, so that offsets hold: full-width and mathematical letters become plain ones (Unicode NFKC, as far
as one character stands for one), all white space a space, and what cannot be seen INVISIBLE, which is taken out later.
Letters of another script that only look like those of a word (UTS #39, confusables) are read as the word's own.
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

INVISIBLE = "\u200b"
"""Stands where nothing is to be read."""

_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")
_CONTROLS = dict.fromkeys((*range(9), *range(14, 32), 127), " ") | {0x0B: "\n", 0x0C: "\n"}
_LINE_ENDS = "\u0085\u2028\u2029"
_MARKUP = "＜＞＃＊＼｀＿～①②③④⑤⑥⑦⑧⑨⑩"  # full-width forms that are no markup, and numbers of list items
_SAME = {
    **dict.fromkeys("“”„‟«»「」『』〝〞‹›", '"'),
    **dict.fromkeys("‘’‚‛′", "'"),
    **dict.fromkeys("‐‑‒–—―−", "-"),
    **dict.fromkeys("¹²³⁰⁴⁵⁶⁷⁸⁹", INVISIBLE),  # numbers of footnotes
    **dict(zip("ᴀʙᴄᴅᴇꜰɢʜɪᴊᴋʟᴍɴᴏᴘʀꜱᴛᴜᴠᴡʏᴢ", "ABCDEFGHIJKLMNOPRSTUVWYZ", strict=True)),
    **dict(zip("ᎪᏴᏟᎠᎬᏀᎻᎫᏦᏞᎷᏢᎡᏚᎢᏙᏔᏃ", "ABCDEGHJKLMPRSTVWZ", strict=True)),  # Cherokee, in no text of ours
}
# Fillers, variation selectors, and marks that are drawn over or around a letter.
_UNSEEN = re.compile(
    "[\u115f\u1160\u3164\uffa0\u034f\ufe00-\ufe0f\U000e0000-\U000e01ef"
    "\u0334-\u0338\u20d2-\u20f0\u1ab0-\u1aff\u1dc0-\u1dff\ufe20-\ufe2f\ufffe\uffff]"
)
_STRUCK = re.compile(r"(?:[^\s][\u0335-\u0338] ?){3,}")
# A letter and the marks that belong to it, and Korean syllables in their parts: one character in composed text.
_PARTS = re.compile(
    r"[^\W\d_][\u0300-\u036f\u3099\u309a]{1,8}|[\u1100-\u1112][\u1161-\u1175][\u11a8-\u11c2]?|[\u0300-\u036f]+"
)
_MAY_HAVE_PARTS = re.compile(r"[\u0300-\u036f\u1100-\u1112\u3099\u309a]")

_CYRILLIC = dict(zip("АВЕЅІЈКМНОРСТУХаеорсухіјѕһԁԛԝӏ", "ABESIJKMHOPCTYXaeopcyxijshdqwl", strict=True))
_GREEK = dict(zip("ΑΒΕΖΗΙΚΜΝΟΡΤΥΧονικραχ", "ABEZHIKMNOPTYXovikpax", strict=True))
_TO_LATIN = str.maketrans(_CYRILLIC | _GREEK)
_TO_CYRILLIC = str.maketrans({latin: cyrillic for cyrillic, latin in _CYRILLIC.items() if cyrillic not in "ӏһԛԝԁ"})
_ALIEN = re.compile(r"[\u0370-\u052f]")
_LETTER = r"[^\W\d_]"
_MIXED = re.compile(
    rf"(?<!{_LETTER})(?:[A-Za-z]{{1,40}}+[\u0370-\u052f]|[\u0370-\u052f]{{1,40}}+[A-Za-z]){_LETTER}{{0,40}}+"
)
_ALL_ALIKE = re.compile(
    rf"(?<=[A-Za-z][ (\"'/-])[{''.join(_CYRILLIC | _GREEK)}]{{2,40}}+(?=[ )\"'/,.;:-]{{0,3}}(?:[A-Za-z]|$))",
    re.MULTILINE,
)


def fold(text: str) -> str:
    """Return a text of the same length with plain characters, and line feeds for all ends of lines."""
    if "\r" in text:
        text = text.replace("\r\n", " \n").replace("\r", "\n")
    if _CONTROL.search(text):
        text = text.translate(_CONTROLS)
    if text.isascii():
        return text
    if _MAY_HAVE_PARTS.search(text):
        text = _PARTS.sub(_composed, _STRUCK.sub(_nothing, text))
    table = {ord(character): plain for character in set(text) if (plain := _plain(character)) != character}
    if table:
        text = text.translate(table)
    if _ALIEN.search(text):
        text = _ALL_ALIKE.sub(_in_latin, _MIXED.sub(_in_one_script, text))
    return text


@lru_cache(maxsize=4096)
def plain_character(character: str) -> str:
    """Return the one character that is read for one."""
    return _plain(character)


@lru_cache(maxsize=4096)
def _plain(character: str) -> str:
    if character <= "\x7f":
        return character
    if character in _SAME:
        return _SAME[character]
    if character in _LINE_ENDS:
        return "\n"
    if character.isspace():
        return " "
    if character in _MARKUP:
        return character
    if unicodedata.category(character) == "Cf" or _UNSEEN.match(character):
        return INVISIBLE
    compatible = unicodedata.normalize("NFKC", character)
    if len(compatible) != 1 or compatible == character or (compatible.isdigit() and character < "\uff00"):
        return character
    return _SAME.get(compatible, compatible)


def _nothing(match: re.Match[str]) -> str:
    return INVISIBLE * len(match[0])


def _composed(match: re.Match[str]) -> str:
    """Compose what has a composed form; marks for which there is none are not read."""
    composed = unicodedata.normalize("NFC", match[0])
    return composed.rstrip("".join(_MARKS)).ljust(len(match[0]), INVISIBLE)


_MARKS = tuple(map(chr, range(0x300, 0x370)))


def _in_latin(match: re.Match[str]) -> str:
    return match[0].translate(_TO_LATIN)


def _in_one_script(match: re.Match[str]) -> str:
    """Read a word of two scripts as the one in which all its letters have a place."""
    latin = match[0].translate(_TO_LATIN)
    if latin.isascii():
        return latin
    cyrillic = match[0].translate(_TO_CYRILLIC)
    return cyrillic if not _LATIN.search(cyrillic) else match[0]


_LATIN = re.compile(r"[A-Za-z]")
