"""Sentences that name a place, each with its surroundings."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from scanner.restrictions.markup.sentences import split_sentences
from scanner.restrictions.names import find_mentions
from scanner.restrictions.prose.named import may_name, means_place

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from scanner.restrictions.markup.passages import Passage
    from scanner.restrictions.names import Mention
    from scanner.restrictions.prose.definitions import Terms

MIN_SENTENCE = 4  # characters; the shortest limit, in Chinese, has more
MAX_TITLE = 120  # characters
SHORT_ANSWER = 12  # characters; so short a sentence ("Yes.") belongs to the one before it
_TITLE_WORD = re.compile(r"[A-Z][\w.-]{2,}")
_UNNUMBERED = re.compile(r"[A-Z][a-z]{2,}(?=[-_.]?[0-9])")  # what stands before the size or the version


@dataclass(frozen=True, slots=True)
class Sentence:
    """A sentence that names a territory, with its surroundings.

    Attributes:
        passage: where it stands.
        start: its first character in the passage.
        end: behind its last.
        mentions: the territories it names.
        before: the sentence before it, which may end the passage before; empty where there is none.
        after: the sentence behind it, which may begin the next passage; empty where there is none.
        after_end: where in the file that one ends.
    """

    passage: Passage
    start: int
    end: int
    mentions: Sequence[Mention]
    before: str
    after: str
    after_end: int

    @property
    def text(self) -> str:
        """Its words."""
        return self.passage.text[self.start : self.end]

    def origin(self, begin: int, end: int) -> tuple[int, int]:
        """Return where in the file some characters of the sentence stand."""
        first, last = self.start + begin, self.start + end - 1
        return self.passage.origin(first), self.passage.origin(last) + 1

    def whole(self) -> tuple[int, int]:
        """Return where in the file the sentence stands, without the white space around it."""
        text = self.text
        begin = len(text) - len(text.lstrip())
        return self.origin(begin, max(len(text.rstrip()), begin + 1))


def title_words(passages: Sequence[Passage]) -> frozenset[str]:
    """Return the words of a text's title, in small letters: what a card calls its model, "Dunlin-3B" or "Dunlin"."""
    title = next((one.heading for one in passages if one.heading), "")
    words = _TITLE_WORD.findall(title[:MAX_TITLE])
    words += [match[0] for word in words if (match := _UNNUMBERED.match(word)) is not None]
    return frozenset(f"{word}{ending}".casefold() for word in words for ending in ("", "'s", "\u2019s"))


def sentences_in(passages: Sequence[Passage], terms: Terms) -> Iterator[Sentence]:
    """Yield the sentences that may name a territory."""
    for place, passage in enumerate(passages):
        if not may_name(passage.text, terms):
            continue
        spans = list(split_sentences(passage.text))
        for number, (begin, stop) in enumerate(spans):
            if stop - begin < MIN_SENTENCE:
                continue
            words = passage.text[begin:stop]
            mentions = find_mentions(words)
            if not mentions and not means_place(words, terms):
                continue
            before = _before(passage.text, spans, number) if number else _last(passages[place - 1] if place else None)
            if number + 1 < len(spans):
                first, last = spans[number + 1]
                after, end = passage.text[first:last], passage.origin(last - 1) + 1
            else:
                after, end = _first(passages[place + 1] if place + 1 < len(passages) else None)
            yield Sentence(passage, begin, stop, mentions, before, after, end)


def _before(text: str, spans: Sequence[tuple[int, int]], number: int) -> str:
    """Return the sentence before one; of a question and a short answer, both."""
    start, end = spans[number - 1]
    if number > 1 and end - start <= SHORT_ANSWER:
        start = spans[number - 2][0]
    return text[start:end]


def _last(earlier: Passage | None) -> str:
    """Return the sentence in which an earlier passage ends: what a footnote may belong to."""
    spans = list(split_sentences(earlier.text)) if earlier else []
    return earlier.text[slice(*spans[-1])] if earlier and spans else ""


def _first(later: Passage | None) -> tuple[str, int]:
    """Return the sentence with which a later passage begins, and where in the file it ends."""
    start, end = next(split_sentences(later.text), (0, 0)) if later else (0, 0)
    return (later.text[start:end], later.origin(end - 1) + 1) if later and end else ("", 0)
