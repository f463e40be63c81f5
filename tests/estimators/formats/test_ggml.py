"""GGML before GGUF: layouts told apart, block sizes by version, early stops, and files that end too early."""

from __future__ import annotations

import struct
import time
from collections.abc import Mapping, Sequence
from math import prod

import pytest

from estimators.errors import MalformedFile
from estimators.formats.ggml import legacy as ggml
from estimators.formats.ggml.gguf import BLOCKS
from estimators.formats.ggml.legacy_layouts import OLD_BLOCKS
from estimators.interface import Basis, Estimate, Hints
from tests.builders import CountingReader

Rows = Sequence[tuple[str, int, Sequence[int]]]
FLOATS: Rows = [("wte", 0, (8, 20)), ("blk.0.ln.bias", 0, (8,)), ("blk.0.w", 1, (8, 8))]


def numbers(*values: int) -> bytes:
    return struct.pack(f"<{len(values)}i", *values)


def words(count: int, scored: bool = False) -> bytes:
    return b"".join(numbers(4) + b"w%03d" % number + bytes(4 * scored) for number in range(count))


def tensors(rows: Rows, blocks: Mapping[int, tuple[int, int]] = BLOCKS, begin: int = -1) -> bytes:
    """Tensors after `begin` bytes, aligned to 32 where `begin` is given."""
    data = b""
    for name, kind, dims in rows:
        data += numbers(len(dims), len(name), kind, *dims) + name.encode()
        data += bytes(-(begin + len(data)) % 32 if begin >= 0 else 0)
        block, size = blocks[kind]
        data += bytes(prod(dims) // block * size)
    return data


def read(data: bytes, enough: int | None = None) -> Estimate:
    assert ggml.matches(data[:16], "model.bin")
    return ggml.estimate(CountingReader(data, "model.bin"), Hints(enough=enough))


LAYOUTS = {
    "gpt-2": (numbers(20, 64, 8, 2, 1, 1), numbers(20) + words(20)),
    "gpt-j, padded vocabulary": (numbers(20, 64, 8, 2, 1, 4, 1), numbers(19) + words(19)),
    "llama": (numbers(20, 8, 256, 2, 1, 4, 1), words(20)),
    "gpt-neox": (numbers(20, 64, 8, 2, 1, 4, 1, 1), words(20)),
    "mpt": (numbers(8, 64, 2, 1, 20, 0x41000000, 0, 1), words(20)),
    "replit": (numbers(8, 64, 2, 1, 20, 1), words(20, scored=True)),
    "silero": (numbers(10) + b"silero-16k" + numbers(5, 1, 2, 512, 64, 1, 129, 128, 3, 128, 128, 128, 1), b""),
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_layouts_without_a_version_are_told_apart(layout: str) -> None:
    settings, vocabulary = LAYOUTS[layout]
    estimate = read(b"lmgg" + settings + vocabulary + tensors(FLOATS))
    assert (estimate.point, estimate.exact, estimate.basis) == (160 + 8 + 64, True, Basis.GGML_HEADER)


@pytest.mark.parametrize(
    "magic", [b"fmgg" + numbers(1), b"tjgg" + numbers(1), b"tjgg" + numbers(2), b"tjgg" + numbers(3)]
)
def test_versions_of_llama_files(magic: bytes) -> None:
    blocks = BLOCKS if magic == b"tjgg" + numbers(3) else OLD_BLOCKS
    head = magic + numbers(20, 32, 256, 2, 1, 4, 2) + words(20, scored=True)
    rows = [("wte", 2, (32, 20)), ("a", 8, (32, 9)), ("b", 0, (32,))]
    estimate = read(head + tensors(rows, blocks, len(head) if magic.startswith(b"tjgg") else -1))
    assert (estimate.point, estimate.exact) == (640 + 288 + 32, True)


@pytest.mark.parametrize("blocks", [BLOCKS, OLD_BLOCKS])
def test_block_sizes_of_files_without_a_version_are_tried(blocks: Mapping[int, tuple[int, int]]) -> None:
    head = b"lmgg" + numbers(20, 64, 32, 2, 1, 2) + numbers(20) + words(20)
    estimate = read(head + tensors([("wte", 2, (32, 20)), ("b", 0, (7,))], blocks))
    assert (estimate.point, estimate.exact) == (647, True)


def test_an_adapter() -> None:
    head = b"algg" + numbers(1, 2, 4)
    estimate = read(head + tensors([("q.weight.loraA", 0, (2, 8)), ("q.weight.loraB", 0, (2, 8))], begin=len(head)))
    assert (estimate.point, estimate.exact) == (32, True)


def test_a_vocabulary_alone_holds_nothing() -> None:
    estimate = read(b"lmgg" + numbers(20, 64, 8, 2, 1, 1) + numbers(20) + words(20))
    assert (estimate.point, estimate.exact) == (0, True)


def test_enough_ends_the_walk() -> None:
    rows = [(f"t{number}", 0, (100, 1000)) for number in range(60)]
    data = b"lmgg" + numbers(20, 64, 8, 2, 1, 1) + numbers(20) + words(20) + tensors(rows)
    reader = CountingReader(data, "ggml-model.bin")
    estimate = ggml.estimate(reader, Hints(enough=1_000_000))
    assert (estimate.low, estimate.exact, estimate.partial) == (1_100_000, False, True)
    assert (estimate.high or 0) >= 6_000_000
    assert reader.requests <= 12


def test_whisper_needs_all_its_tensors() -> None:
    head = b"lmgg" + numbers(20, 8, 2, 1, 1, 8, 2, 1, 1, 4, 1) + numbers(4, 3) + bytes(48) + numbers(20) + words(20)
    estimate = read(head + tensors(FLOATS))
    assert not estimate.exact
    assert estimate.low <= 232 <= (estimate.high or 0)


def test_a_single_number_has_no_dimensions() -> None:
    settings, _ = LAYOUTS["silero"]
    estimate = read(b"lmgg" + settings + tensors([*FLOATS, ("decoder.bias", 0, ()), *FLOATS[1:]]))
    assert (estimate.low, estimate.high, estimate.exact) == (305, 305, True)


def test_an_unknown_layout_is_bounded_by_its_size() -> None:
    data = b"lmgg" + b"\xff" * 20_000
    estimate = read(data)
    assert (estimate.basis, estimate.low, estimate.high) == (Basis.FILE_SIZE, len(data) // 32, len(data) * 8)


def test_other_bytes_are_refused() -> None:
    assert not ggml.matches(b"tjgg" + numbers(4, 1), "x.bin")
    assert not ggml.matches(b"PK\3\4" + bytes(20), "x.bin")
    with pytest.raises(MalformedFile):
        ggml.estimate(CountingReader(b"lmgg", "x.bin"), Hints())


@pytest.mark.parametrize("fill", [bytes(8_000_000), numbers(1) * 2_000_000, numbers(1, 1, 0, 1) * 400_000])
def test_hostile_vocabularies_and_headers_cost_little(fill: bytes) -> None:
    begin = time.perf_counter()
    for settings in (numbers(300_000, 64, 8, 2, 1, 1), numbers(1, 1, 1, 1, 300_000, 1)):
        ggml.estimate(CountingReader(b"lmgg" + settings + fill, "x.bin"), Hints())
    assert time.perf_counter() - begin < 4
