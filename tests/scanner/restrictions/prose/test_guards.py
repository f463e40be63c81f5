"""Where each scope of a guard looks, and what a question needs to be answered."""

from typing import Any

import pytest

from scanner.restrictions.interface import Kind
from scanner.restrictions.markup.passages import read_passages
from scanner.restrictions.prose.context import Sentence, sentences_in
from scanner.restrictions.prose.definitions import NO_TERMS
from scanner.restrictions.prose.guards import Guards
from scanner.restrictions.prose.named import find_named
from scanner.restrictions.prose.rows import make_row
from tests.scanner.restrictions.grammars import small


def guarded(text: str, scope: str, **guard: Any) -> bool:
    """Tell whether a guard on the word "law" stops what the first sentence that names a place declares."""
    rule = {"id": "g", "against": ["excluded"], "patterns": ["LAW"], "scope": scope, **guard}
    grammar = small(guards=[rule], places=[])
    sentence = first_sentence(text)
    row = make_row(sentence.text, find_named(sentence, grammar, NO_TERMS), grammar)
    start = row.symbols.index(grammar.lexicon.symbols["NOT"])
    guards = Guards(sentence, row, grammar, Kind.CARD_STATEMENT, {})
    return guards.stop("excluded", (start, row.symbols.index("T") + 1))


def first_sentence(text: str) -> Sentence:
    return next(iter(sentences_in(list(read_passages(text)), NO_TERMS)))


@pytest.mark.parametrize(
    ("text", "scope", "stopped"),
    [
        ("Do not use by law in China", "match", True),
        ("By law do not use it in China", "match", False),
        ("By law do not use it in China", "clause", True),
        ("By law; do not use it in China", "clause", False),
        ("Do not use it in China; by law", "clause", False),
        ("By law; do not use it in China", "sentence", True),
        ("Do not use it in China. So the law", "sentence", False),
        ("Do not use it in China. So the law", "block", True),
        ("Do not use it in China. So the law", "next-sentence", True),
        ("So the law. Do not use it in China", "next-sentence", False),
        ("So the law. Do not use it in China", "previous-sentence", True),
        ("Do not use it in China\n\nSo the law", "next-sentence", True),  # it begins the next passage
        ("# The law\n\nDo not use it in China", "heading", True),
        ("# Other\n\nDo not use it in China by law", "heading", False),
    ],
)
def test_each_scope_looks_where_it_says(text: str, scope: str, stopped: bool) -> None:
    assert guarded(text, scope) is stopped


def test_a_guard_may_stop_where_its_words_are_missing() -> None:
    assert guarded("Do not use it in China", "sentence", unless=True)
    assert not guarded("Do not use it in China by law", "sentence", unless=True)


def test_a_guard_counts_only_against_its_effects_and_in_its_kinds_of_text() -> None:
    assert not guarded("By law do not use it in China", "sentence", against=["embargo"])
    assert not guarded("By law do not use it in China", "sentence", kinds=["licence-grant"])
    assert guarded("By law do not use it in China", "sentence", kinds=["card-statement"])


@pytest.mark.parametrize(
    ("text", "answered"),
    [
        ("Can I use it in China? No.", True),
        ("Can I use it in China? Yes.", False),
        ("Can I use it in China?\n\nNo, sorry.", True),
        ("Can I use it in China?", False),
    ],
)
def test_a_question_is_answered_by_the_sentence_behind_it(text: str, answered: bool) -> None:
    grammar = small()
    (family,) = (one for one in grammar.families if one.answer is not None)
    assert family.answer is not None
    found = [
        Guards(
            sentence,
            make_row(sentence.text, find_named(sentence, grammar, NO_TERMS), grammar),
            grammar,
            Kind.CARD_STATEMENT,
            {},
        ).answered(family.answer)
        for sentence in sentences_in(list(read_passages(text)), NO_TERMS)
    ]
    assert any(found) is answered
