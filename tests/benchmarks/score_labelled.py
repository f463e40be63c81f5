"""Score the reading of restrictions on labelled texts: `python tests/benchmarks/score_labelled.py FILE.jsonl…`.

One case a line: `{"id": "…", "files": {"README.md": "…", "LICENSE": "…"}, "gated": false, "excluded": ["CN"],
"limited_to": [], "embargo": []}`, with `gated` false, "auto" or "manual". Needs an editable install, or PYTHONPATH=.

Prints, per file and in all, each with its Wilson interval at 95 %:

- excludes mainland China: precision and recall, by the active declarations of the repository itself, embargoes apart;
- right: texts of which exactly the right `excluded` and `limited_to` were read, of those with a limit, and of all;
- embargo right: texts with exactly the right codes in embargo clauses, of all;
- false alarms: texts that declare no limit, of which one was read.

With --verbose every text that was read wrongly: its id, the label, what was read instead, and the words it rests on.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from scanner.restrictions.interface import Kind
from tests.benchmarks.measures import MAINLAND_CHINA, NO_TRIALS, Rate, limits, members, read_texts, shown

QUOTED = 200  # characters of each quote that are shown


@dataclass(frozen=True, slots=True)
class Sets:
    """The codes of a text, as labelled or as read, with the Union spelled out."""

    excluded: frozenset[str]
    limited_to: frozenset[str]
    embargo: frozenset[str]

    @property
    def limited(self) -> bool:
        return bool(self.excluded or self.limited_to)

    def same_limit(self, other: Sets) -> bool:
        return (self.excluded, self.limited_to) == (other.excluded, other.limited_to)

    def __str__(self) -> str:
        parts = (("excluded", self.excluded), ("limited to", self.limited_to), ("embargo", self.embargo))
        return ", ".join(f"{name} {shown(codes)}" for name, codes in parts if codes) or "nothing"


@dataclass(frozen=True, slots=True)
class Wrong:
    """A text that was read wrongly."""

    id: str
    expected: Sets
    got: Sets
    quotes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Score:
    """How well texts were read; scores of several files add up."""

    cases: int = 0
    precision: Rate = NO_TRIALS
    recall: Rate = NO_TRIALS
    right_of_limited: Rate = NO_TRIALS
    right: Rate = NO_TRIALS
    embargo_right: Rate = NO_TRIALS
    false_alarms: Rate = NO_TRIALS
    wrong: tuple[Wrong, ...] = ()

    def __add__(self, other: Score) -> Score:
        return Score(
            self.cases + other.cases,
            self.precision + other.precision,
            self.recall + other.recall,
            self.right_of_limited + other.right_of_limited,
            self.right + other.right,
            self.embargo_right + other.embargo_right,
            self.false_alarms + other.false_alarms,
            self.wrong + other.wrong,
        )


def score(cases: Iterable[Mapping[str, Any]]) -> Score:
    """Read each case and compare it with its label."""
    return sum((_score_one(case) for case in cases), Score())


def _score_one(case: Mapping[str, Any]) -> Score:
    expected = Sets(members(case["excluded"]), members(case["limited_to"]), members(case["embargo"]))
    got, quotes = _read(case)
    wanted, found = MAINLAND_CHINA in expected.excluded, MAINLAND_CHINA in got.excluded
    right = _one(expected.same_limit(got))
    embargo_right = _one(expected.embargo == got.embargo)
    return Score(
        cases=1,
        precision=_one(wanted) if found else NO_TRIALS,
        recall=_one(found) if wanted else NO_TRIALS,
        right_of_limited=right if expected.limited else NO_TRIALS,
        right=right,
        embargo_right=embargo_right,
        false_alarms=NO_TRIALS if expected.limited else _one(got.limited),
        wrong=() if right.hits and embargo_right.hits else (Wrong(case["id"], expected, got, quotes),),
    )


def _read(case: Mapping[str, Any]) -> tuple[Sets, tuple[str, ...]]:
    restrictions = read_texts(case["files"], case.get("gated", False))
    own = limits(restrictions)
    embargoes = [one for one in restrictions.items if one.kind is Kind.EMBARGO]
    got = Sets(
        members(code for one in own for code in one.excluded),
        members(code for one in own for code in one.limited_to),
        members(code for one in embargoes for code in one.excluded),
    )
    return got, tuple(one.quote for one in (*own, *embargoes))


def _one(hit: bool) -> Rate:
    return Rate(int(hit), 1)


def load(path: Path) -> list[dict[str, Any]]:
    """Return the cases of a file of JSON Lines."""
    return [json.loads(line) for line in path.read_text(encoding="utf-8").split("\n") if line.strip()]


def show(name: str, scored: Score, *, verbose: bool) -> None:
    """One file's rates, and every text read wrongly."""
    print(f"{name}: {scored.cases} texts")
    for title, rate in (
        ("excludes CN, precision", scored.precision),
        ("excludes CN, recall", scored.recall),
        ("right, of those with a limit", scored.right_of_limited),
        ("right, of all", scored.right),
        ("embargo right, of all", scored.embargo_right),
        ("false alarms", scored.false_alarms),
    ):
        print(f"  {title:28} {rate}")
    for one in scored.wrong if verbose else ():
        print(f"  {one.id}: expected {one.expected}; got {one.got}")
        for quote in one.quotes:
            print(f"      {' '.join(quote.split())[:QUOTED]}")


def main(arguments: Sequence[str] | None = None) -> int:
    """Score every file; 1 where a text was read wrongly."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("files", type=Path, nargs="+")
    parser.add_argument("--verbose", action="store_true", help="list every text that was read wrongly")
    options = parser.parse_args(arguments)
    total = Score()
    for path in options.files:
        scored = score(load(path))
        show(path.name, scored, verbose=options.verbose)
        total += scored
    if len(options.files) > 1:
        show("in all", total, verbose=False)
    return 1 if total.wrong else 0


if __name__ == "__main__":
    sys.exit(main())
