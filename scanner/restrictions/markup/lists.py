"""Lists behind what introduces them: "You may not: (a) use the model in China" is one prohibition.

`Lists` takes items one by one and knows the items above each; names of territories are gathered to one passage.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING

from scanner.restrictions.markup.blocks import Block, Form, join
from scanner.restrictions.markup.sentences import split_sentences
from scanner.restrictions.names import find_mentions

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

LONGEST_LEAD = 300  # characters
LONGEST_NAME = 120  # of an item that only names territories
MAX_NAMES = 3500  # of all names in one passage
MAX_LEVELS = 12
_LOOKED_AT = 1000  # characters before the end of a paragraph in which its last sentence is looked for
_STOPS = ".!?。…"
_SMALL_WORDS = "the and or of in all any a an & und oder in der die et ou la le les en y e o el los de"
_SMALL = frozenset(_SMALL_WORDS.split())
_LONGEST_WORD = 20
_PROSE = re.compile(r"(?:[a-z]{2,} ){5}")
_YES_NO = frozenset("✅❌✗✘✓✔✖🚫⛔")
_BRACKETS = re.compile(r"\([^()]{0,80}\)|\[[^\[\]]{0,80}\]")
_STOPS = " .;,。、"
_JOINING = re.compile(r"[ .;,。、](?:and|or|und|oder|et|ou|y|o|e|и|или)$")
_LONGEST_JOINING = 8  # characters, the sign before it included
_WORD = re.compile(r"[^\W\d_]+")
_LAST = re.compile(r"([^\W\d_]+)$")
_ASKS = re.compile(r"\?$|ますか。$|ですか。$|나요\.?$|습니까\.?$|을까요\.?$")
# Words after which a sentence goes on: what follows belongs to it.
_OPEN_WORDS = (
    "not to may must shall can cannot in from for by with of that who which or and nor never on at are is be within "
    "outside if unless where no any into do does your "
    "nicht zu für aus und oder die wer dass darf dürfen ist sind keine um außerhalb innerhalb "
    "pas de à dans par pour que qui ne et ou les aux au sur hors "
    "en no não em para por di da per non nel nella los las fuera "
    "не в для на из что которые и или вне"
)
_OPEN = frozenset(_OPEN_WORDS.split())
_OPEN_DENSE = re.compile(
    r"(?:不得|禁止|不可|不能|请勿|請勿|不要|不会|不會|不应|不應|可以|可|将|将会|须|應|应|在|为|于|於|包括|即|不)$"
)
_FOLLOWING = re.compile(
    r"\b(?:following|these|below|listed|folgende\w*|unten|suivante?s?|ci-dessous|siguientes?|seguintes?|abaixo|seguent[ei]"
    r"|следующ\w+)\b|以下|下列|如下|次の|次に|下記|左記|各号|다음|아래",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Lead:
    """What introduces a list.

    Attributes:
        block: the paragraph, heading or item.
        heading: whether it is a heading.
        strong: whether it asks for more, so that clauses belong to it; names belong to any.
        parent: what introduces the list that it is an item of.
    """

    block: Block
    heading: bool = False
    strong: bool = True
    parent: Lead | None = None

    @cached_property
    def body(self) -> Block:
        """Its last sentence, behind what introduces it, without the colon."""
        text = self.block.text
        end = len(text.rstrip(" :.-" if not text.rstrip().endswith("...") else " :"))
        begin = max(end - _LOOKED_AT, 0)
        begin += [span[0] for span in split_sentences(text[begin:end])][-1] if end > begin else 0
        begin = max(begin, end - LONGEST_LEAD)
        body = self.block.part(begin, end)
        if self.parent is not None and self.strong and not begin:
            body = join((self.parent.body, " ", body))
        return body if len(body.text) <= LONGEST_LEAD else body.part(len(body.text) - LONGEST_LEAD, len(body.text))

    @cached_property
    def open(self) -> bool:
        """Whether it ends in the middle of a sentence."""
        return _goes_on(self.body.text)

    def with_names(self, names: Sequence[Block]) -> Block:
        """Write names behind it, its colon kept."""
        parts: list[Block | str] = [self.body]
        for name in names:
            parts += (": " if len(parts) == 1 else ", ", name)
        return join(parts)

    def with_item(self, item: Block) -> Iterator[Block]:
        """Write an item behind it, in each way that it may be meant."""
        if self.heading and not self.strong:
            yield item
            if item.text[-1] not in _STOPS:
                yield join((self.body.at(item.origin(0)), ": ", item))
            return
        yield join((self.body, " ", item))
        first = _WORD.search(item.text)
        if first is not None and not first[0][0].islower() and not (self.open and first[0][0] < "\u2e80"):
            yield join((self.body, ": ", item))


def lead_of(block: Block, *, heading: bool = False, parent: Lead | None = None) -> Lead | None:
    """Return a block as what introduces a list; None where it does not."""
    text = block.text.rstrip()
    if not text:
        return None
    if heading or text[-1] == ":":
        return Lead(block, heading, strong=text[-1] == ":", parent=parent)
    if text[-1] == "-" or _goes_on(text):
        return Lead(block, parent=parent)
    if text[-1] not in _STOPS or _FOLLOWING.search(text, max(len(text) - LONGEST_LEAD, 0)):
        return Lead(block, strong=_announces(text), parent=parent)
    return None


def _announces(text: str) -> bool:
    """Tell whether a Japanese, Korean or Chinese text says in a whole sentence that a list follows."""
    if text[-1] not in _STOPS:
        return False
    words = text.rstrip(_STOPS + "\"')")
    begin = max(words.rfind("。"), words.rfind(". ")) + 1
    return words[-1:] >= "\u2e80" and _FOLLOWING.search(words, max(begin, len(words) - LONGEST_LEAD)) is not None


def _goes_on(text: str) -> bool:
    """Tell whether a text ends in the middle of a sentence."""
    last = _LAST.search(text, max(len(text) - _LONGEST_WORD, 0))
    if last is None:
        return False
    return last[1].casefold() in _OPEN if last[1][0] < "\u2e80" else _OPEN_DENSE.search(last[1]) is not None


def is_question(block: Block) -> bool:
    """Tell whether a block is one question, so that the next one answers it."""
    return (
        _ASKS.search(block.text, max(len(block.text) - _LONGEST_WORD, 0)) is not None
        and len(block.text) <= LONGEST_LEAD
    )


def is_title(block: Block, before: Block | None, following: Block | None) -> bool:
    """Tell whether a numbered line is a section's title: short, without a full stop, and not one of a list."""
    text = block.text
    if block.marker[:6] == "bullet" or len(text) > LONGEST_NAME or text[-1] in ":;,!?。":
        return False
    if following is None or any(_same_list(one, block) for one in (before, following)):
        return False
    words = text.split()
    if text[-1] == "." and len(words) > 5:
        return False
    titled = block.marker in ("word", "clause") or sum(word[0].isupper() for word in words) * 2 >= len(words)
    return len(words) <= 10 and (titled or text[0] >= "\u2e80") and not names_only(block)


