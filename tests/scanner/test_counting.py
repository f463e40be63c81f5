"""Counting one model: what is read, when it stops, and what is remembered of it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import msgspec
import pytest

from estimators.interface import Basis, Estimate, Evidence, Hints
from estimators.roles import FileEntry
from scanner import counting
from scanner.counting import Counted, ReadOnce, Told, count, memory_key, read_once
from scanner.errors import Refused, Unanswered
from scanner.facts import ModelFacts
from scanner.prices import price_of
from scanner.ranges import Stat
from tests.builders import CountingReader, safetensors_file

MILLION = 1_000_000


class File(CountingReader):
    """A file in memory that is opened first, as the scanner's are."""

    def __init__(self, data: bytes, name: str, digest: str | None = None) -> None:
        super().__init__(data, name)
        self.data = data
        self.digest = digest

    def open(self) -> Stat:
        return Stat(self.size, self.digest)


def facts(files: Mapping[str, File], **more: Any) -> ModelFacts:
    return ModelFacts(key="1", name="a/b", source="huggingface", files=tuple(map(FileEntry, files)), **more)


def counted(files: Mapping[str, File], **more: Any) -> Counted:
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


class Gate(File):
    """A file that is not handed out."""

    def open(self) -> Stat:
        raise Refused("gated", f"{self.name} is gated")


class Page:
    """A model's page, which is asked for at most as often as it has answers."""

    def __init__(self, sizes: Mapping[str, int], *, digests: Mapping[str, str] | None = None, **more: Any) -> None:
        files = tuple(FileEntry(path, size) for path, size in sizes.items())
        self.facts = ModelFacts(
            key="1", name="a/b", source="huggingface", files=files, digests=digests or {}, **{"sha": "c" * 40, **more}
        )
        self.asked = 0

    def __call__(self) -> ModelFacts:
        self.asked += 1
        return self.facts


def test_a_gated_model_costs_its_page_and_no_refused_request() -> None:
    files = {"model.safetensors": Gate(b"", "model.safetensors")}
    page = Page({"model.safetensors": 40 * MILLION})
    gated = replace(facts(files), gated="auto")
    work = count(gated, files.__getitem__, thresholds=[MILLION], refresh=page, closed=True)
    assert (work.estimate.side(MILLION), page.asked, work.opened, work.failures) == (True, 1, [], [])


@pytest.mark.parametrize("closed", [True, False])
def test_what_the_page_of_a_gated_model_leaves_open_is_told_once(closed: bool) -> None:
    files = {name: Gate(b"", name) for name in ("a.bin", "b.bin", "c.bin")}
    page = Page(dict.fromkeys(files, 400_000))
    gated = replace(facts(files), gated="manual")
    work = count(gated, files.__getitem__, thresholds=[MILLION], refresh=page, closed=closed)
    assert work.estimate.side(MILLION) is None
    assert page.asked == 1
    assert [code for _, code, _ in work.failures] == ["gated"]
    assert len(work.opened) == (0 if closed else 1)  # with a token that may have access, one refusal is for all


def test_whoever_may_read_a_gated_model_counts_it_exactly_without_its_page() -> None:
    data = safetensors_file({"a": ("F32", (70,))})
    files = {"model.safetensors": File(data, "model.safetensors")}
    page = Page({})
    work = count(replace(facts(files), gated="auto"), files.__getitem__, thresholds=[], exact=True, refresh=page)
    assert (work.estimate.point, work.estimate.exact, page.asked) == (70, True, 0)


def test_the_page_of_a_gated_model_names_bytes_that_were_read_elsewhere() -> None:
    files = {"model.safetensors": Gate(b"", "model.safetensors")}
    page = Page({"model.safetensors": 4 * MILLION}, digests={"model.safetensors": "d" * 64})
    work = count(
        replace(facts(files), gated="auto"),
        files.__getitem__,
        thresholds=[MILLION],
        refresh=page,
        closed=True,
        remembered={memory_key("d" * 64, Hints()): big(partial=False)}.get,
    )
    assert (work.estimate.side(MILLION), work.failures) == (True, [])


def test_several_odd_files_are_weighed_by_the_page() -> None:
    data = safetensors_file({"a": ("F32", (10,))})
    odd = {name: File(b"x" * 100, name) for name in ("a.qqq", "b.zzz", "c.foo")}
    files = {"model.safetensors": File(data, "model.safetensors"), **odd}
    page = Page({name: len(file.data) for name, file in files.items()})
    work = count(facts(files), files.__getitem__, thresholds=[MILLION], refresh=page)
    assert (work.estimate.side(MILLION), work.opened, page.asked) == (False, ["model.safetensors"], 1)


