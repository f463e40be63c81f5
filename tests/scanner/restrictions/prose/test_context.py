"""The sentence before one, which may end the passage before."""

import pytest

from scanner.restrictions.markup.passages import read_passages
from scanner.restrictions.prose.context import sentences_in
from scanner.restrictions.prose.definitions import NO_TERMS


@pytest.mark.parametrize(
    ("text", "before"),
    [
        ("Not in China.", ""),
        ("Use it well. Not in China.", "Use it well. "),
        ("Hello there. Licence: worldwide (1).\n\n(1) Not in China.", "Licence: worldwide (1)."),
    ],
    ids=["none", "of the same paragraph", "the last one of the paragraph above"],
)
def test_what_stands_before_a_sentence_is_known(text: str, before: str) -> None:
    (sentence,) = sentences_in(list(read_passages(text)), NO_TERMS)
    assert sentence.before.strip() == before.strip()