def _same_list(one: Block | None, other: Block) -> bool:
    return one is not None and one.form is Form.ITEM and (one.marker, one.depth) == (other.marker, other.depth)


def names_only(block: Block) -> list[Block]:
    """Return the names of a block that says nothing else, line by line; an empty list for any other block."""
    text = block.text
    if len(text) > MAX_NAMES or not text or text[-1] == ":":
        return []
    if _PROSE.search(text) or not _only_names(text):
        return []
    if block.lines:
        ends = [*block.lines, len(text)]
        starts = [0, *(one + 1 for one in block.lines)]
        lines = [block.part(start, stop) for start, stop in zip(starts, ends, strict=True)]
        if all(find_mentions(line.text) for line in lines):
            return [_without_stop(line) for line in lines]
    return [_without_stop(block)]


def with_names_below(block: Block) -> Block | None:
    """Read names that stand in a paragraph, line by line, below a line that ends in a colon."""
    for end in block.lines:
        if block.text[end - 1] == ":":
            lines = tuple(one - end - 1 for one in block.lines if one > end)
            names = names_only(replace(block.part(end + 1, len(block.text)), lines=lines))
            return Lead(block.part(0, end)).with_names(names) if names else None
    return None


def _only_names(text: str) -> bool:
    mentions = find_mentions(text)
    if not mentions or not _YES_NO.isdisjoint(text):
        return False
    left: list[str] = []
    position = 0
    for mention in mentions:
        left.append(text[position : mention.start])
        position = mention.end
    left.append(text[position:])
    rest = _BRACKETS.sub(" ", " ".join(left))
    if ":" in rest or "?" in rest or "." in rest.rstrip(" ."):
        return False
    words = [word for word in _WORD.findall(rest) if word.casefold() not in _SMALL]
    dense = sum(len(word) for word in words if word[0] >= "\u2e80")
    spaced = [word for word in words if word[0] < "\u2e80"]
    starts = _WORD.search(text)
    if spaced and starts is not None and starts[0] == spaced[0]:
        return False
    return dense <= 2 * len(mentions) and len(spaced) * 2 <= len(mentions) and all(one[0].isupper() for one in spaced)


