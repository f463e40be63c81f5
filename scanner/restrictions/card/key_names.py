"""What the name of a card's key says: which kinds of words it is made of, and what they mean together.

Names such as `restricted_regions`, `regionsRestricted` and `利用不可地域` are cut into words of `limit_keys.toml`; each
word becomes a letter, and patterns over the letters tell the sense. With a word that is not in the table, a name at
most looks like a limit.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from enum import Enum, auto
from functools import lru_cache

from config.limit_keys import load_limit_keys
from config.territories import load_territories

MAX_NAME = 120  # characters; longer keys are sentences
MAX_WORDS = 4  # of one entry of the table
_LONGEST = 24  # characters of one entry of the table
_SHORTEST = 3  # letters of a word inside a longer one, where the script puts spaces between words

_LETTERS = {
    "area": "A", "territory": "T", "geo": "G", "excluding": "X", "allowing": "L", "only": "L", "reserved": "LI",
    "embargo": "M", "restriction": "R", "availability": "V", "open": "O", "licence": "K", "not": "N", "in": "I",
    "subject": "S", "filler": "", "identity": "",
}  # fmt: skip
_UNKNOWN = "?"
_NAMED = "P"
_HUMP = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
_NOT_A_WORD = re.compile(r"[\W_]+")


class Sense(Enum):
    """What the value of a key is, by the key's name."""

    EXCLUDED = auto()
    ALLOWED = auto()
    EMBARGO = auto()
    RESTRICTION = auto()  # a list of places left out, or a table that says by itself what it means
    OPEN = auto()  # only what the value says by itself
    AREA = auto()  # places, of which the value may say more
    UNCLEAR = auto()  # looks like a limit


@dataclass(frozen=True, slots=True)
class KeyName:
    """A name that may stand for a limit.

    Attributes:
        sense: what its value is.
        strong: whether the name by itself says that territories are meant; else the value has to.
        codes: the territories that the name itself names ("not_for_china: true").
        only: it says that these are the only ones ("japan_only: true"), and not just that they are allowed.
    """

    sense: Sense
    strong: bool = True
    codes: tuple[str, ...] = ()
    only: bool = False


# In their order; the letters of fillers are gone, and "not allowed" is X already.
_PATTERNS = (
    (re.compile(r"(?=.*[AGT])[AGTKI]*M[AGTKI]*"), Sense.EMBARGO, True),
    (re.compile(r"M"), Sense.EMBARGO, False),
    (re.compile(r"(?=.*[AGT])[AGTKIVO]*X[AGTKIVOX]*"), Sense.EXCLUDED, True),
    (re.compile(r"(?=.*[AGT])[AGTKIV]*L[AGTKIVL]*"), Sense.ALLOWED, True),
    (re.compile(r"K*(?:X|NI)I?K*"), Sense.EXCLUDED, False),
    (re.compile(r"K*LI?K*"), Sense.ALLOWED, False),
    (re.compile(r"(?=.*[AGT])[AGTKIV]*R[AGTKIVR]*"), Sense.RESTRICTION, True),
    (re.compile(r"(?=.*[AGT])[AGTKI]*V[AGTKI]*"), Sense.ALLOWED, True),
    (re.compile(r"(?=.*[AGT])[AGTKIVO]*[VO][AGTKIVO]*"), Sense.OPEN, True),
    (re.compile(r"K*VI?K*"), Sense.OPEN, False),
    (re.compile(r"K*RI?K*"), Sense.RESTRICTION, False),
    (re.compile(r"[KG]*TK*"), Sense.ALLOWED, True),
    (re.compile(r"K+A"), Sense.ALLOWED, True),
    (re.compile(r"[AG]+"), Sense.AREA, False),
)
_LOOKS_LIKE = re.compile(r"(?=.*[AGT])(?=.*[XLMROV])[^S]*")
_NAMES_ONE = ((re.compile(r"K*(?:NI|XI?)P|PX"), Sense.EXCLUDED), (re.compile(r"LI?P|PL"), Sense.ALLOWED))
_BARE = ("X", "L")  # "blocked", "available": lists only below a key that speaks of territories
# Of a licence, the first is whose law governs it, and the second may as well be whose licence it is.
_OF_A_LICENCE = {"jurisdiction": False, "jurisdictions": False, "country": True}


