"""In which encoding a text is written: by its mark, by what only UTF-8 and UTF-16 look like, else by its letters.

An encoding of one country fits almost any bytes, so one is taken only where what it yields looks like the country's
writing: the commonest characters of a language make up a large part of any text in it. Nothing is drawn by lot.
"""

from __future__ import annotations

import codecs
from dataclasses import dataclass

FALLBACK = "latin-1"  # fits anything, and says nothing
_SAMPLE = 64 * 1024  # bytes by which encodings are compared
_MARKS = (
    (codecs.BOM_UTF8, "utf-8", "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32", "utf-32"),  # begins like the mark of UTF-16, so it is looked for first
    (codecs.BOM_UTF32_BE, "utf-32", "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16", "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16", "utf-16"),
)
_DAMAGE = 5  # valid characters beyond ASCII for each damaged one: less is no UTF-8
_ZEROS = 20  # bytes for each that is zero: more of those are no text in UTF-8
_CHINESE = (
    "的一是不了在人有我他中大上和个这国地以你到时要用为们年于出同就下分对成会可主发也能定文法本件或与及者其并等任何款条项"
    "許可协议协議模型使用许可证權权限地区區内內外禁止应應得遵守您版软體软件授權授权商业業大陆陸香港澳門门台灣湾适用範范围圍"
)
_HANGUL = "이다는을를의에가고하은한로지서도사대기나라자시어리인일수정보해습니용전모델중국약관제및또"
_CYRILLIC = "оеаинтсрвлкмдпуяыьгзбчйхжшюцщэф"
_COMMON_CYRILLIC = 10  # of these, in their order, make up two thirds of a text
_LATIN = "éèàçùâêîôûëïäöüßñáíóúãõåæøÉÈÀÇÄÖÜÑÁÍÓÚÅÆØìòœŒ¿¡ªº«»“”‘’„–—…©®™°§·•€£²³½× "
_CENTRAL = "ąćęłńóśźżčďěňřšťůžýáéíúőűăâîșțäöüßđĄĆĘŁŃÓŚŹŻČĎĚŇŘŠŤŮŽÝÁÉÍÚŐŰĂÂÎ§–—„”“»«©°…’‘ "


@dataclass(frozen=True, slots=True)
class Decoded:
    """Characters of a file, and how they were found.

    Attributes:
        text: the characters.
        encoding: what they were taken for.
        guessed: whether another encoding would have been possible.
    """

    text: str
    encoding: str
    guessed: bool = False


def decode_bytes(data: bytes, *, truncated: bool = False) -> Decoded:
    """Decode a text.

    Args:
        data: its bytes, or their beginning.
        truncated: whether `data` is only the beginning, so that its last character may be cut.
    """
    for mark, name, codec in _MARKS:
        if data.startswith(mark):
            return Decoded(_decoded(data, codec, truncated=truncated, errors="replace"), name)
    zeros = data.count(0)
    if zeros * _ZEROS <= len(data):
        try:
            return Decoded(_decoded(data, "utf-8", truncated=truncated), "utf-8")
        except UnicodeDecodeError:
            pass
    if zeros and (wide := _wide(data)) is not None:
        return Decoded(_decoded(data, wide, truncated=truncated, errors="replace"), wide, guessed=True)
    text = _decoded(data, "utf-8", truncated=truncated, errors="replace")
    damaged = text.count("\ufffd")
    if sum(character > "\x7f" for character in text) >= damaged * (_DAMAGE + 1):
        return Decoded(text, "utf-8")
    name = _by_letters(data, truncated=truncated)
    return Decoded(_decoded(data, name, truncated=truncated, errors="replace"), name, guessed=True)


def _decoded(data: bytes, codec: str, *, truncated: bool, errors: str = "strict") -> str:
    # An incremental decoder leaves a character alone that the cap has cut.
    return codecs.getincrementaldecoder(codec)(errors).decode(data, final=not truncated)


def _wide(data: bytes) -> str | None:
    """Tell UTF-16 without a mark: every other byte of Latin text is zero, and of Chinese text that of each space.

    Two plain letters taken for one character are Chinese too, so what is not Latin has to look like a language.
    """
    even, odd = data[::2].count(0), data[1::2].count(0)
    if even == odd:
        return None
    codec = "utf-16-le" if odd > even else "utf-16-be"
    if min(even, odd) == 0 and max(even, odd) * 3 > len(data) // 2:
        return codec
    try:
        text = _decoded(data[: _SAMPLE // 16 * 2], codec, truncated=True)
    except UnicodeDecodeError:
        return None
    likely = sum("\u3000" <= one <= "\u9fff" or "\uac00" <= one <= "\ud7a3" or " " <= one < "\u0500" for one in text)
    if (likely + text.count("\n") + text.count("\r")) * 20 < len(text) * 19:
        return None
    beyond = [character for character in text if character > "\x7f"]
    looks = (_chinese, _japanese, _korean, _cyrillic)
    return codec if beyond and any(one(beyond, len(text)) for one in looks) else None


def _by_letters(data: bytes, *, truncated: bool) -> str:
    """Return the encoding whose text looks most like the writing that it is for."""
    sample = data[:_SAMPLE]
    best, name = 0.0, FALLBACK
    for codec in _LOOKS_LIKE:
        try:
            text = _decoded(sample, codec, truncated=truncated or len(data) > _SAMPLE)
        except UnicodeDecodeError:
            continue
        beyond = [character for character in text if character > "\x7f"]
        likeness = _LOOKS_LIKE[codec](beyond, len(text)) if beyond else 0.0
        if likeness > best:
            best, name = likeness, codec
    return name


def _share(beyond: list[str], among: frozenset[str]) -> float:
    return sum(character in among for character in beyond) / len(beyond)


def _chinese(beyond: list[str], length: int) -> float:
    share = _share(beyond, _COMMON)
    return share if share > 0.2 and length else 0.0


def _japanese(beyond: list[str], length: int) -> float:
    kana = sum("\u3041" <= character <= "\u30fc" for character in beyond) / len(beyond)
    return kana + 0.2 if kana > 0.25 and length else 0.0


def _korean(beyond: list[str], length: int) -> float:
    hangul = sum("\uac00" <= character <= "\ud7a3" for character in beyond) / len(beyond)
    share = _share(beyond, _SYLLABLES)
    return share + 0.3 if hangul > 0.7 and share > 0.25 and length else 0.0


def _cyrillic(beyond: list[str], length: int) -> float:
    share = _share(beyond, _COMMON_LETTERS)
    return share if share > 0.5 and _share(beyond, _LETTERS) > 0.7 and length else 0.0


def _western(beyond: list[str], length: int) -> float:
    """Letters with marks are few among plain ones."""
    return _share(beyond, frozenset(_LATIN)) * 0.9 if len(beyond) * 4 < length else 0.0


def _central(beyond: list[str], length: int) -> float:
    return _share(beyond, frozenset(_CENTRAL)) * 0.85 if len(beyond) * 4 < length else 0.0


_COMMON = frozenset(_CHINESE) | frozenset("，。、；：（）《》“”")
_SYLLABLES = frozenset(_HANGUL)
_LETTERS = frozenset(_CYRILLIC)
_COMMON_LETTERS = frozenset(_CYRILLIC[:_COMMON_CYRILLIC])
_LOOKS_LIKE = {
    "gb18030": _chinese,
    "big5hkscs": _chinese,
    "cp932": _japanese,
    "euc_jp": _japanese,
    "cp949": _korean,
    "cp1251": _cyrillic,
    "koi8_r": _cyrillic,
    "cp1252": _western,
    "cp1250": _central,
}
