"""Words of keys and values: each has one meaning, and is written as it is compared."""

from config.limit_keys import load_limit_keys


def test_words_of_keys_are_small_and_cut_as_keys_are() -> None:
    assert {word for word in load_limit_keys().kinds if word != word.casefold().strip() or "_" in word} == set()


def test_no_word_of_keys_is_longer_than_what_is_looked_for() -> None:
    assert max(len(word) for word in load_limit_keys().kinds if " " not in word) <= 24


def test_words_of_values_are_small() -> None:
    words = [word for kind in load_limit_keys().values.model_dump().values() for word in kind]
    assert {word for word in words if word != word.lower()} == set()
    assert "" not in words


def test_every_kind_of_words_has_some() -> None:
    assert all(load_limit_keys().values.model_dump().values())
