"""The table of models as CSV: one row a model, one column a field of notifiers/fields.py. RFC 4180, but with LF.

Safe to open in a spreadsheet. Texts lose nothing but what is documented here:
- a text that a spreadsheet would run as a formula gets an apostrophe before the character that starts it: at its
  beginning, after quotes and spaces at its beginning, and after a semicolon (the separator of many locales);
  `unprotect` takes it off again;
- characters that hide or reorder text, line breaks and tabs among them, become visible, so one row is one line.
Numbers are written raw: a negative number is a number. Lists are joined by a space.
"""

import csv
import io
import math
import re
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime

from notifiers.columns import columns
from notifiers.fields import MODEL_FIELDS, VERDICT_FIELDS, Value
from notifiers.render.as_json import moment
from notifiers.render.safe import visible
from notifiers.rows import ModelRow

_FORMULA = r"""[\s"'“”‘’«»`]*[=+\-@＝＋－＠⇥]"""  # full-width forms start formulas in East Asian locales
_START_PATTERN = re.compile(rf"(^|;)(?={_FORMULA})")
_PROTECTED_PATTERN = re.compile(rf"(^|;)'(?={_FORMULA})")


def header(regulations: Sequence[str]) -> tuple[str, ...]:
    """Column names: the model's fields, then each regulation's."""
    return tuple(column.name for column in columns(regulations))


def lines(rows: Iterable[ModelRow], regulations: Sequence[str]) -> Iterator[str]:
    """The whole file line by line, the header first; reads `rows` as it goes, so any number of models will do."""
    yield _encode(header(regulations))
    for row in rows:
        yield _encode(cells(row, regulations))


def cells(row: ModelRow, regulations: Sequence[str]) -> list[str]:
    """One row's cells, in the order of `header`."""
    line = [cell(entry.get(row)) for entry in MODEL_FIELDS]
    for regulation in regulations:
        verdict = row.verdict(regulation)
        line += [cell(entry.get(verdict)) if verdict else "" for entry in VERDICT_FIELDS]
    return line


def cell(value: Value) -> str:
    """One value as a cell; empty for an unknown one."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return repr(value) if math.isfinite(value) else ""
    if isinstance(value, int):
        return str(value)
    if isinstance(value, datetime):
        return moment(value)
    return protect(" ".join(value) if isinstance(value, tuple) else value)


def protect(text: str) -> str:
    """A text that no spreadsheet takes for a formula."""
    return _START_PATTERN.sub(r"\1'", visible(text))


def unprotect(text: str) -> str:
    """The text that `protect` was given, up to characters it made visible."""
    return _PROTECTED_PATTERN.sub(r"\1", text)


def _encode(values: Sequence[str]) -> str:
    buffer = io.StringIO()
    csv.writer(buffer, lineterminator="\n").writerow(values)
    return buffer.getvalue()
