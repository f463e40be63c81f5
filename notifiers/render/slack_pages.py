"""Long lists over several Slack messages: lines under headings, packed into sections within Block Kit's limits."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field

from notifiers.interface import Block
from notifiers.render.document import Line
from notifiers.render.slack_blocks import MOST_BLOCKS, MOST_JSON, MOST_SECTION, length, mrkdwn, section, weight

MOST_LINE = 900  # units; a line longer than this is read in the report
MOST_HEADING = 200  # units
MOST_PAGES = 8  # messages in a thread; the report holds the rest
_ROOM_FOR_REST = 400  # units of JSON, for the line that says what was left off
_SECTION_JSON = 100  # units of JSON around the text of a section


@dataclass(frozen=True, slots=True)
class Topic:
    """A heading, our own words, and what stands under it."""

    heading: Line
    lines: tuple[Line, ...]


@dataclass
class Page:
    """One message in the making.

    Attributes:
        room: units of JSON that are left.
        most: blocks that are left.
        sections: each a list of finished lines.
        lines: how many lines of topics it holds, headings not counted.
    """

    room: int
    most: int
    sections: list[list[str]] = field(default_factory=list)
    lines: int = 0

    def open(self, heading: str, first: str) -> bool:
        """Begin a section with a heading and the first line; False where there is no room for both."""
        if len(self.sections) >= self.most or not self._take(f"{heading}\n{first}", _SECTION_JSON):
            return False
        self.sections.append([heading, first])
        self.lines += 1
        return True

    def add(self, line: str) -> bool:
        """Put a line below the last one, in a new section if need be; False where there is no room."""
        together = length("\n".join([*self.sections[-1], line]))
        if together <= MOST_SECTION:
            if not self._take(f"\n{line}", 0):
                return False
            self.sections[-1].append(line)
        else:
            if len(self.sections) >= self.most or not self._take(line, _SECTION_JSON):
                return False
            self.sections.append([line])
        self.lines += 1
        return True

    def blocks(self) -> tuple[Block, ...]:
        """The sections as blocks."""
        return tuple(section("\n".join(lines)) for lines in self.sections)

    def _take(self, text: str, around: int) -> bool:
        cost = len(json.dumps(text)) + around
        if cost > self.room:
            return False
        self.room -= cost
        return True


def new_page(before: Sequence[Block] = ()) -> Page:
    """An empty page below blocks that are there already."""
    return Page(MOST_JSON - _ROOM_FOR_REST - weight(before), MOST_BLOCKS - 1 - len(before))


def pack(topics: Sequence[Topic], first: Page, most_pages: int) -> tuple[list[Page], int]:
    """Topics in reading order over at most so many pages, and how many lines found no room."""
    pages, left_off = [first], 0
    for topic in topics:
        heading = f"*{mrkdwn(topic.heading, MOST_HEADING)}*"
        opened = False
        for number, line in enumerate(topic.lines):
            text = f"• {mrkdwn(line, MOST_LINE)}"
            if not left_off:
                if pages[-1].add(text) if opened else pages[-1].open(heading, text):
                    opened = True
                    continue
                if len(pages) < most_pages:
                    pages.append(new_page())
                    opened = pages[-1].open(f"{heading} (continued)" if number else heading, text)
                    continue
            left_off += 1
    return pages, left_off
