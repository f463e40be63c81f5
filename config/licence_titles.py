"""Recognise a licence by its title, whatever the file that holds it is called.

A title is one line or a few that follow each other ("Example Licence", "Version 2, May 2024"), compared as words: case,
punctuation and markup do not count. A line that only mentions a licence is longer than its title and does not match.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass

MAX_BEFORE = 2000  # characters before a title: copyright lines, a rule, a notice of who publishes the model
MAX_LINE = 200  # characters; no title line is longer
MAX_READ = 200_000  # characters of a text; a use policy may follow a licence, and the longest licences have 50,000
_LINE = re.compile(r"[^\n\r]+")
_MARKUP = re.compile(r"<[^<>\n]{1,80}>|[*_`#>~|]")
_WORD = re.compile(r"[^\W_]+")


@dataclass(frozen=True, slots=True)
class TitleLines:
    """The short lines of a text as words, an empty one where a long line stands."""

    lines: tuple[str, ...]

    def find(self, title: Title) -> int | None:
        """Find the line at which a title stands first."""
        count = len(title.patterns)
        for number in range(len(self.lines) - count + 1):
            here = self.lines[number : number + count]
            if all(pattern.fullmatch(line) for pattern, line in zip(title.patterns, here, strict=True)):
                return number
        return None


@dataclass(frozen=True, slots=True)
class Title:
    """A licence's title, ready to be looked for.

    Attributes:
        patterns: one for each of its lines.
        loose: whether it leaves words open; of two titles that fit, the one that does not is the closer.
    """

    patterns: tuple[re.Pattern[str], ...]
    loose: bool

    @classmethod
    def of(cls, written: str) -> Title:
        """Read a title as `licences.toml` writes it: " / " between its lines, "*" for any words within a line."""
        return cls(tuple(_pattern(line) for line in written.split(" / ")), "*" in written)


def title_lines(text: str, most: int = MAX_BEFORE) -> TitleLines:
    """Bring the beginning of a text to the form in which titles are looked for.

    Args:
        text: the text.
        most: characters that are read; what begins behind them is no title of the text.
    """
    lines: list[str] = []
    for match in _LINE.finditer(text[: min(most, MAX_READ) + MAX_LINE]):
        if match.start() >= most:
            break
        if match.end() - match.start() > MAX_LINE:
            lines.append("")
        elif line := as_words(match[0]):
            lines.append(line)
    return TitleLines(tuple(lines))


def as_words(line: str) -> str:
    """Bring a line to small words with single spaces between them; a rule under a title has none."""
    return " ".join(_WORD.findall(_MARKUP.sub(" ", unicodedata.normalize("NFKC", line)).casefold()))


def _pattern(line: str) -> re.Pattern[str]:
    """Make a pattern of a line; `*` stands for anything within it, also within a word."""
    parts = [as_words(part) for part in line.split("*")]
    glued = [re.escape(part) for part in parts]
    return re.compile(rf"[^\n]{{0,{MAX_LINE}}}".join(glued))
