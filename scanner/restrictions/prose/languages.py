"""In which language a sentence is written: by its script, and by the common words of languages that share one."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from config.phrases import load_grammars
from scanner.restrictions.markup.sentences import chinese_tag, looks_japanese, scripts_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from config.phrases import Grammar

NEARLY = 0.6  # of the best language's common words: as many leave the choice open
MAX_LOOKED_AT = 2000  # characters
MIN_KANA = 0.15  # kana for each Chinese character; Japanese prose has more than one, lists and tables far less
_KANA = re.compile(r"[\u3041-\u30fa]")
_HAN = re.compile(r"[\u3400-\u9fff]")
_WORDS = re.compile(r"[^\W\d_]+")


def is_japanese(text: str) -> bool:
    """Tell whether a text is Japanese, by its kana: in one, a line of Chinese characters alone is Japanese too."""
    kana = len(_KANA.findall(text))
    return kana > 0 and kana >= MIN_KANA * len(_HAN.findall(text))


def language_of(sentence: str, surroundings: str, *, japanese: bool = False) -> list[Grammar]:
    """Return the grammars that fit a sentence, best first; several where its words leave that open.

    Args:
        sentence: the sentence.
        surroundings: the text around it, which decides where the sentence is short.
        japanese: whether the whole text is Japanese.
    """
    scripts = scripts_of(sentence)
    if "han" in scripts and (japanese or looks_japanese(sentence)):
        scripts = scripts - {"han"} | {"kana"}
    fitting = [one for one in load_grammars() if one.scripts & scripts]
    sharing = [one for one in fitting if one.common]
    if len(sharing) > 1:
        chosen = list(_by_words(sentence, sharing)) or list(_by_words(surroundings[:MAX_LOOKED_AT], sharing))
        fitting = [one for one in fitting if not one.common] + (chosen or sharing[:])
    return fitting


def _by_words(text: str, grammars: list[Grammar]) -> Iterator[Grammar]:
    words = [word.casefold() for word in _WORDS.findall(text[:MAX_LOOKED_AT])]
    scores = [(sum(word in one.common for word in words), one) for one in grammars]
    best = max(score for score, _ in scores)
    if best:
        scores.sort(key=lambda pair: -pair[0])
        yield from (one for score, one in scores if score >= best * NEARLY)


def tag_of(grammar: Grammar, quote: str) -> str:
    """Return the BCP 47 tag of a quote; Chinese by the characters that only one of its scripts has."""
    return chinese_tag(quote) if grammar.language == "zh" else grammar.language
