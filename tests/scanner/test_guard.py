"""A listing that loses or empties much of what was known is suspect; a little change is none."""

from dataclasses import replace
from typing import Any

import pytest

from estimators.roles import FileEntry
from scanner.assessment import Assessment
from scanner.facts import ModelFacts
from scanner.guard import EARLY, ENOUGH, Guard
from tests.scanner.making import SHA, model

FULL = ModelFacts("key", "a/b", "huggingface", SHA, files=(FileEntry("model.safetensors"),))


def guard(seen: int, without_count: int, most: float = 0.2) -> Guard:
    """So many models seen again, of which some are listed without their count."""
    found = Guard(most)
    known = model("key", 5)
    for number in range(seen):
        found.compare(_counted(known), FULL, None if number < without_count else 5)
    return found


def _counted(assessment: Assessment) -> Assessment:
    return replace(assessment, declared_sum=5, declared_total=5, revision=SHA)


@pytest.mark.parametrize(
    ("seen", "emptied", "suspect"),
    [(100, 0, False), (100, 20, False), (100, 21, True), (ENOUGH - 1, ENOUGH - 1, False)],
)
def test_a_count_that_vanishes_from_many(seen: int, emptied: int, suspect: bool) -> None:
    assert bool(guard(seen, emptied).doubt()) is suspect


def test_unchanged_models_count_as_having_what_they_had() -> None:
    found = guard(30, 30)
    found.unchanged(1000)
    assert not found.doubt()


def test_while_the_listing_goes_on_only_many_models_tell() -> None:
    few, many = guard(100, 100), guard(EARLY, EARLY)
    assert not few.doubt(early=True)
    assert few.doubt()
    assert "which they had" in many.doubt(early=True)


@pytest.mark.parametrize(("change", "word"), [({"sha": None}, "the revision"), ({"files": None}, "the list of files")])
def test_a_revision_or_the_files_that_vanish(change: dict[str, Any], word: str) -> None:
    found = Guard(0.5)
    for _ in range(ENOUGH):
        found.compare(_counted(model("key", 5)), replace(FULL, **change), 5)
    assert f"are listed without {word}, which they had" in found.doubt()


@pytest.mark.parametrize(
    ("known", "lost", "suspect"),
    [(ENOUGH, 5, True), (ENOUGH, 4, False), (ENOUGH - 1, ENOUGH - 1, False), (1_000_000, 200_001, True), (0, 0, False)],
)
def test_models_that_are_listed_no_more(known: int, lost: int, suspect: bool) -> None:
    assert bool(Guard(0.2).losses(known, lost)) is suspect


def test_everything_may_be_allowed() -> None:
    assert not Guard(1.0).losses(100, 100)
    assert not guard(100, 100, most=1.0).doubt()