@lru_cache(maxsize=4096)
def read_key_name(name: str, *, inner: bool = False) -> KeyName | None:
    """Tell what a key's name says; None where it does not speak of limits.

    Args:
        name: the key, with the keys around it where they belong to it ("licence territory").
        inner: whether it stands in a table that speaks of territories, where "blocked" is enough.
    """
    if len(name) > MAX_NAME:
        return None
    words = words_of(name)
    letters, rest = _spell(words)
    if letters in _BARE and not inner:
        return KeyName(Sense.OPEN, strong=False) if letters == "L" else None
    if letters == "KA" and words[-1] in _OF_A_LICENCE:
        return KeyName(Sense.UNCLEAR) if _OF_A_LICENCE[words[-1]] else None
    for pattern, sense, strong in _PATTERNS:
        if pattern.fullmatch(letters):
            return KeyName(sense, strong)
    if letters.count(_NAMED) == 1:
        for pattern, sense in _NAMES_ONE:
            if pattern.fullmatch(letters):
                return KeyName(sense, strong=True, codes=rest, only=_says_only(words))
    return KeyName(Sense.UNCLEAR) if _LOOKS_LIKE.fullmatch(letters) else None


def _says_only(words: list[str]) -> bool:
    kinds = load_limit_keys().kinds
    runs = (" ".join(words[start:end]) for start in range(len(words)) for end in range(start + 1, len(words) + 1))
    return any(kinds.get(run) in ("only", "reserved") for run in runs)


def is_about_else(name: str) -> bool:
    """Tell whether a key, and all that stands below it, is about something else (data, languages, servers)."""
    return len(name) > MAX_NAME or "S" in _spell(words_of(name))[0]


def goes_with_inner(name: str) -> bool:
    """Tell whether a key makes sense with those below it: "license: {region: ...}", "excluded: {countries: ...}"."""
    letters = _spell(words_of(name))[0]
    return letters in _BARE or (bool(letters) and set(letters) == {"K"})


def names_area(name: str) -> bool:
    """Tell whether a name is a word for areas and nothing else ("Country/Region")."""
    letters = _spell(words_of(name[:MAX_NAME]))[0]
    return bool(letters) and set(letters) == {"A"}


def kind_of(name: str) -> str:
    """Return the kind of a key that is one entry of the table; empty where it is none."""
    return load_limit_keys().kinds.get(" ".join(words_of(name)), "") if len(name) <= MAX_NAME else ""


def words_of(name: str) -> list[str]:
    """Cut a name into small words at its marks and capitals."""
    return _NOT_A_WORD.sub(" ", _HUMP.sub(" ", unicodedata.normalize("NFKC", name))).casefold().split()


def _spell(words: list[str]) -> tuple[str, tuple[str, ...]]:
    """Write words as letters by kind; the codes are those of a territory that stands among them."""
    letters: list[str] = []
    unknown: list[str] = []
    codes: tuple[str, ...] = ()
    position = 0
    while position <= len(words):
        length, found = _entry(words, position)
        if unknown and (length or position == len(words)):
            named = load_territories().read_name(" ".join(unknown)) if unknown != ["us"] else ()
            letters.append(_NAMED if named else _UNKNOWN)
            codes += named
            unknown = []
        if not length and position < len(words):
            unknown.append(words[position])
        letters.append(found)
        position += max(length, 1)
    return _turned("".join(letters)), codes


def _entry(words: list[str], position: int) -> tuple[int, str]:
    """Find the longest entry of the table that begins at a word, or cut the word into entries."""
    kinds = load_limit_keys().kinds
    for length in range(min(MAX_WORDS, len(words) - position), 0, -1):
        kind = kinds.get(" ".join(words[position : position + length]), "")
        if kind in _LETTERS:
            return length, _LETTERS[kind]
    cut = _cut(words[position]) if position < len(words) else None
    return (0, "") if cut is None else (1, cut)


def _cut(word: str) -> str | None:
    """Cut a word into entries of the table ("restrictedcountries", "禁用地区"); None where something is left over."""
    kinds = load_limit_keys().kinds
    reached: dict[int, str] = {0: ""}
    for start in range(len(word)):
        if start not in reached:
            continue
        for end in range(min(len(word), start + _LONGEST), start, -1):
            part = word[start:end]
            kind = kinds.get(part, "")
            if kind in _LETTERS and (end - start >= _SHORTEST or not part.isascii()):
                reached.setdefault(end, reached[start] + _LETTERS[kind])
    return reached.get(len(word))


def _turned(letters: str) -> str:
    """Turn what a negation stands before: "not allowed" excludes; "not excluded" is no limit that we know."""
    letters = re.sub("N+I?L|N+I(?=[AGT])", "X", letters)
    return re.sub("N+[XRM]", _UNKNOWN, letters)