def _without_stop(block: Block) -> Block:
    text = block.text.rstrip(_STOPS)
    joining = _JOINING.search(text, max(0, len(text) - _LONGEST_JOINING))
    return block.part(0, len(text if joining is None else text[: joining.start()].rstrip(_STOPS)))


@dataclass(slots=True)
class _Level:
    depth: int
    marker: str
    lead: Lead | None


class Lists:
    """The list that is open, with the items above the next one, and the names that are not written yet."""

    def __init__(self) -> None:
        self._lead: Lead | None = None
        self._above: Block | None = None  # a paragraph that may introduce a list; most introduce none
        self._levels: list[_Level] = []
        self._names: list[Block] = []
        self._names_lead: Lead | None = None
        self._length = 0

    @property
    def open(self) -> bool:
        """Whether there are items above the next one."""
        return bool(self._levels)

    @property
    def lead(self) -> Lead | None:
        """What introduces the list; a heading still does so for names behind a paragraph that does not."""
        if self._above is not None:
            self._lead = lead_of(self._above) or self._lead
            self._above = None
        return self._lead

    def begin_section(self, heading: Block) -> None:
        """Begin anew behind a heading."""
        self._lead, self._above = lead_of(heading, heading=True), None
        self._levels.clear()

    def begin(self, paragraph: Block) -> None:
        """Begin anew behind a paragraph."""
        known = self._lead
        self._lead = replace(known, strong=False) if known is not None and known.heading and known.strong else known
        self._lead = self._lead if known is not None and known.heading else None
        self._above = paragraph
        self._levels.clear()

    def take(self, item: Block) -> Iterator[Block]:
        """Take the next item; yield what is complete by it."""
        lead = self._enter(item)
        names = names_only(item) if lead is not None and len(item.text) <= LONGEST_NAME else []
        if self._names and (not names or lead is not self._names_lead or self._length > MAX_NAMES):
            yield from self.finish()
        if lead is None:
            yield item
        elif names:
            self._names += names
            self._names_lead = lead
            self._length += len(item.text)
        elif lead.strong or lead.heading:
            yield from lead.with_item(item)
        else:
            yield item

    def finish(self) -> Iterator[Block]:
        """Yield the names that are not written yet."""
        if self._names and self._names_lead is not None:
            yield self._names_lead.with_names(self._names)
        self._names, self._length = [], 0

    def _enter(self, item: Block) -> Lead | None:
        """Find the place of an item among the items above; return what introduces its list."""
        levels = self._levels
        while levels and levels[-1].depth > item.depth:
            levels.pop()
        same = [number for number, level in enumerate(levels) if level.depth == item.depth]
        siblings = [number for number in same if levels[number].marker == item.marker]
        if siblings:
            del levels[siblings[-1] :]
        elif same and not (levels[-1].lead and levels[-1].lead.strong):
            del levels[same[0] :]
            if not levels:
                self._lead = self._above = None  # another list, which nothing introduces
        lead = levels[-1].lead if levels else self.lead
        if len(levels) < MAX_LEVELS:
            levels.append(_Level(item.depth, item.marker, lead_of(item, parent=lead)))
        return lead
