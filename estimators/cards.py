"""Parameters from sentences and tables of a model card. Weak evidence, never exact.

A number counts only beside the word "parameters" (or "params", or the word of another language), in a sentence, in a
row of a table or under a table's heading; so numbers of tokens and examples do not. Cards name their base and their
relatives as well: where several sizes are found, the interval spans them all. Every pattern runs over a window of
fixed length, so the time is linear in the text.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from fractions import Fraction

from estimators.interface import Basis, Estimate, Evidence

MAX_CARD = 200_000  # characters that are read: sizes stand near the beginning
MAX_LINE = 4_000  # characters of a line that are read
MAX_SIZES = 200  # of one card
MAX_ROWS = 100  # of one table
WINDOW = 48  # characters before and after the word: "7 billion trainable" and "count (total): approximately 7B"
MAX_SIZE = 10**14  # a hundred times the largest published model: such a claim is no size
FACTOR = 3  # either side: sizes are rounded, or of the base, or leave out embeddings
PLAIN_LEAST = 10_000  # a number without a unit is a count from here on; smaller ones are settings

_UNITS = {
    "k": 10**3, "thousand": 10**3, "千": 10**3, "万": 10**4, "萬": 10**4, "m": 10**6, "mil": 10**6, "million": 10**6,
    "millions": 10**6, "百万": 10**6, "亿": 10**8, "億": 10**8, "억": 10**8, "b": 10**9, "bn": 10**9, "billion": 10**9,
    "billions": 10**9, "十亿": 10**9, "t": 10**12, "trillion": 10**12,
}  # fmt: skip
_NUMBER = (
    r"(?<![0-9A-Za-z.,])(?P<number>\d{1,3}(?:[,  ]\d{3}){1,4}|\d{1,12}(?:\.\d{1,6})?)"
    r"\s{0,2}(?P<unit>thousand|trillion|billions?|millions?|mil|bn|百万|十亿|[kKmMbBtT千万萬亿億억](?![0-9A-Za-z]))?"
)
_WORD = re.compile(r"param(?:[ae]ter|s|ètre|etr)?|参数|參數|パラメータ|파라미터|매개변수|параметр", re.IGNORECASE)
_BEFORE = re.compile(
    _NUMBER + r"[\s*_+\-~|)]{0,4}(?:(?:total|trainable|learnable|model|dense|network|个|個|的)[\s*_\-]{0,3}){0,2}\Z",
    re.IGNORECASE,
)
_AFTER = re.compile(
    r"[a-zà-ÿа-я]{0,6}(?:[\s*_|:：=~≈<>()\[\]（）\-]|count|size|number|is|are|of|about|approximately|around|roughly|total"
    r"|non|embedding|in|数|量|规模|总|为|為|约|約|是){0,16}?"
    + _NUMBER
    + r"(?![\s\-]{0,2}(?:token|example|step|sample))",
    re.IGNORECASE,
)
_ACTIVE = re.compile(r"\bactiv|激活|per token", re.IGNORECASE)
_RULE = re.compile(r"\s*\|?[\s:|\-]{3,}\|?\s*\Z")
_ONLY_SIZE = re.compile(r"[\s*_~≈]*" + _NUMBER + r"[\s*_]*(?:param\w{0,8})?\s*\Z", re.IGNORECASE)
_FENCE = ("```", "~~~")


def from_card(text: str) -> Estimate | None:
    """What a model card says, or None where it names no size.

    Args:
        text: the card as decoded; front matter and code are passed over.
    """
    if not isinstance(text, str):
        return None
    sizes: list[int] = []
    for size in _sizes(_prose(text[:MAX_CARD])):
        if 0 < size <= MAX_SIZE:
            sizes.append(size)
        if len(sizes) == MAX_SIZES:
            break
    if not sizes:
        return None
    low, high = min(sizes) // FACTOR, max(sizes) * FACTOR
    point = sizes[0] if len(set(sizes)) == 1 else None
    said = ", ".join(f"{size:,}" for size in dict.fromkeys(sizes[:4]))
    evidence = Evidence(Basis.CARD_TEXT, None, low, point, high, note=f"the card says {said}")
    return Estimate(low, high, point, Basis.CARD_TEXT, evidence=(evidence,))


def _prose(text: str) -> list[str]:
    """The lines of a card without front matter and fenced code."""
    lines = text.splitlines()
    if lines and lines[0].strip() == "---":
        end = next((place for place, line in enumerate(lines[1:], 1) if line.strip() == "---"), 0)
        lines = lines[end + 1 :]
    kept, fence = [], ""
    for line in lines:
        mark = line.lstrip()[:3]
        if mark in _FENCE and (not fence or mark == fence):
            fence = "" if fence else mark
        elif not fence:
            kept.append(line[:MAX_LINE])
    return kept


def _sizes(lines: list[str]) -> Iterator[int]:
    """Every size that a line names, and every size under a heading of a table."""
    columns: tuple[int, ...] = ()
    rows = 0
    for place, line in enumerate(lines):
        if columns and "|" in line and rows < MAX_ROWS:
            rows += 1
            yield from _of_row(line, columns)
            continue
        columns, rows = (), 0
        following = lines[place + 1] if place + 1 < len(lines) else ""
        if "|" in line and _RULE.match(following[:200]) and "-" in following[:200]:
            cells = _cells(line)
            columns = tuple(at for at, cell in enumerate(cells) if _WORD.search(cell) and not _ACTIVE.search(cell))
            if len(cells) > 2 and columns:
                continue
            columns = ()
        yield from _of_line(line)


def _cells(line: str) -> list[str]:
    return [cell[:200] for cell in line.strip().strip("|").split("|")]


def _of_row(line: str, columns: tuple[int, ...]) -> Iterator[int]:
    """Sizes in the named columns of a table's row."""
    cells = _cells(line)
    for at in columns:
        found = _ONLY_SIZE.match(cells[at]) if at < len(cells) else None
        if found is not None:
            yield _value(found)


def _of_line(line: str) -> Iterator[int]:
    """Sizes before and after the word in one line."""
    for word in _WORD.finditer(line):
        start, end = word.span()
        if line[max(start - 6, 0) : start].lower().rstrip("-_ ").endswith("hyper"):
            continue
        before = _BEFORE.search(line[max(start - WINDOW, 0) : start])
        if before is not None and _value(before):
            yield _value(before)
            continue
        after = _AFTER.match(line[end : end + WINDOW])
        if after is not None and not _ACTIVE.search(line[max(start - 12, 0) : end + after.start("number")]):
            yield _value(after)


def _value(found: re.Match[str]) -> int:
    """The number with its unit; 0 where it is no size."""
    number = re.sub(r"[,  ]", "", found.group("number"))
    unit = found.group("unit")
    if unit is None:
        return int(number) if number.isdigit() and int(number) >= PLAIN_LEAST else 0
    return int(Fraction(number) * _UNITS[unit.lower()])
