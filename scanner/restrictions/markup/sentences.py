"""Split running prose into sentences, and tell in which script one is written."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from scanner.restrictions.names import find_mentions

if TYPE_CHECKING:
    from collections.abc import Iterator

MAX_SENTENCE = 4000  # characters; a longer one is no sentence, and is cut
LONGEST_BRACKETS = 200  # characters between brackets that do not end the sentence around them
_END = re.compile(
    r"。(?![\"']*+\)|[\"']++(?:と|という))[\"'\]]*+\s*+"  # not inside brackets, nor behind what is only quoted
    r"|(?<![!?;])[!?;]++\s*+(?=[\u2e80-\u9fff\uac00-\ud7a3])"
    r"|;\s*+(?=\"[\u2e80-\u9fff\uac00-\ud7a3])"
    r"|(?<=[\u2e80-\u9fff\uac00-\ud7a3])\?\s*+(?=A:)"  # an answer
    r"|(?<![.!?…؟۔।։])[.!?…؟۔।։]++[\"')\]]*+\s++"
    r"|(?<=[다요죠음함됨임오])\.(?=[가-힣])"
)
# An item of a list within a sentence: "X; Y; and (iii) Z".
_ITEM = re.compile(
    r"(?:(?:and|or|以及|及|和|或|与|與|並|并)\s?)?(?:\(\w{1,4}\)\s?)?(?P<item>[^;.。!?]{1,60})(?=[;.。]|\Z)",
    re.IGNORECASE,
)
_NO_BEGINNING = frozenset("|:,;)]/+=&<>")  # a sentence does not begin with these
# Behind these a sentence never ends,
_ABBREVIATED_WORDS = (
    "e.g i.e eg vs mr mrs ms dr prof incl excl approx cf ca resp bzw z.b d.h u.a ggf inkl exkl einschl vgl sog bspw"
    " p.ex p.ej st mt jan feb mar apr jun jul aug sep sept oct nov dec т.е т.к ст"
)
_ABBREVIATED = frozenset(_ABBREVIATED_WORDS.split())
# behind these not before a number,
_NUMBERED_WORDS = "no nos art arts sec secs sect para paras cl ch fig pp abs nr núm núms v пп см ст"
_NUMBERED = frozenset(_NUMBERED_WORDS.split())
# and behind these only before a word that begins sentences: "in the U.S. The model", but "U.S. Virgin Islands".
_SHORTENED_WORDS = "inc ltd co corp llc bros etc usw plc gmbh jr sr rev ed rep др"
_SHORTENED = frozenset(_SHORTENED_WORDS.split())
_LETTERS = re.compile(r"(?:[^\W\d_]\.)*[^\W\d_]")
_BEGINS = re.compile(
    r"[\"'(\[]*(?:(?:The|This|These|Those|It|Its|You|Your|We|Our|If|In|For|All|Any|No|Users?|Licensees?|However|Please"
    r"|Use|Do|Access|By|To|Not|Only|Except|There|They|As|Each|Such|Unless|When|While|He|She|That|See|And|But"
    r"|Die|Der|Das|Sie|Es|Wir|Dies|Diese|Dieses|Nutzer|Im|Bei|Le|La|Les|Il|Elle|Vous|Nous|Ce|Cette|En|El|Los|Las|Este"
    r"|Esta|No|O|Os|As|Il|Lo|Gli|Это|Мы|Вы|В|На|Не)\b|[\u2e80-\uffef])"
)
_BEFORE_NUMBER = frozenset(":;.,?")
_MONTH = re.compile(
    r"(?:Januar|Jänner|Februar|März|April|Mai|Juni|Juli|August|September|Oktober|November|Dezember|Jahrhundert|Quartal"
    r"|Absatz|Artikel)\b"
)
_LOOK_BACK = 12
_TRADITIONAL = frozenset(
    "國區於與對權許協議條適於僅內佈佔會這個們來時從後還無體讓發學業務應關開實機構範圍授權歐韓臺灣門個資訊軟體"
)
_SIMPLIFIED = frozenset("国区于与对权许协议条适仅内会这个们来时从后还无体让发学业务应关开实机构范围欧韩湾门资讯软")

_SHARED = frozenset("国区会学与条内当号点体")  # simplified in Chinese, and so written in Japanese
_ALSO_SHARED = frozenset("許協議適時個無業務開機構範門於")  # traditional in Chinese, and so written in Japanese
_ONLY_CHINESE = (_SIMPLIFIED - _SHARED) | (_TRADITIONAL - _SIMPLIFIED - _ALSO_SHARED)
_JAPANESE = re.compile(
    "[対権済価圏戦応効変実単売読発沢択訳駅検険験広関団図囲帰悪楽薬気県"
    "齢労営毎両拡仮児拠釈続経総覧観転軽辺遅鉄雑頼塩焼隠霊覚譲黙働込枠様]"
    r"|[利使]用不?可(?!以|能|的)|居住者不可|可否\b|国・地域|在住者?"
)


def split_sentences(text: str) -> Iterator[tuple[int, int]]:
    """Yield begin and end of each sentence of a block."""
    start = 0
    listed = 0  # the last number of a list that runs on in the text
    for match in _END.finditer(text):
        begin, end = match.span()
        if end < len(text):
            if text[begin] == "." and text[begin - 1 : begin].isalnum():
                word = _last_word(text, begin)
                if listed and word == str(listed + 1):
                    listed += 1
                    continue
                if _goes_on(text, word, begin, end):
                    listed = 1 if word == "1" else listed
                    continue
            if text[begin] == ";" and _lists_on(text, end):
                continue
            if _continues(text[end]) or _in_brackets(text, start, begin, end):
                continue
        yield from _cut(start, end)
        start = end
    yield from _cut(start, len(text))


def _lists_on(text: str, position: int) -> bool:
    """Tell whether the next item of a list, and nothing else, stands behind a semicolon: one territory."""
    item = _ITEM.match(text, position)
    if item is None:
        return False
    mention = next(iter(find_mentions(item["item"])), None)
    return mention is not None and (mention.start, mention.end) == (0, len(item["item"].rstrip()))


def _last_word(text: str, stop: int) -> str:
    words = text[max(0, stop - _LOOK_BACK) : stop].split()
    return words[-1].lstrip("(\"'[").casefold() if words else ""


def _continues(character: str) -> bool:
    """Tell whether what follows a mark cannot begin a sentence."""
    return character.islower() or character in _NO_BEGINNING


def _goes_on(text: str, word: str, stop: int, following: int) -> bool:
    """Tell whether a full stop belongs to an abbreviation, an ordinal or the number of an item."""
    if word in _ABBREVIATED or (word in _NUMBERED and text[following].isdigit()):
        return True
    if word in _SHORTENED or _LETTERS.fullmatch(word):
        return _BEGINS.match(text, following) is None or _is_list_number(text, word, stop)
    if word.isdigit():
        return _is_list_number(text, word, stop) or _MONTH.match(text, following) is not None
    return False


def _is_list_number(text: str, word: str, stop: int) -> bool:
    """Tell whether a number stands where one of an item does: at the beginning, or behind a mark."""
    if len(word) > 2 or stop <= len(word) + 1:
        return len(word) <= 2
    before = _last_word(text, stop - len(word))
    return before[-1:] in _BEFORE_NUMBER and before[:-1] not in _NUMBERED


def _in_brackets(text: str, start: int, stop: int, end: int) -> bool:
    """Tell whether a mark stands in brackets within a sentence, which goes on behind them."""
    opening = text.rfind("(", max(start + 1, stop - LONGEST_BRACKETS), stop)
    if opening < 0 or text.rfind(")", opening, end) >= 0 or not text[start:opening].strip():
        return False
    return text.find(")", end, end + LONGEST_BRACKETS) >= 0


def _cut(start: int, end: int) -> Iterator[tuple[int, int]]:
    for begin in range(start, end, MAX_SENTENCE):
        yield begin, min(begin + MAX_SENTENCE, end)


def scripts_of(text: str) -> frozenset[str]:
    """Name the scripts of a sentence; Han characters beside kana are Japanese and not counted as Han."""
    scripts = {name for name, pattern in _SCRIPTS.items() if pattern.search(text)}
    if "kana" in scripts:
        scripts.discard("han")
    return frozenset(scripts)


_SCRIPTS = {
    "latin": re.compile(r"[a-zA-Z\u00c0-\u024f\u1e00-\u1eff]{3}"),
    "han": re.compile(r"[\u3400-\u9fff]"),
    "kana": re.compile(r"[\u3041-\u30fa]"),
    "hangul": re.compile(r"[\uac00-\ud7a3]"),
    "cyrillic": re.compile(r"[\u0400-\u04ff]{3}"),
    "arabic": re.compile(r"[\u0620-\u06ff]{3}"),
}


def looks_japanese(text: str) -> bool:
    """Tell whether Chinese characters are Japanese: forms and words that no other language has, or forms mixed."""
    if _JAPANESE.search(text):
        return True
    characters = frozenset(text)
    return bool(characters & _ALSO_SHARED and characters & _SHARED) and not characters & _ONLY_CHINESE


def chinese_tag(text: str) -> str:
    """Tell Simplified from Traditional by the characters that only one of them has."""
    traditional = sum(character in _TRADITIONAL - _SIMPLIFIED for character in text)
    simplified = sum(character in _SIMPLIFIED - _TRADITIONAL for character in text)
    return "zh-Hant" if traditional > simplified else "zh-Hans"
