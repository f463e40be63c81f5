"""Count false alarms on texts nobody wrote for hubscope: `python tests/benchmarks/natural_texts.py SOURCE…`.

A SOURCE is a text, a folder of texts, a wheel or zip (its licences and descriptions are read), or a file of JSON Lines,
`{"id": "…", "file": "README.md", "text": "…"}`. Licence-like names are read as licence files, all others as cards.
Needs an editable install, or PYTHONPATH=.

A corpus that any machine can get, some 2,600 licences and 36,000 notices as people wrote them:

    pip download --no-deps --dest corpus scancode-toolkit
    python tests/benchmarks/natural_texts.py corpus/scancode_toolkit-*.whl --output found.jsonl

and the licences of installed Debian packages, and the descriptions of installed Python packages:

    python tests/benchmarks/natural_texts.py /usr/share/doc .venv/lib/python3.11/site-packages

Hardly any of these texts limits territories, so what is found is a false alarm until a person has confirmed it:
`--marked FILE`, JSON Lines of `{"id": "…", "true": true, "excluded": ["CN"], "limited_to": []}`. A mark covers the
codes it names and no others; one without both lists covers whatever is found. Embargo clauses are listed and counted
by kind, and are no alarms: they exempt no model.

Prints, per source (a wheel's endings apart): texts, those that name a territory, declarations by kind, texts that
exclude mainland China, alarms per 10,000 texts with Wilson's interval at 95 %, confirmed texts found and missed, and
milliseconds of processor time a text. --verbose lists every declaration, --output writes them to a file for a person
to mark.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from multiprocessing import Pool
from pathlib import Path
from typing import Any

from scanner.restrictions.interface import Declaration, Kind
from scanner.restrictions.names import names_territory
from scanner.restrictions.reader import is_licence_file
from tests.benchmarks.measures import MAINLAND_CHINA, Rate, limits, members, read_texts, shown
from tests.benchmarks.natural_sources import Text, texts

PROCESSES = 2
CHUNK = 100  # texts handed to a process at once
QUOTED = 200


@dataclass(frozen=True, slots=True)
class Found:
    """What reading one text yielded."""

    source: str
    id: str
    names_territory: bool
    declarations: tuple[Declaration, ...]
    limits: tuple[Declaration, ...]
    milliseconds: float


@dataclass(frozen=True, slots=True)
class Mark:
    """A person's word on a text: whether it limits territories, and which; None where the mark does not say."""

    true: bool
    excluded: frozenset[str] | None
    limited_to: frozenset[str] | None

    @property
    def limits(self) -> bool:
        """Whether the text limits territories; a mark with two empty lists confirms an embargo clause at most."""
        return self.true and (self.excluded != frozenset() or self.limited_to != frozenset())

    def covers(self, declarations: Sequence[Declaration]) -> bool:
        """Tell whether all that was found is confirmed."""
        excluded = members(code for one in declarations for code in one.excluded)
        limited_to = members(code for one in declarations for code in one.limited_to)
        if self.excluded is None and self.limited_to is None:
            return self.true
        return self.true and excluded <= (self.excluded or set()) and limited_to <= (self.limited_to or set())


@dataclass(slots=True)
class Row:
    """One source's results."""

    texts: int = 0
    naming: int = 0
    excluding_china: int = 0
    alarms: int = 0
    confirmed: int = 0
    missed: int = 0
    kinds: Counter[Kind] = field(default_factory=Counter)
    milliseconds: list[float] = field(default_factory=list)


# --- marks


def load_marks(path: Path) -> dict[str, Mark]:
    """Return a person's marks by the ids of texts."""
    marks = {}
    for row in map(json.loads, filter(str.strip, path.read_text(encoding="utf-8").split("\n"))):
        marks[row["id"]] = Mark(row["true"], _codes(row, "excluded"), _codes(row, "limited_to"))
    return marks


def _codes(row: Mapping[str, Any], key: str) -> frozenset[str] | None:
    return members(row[key]) if key in row else None


# --- reading


