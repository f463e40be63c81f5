"""The project's own labelled texts: every file is read at least as well as it was.

All of them are made up by us, some before the reader was written and some against it: the floors hold what was reached
and are no forecast for other texts. `python tests/benchmarks/score_labelled.py FILE…` prints the rates with Wilson's
intervals, and with `--verbose` what is read wrongly.
"""

from functools import lru_cache
from pathlib import Path

import pytest

from tests.benchmarks.score_labelled import Score, load, score

FILES = sorted((Path(__file__).parent / "labelled").glob("*.jsonl"))
FOUND = 0.95  # of the texts that exclude mainland China
SOUND = 0.998  # of the texts that are said to exclude it
RIGHT = 0.95  # texts with exactly the right sets
ALARMS = 0.005  # of the texts that declare nothing


@lru_cache(maxsize=len(FILES))
def scored(path: Path) -> Score:
    return score(load(path))


def total() -> Score:
    return sum((scored(path) for path in FILES), Score())


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_every_file_is_read_well(path: Path) -> None:
    result = scored(path)
    wrong = "\n".join(f"{one.id}: expected {one.expected}; got {one.got}" for one in result.wrong[:20])
    assert result.right.value >= RIGHT, f"{result.right}\n{wrong}"
    assert result.false_alarms.value <= ALARMS, f"{result.false_alarms}\n{wrong}"
    assert result.embargo_right.value >= RIGHT, f"{result.embargo_right}\n{wrong}"


def test_what_excludes_mainland_china_is_found_and_nothing_else_is_said_to() -> None:
    result = total()
    assert result.recall.value >= FOUND, str(result.recall)
    assert result.precision.value >= SOUND, str(result.precision)
    assert result.cases >= 5000


def test_the_labels_are_sound() -> None:
    ids = [case["id"] for path in FILES for case in load(path)]
    assert len(ids) == len(set(ids))
    for path in FILES:
        for case in load(path):
            assert case["files"], case["id"]
            declares = bool(case["excluded"] or case["limited_to"] or case["embargo"])
            assert (case["kind"] != "none") is declares, case["id"]
