"""Split running prose into sentences, and tell in which script one is written."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

MAX_SENTENCE = 4000  # characters; a longer one is no sentence, and is cut
_END = re.compile(
    r"[.!?]+[\"')\]]*\s+(?=[\"'(\[]?[A-Z0-9À-Þ\u0400-\u042f\u2e80-\uffef])"  # followed by a new beginning
    r"|。[\"')]*\s*"
    r"|[!?;]+\s*(?=[\u2e80-\u9fff\uac00-\ud7a3])"
    r"|(?<=[가-힣])\.\s+"
)
_ABBREVIATED = re.compile(
    r"(?:\b(?:[A-Za-z]|e\.g|i\.e|inc|ltd|co|corp|no|nos|art|sec|vs|etc|st|mr|dr|incl|approx|cf|resp|bzw|z\.b|d\.h|art)\.)$",
    re.IGNORECASE,
)
_LOOK_BACK = 12
_TRADITIONAL = frozenset(
    "國區於與對權許協議條適於僅內佈佔會這個們來時從後還無體讓發學業務應關開實機構範圍授權歐韓臺灣門個資訊軟體"
)
_SIMPLIFIED = frozenset("国区于与对权许协议条适仅内会这个们来时从后还无体让发学业务应关开实机构范围欧韩湾门资讯软")


def split_sentences(text: str) -> Iterator[tuple[int, int]]:
    """Yield begin and end of each sentence of a block."""
    start = 0
    for match in _END.finditer(text):
        if text[match.start()] == "." and _ABBREVIATED.search(
            text, max(0, match.start() - _LOOK_BACK), match.start() + 1
        ):
            continue
        yield from _cut(start, match.end())
        start = match.end()
    yield from _cut(start, len(text))


def _cut(start: int, end: int) -> Iterator[tuple[int, int]]:
    for begin in range(start, end, MAX_SENTENCE):
        yield begin, min(begin + MAX_SENTENCE, end)


def scripts_of(text: str) -> frozenset[str]:
    """Name the scripts of a sentence; Han characters beside kana are Japanese and not counted as Han."""
    scripts = {name for name, pattern in _SCRIPTS.items() if pattern.search(text)}
    if "kana" in scripts:
        scripts.discard("han")
    return frozenset(scripts)


_SCRIPTS = {
    "latin": re.compile(r"[a-zA-Z]{3}"),
    "han": re.compile(r"[\u3400-\u9fff]"),
    "kana": re.compile(r"[\u3041-\u30fa]"),
    "hangul": re.compile(r"[\uac00-\ud7a3]"),
}


def chinese_tag(text: str) -> str:
    """Tell Simplified from Traditional by the characters that only one of them has."""
    traditional = sum(character in _TRADITIONAL - _SIMPLIFIED for character in text)
    simplified = sum(character in _SIMPLIFIED - _TRADITIONAL for character in text)
    return "zh-Hant" if traditional > simplified else "zh-Hans"
