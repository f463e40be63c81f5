"""Counting one model: what is read, when it stops, and what is remembered of it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from estimators.interface import Basis, Estimate, Evidence, Hints
from estimators.roles import FileEntry
from scanner import counting
from scanner.counting import Counted, count, memory_key
from scanner.facts import ModelFacts
from scanner.prices import price_of
from scanner.ranges import Stat
from tests.builders import CountingReader, safetensors_file

MILLION = 1_000_000


class File(CountingReader):
    """A file in memory that is opened first, as the scanner's are."""

    def __init__(self, data: bytes, name: str, digest: str | None = None) -> None:
        super().__init__(data, name)
        self.digest = digest

    def open(self) -> Stat:
        return Stat(self.size, self.digest)


def facts(files: dict[str, File], **more: Any) -> ModelFacts:
    return ModelFacts(key="1", name="a/b", source="huggingface", files=tuple(map(FileEntry, files)), **more)


def counted(files: dict[str, File], **more: Any) -> Counted:
    return count(facts(files), files.__getitem__, **{"thresholds": [MILLION], **more})


def big(partial: bool) -> Estimate:
    row = Evidence(Basis.ONNX_GRAPH, "other!inner.onnx", 2 * MILLION, None, None, requests=3, bytes_read=9)
    return Estimate(2 * MILLION, None, None, Basis.ONNX_GRAPH, evidence=(row,), partial=partial)


@pytest.fixture
def seen(monkeypatch: pytest.MonkeyPatch) -> list[Hints]:
    """What estimators are told; they answer with a partial count."""
    told: list[Hints] = []

    def estimate_file(reader: object, hints: Hints) -> Estimate:
        told.append(hints)
        return big(partial=hints.enough is not None)

    monkeypatch.setattr(counting, "estimate_file", estimate_file)
    return told


def test_estimators_are_told_how_much_is_enough(seen: list[Hints]) -> None:
    files = {"model.safetensors": File(bytes(4 * MILLION), "model.safetensors")}
    counted(files)
    counted(files, thresholds=[5, MILLION])
    counted(files, exact=True)
    assert [hints.enough for hints in seen] == [MILLION, MILLION, None]


def test_a_count_that_stopped_early_serves_for_its_threshold_only(seen: list[Hints]) -> None:
    files = {"model.safetensors": File(bytes(4 * MILLION), "model.safetensors", digest="d" * 64)}
    memory: dict[str, Estimate] = {}

    def look(**more: Any) -> Counted:
        work = counted(files, remembered=memory.get, **more)
        memory.update({learned.digest: learned.estimate for learned in work.learned})
        return work

    assert look().estimate.low == 2 * MILLION
    again = look()
    assert len(seen) == 1
    (row,) = again.estimate.evidence
    assert (row.file, row.requests, row.bytes_read) == ("model.safetensors!inner.onnx", 0, 0)
    look(thresholds=[MILLION // 2])
    assert len(seen) == 2
    look(exact=True)
    assert len(seen) == 3
    assert memory[memory_key("d" * 64, Hints())].partial is False
    look(thresholds=[7 * MILLION])  # the whole count serves for all
    assert len(seen) == 3


def test_settings_of_quantisation_are_part_of_the_key() -> None:
    plain, packed = Hints(), Hints(quantization={"bits": 4})
    assert memory_key("d", plain) != memory_key("d", packed)
    assert memory_key("d", replace(packed, enough=5)) == memory_key("d", packed)
    assert memory_key("d", replace(packed, enough=5), partial=True) != memory_key("d", packed)


def test_an_unrecognised_file_is_opened_once_its_size_asks_for_it() -> None:
    data = safetensors_file({"a": ("F32", (100_000,))})
    work = counted({"weights.xyz": File(data, "weights.xyz")})
    assert (work.estimate.point, work.estimate.exact) == (100_000, True)
    small = File(data[:1000], "weights.xyz")
    assert counted({"weights.xyz": small}).estimate.basis is Basis.NO_WEIGHTS
    assert small.requests == 0


@pytest.mark.parametrize(
    ("path", "opened", "price"),
    [
        ("model.safetensors", False, 1),
        ("a/M-Q4_0.GGUF", False, 2),
        ("a/config.json", False, 2),
        ("M.gguf", True, 0),
        ("my_config.json", False, 1),
    ],
)
def test_prices(path: str, opened: bool, price: int) -> None:
    assert price_of(path, opened=opened) == price


def test_of_reads_that_tell_as_much_the_cheapest_is_made() -> None:
    data = safetensors_file({"a": ("F32", (1_000_001,))})
    files = {name: File(data, name) for name in ("x/M.gguf", "y/model.safetensors")}
    work = count(
        replace(facts(files), files=tuple(FileEntry(name, len(data)) for name in files)),
        files.__getitem__,
        thresholds=[MILLION],
    )
    assert work.opened == ["y/model.safetensors"]  # the other would be a download that its author sees
    assert work.estimate.side(MILLION) is True