def test_a_page_that_does_not_come_leaves_the_files_to_be_opened() -> None:
    def silent() -> ModelFacts:
        raise Unanswered("server-error", "no answer")

    odd = {name: File(b"x" * 100, name) for name in ("a.qqq", "b.zzz", "c.foo")}
    work = counted(odd, refresh=silent)
    assert work.estimate.basis is Basis.NO_WEIGHTS
    assert work.opened == [*odd]
    assert [code for _, code, _ in work.failures] == ["server-error"]


def sharded(parts: int, elements: int) -> dict[str, File]:
    named = [f"model-{number:05}-of-{parts:05}.safetensors" for number in range(1, parts + 1)]
    files = {
        name: File(safetensors_file({name: ("F32", (elements,))}), name, f"{at:064x}") for at, name in enumerate(named)
    }
    return {**files, "model.safetensors.index.json": File(b"{}", "model.safetensors.index.json")}


def told(files: Mapping[str, File], page: Page, *, spaces: int = 0) -> Callable[[str], Told | None]:
    """What the Hub tells of all headers at once, spelled anew."""

    def ask(index: str) -> Told:
        assert index == "model.safetensors.index.json"
        shards = {name: file for name, file in files.items() if name.endswith(".safetensors")}
        headers = {
            name: msgspec.json.format(
                bytes(file.data[8 : 8 + int.from_bytes(file.data[:8], "little")]), indent=spaces or -1
            )
            for name, file in shards.items()
        }
        return Told(headers, page())

    return ask


@pytest.mark.parametrize("spaces", [0, 2])
def test_the_headers_of_many_shards_are_asked_for_at_once(spaces: int) -> None:
    files = sharded(6, 50)
    page = Page(
        {name: len(file.data) for name, file in files.items()}, digests={n: f.digest or "" for n, f in files.items()}
    )
    work = counted(files, exact=True, at_once=told(files, page, spaces=spaces))
    assert (work.estimate.point, work.estimate.exact, work.opened) == (300, True, [])
    assert len(work.learned) == 6
    assert all(file.requests == 0 for file in files.values())


def test_headers_that_fit_no_file_of_that_size_are_read_from_the_files() -> None:
    files = sharded(6, 50)
    page = Page({name: len(file.data) + 400_000 for name, file in files.items()})  # those of another revision
    work = counted(files, exact=True, at_once=told(files, page))
    assert len(work.opened) == 6
    assert work.estimate.exact


def test_the_hub_is_not_asked_for_few_headers_nor_where_one_shard_decides() -> None:
    def never(index: str) -> Told | None:
        raise AssertionError(index)

    few = sharded(3, 50)
    assert counted(few, exact=True, at_once=never).estimate.point == 150
    large = sharded(8, 400_000)
    work = counted(large, at_once=never)
    assert (work.estimate.side(MILLION), len(work.opened)) == (True, 3)


def test_without_an_answer_for_all_shards_each_is_opened() -> None:
    files = sharded(6, 50)
    assert len(counted(files, exact=True, at_once=lambda _: None).opened) == 6


def test_the_same_bytes_are_read_once_by_all_workers() -> None:
    data = safetensors_file({"a": ("F32", (40_000,))})
    reading, go_on = threading.Event(), threading.Event()

    class Slow(File):
        def read(self, offset: int, length: int) -> bytes:
            reading.set()
            assert go_on.wait(10)
            return super().read(offset, length)

    once = read_once()

    def look(file: File) -> Counted:
        return counted({file.name: file}, once=once)

    first, second = Slow(data, "model.safetensors", "d" * 64), File(data, "other.safetensors", "d" * 64)
    with ThreadPoolExecutor(2) as pool:
        one = pool.submit(look, first)
        assert reading.wait(10)
        two = pool.submit(look, second)
        go_on.set()
        works = [one.result(10), two.result(10)]
    assert [work.estimate.point for work in works] == [40_000, 40_000]
    assert (second.requests, works[1].opened, works[1].learned) == (0, ["other.safetensors"], [])
    (row,) = works[1].estimate.evidence
    assert (row.file, row.requests) == ("other.safetensors", 0)


def test_bytes_that_are_no_header_are_not_read_again_but_failed_reads_are() -> None:
    once: ReadOnce = read_once()
    broken = {name: File(b"\x00" * 400_000, name, "d" * 64) for name in ("model.safetensors", "b/model.safetensors")}
    works = [counted({name: file}, once=once) for name, file in broken.items()]
    assert [file.requests > 0 for file in broken.values()] == [True, False]
    assert [[code for _, code, _ in work.failures] for work in works] == [["malformed-file"]] * 2
    assert "b/model.safetensors" in works[1].failures[0][2]
