"""Archives: members as a repository's files, what is read of them, and what hostile ones may claim."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import random
import struct
import tarfile
import tracemalloc
import zipfile
from collections.abc import Callable, Mapping

import pytest

from estimators.errors import BudgetExceeded
from estimators.interface import Basis, Estimate, Hints, Unestimated
from estimators.reading import packed_streams, tars
from estimators.registry import estimate_file
from tests.builders import CountingReader, safetensors_file

MIB = 1024 * 1024
WEIGHTS = safetensors_file({"a.weight": ("F32", (40, 50)), "a.bias": ("F32", (40,))})  # 2,040 parameters
LARGE = safetensors_file({"w": ("F32", (1500, 1000))})


def zipped(members: Mapping[str, bytes], method: int = zipfile.ZIP_STORED) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", method) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return stream.getvalue()


def tarred(members: Mapping[str, bytes], form: int = tarfile.GNU_FORMAT) -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w", format=form) as archive:
        for name, data in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return stream.getvalue()


def read(data: bytes, name: str, enough: int | None = None) -> Estimate:
    outcome = estimate_file(CountingReader(data, name), Hints(enough=enough))
    assert isinstance(outcome, Estimate), outcome
    return outcome


PACKERS: Mapping[str, Callable[[Mapping[str, bytes]], bytes]] = {
    "a.zip": zipped,
    "b.zip": lambda members: zipped(members, zipfile.ZIP_DEFLATED),
    "c.tar": tarred,
    "d.tar": lambda members: tarred(members, tarfile.PAX_FORMAT),
    "e.tar.gz": lambda members: gzip.compress(tarred(members)),
    "f.tar.bz2": lambda members: bz2.compress(tarred(members)),
    "g.tar.xz": lambda members: lzma.compress(tarred(members)),
}
CONTENTS = {
    "weights": ({"m/model.safetensors": WEIGHTS, "m/config.json": b"{}", "m/notes.md": b"x"}, 2040),
    "encoder and decoder": ({"encoder.safetensors": WEIGHTS, "decoder.safetensors": WEIGHTS + b""}, 4080),
    "optimizer beside": ({"model.safetensors": WEIGHTS, "optimizer.safetensors": LARGE}, 2040),
    "pictures": ({f"{number}.png": b"\x89PNG" * 9 for number in range(30)}, 0),
    "long names": ({"x" * 120 + "/" + "y" * 90 + ".safetensors": WEIGHTS}, 2040),
    "absolute and upward paths": ({"/../../etc/model.safetensors": WEIGHTS}, 2040),
    "an archive inside": ({"inner.zip": zipped({"model.safetensors": WEIGHTS})}, 2040),
}


@pytest.mark.parametrize("content", CONTENTS)
@pytest.mark.parametrize("name", PACKERS)
def test_members_are_counted_as_a_repository(name: str, content: str) -> None:
    members, expected = CONTENTS[content]
    estimate = read(PACKERS[name](members), name)
    assert (estimate.point, estimate.exact) == (expected, True)
    assert estimate.basis is Basis.ARCHIVE_MEMBERS
    assert estimate.evidence[0].file == name
    assert all((row.file or "").startswith(f"{name}!") for row in estimate.evidence[1:])


def test_a_large_zip_without_weights_costs_its_directory() -> None:
    source = CountingReader(zipped({f"{number}.jpg": bytes(20_000) for number in range(300)}), "pictures.zip")
    estimate = estimate_file(source, Hints())
    assert isinstance(estimate, Estimate)
    assert (estimate.point, estimate.exact, source.requests) == (0, True, 2)


def test_members_of_a_large_tar_are_stepped_over() -> None:
    data = tarred({"notes.txt": b"x", "model.safetensors": LARGE, "tokenizer.json": b"{}"})
    source = CountingReader(data, "m.nemo", size=len(data) + 8 * MIB)
    estimate = estimate_file(source, Hints())
    assert isinstance(estimate, Estimate)
    assert (estimate.point, estimate.exact) == (1_500_000, True)
    assert source.bytes_read <= MIB


def test_a_packed_tar_is_left_when_enough_is_certain() -> None:
    noise = bytes(range(256)) * 4096
    data = gzip.compress(tarred({"model.safetensors": LARGE, "other.bin": noise}), 1)
    estimate = read(data, "m.tar.gz", enough=1_000_000)
    assert estimate.side(1_000_000) is True
    assert (estimate.high, estimate.exact, estimate.partial) == (None, False, True)
    assert read(data, "m.tar.gz").low == 1_500_000


def test_the_end_of_a_gzip_tells_that_nothing_large_follows() -> None:
    noise = random.Random(3).randbytes(6_000_000)
    weights = safetensors_file({"w": ("F32", (1500, 1000))})[:-6_000_000] + noise
    data = gzip.compress(tarred({"a.yaml": b"x", "model.safetensors": weights}), 1)
    source = CountingReader(data, "m.nemo")
    estimate = estimate_file(source, Hints())
    assert isinstance(estimate, Estimate)
    assert (estimate.low, estimate.point, estimate.exact) == (1_500_000, 1_500_000, False)
    assert estimate.high is not None
    assert estimate.high < 1_600_000
    assert source.bytes_read < 3 * MIB


def test_what_lies_behind_the_cap_is_unknown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(packed_streams._KINDS, b"BZh", (packed_streams._KINDS[b"BZh"][0], 100_000))
    estimate = read(bz2.compress(tarred({"model.safetensors": WEIGHTS, "z.txt": bytes(MIB)})), "m.tar.bz2")
    assert (estimate.low, estimate.high, estimate.exact) == (2040, None, False)


@pytest.mark.parametrize("cut", [1, 600, 5000])
@pytest.mark.parametrize("name", PACKERS)
def test_a_torn_archive_is_never_exact(name: str, cut: int) -> None:
    data = PACKERS[name]({"a.txt": b"x", "b.safetensors": WEIGHTS})
    outcome = estimate_file(CountingReader(data[: max(len(data) - cut, 10)], name), Hints())
    if isinstance(outcome, Estimate) and outcome.exact:
        assert outcome.point == 2040  # the tar's end was padded


def test_an_encrypted_member_is_a_bound() -> None:
    data = bytearray(zipped({"model.safetensors": WEIGHTS}))
    for magic, at in ((b"PK\3\4", 6), (b"PK\1\2", 8)):
        place = data.find(magic) + at
        data[place] |= 1
    estimate = read(bytes(data), "m.zip")
    assert not estimate.exact
    assert estimate.low == 0
    assert estimate.high is not None
    assert estimate.high >= 2040


def test_a_member_that_claims_more_than_deflate_can_give_is_refused() -> None:
    data = bytearray(zipped({"model.safetensors": WEIGHTS}, zipfile.ZIP_DEFLATED))
    struct.pack_into("<I", data, data.find(b"PK\1\2") + 24, 2**31)
    outcome = estimate_file(CountingReader(bytes(data), "m.zip"), Hints())
    assert isinstance(outcome, Unestimated)
    assert "deflate cannot" in outcome.message


def test_bombs_and_nested_bombs_stay_small() -> None:
    bomb = zipped({f"{number}.bin": bytes(8 * MIB) for number in range(20)}, zipfile.ZIP_DEFLATED)
    for _ in range(4):
        bomb = zipped({f"{number}.zip": bomb for number in range(9)}, zipfile.ZIP_DEFLATED)
    packed = gzip.compress(bytes(200 * MIB), 9)
    tracemalloc.start()
    try:
        for data, name in ((bomb, "bomb.zip"), (packed, "zeros.tar.gz"), (packed, "zeros.bin.gz")):
            outcome = estimate_file(CountingReader(data, name), Hints())
            assert not isinstance(outcome, Estimate) or not outcome.exact
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 64 * MIB


def test_links_and_folders_of_a_tar_are_no_members() -> None:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as archive:
        for kind, name in ((tarfile.SYMTYPE, "a.bin"), (tarfile.LNKTYPE, "b.bin"), (tarfile.DIRTYPE, "c")):
            info = tarfile.TarInfo(name)
            info.type, info.linkname = kind, "/etc/passwd"
            archive.addfile(info)
    assert list(tars.members_of(CountingReader(stream.getvalue(), "a.tar"))) == []


def test_the_last_member_of_a_name_counts() -> None:
    stream = io.BytesIO(tarred({"model.safetensors": safetensors_file({"w": ("F32", (7,))})}))
    with tarfile.open(fileobj=stream, mode="a") as archive:
        info = tarfile.TarInfo("model.safetensors")
        info.size = len(WEIGHTS)
        archive.addfile(info, io.BytesIO(WEIGHTS))
    assert read(stream.getvalue(), "m.tar").point == 2040


def test_sizes_of_base_256_and_wrong_digits() -> None:
    assert tars._number(b"\x80" + (10**11).to_bytes(11, "big")) == 10**11
    assert tars._number(b"00000001750\0") == 1000
    assert tars._number(b"0000x") is None


def test_a_stream_is_read_forwards_only() -> None:
    stream = packed_streams.Unpacked(CountingReader(gzip.compress(bytes(6 * MIB)), "z.gz"), "z", 10 * MIB)
    assert len(stream.read(5 * MIB, 100)) == 100
    with pytest.raises(BudgetExceeded):
        stream.read(0, 10)
