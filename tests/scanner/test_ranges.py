"""Files in pieces: every block boundary against plain bytes, and every way in which a server can get a range wrong."""

import gc
import gzip
import hashlib
import os
import re
import tracemalloc
from array import array
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import httpx2
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from estimators.errors import BudgetExceeded, ReadFailed
from scanner.errors import BudgetSpent, Refused, SourceError, Unanswered
from scanner.ranges import (
    BLOCK_BYTES,
    KEPT_BYTES,
    MAX_REOPENED,
    MAX_SKIPPED_BYTES,
    LocalFile,
    RemoteFile,
    Stat,
    url_path,
    url_segment,
)
from scanner.samplehub import TOKEN, Blob, Fault, Repository, SampleHub
from scanner.samplehub.server import Server
from tests.scanner.helpers import CDN, HUB, Body, Script, answer, make_client, restore_library

B = BLOCK_BYTES
KINDS = ("local", "cdn", "cdn without size", "small", "small without length", "ignored range")
Handler = Callable[[httpx2.Request], httpx2.Response]


@pytest.fixture(autouse=True)
def _library_as_it_was() -> Iterator[None]:
    yield
    restore_library()


def content(size: int) -> bytes:
    """Bytes of which no two blocks are alike."""
    return array("I", range(size // 4 + 1)).tobytes()[:size]


def asked_range(request: httpx2.Request) -> tuple[int, int]:
    match = re.fullmatch(r"bytes=(\d+)-(\d+)", request.headers["range"])
    assert match is not None
    assert request.headers["accept-encoding"] == "identity"
    return int(match[1]), int(match[2]) + 1


def ranged(request: httpx2.Request, data: bytes, *, total: bool = True) -> httpx2.Response:
    """An honest answer to a range."""
    start, stop = asked_range(request)
    size = str(len(data)) if total else "*"
    if start >= len(data):
        return answer(416, {"Content-Range": f"bytes */{len(data)}"})
    part = data[start:stop]
    return answer(206, {"Content-Range": f"bytes {start}-{start + len(part) - 1}/{size}"}, part)


def to_cdn(**headers: str) -> httpx2.Response:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return answer(302, {"Location": f"{CDN}/blob?Signature=s", **named}, b"Found. Redirecting to the CDN")


def server_of(kind: str, data: bytes) -> Script:
    def handle(request: httpx2.Request) -> httpx2.Response:
        if request.url.host == "cdn.test":
            return ranged(request, data)
        if kind == "cdn":
            return to_cdn(X_Linked_Size=str(len(data)), X_Linked_ETag=f'"{hashlib.sha256(data).hexdigest()}"')
        if kind == "cdn without size":
            return to_cdn()
        if kind == "small":
            return ranged(request, data)
        chunks: list[Any] = [data[at : at + 50_000] for at in range(0, len(data), 50_000)]
        return answer(200, {"Content-Length": str(len(data))} if kind == "ignored range" else {}, chunks)

    return Script(handle)


def remote(server: Script, *, budget: int = 1 << 30, path: str = "model.bin", **more: Any) -> RemoteFile:
    return RemoteFile(server.client(**more), "acme/rocket", "main", path, budget=budget)


# Against plain bytes ---------------------------------------------------------------------------------------------

SIZES = st.one_of(
    st.sampled_from([0, 1, B - 1, B, B + 1, 2 * B, 4 * B - 1, 4 * B, 4 * B + 1, 9 * B + 7]), st.integers(0, 6 * B)
)
NEAR = st.builds(lambda block, by: max(block * B + by, 0), st.integers(0, 8), st.integers(-2, 2))
READS = st.lists(st.tuples(st.one_of(NEAR, st.integers(0, 7 * B)), st.one_of(NEAR, st.integers(0, 3 * B))), max_size=6)


@settings(max_examples=120, deadline=None)
@given(size=SIZES, reads=READS, opened=st.booleans())
def test_any_reads_of_any_file_agree_with_slicing(size: int, reads: list[tuple[int, int]], opened: bool) -> None:
    data = content(size)
    with TemporaryDirectory() as folder:
        path = Path(folder, "file")
        path.write_bytes(data)
        for kind in KINDS:
            server = server_of(kind, data)
            sut = LocalFile(path, "file") if kind == "local" else remote(server)
            if opened:
                sut.open()
            for offset, length in reads:
                assert sut.read(offset, length) == data[offset : offset + length], kind
            if kind in {"local", "cdn"} and (opened or reads):
                assert sut.size == size
            assert sut.size in {None, size}
            assert server.all_closed


@settings(max_examples=120, deadline=None)
@given(size=SIZES, reads=READS)
def test_local_and_remote_cost_the_same_in_whole_blocks_each_read_once(size: int, reads: list[tuple[int, int]]) -> None:
    data = content(size)
    server = server_of("cdn", data)
    with TemporaryDirectory() as folder:
        path = Path(folder, "file")
        path.write_bytes(data)
        here, there = LocalFile(path, "file"), remote(server)
        there.open()
        seen: set[int] = set()
        runs = 0
        for offset, length in reads:
            stop = min(offset + length, size)
            wanted = set(range(offset // B, (stop - 1) // B + 1)) - seen if stop > offset else set()
            runs += sum(1 for before, after in pairwise([-9, *sorted(wanted)]) if after != before + 1)
            seen |= wanted
            here.read(offset, length)
            there.read(offset, length)
        cost = sum(min(B, size - number * B) for number in seen)
        assert here.bytes_read == there.bytes_read == cost
        assert here.requests == there.requests - 1 == runs
        assert len(server.requests) == 1 + runs
        for request in server.requests[1:]:
            start, stop = asked_range(request)
            assert start % B == 0
            assert stop % B == 0 or stop == size


@settings(max_examples=120, deadline=None)
@given(size=SIZES, reads=READS, blocks=st.integers(0, 5), kind=st.sampled_from(KINDS))
def test_no_reads_pass_the_budget(size: int, reads: list[tuple[int, int]], blocks: int, kind: str) -> None:
    data, budget = content(size), blocks * B
    server = server_of(kind, data)
    with TemporaryDirectory() as folder:
        path = Path(folder, "file")
        path.write_bytes(data)
        sut = LocalFile(path, "file", budget=budget) if kind == "local" else remote(server, budget=budget)
        for offset, length in reads:
            before = sut.bytes_read, sut.requests
            try:
                assert sut.read(offset, length) == data[offset : offset + length]
            except BudgetExceeded:
                if before[1]:
                    assert (sut.bytes_read, sut.requests) == before  # nothing was read
        assert sut.bytes_read <= max(budget, B)  # the opening itself takes a block


def test_a_read_is_refused_whole_even_if_its_first_run_would_fit() -> None:
    data = content(5 * B)
    server = server_of("cdn", data)
    sut = remote(server, budget=3 * B)
    sut.read(2 * B, 1)
    with pytest.raises(BudgetExceeded, match=r"131,072 more bytes would pass the budget of 98,304"):
        sut.read(0, 5 * B)
    assert len(server.requests) == 2
    assert sut.read(2 * B, B) == data[2 * B : 3 * B]
    assert sut.read(0, 2 * B) == data[: 2 * B]


@pytest.mark.parametrize("length", [1 << 40, 1 << 62, 10**400])
@pytest.mark.parametrize("kind", ["cdn without size", "local", "cdn"])
def test_a_length_out_of_a_hostile_header_costs_nothing(tmp_path: Path, kind: str, length: int) -> None:
    (tmp_path / "file").write_bytes(b"x")
    server = Script(lambda _: to_cdn() if kind == "cdn without size" else to_cdn(X_Linked_Size="9" * 18))
    sut = LocalFile(tmp_path / "file", "file") if kind == "local" else remote(server)
    if kind == "local":
        assert sut.read(0, length) == b"x"
        return
    with pytest.raises(BudgetExceeded):
        sut.read(8, length)
    assert len(server.requests) == 1


@pytest.mark.parametrize(("offset", "length"), [(-1, 5), (0, -1)])
def test_a_nonsensical_read_is_an_error(tmp_path: Path, offset: int, length: int) -> None:
    (tmp_path / "file").write_bytes(b"x")
    for sut in (LocalFile(tmp_path / "file", "file"), remote(server_of("cdn", b"x"))):
        with pytest.raises(ReadFailed):
            sut.read(offset, length)


# Memory ----------------------------------------------------------------------------------------------------------


def test_a_long_read_is_not_held_three_times_nor_kept(tmp_path: Path) -> None:
    length = 40 << 20
    (tmp_path / "file").write_bytes(b"")
    os.truncate(tmp_path / "file", length)
    block = bytes(1 << 20)

    def handle(request: httpx2.Request) -> httpx2.Response:
        if request.url.host == "hub.test":
            return to_cdn(X_Linked_Size=str(length))
        start, stop = asked_range(request)
        return answer(206, {"Content-Range": f"bytes {start}-{stop - 1}/{length}"}, [block] * ((stop - start) >> 20))

    for sut in (LocalFile(tmp_path / "file", "file"), remote(Script(handle))):
        gc.collect()
        tracemalloc.start()
        try:
            data = sut.read(0, length)
            kept, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        assert len(data) == length
        assert peak < 2.5 * length
        assert kept < length + KEPT_BYTES + (2 << 20)


def test_the_latest_blocks_are_kept_and_the_oldest_forgotten() -> None:
    data = content(KEPT_BYTES + 4 * B)
    server = server_of("cdn", data)
    sut = remote(server)
    for at in range(0, len(data), 4 * B):
        assert sut.read(at, 4 * B) == data[at : at + 4 * B]
    before = len(server.requests)
    assert sut.read(4 * B, KEPT_BYTES) == data[4 * B :]
    assert len(server.requests) == before
    assert sut.read(0, 4 * B) == data[: 4 * B]
    assert len(server.requests) == before + 1


def test_the_kept_blocks_of_a_long_read_are_in_their_places() -> None:
    data = content(KEPT_BYTES + 3 * B + 7)
    sut = remote(server_of("cdn", data))
    assert sut.read(0, len(data)) == data
    before = sut.requests
    assert sut.read(len(data) - KEPT_BYTES + B, KEPT_BYTES) == data[B - KEPT_BYTES :]
    assert sut.requests == before


# Local files -----------------------------------------------------------------------------------------------------


def test_only_regular_files_are_read(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "link").symlink_to(tmp_path / "nowhere")
    for path in (tmp_path, tmp_path / "pipe", tmp_path / "none", tmp_path / "link", Path("/dev/zero"), Path("a\0b")):
        with pytest.raises(ReadFailed):
            LocalFile(path, "name")


def test_a_file_that_is_swapped_for_a_pipe_does_not_hang(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(bytes(100))
    sut = LocalFile(path, "file")
    path.unlink()
    os.mkfifo(path)
    with pytest.raises(ReadFailed, match="no regular file"):
        sut.read(0, 10)
    path.unlink()
    with pytest.raises(ReadFailed, match="cannot be read"):
        sut.read(0, 10)


def test_a_file_that_shrinks_is_not_taken_for_a_short_one(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(content(3 * B))
    sut = LocalFile(path, "file")
    assert sut.open() == Stat(3 * B, None)
    sut.read(0, 1)
    os.truncate(path, B + 5)
    with pytest.raises(ReadFailed, match="became shorter than 98,304 bytes"):
        sut.read(0, 3 * B)


def test_a_file_that_grows_is_read_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"abc")
    sut = LocalFile(path, "file")
    path.write_bytes(b"abcdef")
    assert sut.read(0, 100) == b"abc"


def open_descriptors() -> int:
    folder = Path("/dev/fd")
    return sum(1 for _ in folder.iterdir()) if folder.exists() else 0


def test_descriptors_are_given_back(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(bytes(100))
    sut = LocalFile(path, "file")
    path.unlink()
    os.mkfifo(path)
    before = open_descriptors()
    for _ in range(20):
        with pytest.raises(ReadFailed):
            sut.read(0, 10)
    assert open_descriptors() == before


# What opening tells ----------------------------------------------------------------------------------------------


def test_opening_a_large_file_tells_size_and_digest_for_one_request() -> None:
    data = content(10 * B)
    server = server_of("cdn", data)
    sut = remote(server)
    assert sut.open() == Stat(len(data), hashlib.sha256(data).hexdigest())
    assert (sut.requests, sut.bytes_read) == (1, 0)
    sut.read(0, 4 * B)
    assert [request.url.host for request in server.requests] == ["hub.test", "cdn.test"]


def test_opening_a_small_file_reads_it() -> None:
    server = server_of("small", b"hello")
    sut = remote(server)
    assert sut.open() == Stat(5, None)
    assert sut.read(0, 100) == b"hello"
    assert (sut.requests, sut.bytes_read, len(server.requests)) == (1, 5, 1)


@pytest.mark.parametrize(
    ("headers", "stat"),
    [
        ({}, Stat(None, None)),
        ({"X_Linked_Size": "12"}, Stat(12, None)),
        ({"X_Linked_Size": "-1"}, Stat(None, None)),
        ({"X_Linked_Size": "1e9"}, Stat(None, None)),
        ({"X_Linked_Size": "9" * 5000}, Stat(None, None)),
        ({"X_Linked_ETag": f'"{"ab" * 32}"'}, Stat(None, "ab" * 32)),
        ({"X_Linked_ETag": f'W/"{"ab" * 32}"'}, Stat(None, None)),
        ({"X_Linked_ETag": f'"{"AB" * 32}"'}, Stat(None, None)),
        ({"X_Linked_ETag": f'"{"ab" * 20}"'}, Stat(None, None)),
    ],
    ids=range(9),
)
def test_what_a_redirect_tells_is_checked(headers: dict[str, str], stat: Stat) -> None:
    assert remote(Script(lambda _: to_cdn(**headers))).open() == stat


@pytest.mark.parametrize(
    "reply",
    [
        answer(416, {"Content-Range": "bytes */0"}),
        answer(416),
        answer(200, {"Content-Length": "0"}),
        answer(200),
    ],
    ids=["416", "416 bare", "200", "200 bare"],
)
def test_an_empty_file_is_empty_and_no_error(reply: httpx2.Response) -> None:
    """A range of nothing cannot be satisfied, so that many servers answer 416."""
    sut = remote(Script(lambda _: answer(reply.status_code, dict(reply.headers))))
    assert sut.open() == Stat(0, None)
    assert sut.read(0, 10) == b""


def test_an_empty_file_behind_the_cdn() -> None:
    server = server_of("cdn without size", b"")
    sut = remote(server)
    assert sut.read(0, 10) == b""
    assert sut.size == 0


@pytest.mark.parametrize(
    "location",
    ["//cdn.test/blob?Signature=s", "https://cdn.test/blob?Signature=s", "HTTPS://CDN.test/blob?Signature=s"],
)
def test_the_signed_address_may_be_relative_to_the_scheme(location: str) -> None:
    data = content(100)

    def handle(request: httpx2.Request) -> httpx2.Response:
        if request.url.host == "cdn.test":
            return ranged(request, data)
        return answer(302, {"Location": location, "X-Linked-Size": "100"})

    assert remote(Script(handle)).read(0, 100) == data


def test_a_signed_address_is_asked_for_as_it_is() -> None:
    query = (
        "a=inline%3B+filename%2A%3DUTF-8%27%27x%2By.bin%3B&Expires=1&Policy=eyJ~_-&Signature=AB%2Fc%2B~-_&Key-Pair-Id=K"
    )
    data = content(10)

    def handle(request: httpx2.Request) -> httpx2.Response:
        if request.url.host == "cdn.test":
            return ranged(request, data)
        return answer(302, {"Location": f"{CDN}/xet-bridge-us/a/b?{query}"})

    server = Script(handle)
    remote(server).read(0, 1)
    assert server.requests[1].url.raw_path.decode() == f"/xet-bridge-us/a/b?{query}"


def test_a_redirect_to_plain_text_is_refused() -> None:
    server = Script(lambda _: answer(302, {"Location": "http://cdn.test/blob", "X-Linked-Size": "9"}))
    with pytest.raises(ReadFailed, match="no https address"):
        remote(server).read(0, 1)
    assert len(server.requests) == 1


@pytest.mark.parametrize(
    ("status", "headers", "code"),
    [
        (401, {"X-Error-Code": "GatedRepo"}, "gated"),
        (404, {"X-Error-Code": "EntryNotFound"}, "file-not-found"),
        (404, {"X-Error-Code": "RevisionNotFound"}, "revision-not-found"),
        (503, {}, "server-error"),
    ],
)
def test_opening_fails_as_a_source_and_reading_as_a_reader(status: int, headers: dict[str, str], code: str) -> None:
    with pytest.raises(SourceError) as caught:
        remote(Script(lambda _: answer(status, headers))).open()
    assert caught.value.code == code
    with pytest.raises(ReadFailed):
        remote(Script(lambda _: answer(status, headers))).read(0, 1)


def test_a_spent_budget_of_requests_is_not_a_failed_read() -> None:
    sut = remote(server_of("cdn", content(9 * B)), max_requests=1)
    sut.open()
    sut.read(0, 10)
    with pytest.raises(BudgetSpent):
        remote(server_of("cdn", b"x"), max_requests=0).read(0, 10)


# Ranges gone wrong -----------------------------------------------------------------------------------------------

DATA = content(300_000)


def after_opening(handle: Handler, *, size: int | None = len(DATA)) -> Script:
    """A file behind the CDN, whose ranges are answered by `handle`."""
    known = {} if size is None else {"X_Linked_Size": str(size)}
    return Script(lambda request: to_cdn(**known) if request.url.host == "hub.test" else handle(request))


WRONG: dict[str, Handler] = {
    "zero bytes": lambda _: answer(206, {"Content-Range": f"bytes 0-32767/{len(DATA)}"}, b""),
    "fewer bytes than announced": lambda _: answer(206, {"Content-Range": f"bytes 0-32767/{len(DATA)}"}, DATA[:999]),
    "fewer bytes than asked": lambda _: answer(206, {"Content-Range": f"bytes 0-998/{len(DATA)}"}, DATA[:999]),
    "another place": lambda _: answer(206, {"Content-Range": f"bytes 1-32768/{len(DATA)}"}, DATA[1:32769]),
    "no Content-Range": lambda _: answer(206, {}, DATA[:32768]),
    "garbage Content-Range": lambda _: answer(206, {"Content-Range": "bytes 0 to 32767"}, DATA[:32768]),
    "range backwards": lambda _: answer(206, {"Content-Range": f"bytes 0--1/{len(DATA)}"}, DATA[:32768]),
    "endless digits": lambda _: answer(206, {"Content-Range": f"bytes 0-32767/{'9' * 5000}"}, DATA[:32768]),
    "several ranges": lambda _: answer(206, {"Content-Type": "multipart/byteranges; boundary=x"}, b"--x\r\n\r\n"),
    "compressed range": lambda _: answer(
        206, {"Content-Range": f"bytes 0-32767/{len(DATA)}", "Content-Encoding": "gzip"}, gzip.compress(DATA[:32768])
    ),
    "broken in the middle": lambda _: answer(
        206, {"Content-Range": f"bytes 0-32767/{len(DATA)}"}, [DATA[:999], httpx2.ReadError("reset")]
    ),
    "outside, it says": lambda _: answer(416, {"Content-Range": f"bytes */{len(DATA)}"}),
    "outside, without a word": lambda _: answer(416),
    "nothing at all": lambda _: answer(204),
    "further redirect": lambda _: answer(302, {"Location": "https://third.test/"}),
    "server error": lambda _: answer(500),
    "whole but too short": lambda _: answer(200, {}, DATA[:999]),
}


@pytest.mark.parametrize("wrong", WRONG)
def test_a_wrong_piece_is_asked_for_again_and_never_believed(wrong: str) -> None:
    server = after_opening(WRONG[wrong])
    with pytest.raises(ReadFailed):
        remote(server, max_retries=2).read(0, 5)
    assert len(server.requests) == 1 + 3
    assert server.all_closed
    count = [0]

    def twice(request: httpx2.Request) -> httpx2.Response:
        count[0] += 1
        return WRONG[wrong](request) if count[0] <= 2 else ranged(request, DATA)

    server = after_opening(twice)
    sut = remote(server)
    assert sut.read(0, 5) == DATA[:5]
    assert (sut.bytes_read, sut.requests) == (B, 2)


def test_more_bytes_than_announced_are_neither_read_nor_believed() -> None:
    chunks: list[bytes | Exception] = [DATA[at : at + 4096] for at in range(0, len(DATA), 4096)]
    said = {"Content-Range": f"bytes 0-32767/{len(DATA)}"}
    answers = iter([answer(206, said, list(chunks)), answer(206, {**said, "Content-Length": "40000"}, DATA[:40000])])
    server = after_opening(lambda request: next(answers, None) or ranged(request, DATA))
    assert remote(server).read(0, 40) == DATA[:40]
    assert [body.read for body in server.bodies[1:3]] == [B + 4096, 0]
    assert len(server.requests) == 4


@pytest.mark.parametrize(
    "handle",
    [
        lambda _: answer(206, {"Content-Range": "bytes 0-32767/12345678"}, DATA[:32768]),
        lambda _: answer(416, {"Content-Range": "bytes */12"}),
    ],
    ids=["206", "416"],
)
def test_another_size_than_announced_ends_the_reading(handle: Handler) -> None:
    server = after_opening(handle)
    with pytest.raises(ReadFailed, match="the size changed from 300,000 to"):
        remote(server).read(0, 5)
    assert len(server.requests) == 2
    assert server.all_closed


def test_a_file_that_ends_before_its_announced_size() -> None:
    server = after_opening(lambda request: ranged(request, DATA, total=False), size=400_000)
    sut = remote(server, max_retries=1)
    assert sut.read(0, 10) == DATA[:10]
    with pytest.raises(ReadFailed):
        sut.read(290_000, 50_000)


def test_without_any_size_the_announced_length_is_still_kept_to() -> None:
    server = after_opening(lambda _: answer(206, {"Content-Range": "bytes 0-32767/*"}, DATA[:999]), size=None)
    with pytest.raises(ReadFailed, match="announced 32,768 bytes at 0 and sent 999"):
        remote(server).read(0, 5)


def test_a_gap_is_not_closed_up() -> None:
    """Blocks behind a piece that came too short are not put in its place."""

    def handle(request: httpx2.Request) -> httpx2.Response:
        start, _ = asked_range(request)
        if start:
            return ranged(request, DATA, total=False)
        return answer(206, {"Content-Range": "bytes 0-998/*"}, DATA[:999])

    sut = remote(after_opening(handle, size=None))
    assert sut.read(3 * B, 5) == DATA[3 * B : 3 * B + 5]
    assert sut.read(0, 4 * B) == DATA[:999]


@pytest.mark.parametrize("kind", ["total", "star", "416 without total", "whole"])
def test_the_size_may_be_learnt_on_the_way(kind: str) -> None:
    def handle(request: httpx2.Request) -> httpx2.Response:
        if kind == "whole":
            return answer(200, {}, DATA)
        found = ranged(request, DATA, total=kind == "total")
        return answer(416) if found.status_code == 416 and kind == "416 without total" else found

    sut = remote(after_opening(handle, size=None))
    assert sut.open().size is None
    assert sut.read(299_000, 10_000) == DATA[299_000:]
    assert sut.read(299_990, 1) == DATA[299_990:299_991]
    assert sut.read(400_000, 10) == b""
    assert sut.read(0, 10) == DATA[:10]
    if kind in {"total", "whole"}:
        assert sut.size == len(DATA)


def test_an_ignored_range_is_cut_off() -> None:
    chunks: list[bytes | Exception] = [bytes(65_536)] * 1000
    server = after_opening(lambda _: answer(200, {"Content-Length": "65536000"}, list(chunks)), size=65_536_000)
    sut = remote(server)
    assert sut.read(0, 100) == bytes(100)
    assert server.bodies[1].read == 65_536
    assert sut.read(1_000_000, 100) == bytes(100)
    assert server.bodies[2].read < 1_200_000
    assert server.all_closed


def test_an_ignored_range_far_into_a_file_is_not_read_up_to() -> None:
    server = after_opening(lambda _: answer(200, {}, [bytes(65_536)] * 1000), size=65_536_000)
    with pytest.raises(ReadFailed, match="too far to read up to"):
        remote(server).read(MAX_SKIPPED_BYTES + B, 10)
    assert server.bodies[1].read == 0
    assert len(server.requests) == 2


def test_a_whole_answer_that_is_compressed_is_read_decompressed() -> None:
    packed = gzip.compress(DATA)
    server = Script(lambda _: answer(200, {"Content-Encoding": "gzip", "Content-Length": str(len(packed))}, packed))
    sut = remote(server)
    assert sut.open().size is None  # the length told is the packed one
    assert sut.read(100_000, 250_000) == DATA[100_000:]
    assert sut.size == len(DATA)


def test_a_small_file_that_becomes_a_large_one_is_not_read_from_the_redirect() -> None:
    data = content(200_000)
    count = [0]

    def handle(request: httpx2.Request) -> httpx2.Response:
        count[0] += 1
        return answer(206, {"Content-Range": "bytes 0-131071/*"}, data[:131_072]) if count[0] == 1 else to_cdn()

    server = Script(handle)
    sut = remote(server)
    assert sut.read(0, 10) == data[:10]
    with pytest.raises(ReadFailed, match="another host"):
        sut.read(140_000, 10)


# Addresses that expire -------------------------------------------------------------------------------------------


def expiring(opened: Callable[[int], httpx2.Response], good: set[str]) -> Script:
    """A CDN that accepts some addresses; each opening hands out the next one."""
    count = [0]

    def handle(request: httpx2.Request) -> httpx2.Response:
        if request.url.host == "hub.test":
            count[0] += 1
            return opened(count[0])
        return ranged(request, DATA) if request.url.path in good else answer(403, {}, b"<Error/>")

    return Script(handle)


def numbered(number: int, **headers: str) -> httpx2.Response:
    named = {"X-Linked-Size": str(len(DATA))} | {name.replace("_", "-"): value for name, value in headers.items()}
    return answer(302, {"Location": f"{CDN}/{number}", **named})


def test_an_expired_address_is_asked_for_anew_a_few_times() -> None:
    good = {"/1"}
    server = expiring(numbered, good)
    sut = remote(server)
    assert sut.read(0, 10) == DATA[:10]
    good.clear()
    good.add("/2")
    assert sut.read(200_000, 10) == DATA[200_000:200_010]
    assert sut.read(250_000, 10) == DATA[250_000:250_010]
    assert [request.url.path for request in server.requests if request.url.host == "cdn.test"] == [
        "/1",
        "/1",
        "/2",
        "/2",
    ]
    good.clear()
    with pytest.raises(ReadFailed, match="no longer accepts"):
        sut.read(100_000, 10)
    assert sum(request.url.host == "hub.test" for request in server.requests) == 2 + MAX_REOPENED


@pytest.mark.parametrize(
    "second", [{"X_Linked_Size": "300001"}, {"X_Linked_ETag": f'"{"b" * 64}"'}, {"X_Linked_ETag": ""}]
)
def test_another_content_behind_the_new_address_is_not_mixed_in(second: dict[str, str]) -> None:
    first = {"X_Linked_ETag": f'"{"a" * 64}"'}
    server = expiring(lambda number: numbered(number, **(first if number == 1 else first | second)), {"/2"})
    with pytest.raises(ReadFailed, match="another content"):
        remote(server).read(0, 10)


def test_a_file_that_is_gone_at_the_second_opening() -> None:
    gone = answer(404, {"X-Error-Code": "EntryNotFound"})
    server = expiring(lambda number: numbered(number) if number == 1 else gone, set())
    with pytest.raises(ReadFailed, match="no such file"):
        remote(server).read(0, 10)


# Names -----------------------------------------------------------------------------------------------------------

NAMES = {
    "model.safetensors": "model.safetensors",
    "unet/model.safetensors": "unet/model.safetensors",
    "a b": "a%20b",
    "100% ready?#1.txt": "100%25%20ready%3F%231.txt",
    "../../../etc/passwd": "%2E%2E/%2E%2E/%2E%2E/etc/passwd",
    "./x": "%2E/x",
    "..weights/...": "..weights/...",
    "/etc/passwd": "/etc/passwd",
    "a//b": "a//b",
    "模型.bin": "%E6%A8%A1%E5%9E%8B.bin",
    "\u202egnp.exe": "%E2%80%AEgnp.exe",
    "a\tb\nc": "a%09b%0Ac",
    "a\0b": "a%00b",
    "\ud800": "%ED%A0%80",
    "http://evil.test/x": "http%3A//evil.test/x",
    "a&b=c;d": "a%26b%3Dc%3Bd",
    "%2e%2e/x": "%252e%252e/x",
    "a\\..\\b": "a%5C..%5Cb",
}


@pytest.mark.parametrize("name", NAMES, ids=range(len(NAMES)))
def test_names_are_asked_for_as_they_are(name: str) -> None:
    server = server_of("small", b"x")
    remote(server, path=name).open()
    assert server.requests[0].url.raw_path.decode() == f"/acme/rocket/resolve/main/{NAMES[name]}"
    assert server.requests[0].url.host == "hub.test"


def test_a_revision_is_one_segment() -> None:
    assert url_segment("refs/pr/1") == "refs%2Fpr%2F1"
    assert url_segment("..") == "%2E%2E"
    assert url_path("acme/..") == "acme/%2E%2E"


# Over real sockets -----------------------------------------------------------------------------------------------

LARGE = content(400_000)
SMALL = b"a line of text\n" * 20_000
HUGE = Blob(64 << 20, ((0, LARGE),))


@pytest.fixture(scope="module")
def shared_hub() -> Iterator[SampleHub]:
    files = {
        "model.safetensors": Blob.of(LARGE),
        "huge.bin": HUGE,
        "vocab.txt": Blob.of(SMALL),
        "empty.txt": Blob.of(""),
        "..deep/100% odd #1?.txt": Blob.of("odd"),
        "\u202egnp.txt": Blob.of("turned"),
    }
    with SampleHub(
        [Repository(id="acme/rocket", files=files), Repository(id="acme/gated", gated="auto", files=files)],
        quotas={"resolvers": 10**6},
        token_quotas={"resolvers": 10**6},
    ) as hub:
        yield hub


@pytest.fixture
def hub(shared_hub: SampleHub) -> Iterator[SampleHub]:
    shared_hub.requests.clear()
    yield shared_hub
    shared_hub.clear_faults()


def there(hub: SampleHub, path: str = "model.safetensors", *, model: str = "acme/rocket", **more: Any) -> RemoteFile:
    return RemoteFile(make_client(hub.endpoint, **more), model, "main", path)


def test_the_token_never_reaches_the_cdn(hub: SampleHub) -> None:
    sut = there(hub, token=TOKEN)
    assert sut.open() == Stat(len(LARGE), hashlib.sha256(LARGE).hexdigest())
    assert sut.read(0, len(LARGE)) == LARGE
    by_server = {name: [r for r in hub.requests if r.server == name] for name in ("hub", "cdn")}
    assert all(r.headers["authorization"] == f"Bearer {TOKEN}" for r in by_server["hub"])
    assert by_server["cdn"]
    for request in by_server["cdn"]:
        assert TOKEN not in f"{request.headers} {request.query}"
        assert not {"authorization", "cookie"} & set(request.headers)


def test_one_connection_to_each_server_serves_all_reads(hub: SampleHub, monkeypatch: pytest.MonkeyPatch) -> None:
    connected: list[str] = []
    process = Server.process_request

    def counted(self: Server, request: Any, address: Any) -> None:
        connected.append(self.name)
        process(self, request, address)

    monkeypatch.setattr(Server, "process_request", counted)
    client = make_client(hub.endpoint)
    for _ in range(3):
        sut = RemoteFile(client, "acme/rocket", "main", "model.safetensors")
        assert sut.read(0, 10) == LARGE[:10]
        assert sut.read(100_000, 10) == LARGE[100_000:100_010]
    assert sorted(connected) == ["cdn", "hub"]


@pytest.mark.parametrize("path", ["empty.txt", "..deep/100% odd #1?.txt", "\u202egnp.txt", "vocab.txt"])
def test_small_files_of_any_name(hub: SampleHub, path: str) -> None:
    expected = hub.get("acme/rocket").files[path].read(0, 1 << 30)
    sut = there(hub, path)
    assert sut.open() == Stat(len(expected), None)
    assert sut.read(0, 1 << 20) == expected


def test_the_size_of_a_small_file_costs_one_unit_and_its_bytes_one_more(hub: SampleHub) -> None:
    sut = there(hub, "vocab.txt")
    assert sut.open().size == len(SMALL)
    assert [request.bucket for request in hub.requests] == ["resolvers"]
    assert sut.read(0, 100) == SMALL[:100]
    assert [request.bucket for request in hub.requests] == ["resolvers"] * 2
    assert sut.requests == 2


def test_a_renamed_model_is_followed_and_its_small_files_are_not(hub: SampleHub) -> None:
    hub.add(Repository(id="acme/before", files={"vocab.txt": Blob.of(SMALL)}))
    hub.rename("acme/before", "acme/after")
    sut = there(hub, "vocab.txt", model="acme/before")
    assert sut.open().size == len(SMALL)
    assert [request.status for request in hub.requests] == [307, 307]
    assert sut.read(0, 5) == SMALL[:5]
    hub.remove("acme/after")


def test_a_small_file_whose_size_is_not_told_is_read_at_once() -> None:
    def handle(request: httpx2.Request) -> httpx2.Response:
        if request.url.path.startswith("/api/resolve-cache/"):
            return ranged(request, b"abc")
        return httpx2.Response(307, headers={"location": "/api/resolve-cache/models/a/b/0/x.txt?etag=1"})

    server = Script(handle)
    sut = remote(server, path="x.txt")
    assert sut.open() == Stat(3, None)
    assert (sut.read(0, 9), len(server.requests)) == (b"abc", 2)


def test_a_gated_file_is_refused(hub: SampleHub) -> None:
    with pytest.raises(Refused) as caught:
        there(hub, model="acme/gated").open()
    assert caught.value.code == "gated"


@pytest.mark.parametrize("kind", ["cut", "reset", "reset-mid-body", "empty-206", "html", "endless", "ignore-range"])
def test_one_broken_range_is_mended(hub: SampleHub, kind: Any) -> None:
    hub.inject(Fault(kind=kind, server="cdn"))
    sut = there(hub)
    assert sut.read(100_000, 100) == LARGE[100_000:100_100]


def test_a_stalled_range_is_given_up_and_mended(hub: SampleHub) -> None:
    hub.inject(Fault(kind="stall", server="cdn", seconds=1.0, after_bytes=10_000))
    assert there(hub, read_timeout=0.15).read(0, len(LARGE)) == LARGE


@pytest.mark.parametrize("kind", ["cut", "reset", "reset-mid-body", "empty-206", "html", "endless"])
def test_ranges_that_stay_broken_are_a_failed_read(hub: SampleHub, kind: Any) -> None:
    hub.inject(Fault(kind=kind, server="cdn", times=None))
    sut = there(hub)
    with pytest.raises(ReadFailed):
        sut.read(0, 100)
    assert sut._client.unanswered == 1
    assert sut.bytes_read == 0


def test_a_server_that_ignores_ranges_is_cut_off(hub: SampleHub) -> None:
    hub.inject(Fault(kind="ignore-range", server="cdn", times=None))
    sut = there(hub, "huge.bin")
    assert sut.read(0, 100_000) == LARGE[:100_000]
    assert sut.read(390_000, 20_000) == LARGE[390_000:] + bytes(10_000)
    # A few blocks, and what fits into the buffers of two sockets; not 64 MiB.
    assert all(r.bytes_sent < 16 << 20 for r in hub.requests if r.server == "cdn")


def test_an_endless_file_is_cut_off() -> None:
    def forever() -> Iterator[bytes]:
        while True:
            yield bytes(65_536)

    class Endless(Body):
        def __iter__(self) -> Iterator[bytes]:
            for chunk in forever():
                self.read += len(chunk)
                yield chunk

    server = Script(lambda _: httpx2.Response(200, stream=Endless([])))
    sut = remote(server)
    assert sut.read(0, 1000) == bytes(1000)
    assert sut.read(1 << 20, 1000) == bytes(1000)
    assert sut.size is None
    assert max(body.read for body in server.bodies) < 2 << 20
    assert server.all_closed


def test_an_expired_link_is_resolved_anew(hub: SampleHub) -> None:
    hub.inject(Fault(kind="expired-link", server="hub"))
    sut = there(hub)
    assert sut.read(0, 100) == LARGE[:100]
    assert [(r.server, r.status) for r in hub.requests] == [("hub", 302), ("cdn", 403), ("hub", 302), ("cdn", 206)]
    hub.inject(Fault(kind="expired-link", server="hub", times=None))
    with pytest.raises(ReadFailed, match="no longer accepts"):
        there(hub).read(0, 100)


def test_only_identity_is_asked_for_so_that_nothing_is_compressed(hub: SampleHub) -> None:
    hub.inject(Fault(kind="gzip", times=None))
    for path, expected in (("vocab.txt", SMALL), ("model.safetensors", LARGE)):
        assert there(hub, path).read(0, 1 << 20) == expected
    assert all(request.headers["accept-encoding"] == "identity" for request in hub.requests)


def test_a_small_file_is_read_in_one_piece_behind_its_opening(hub: SampleHub) -> None:
    sut = there(hub, "vocab.txt")
    assert sut.open().size == len(SMALL)
    assert sut.bytes_read == 0
    assert sut.read(0, len(SMALL)) == SMALL
    assert sut.bytes_read == len(SMALL)
    assert sut.requests == 2


def test_no_answer_to_the_opening(hub: SampleHub) -> None:
    hub.inject(Fault(kind="status", status=502, times=None))
    with pytest.raises(Unanswered):
        there(hub).open()


def test_bodies_note_what_was_read() -> None:
    """The tests above rest on it."""
    body = Body([b"abc", b"de"])
    assert next(iter(body)) == b"abc"
    assert (body.read, body.closed) == (3, False)
    assert HUB != CDN
