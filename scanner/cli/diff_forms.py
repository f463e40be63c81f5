"""The forms of `hubscope diff`: JSON, plain text and Markdown, each in pieces as it is written.

Changes come mixed and are told by kind; they wait as lines, in a temporary file where they are many, so that a
comparison of two sweeps needs no more memory than one of two watch lists.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack
from tempfile import SpooledTemporaryFile
from typing import IO, TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:
    from config.regulation import Regulation
    from notifiers.report import Change, ChangeKind
    from scanner.catalogue.tables import Run
    from scanner.changes import Found
    from scanner.difference import Compared, Difference

SCHEMA = "hubscope.diff/1"
IN_MEMORY = 1 << 20  # characters of one kind's changes; more of them go to a temporary file

Note: TypeAlias = "Callable[[Compared, Sequence[ChangeKind]], None]"
"""Told of each regulation what came up."""


class Sorted:
    """Changes sorted by kind, each as a line; those beyond a megabyte of a kind wait in a temporary file."""

    def __init__(self, line: Callable[[ChangeKind, Change], str], limit: int | None) -> None:
        self.counts: Counter[ChangeKind] = Counter()
        self._line = line
        self._limit = limit
        self._lines: dict[ChangeKind, IO[str]] = {}
        self._open = ExitStack()

    def __enter__(self) -> Sorted:
        return self

    def __exit__(self, *_: object) -> None:
        self._open.close()

    def take(self, changes: Iterable[Found]) -> None:
        """Sort them all."""
        for kind, change in changes:
            if kind not in self._lines:
                self._lines[kind] = self._open.enter_context(
                    SpooledTemporaryFile(IN_MEMORY, "w+", encoding="utf-8", newline="\n")  # noqa: SIM115 - the stack closes it
                )
            if self._limit is None or self.counts[kind] < self._limit:
                self._lines[kind].write(self._line(kind, change) + "\n")
            self.counts[kind] += 1

    def kinds(self) -> list[ChangeKind]:
        """The kinds that came up, in the order reports tell them."""
        from notifiers.report import ChangeKind

        return [kind for kind in ChangeKind if self.counts[kind]]

    def lines(self, kind: ChangeKind) -> Iterator[str]:
        """The lines of one kind, without their ends."""
        self._lines[kind].seek(0)
        return (line.removesuffix("\n") for line in self._lines[kind])

    def left_out(self, kind: ChangeKind) -> int:
        """How many of a kind have no line."""
        return 0 if self._limit is None else max(self.counts[kind] - self._limit, 0)


# JSON ----------------------------------------------------------------------------------------------------------------


def json_parts(
    difference: Difference, regulations: Sequence[Regulation], limit: int | None, note: Note
) -> Iterator[str]:
    """One JSON object in pieces, so that any number of changes needs little memory."""
    from dataclasses import asdict

    head = {
        "schema": SCHEMA,
        "before": _run_values(difference.before),
        "after": _run_values(difference.after),
        "notes": list(difference.notes()),
        "models": asdict(difference.covered()),
    }
    yield _opened(head, "regulations")
    for number, regulation in enumerate(regulations):
        compared = difference.of(regulation)
        yield "," * (number > 0) + _opened(_compared_values(compared), "changes")
        with Sorted(_json_line, limit) as found:
            found.take(difference.changes(regulation))
            note(compared, found.kinds())
            for place, kind in enumerate(found.kinds()):
                yield "," * (place > 0) + _opened({"kind": str(kind), "count": found.counts[kind]}, "models")
                for position, line in enumerate(found.lines(kind)):
                    yield "," * (position > 0) + line
                yield "]}"
        yield "]}"
    yield "]}\n"


def _opened(values: dict[str, Any], name: str) -> str:
    """A JSON object that ends in a list still to be filled."""
    return f'{_json(values).removesuffix("}")},"{name}":['


def _json_line(kind: ChangeKind, change: Change) -> str:
    from dataclasses import asdict

    del kind
    return _json(asdict(change))


def _json(values: dict[str, Any]) -> str:
    from notifiers.render.safe import escape_unseen_json
    from scanner.assessment import dump

    return escape_unseen_json(dump(values).decode())


def _run_values(run: Run) -> dict[str, Any]:
    from scanner.assessment import iso

    return {
        "id": run.id,
        "started_at": iso(run.started_at),
        "finished_at": None if run.finished_at is None else iso(run.finished_at),
        "source": run.source,
        "endpoint": run.endpoint,
        "selection": run.selection,
        "state": str(run.state),
        "detail": run.detail,
        "deep": run.deep,
        "listed": run.listed,
        "rules": run.rules,
    }


def _compared_values(compared: Compared) -> dict[str, Any]:
    from dataclasses import asdict

    def totals(position: int) -> dict[str, Any]:
        return {"honouring": asdict(compared.honouring[position]), "ignoring": asdict(compared.ignoring[position])}

    return {
        "id": compared.regulation.id,
        "title": compared.regulation.title,
        "threshold": compared.regulation.threshold.parameters,
        "rule_changed": compared.rule_changed,
        "notes": list(compared.notes),
        "before": totals(0),
        "after": totals(1),
        "first_judged": {str(status): count for status, count in compared.first.items()},
    }


# For people ----------------------------------------------------------------------------------------------------------


def text_parts(difference: Difference, regulations: Sequence[Regulation], limit: int, note: Note) -> Iterator[str]:
    """The comparison as plain text: totals in a table, then what moved by kind."""
    from notifiers.render.safe import visible
    from notifiers.render.words import CHANGE_WORDS, integer
    from scanner.cli.summary import difference_table

    yield f"Before: {visible(_run_words(difference.before))}\nAfter:  {visible(_run_words(difference.after))}\n"
    yield from (f"Note: {visible(line)}.\n" for line in difference.notes())
    yield f"{_covered_words(difference)}\n"
    for regulation in regulations:
        compared = difference.of(regulation)
        yield "\n" + difference_table(compared.regulation.id, compared.honouring, compared.ignoring)
        yield from (f"Note: {line}.\n" for line in compared.notes)
        yield f"{_first_words(compared)}\n"
        with Sorted(_text_line, limit) as found:
            found.take(difference.changes(regulation))
            note(compared, found.kinds())
            for kind in found.kinds():
                yield f"\n{CHANGE_WORDS[kind]}: {integer(found.counts[kind])}\n"
                yield from (f"  {line}\n" for line in found.lines(kind))
                if left := found.left_out(kind):
                    yield f"  … and {integer(left)} more (--limit)\n"
            if not found.kinds():
                yield "\nNo model changed.\n"


def markdown_parts(difference: Difference, regulations: Sequence[Regulation], limit: int, note: Note) -> Iterator[str]:
    """The same as GitHub Flavored Markdown."""
    from notifiers.render.markdown_escape import prose
    from notifiers.render.safe import visible
    from notifiers.render.words import CHANGE_WORDS, integer

    before, after = difference.before, difference.after
    yield f"# What changed between run {before.id} and run {after.id}\n\n"
    yield f"- **Before:** {prose(visible(_run_words(before)))}\n- **After:** {prose(visible(_run_words(after)))}\n"
    yield f"- **Models:** {_covered_words(difference)}\n"
    yield from (f"\n> **Note:** {prose(visible(line))}.\n" for line in difference.notes())
    for regulation in regulations:
        compared = difference.of(regulation)
        yield f"\n## {prose(visible(compared.regulation.title))}\n\n{_markdown_table(compared)}"
        yield from (f"\n> **Note:** {prose(line)}.\n" for line in compared.notes)
        yield f"\n{_first_words(compared)}\n"
        with Sorted(_markdown_line, limit) as found:
            found.take(difference.changes(regulation))
            note(compared, found.kinds())
            for kind in found.kinds():
                yield f"\n### {CHANGE_WORDS[kind]}: {integer(found.counts[kind])}\n\n"
                yield from (f"- {line}\n" for line in found.lines(kind))
                if left := found.left_out(kind):
                    yield f"- … and {integer(left)} more\n"
            if not found.kinds():
                yield "\nNo model changed.\n"


def _run_words(run: Run) -> str:
    from notifiers.render.words import moment

    return f"run {run.id}, {run.selection}, {moment(run.finished_at or run.started_at)}"


def _covered_words(difference: Difference) -> str:
    from notifiers.render.words import integer, models

    covered = difference.covered()
    return (
        f"{models(covered.before)} before and {integer(covered.after)} after; "
        f"{integer(covered.only_before)} only before, {integer(covered.only_after)} only after."
    )


def _first_words(compared: Compared) -> str:
    from notifiers.render.words import integer
    from scanner.cli.summary import WORDS

    counts = ", ".join(f"{integer(count)} {WORDS[status]}" for status, count in compared.first.items())
    return f"Judged for the first time: {counts}."


def _markdown_table(compared: Compared) -> str:
    from notifiers.render.words import difference, integer
    from scanner.cli.summary import WORDS
    from scanner.scope import VerdictStatus

    rows = [(WORDS[status].capitalize(), str(status)) for status in VerdictStatus]
    rows[2:2] = [("… not distributed", "not_distributed"), ("… without weights", "no_weights")]
    lines = [
        "| Verdict | Before | After | Difference | Ignoring declarations, before | After | Difference |",
        "| --- | ---: | ---: | ---: | ---: | ---: | ---: |",
    ]
    for label, column in (*rows, ("All", "models")):
        cells: list[str] = [label]
        for before, after in (compared.honouring, compared.ignoring):
            was, now = getattr(before, column), getattr(after, column)
            cells += [integer(was), integer(now), difference(now, was)]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def _text_line(kind: ChangeKind, change: Change) -> str:
    from notifiers.render.safe import LIMIT_NAME, visible

    return visible(change.model, LIMIT_NAME) + _what(kind, change, lambda text: text, "->")


def _markdown_line(kind: ChangeKind, change: Change) -> str:
    from notifiers.render.markdown_escape import code_span, prose
    from notifiers.render.safe import LIMIT_NAME, visible

    return code_span(visible(change.model, LIMIT_NAME), table=False) + _what(kind, change, prose, "→")


def _what(kind: ChangeKind, change: Change, written: Callable[[str], str], arrow: str) -> str:
    """What happened to a model, behind its name."""
    from notifiers.report import ChangeKind

    before, after = (_value(value, written) for value in (change.before, change.after))
    if kind is ChangeKind.DECLARATION_ADDED:
        return f": {after}"
    if kind is ChangeKind.DECLARATION_REMOVED:
        return f": {before}"
    if kind is ChangeKind.NEW:
        return f": {after}" if change.after is not None else ": not judged"
    cause = f" ({written(change.cause)})" if change.cause else ""
    return f": {before} {arrow} {after}{cause}"


def _value(value: str | int | None, written: Callable[[str], str]) -> str:
    from notifiers.render.safe import quotation
    from notifiers.render.words import integer, verdict

    if value is None or isinstance(value, int):
        return integer(value)
    words = verdict(value)
    return words.lower() if words else written(quotation(value))
