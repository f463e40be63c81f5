import json
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from notifiers.render.safe import encodable, escape_unseen_json, quotation, visible

ANY_TEXT = st.text(st.characters(exclude_categories=()), max_size=300)

# Category Cf, yet they are drawn: signs that stand before Arabic, Syriac and Kaithi numbers.
DRAWN_FORMATS = {*range(0x600, 0x606), 0x6DD, 0x70F, 0x890, 0x891, 0x8E2, 0x110BD, 0x110CD}


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("owner/name", "owner/name"),
        ("模型/大", "模型/大"),
        ("pay\u202egpj.exe", "pay‹U+202E›gpj.exe"),
        ("zero\u200bwidth", "zero‹U+200B›width"),
        ("soft\u00adhyphen", "soft‹U+00AD›hyphen"),
        ("\x1b[31mred", "‹U+001B›[31mred"),
        ("two\nlines\tand a tab", "two⏎lines⇥and a tab"),
        ("null\x00", "null‹U+0000›"),
        ("\ufeffmark", "‹U+FEFF›mark"),
        ("half\ud83d", "half‹U+D83D›"),
        ("tag\U000e0041", "tag‹U+E0041›"),
        ("blank\u3164", "blank‹U+3164›"),
        ("e" + "\u0301" * 40, "e\u0301\u0301\u0301…"),
        ("", ""),
    ],
)
def test_hidden_things_become_visible(text: str, shown: str) -> None:
    assert visible(text) == shown


@pytest.mark.parametrize(
    ("text", "limit", "shown"),
    [
        ("abcdef", 6, "abcdef"),
        ("abcdefg", 6, "abcde…"),
        ("a\u202eb", 5, "a…"),  # a mark is shown whole or not at all
        ("n" * 1_000_000, 4, "nnn…"),
    ],
)
def test_long_texts_are_cut(text: str, limit: int, shown: str) -> None:
    assert visible(text, limit) == shown


def test_quotation_is_one_line() -> None:
    assert quotation("  The Territory\n   shall\tmean\r\n that. ") == "The Territory shall mean that."


@pytest.mark.parametrize("block", range(0, 0x110000, 0x8000))
def test_no_hidden_character_of_unicode_gets_through(block: int) -> None:
    """Held against Python's own tables: control, format, surrogate and separator characters, block by block."""
    for number in range(block, block + 0x8000):
        shown = visible(chr(number))
        if unicodedata.category(chr(number)) in {"Cc", "Cf", "Cs", "Zl", "Zp"} and number not in DRAWN_FORMATS:
            assert shown != chr(number), f"U+{number:04X}"


@given(ANY_TEXT, st.integers(1, 50))
def test_visible_is_short_encodable_and_final(text: str, limit: int) -> None:
    shown = visible(text, limit)
    assert len(shown) <= limit
    assert shown.encode().decode() == shown
    assert visible(shown, limit) == shown
    assert shown.splitlines() in ([], [shown])


@given(ANY_TEXT)
def test_json_keeps_its_value(text: str) -> None:
    plain = encodable(text)
    dumped = escape_unseen_json(json.dumps(plain, ensure_ascii=False))
    assert json.loads(dumped) == plain
    assert visible(dumped) == dumped or "\u0300" in unicodedata.normalize("NFD", dumped) or "…" in visible(dumped)
