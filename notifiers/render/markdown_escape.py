"""Strings that Markdown must not act on.

Backslashes are not enough: GitHub looks for `@names`, `#numbers` and e-mail addresses in the finished text, behind the
escapes, and other readers link bare domains. Nothing of the kind looks inside code spans, so whatever is not an
ordinary word becomes one. Specs: CommonMark 0.31 (code spans), GitHub Flavored Markdown (tables, autolinks).
"""

import re

_FENCE_PATTERN = re.compile("`+")
_WORD_PATTERN = re.compile(r"""(?:[^\x00-\x7f]|[A-Za-z0-9]|(?<=[^\s.])[-.,;:!?'"()%/+]|["'(+])+""")
_LINKISH_PATTERN = re.compile(r"(?i)://|www\.|[^\W\d_]\.[^\W\d_]|[^\W_]\.[^\W\d_]{2}")
_TAIL_PATTERN = re.compile(r"""^(["'(]*)(.*?)([.,;:!?"')]*)$""")
_LIST_PATTERN = re.compile(r"[+-]|\d+[.)]")
_ABBREVIATIONS = {"e.g.", "i.e.", "a.m.", "p.m."}


def code_span(text: str, *, table: bool) -> str:
    """`text` as a code span whatever is in it; in a table a vertical bar becomes ¦, since no escape is read alike."""
    if table:
        text = text.replace("|", "¦")
    if not text.strip(" "):
        return f"` {'␠' * len(text)} `" if text else ""
    longest = max((len(run) for run in _FENCE_PATTERN.findall(text)), default=0)
    fence = "`" * (longest + 1)
    padding = " " if text[0] in "` " or text[-1] in "` " else ""
    return f"{fence}{padding}{text}{padding}{fence}"


def prose(text: str) -> str:
    """A sentence as a sentence, with everything in it that could be markup in code spans."""
    return " ".join(_word(word, first=index == 0) for index, word in enumerate(text.split(" ")))


def _word(word: str, *, first: bool) -> str:
    if _is_plain(word) and not (first and _LIST_PATTERN.match(word)):
        return word
    opening, middle, closing = _split(word)
    if not middle:
        return code_span(word, table=True)
    return f"{opening}{code_span(middle, table=True)}{closing}"


def _is_plain(word: str) -> bool:
    if word in {"", "&", *_ABBREVIATIONS}:
        return True
    return _WORD_PATTERN.fullmatch(word) is not None and _LINKISH_PATTERN.search(word) is None


def _split(word: str) -> tuple[str, str, str]:
    """Punctuation around a word stays outside of its code span."""
    match = _TAIL_PATTERN.match(word)
    return (match[1], match[2], match[3]) if match else ("", word, "")
