"""A value is made once, whoever asks for it meanwhile."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from scanner.once import Once


def test_those_who_ask_at_the_same_time_wait_for_the_first() -> None:
    made: list[str] = []
    together = threading.Barrier(8)
    values: Once[str, str] = Once(10)

    def make() -> tuple[str, bool]:
        made.append("once")
        return "value", True

    def ask(_: int) -> str:
        together.wait(10)
        return values.get("key", make)

    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(ask, range(8))) == {"value"}
    assert made == ["once"]


def test_what_fails_for_one_is_tried_by_the_next() -> None:
    values: Once[str, int] = Once(10)

    def fail() -> tuple[int, bool]:
        raise KeyError

    with pytest.raises(KeyError):
        values.get("key", fail)
    assert values.get("key", lambda: (1, True)) == 1


def test_what_is_not_to_be_kept_is_made_again() -> None:
    values: Once[str, int] = Once(10)
    assert values.get("key", lambda: (1, False)) == 1
    assert values.get("key", lambda: (2, True)) == 2
    assert values.get("key", lambda: (3, True)) == 2


def test_what_was_not_asked_for_the_longest_goes_first() -> None:
    values: Once[str, bytes] = Once(5, len)
    for key in ("a", "b"):
        values.get(key, lambda: (b"xx", True))
    values.get("a", lambda: (b"", True))
    values.get("c", lambda: (b"xx", True))
    assert values.get("a", lambda: (b"new", True)) == b"xx"
    assert values.get("b", lambda: (b"new", True)) == b"new"
