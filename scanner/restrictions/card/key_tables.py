"""Tables below a card's key: `{denied: [...]}`, `{CN: false, default: true}`, `[{code: CN, status: unavailable}]`."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from scanner.restrictions.card.key_answers import (
    Answers,
    answer_of,
    default_of,
    has_unknown_mode,
    is_plain,
    is_status,
    opposite,
    read_status,
)
from scanner.restrictions.card.key_names import Sense, is_about_else, kind_of, read_key_name
from scanner.restrictions.card.key_values import MAX_VALUES, NOT_READ, Places, read_places, read_territory
from scanner.restrictions.card.key_words import is_none, is_nothing, is_world

MAX_DEPTH = 4  # of tables in tables; nobody nests limits deeper
_LISTS = (Sense.EXCLUDED, Sense.RESTRICTION)
_ROW_KEYS = ("area", "territory", "identity")


@dataclass(slots=True)
class Finder:
    """Collects what a value and its tables say.

    Attributes:
        exact: whether codes have to be in capitals.
        complete: whether all of it was understood.
        telling: whether a table has keys or answers that speak of a limit.
        prose: places below the key of texts that are no lists.
    """

    exact: bool = False
    complete: bool = True
    telling: bool = False
    prose: list[tuple[str | int, ...]] = field(default_factory=list)
    _excluded: list[str] = field(default_factory=list)
    _limited: list[str] = field(default_factory=list)
    _embargo: list[str] = field(default_factory=list)

    def excluded(self) -> tuple[str, ...]:
        """Return the territories left out."""
        return tuple(dict.fromkeys(self._excluded))

    def limited_to(self) -> tuple[str, ...]:
        """Return the only territories."""
        return tuple(dict.fromkeys(self._limited))

    def embargo(self) -> tuple[str, ...]:
        """Return the territories under an embargo."""
        return tuple(dict.fromkeys(self._embargo))

    def read(self, value: Any, sense: Sense, path: tuple[str | int, ...] = ()) -> None:
        """Read a value whose key has a sense."""
        if len(path) > MAX_DEPTH:
            self.complete = False
        elif isinstance(value, dict) and value:
            self._table(value, sense, path)
        elif isinstance(value, list):
            self._list(value, sense, path)
        elif sense is not Sense.ALLOWED and is_none(value):
            return  # nothing is left out
        else:
            self._places(read_places(value, exact=self.exact), sense, value, path)

    def _list(self, value: list[Any], sense: Sense, path: tuple[str | int, ...]) -> None:
        """Read a list of names, of rows, or of both."""
        answers = Answers()
        for number, row in enumerate(value[:MAX_VALUES]):
            if isinstance(row, dict):
                self._table(row, sense, (*path, number), answers)
        self._settle(answers, sense)
        names = [item for item in value if not isinstance(item, dict)]
        self._places(read_places(names, exact=self.exact), sense, names, path)
        self.prose += ((*path, number) for number, item in enumerate(value[:MAX_VALUES]) if self._is_sentence(item))

    def _is_sentence(self, item: Any) -> bool:
        """Tell whether an item of a list is none of its names, but may be a sentence."""
        return isinstance(item, str) and " " in item.strip() and not read_places(item, exact=self.exact).complete

    def _places(self, places: Places, sense: Sense, value: Any, path: tuple[str | int, ...]) -> None:
        """Take territories by the sense of their key."""
        inside, outside = places.inside, places.outside
        if isinstance(value, str) and not places.complete:
            self.prose.append(path)
            places = NOT_READ
        elif places.only and (sense in _LISTS or sense is Sense.EMBARGO):
            places = NOT_READ  # "restricted: US only"
        elif sense in _LISTS:
            self._take_left_out(places)
        elif sense is Sense.ALLOWED or (sense in (Sense.OPEN, Sense.AREA) and places.only):
            self._limited += inside
            self._excluded += outside
        elif sense is Sense.EMBARGO:
            self._embargo += inside
            self.complete = self.complete and not outside
        elif sense in (Sense.OPEN, Sense.AREA):
            self._excluded += outside if not inside else ()
            self.complete = self.complete and not (inside and (outside or sense is Sense.OPEN))
        elif inside or outside or places.everywhere:
            self.complete = False
        self.complete = self.complete and places.complete

    def _take_left_out(self, places: Places) -> None:
        """Take a list of what is left out; "all but Japan" leaves Japan alone."""
        if places.outside and places.everywhere and not places.inside:
            self._limited += places.outside
        elif places.outside or places.everywhere:
            self.complete = False
        else:
            self._excluded += places.inside

    # --- tables -----------------------------------------------------------------------------------------------------

    def _table(
        self, table: dict[Any, Any], sense: Sense, path: tuple[str | int, ...], row_of: Answers | None = None
    ) -> None:
        """Read a table: what it says of all, of the lists in it, and of single territories.

        Args:
            table: the table.
            sense: what its key says.
            path: where it stands below the key.
            row_of: the answers of the list of which it is a row.
        """
        rows = list(table.items())[:MAX_VALUES]
        self.complete = self.complete and len(rows) == len(table)
        answer = answer_of(rows)
        answers = row_of or Answers()
        default = default_of(rows)
        answers.default = default if row_of is None else answers.default
        self.telling = self.telling or answer is not None or default is not None
        sense = Sense.UNCLEAR if answer is None and has_unknown_mode(rows) else sense
        exact = self.exact and not all(is_plain(name) for name in table)
        for name, value in rows:
            if codes := read_territory(name, exact=exact):
                self._answered(codes, value, sense, answers)
            elif isinstance(name, str):
                self._inner(name, value, sense, answer, answers, (*path, name))
            else:
                self.complete = False
        if row_of is None:
            self._settle(answers, sense)

    def _inner(
        self,
        name: str,
        value: Any,
        sense: Sense,
        answer: bool | None,
        answers: Answers,
        path: tuple[str | int, ...],
    ) -> None:
        """Read one key of a table that is no territory's name."""
        kind = kind_of(name)
        key = read_key_name(name, inner=True)
        if kind in ("default", "note") or is_world(name) or is_about_else(name) or is_nothing(value):
            return
        if kind == "exceptions":
            self.telling = True
            self.read(value, opposite(answers.default), path)
        elif kind in _ROW_KEYS and answer is not None:
            self._row(value, answer, answers, path)
        elif kind == "mode" or (key is not None and is_status(value)):
            return  # it was taken for what the table says
        elif (kind in _ROW_KEYS or (key is not None and key.sense is Sense.AREA)) and sense is not Sense.AREA:
            self.read(value, sense, path)
        elif key is not None and key.sense not in (Sense.AREA, Sense.UNCLEAR):
            self.telling = True
            if not is_world(value):  # that was taken for the default
                self.read(value, key.sense, path)
        elif isinstance(value, dict):
            self.read(value, sense, path)
        else:
            self.complete = False

    def _row(self, value: Any, answer: bool, answers: Answers, path: tuple[str | int, ...]) -> None:
        """Take the territories of a row with what the row says of them."""
        places = read_places(value, exact=False)
        if isinstance(value, str) and (kind_of(value) == "default" or is_world(value)):
            answers.default = answer
        elif isinstance(value, list) or not places.complete or places.outside or places.everywhere:
            self.read(value, Sense.ALLOWED if answer else Sense.EXCLUDED, path)
        elif answer:
            answers.allowed += places.inside
        else:
            answers.refused = True
            self._excluded += places.inside

    def _answered(self, codes: tuple[str, ...], value: Any, sense: Sense, answers: Answers) -> None:
        """Take what a table says of a territory that is one of its keys."""
        plain = isinstance(value, bool | int)
        answer = answer_of(list(value.items())[:MAX_VALUES]) if isinstance(value, dict) else read_status(value)
        if answer is None and read_territory(value) == codes:
            self._places(Places(codes), sense, None, ())  # {CN: China}
            return
        if answer is None or (plain and sense is Sense.RESTRICTION):
            self.complete = self.complete and not plain and is_nothing(value)
            self.telling = self.telling or not is_nothing(value)
            return
        self.telling = True
        if plain and sense is Sense.EMBARGO:
            self._embargo += codes if answer else ()
        elif plain and sense is Sense.EXCLUDED:
            self._excluded += codes if answer else ()
        elif answer:
            answers.allowed += codes
        else:
            answers.refused = True
            self._excluded += codes

    def _settle(self, answers: Answers, sense: Sense) -> None:
        """Decide whether territories that are allowed are the only ones."""
        if answers.default is False or (answers.default is None and sense is Sense.ALLOWED and not answers.refused):
            self._limited += answers.allowed
        elif answers.default is None and answers.allowed and not answers.refused:
            self.complete = False
        if answers.default is False and not self._limited:
            self.complete = False
