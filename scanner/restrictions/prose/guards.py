"""What takes a match out of question: each guard looks where its scope says."""

from __future__ import annotations

from typing import TYPE_CHECKING

from config.phrases.notation import BREAK
from scanner.restrictions.prose.rows import make_row

if TYPE_CHECKING:
    import re

    from config.phrases import Grammar, Guard
    from scanner.restrictions.interface import Kind
    from scanner.restrictions.prose.context import Sentence
    from scanner.restrictions.prose.rows import Row

BLOCK = 2000  # characters; few paragraphs are longer
MAX_KEPT = 64  # rows of surroundings


class Guards:
    """The guards of one sentence; what they look at is made into symbols once, and only if one asks.

    Args:
        sentence: the sentence.
        row: the sentence as symbols.
        grammar: its language.
        kind: what a limit in this text is.
        around: rows of what surrounds sentences, by language and words; sentences of one passage share it.
    """

    def __init__(
        self, sentence: Sentence, row: Row, grammar: Grammar, kind: Kind, around: dict[tuple[str, str], str]
    ) -> None:
        self._sentence = sentence
        self._row = row
        self._grammar = grammar
        self._guards = [one for one in grammar.guards if not one.kinds or kind in one.kinds]
        self._around = around
        self._stopped: dict[tuple[str, str], bool] = {}

    def stop(self, effect: str, span: tuple[int, int]) -> bool:
        """Tell whether a guard stops an effect that a match (its tokens) would have."""
        return any(effect in guard.against and self._speaks(guard, span) for guard in self._guards)

    def answered(self, answer: re.Pattern[str]) -> bool:
        """Tell whether the next sentence begins as an answer to a question should."""
        return answer.match(self._symbols("next-sentence")) is not None

    def asked(self, question: re.Pattern[str]) -> bool:
        """Tell whether the sentence before asks what this one answers."""
        return question.search(self._symbols("previous-sentence")) is not None

    def _speaks(self, guard: Guard, span: tuple[int, int]) -> bool:
        if guard.scope in ("match", "clause"):
            return self._found(guard, self._part(guard.scope, span))
        known = self._stopped.get((guard.id, guard.scope))
        if known is None:
            known = self._found(guard, self._symbols(guard.scope))
            self._stopped[guard.id, guard.scope] = known
        return known

    def _found(self, guard: Guard, symbols: str) -> bool:
        return any(pattern.search(symbols) is not None for pattern in guard.patterns) is not guard.unless

    def _part(self, scope: str, span: tuple[int, int]) -> str:
        start, end = span
        if scope == "clause":
            start = self._row.symbols.rfind(BREAK, 0, start) + 1
            stop = self._row.symbols.find(BREAK, end)
            end = len(self._row.symbols) if stop < 0 else stop
        return self._row.symbols[start:end]

    def _symbols(self, scope: str) -> str:
        if scope == "sentence":
            return self._row.symbols
        text = {
            "block": self._around_sentence(),
            "heading": self._sentence.passage.heading,
            "previous-sentence": self._sentence.before,
            "next-sentence": self._sentence.after,
        }[scope]
        key = self._grammar.language, text
        symbols = self._around.pop(key, None)
        if symbols is None:
            symbols = make_row(text, (), self._grammar).symbols
            while len(self._around) >= MAX_KEPT:
                del self._around[next(iter(self._around))]
        self._around[key] = symbols  # the one asked for last goes last: a long block is made into symbols once
        return symbols

    def _around_sentence(self) -> str:
        """Return the paragraph, or, of one that goes on and on, the part of it in which the sentence stands."""
        start = max(self._sentence.start // BLOCK - 1, 0) * BLOCK
        return self._sentence.passage.text[start : start + 3 * BLOCK]