def read(text: Text) -> Found:
    """Read one text as the only one of a repository."""
    file = text.file if is_licence_file(text.file) else "README.md"
    begin = time.process_time()
    restrictions = read_texts({file: text.text})
    spent = time.process_time() - begin
    return Found(
        text.source,
        text.id,
        names_territory(text.text),
        restrictions.items,
        tuple(limits(restrictions)),
        spent * 1000,
    )


def warm_up() -> None:
    """Load the phrases before anything is measured."""
    read_texts({"README.md": "Not available in China.", "LICENSE": "Not available in China."})


def measure(found: Iterable[Found], marks: Mapping[str, Mark]) -> tuple[dict[str, Row], list[Found]]:
    """Count by source, and keep the texts with declarations."""
    rows: dict[str, Row] = defaultdict(Row)
    kept = []
    for one in found:
        mark = marks.get(one.id)
        for row in (rows[one.source], rows["in all"]):
            _add(row, one, mark)
        if one.declarations:
            kept.append(one)
    rows["in all"] = rows.pop("in all", Row())  # last
    return rows, kept


def _add(row: Row, one: Found, mark: Mark | None) -> None:
    confirmed = bool(one.limits) and mark is not None and mark.covers(one.limits)
    row.texts += 1
    row.naming += one.names_territory
    row.excluding_china += any(MAINLAND_CHINA in limit.excluded for limit in one.limits)
    row.confirmed += confirmed
    row.alarms += bool(one.limits) and not confirmed
    row.missed += mark is not None and mark.limits and not one.limits
    row.kinds.update(declaration.kind for declaration in one.declarations)
    row.milliseconds.append(one.milliseconds)


# --- the answer


def show(rows: Mapping[str, Row]) -> None:
    """A few lines for each source."""
    for name, row in rows.items():
        rate = Rate(row.alarms, row.texts)
        low, high = rate.interval
        kinds = ", ".join(f"{count} {kind}" for kind, count in sorted(row.kinds.items())) or "none"
        slow = sorted(row.milliseconds)[min(len(row.milliseconds) * 99 // 100, len(row.milliseconds) - 1) :][:1]
        print(f"{name}: {row.texts} texts, {row.naming} name a territory")
        print(f"  declarations: {kinds}; {row.excluding_china} texts exclude mainland China")
        print(f"  alarms: {row.alarms}, {rate.value * 1e4:.1f} per 10,000 texts ({low * 1e4:.1f} to {high * 1e4:.1f})")
        print(f"  confirmed: {row.confirmed} found, {row.missed} missed")
        if slow:
            print(f"  ms a text: median {statistics.median(row.milliseconds):.2f}, 99th percentile {slow[0]:.2f}")


def listed(kept: Iterable[Found]) -> Iterator[dict[str, Any]]:
    """Every declaration as a row for a person to judge."""
    for one in kept:
        for declaration in one.declarations:
            yield {
                "id": one.id,
                "source": one.source,
                "kind": declaration.kind.value,
                "active": declaration.active,
                "excluded": list(declaration.excluded),
                "limited_to": list(declaration.limited_to),
                "quote": " ".join(declaration.quote.split())[:QUOTED],
            }


def tell(row: Mapping[str, Any]) -> str:
    """A row of the list as a line."""
    effect = "limited to" if row["limited_to"] else "excluded"
    return f"{row['id']}: {row['kind']}, {effect} {shown(row['limited_to'] or row['excluded'])}: {row['quote']}"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("sources", type=Path, nargs="+")
    parser.add_argument("--marked", type=Path, help="JSON Lines of texts that a person has judged")
    parser.add_argument("--output", type=Path, help="write every declaration to this file, as JSON Lines")
    parser.add_argument("--verbose", action="store_true", help="list every declaration")
    options = parser.parse_args(arguments)
    marks = load_marks(options.marked) if options.marked else {}
    with Pool(PROCESSES, warm_up) as pool:
        everything = (text for source in options.sources for text in texts(source))
        rows, kept = measure(pool.imap(read, everything, CHUNK), marks)
    show(rows)
    for row in listed(kept) if options.verbose else ():
        print(tell(row))
    if options.output:
        lines = (json.dumps(row, ensure_ascii=False) + "\n" for row in listed(kept))
        options.output.write_text("".join(lines), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
