"""GGUF headers: versions, byte orders, growing reads, and everything a hostile header may claim."""

from __future__ import annotations

import contextlib
import struct
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from estimators.errors import EstimatorError, MalformedFile
from estimators.formats.ggml import gguf, gguf_table
from estimators.interface import Basis, Estimate, Hints
from estimators.reading import cursor
from tests.builders import GGML_BLOCKS, GGUF_STRING, CountingReader, GgufWriter, elements

W = GgufWriter()
TENSORS = [("token_embd.weight", 2, (64, 100)), ("output_norm.weight", 0, (64,)), ("rope_freqs.weight", 0, (32,))]
EVERY_FORM = [(version, order) for version in (1, 2, 3) for order in "<>"]


def read(data: bytes, size: int | None = -1) -> Estimate:
    return gguf.estimate(CountingReader(data, "model.gguf", size=size), Hints())


def refused(data: bytes, size: int | None = -1) -> str:
    with pytest.raises(MalformedFile) as caught:
        read(data, size)
    return str(caught.value)


@pytest.mark.parametrize(("version", "order"), EVERY_FORM)
def test_every_version_and_byte_order_counts_by_dimensions(version: int, order: str) -> None:
    writer = GgufWriter(version, order)
    pairs = [writer.text("general.architecture", "llama"), writer.uint32("llama.block_count", 1)]
    estimate = read(writer.file([*TENSORS, ("steps", 26, (7,))], pairs))
    assert (estimate.low, estimate.point, estimate.high) == (6496, 6496, 6496)
    assert (estimate.exact, estimate.buffers, estimate.stored_elements) == (True, 32, 6503)
    assert estimate.basis is Basis.GGUF_HEADER


@pytest.mark.parametrize("extra", [0, 1])
def test_one_million_is_outside(extra: int) -> None:
    writer = GgufWriter()
    head = writer.file([("a", 0, (1000, 1000)), ("b", 0, (extra,))], data=False)
    estimate = read(head, size=len(head) + 4_000_100)
    assert estimate.side(1_000_000) is bool(extra)


def test_an_importance_matrix_holds_no_weights() -> None:
    tensors = [("blk.0.attn_q.weight.in_sum2", 0, (64, 1)), ("blk.0.attn_q.weight.counts", 0, (1, 1))]
    estimate = read(GgufWriter().file(tensors))
    assert (estimate.low, estimate.high, estimate.stored_elements) == (0, 0, 65)
    assert [finding.code for finding in estimate.findings] == ["importance-matrix-left-out"]


def test_vocabulary_only_is_nothing() -> None:
    estimate = read(GgufWriter().file([], [GgufWriter().array("tokenizer.ggml.tokens", GGUF_STRING, ["a", "b"])]))
    assert (estimate.point, estimate.exact) == (0, True)
    assert "vocabulary" in estimate.evidence[0].note


def test_long_token_lists_are_walked_with_growing_ranges_and_fixed_arrays_are_not_read() -> None:
    writer = GgufWriter()
    tokens = writer.array("tokenizer.ggml.tokens", GGUF_STRING, ["token"] * 100_000)
    scores = writer.array("tokenizer.ggml.scores", 6, [0.0] * 3_000_000)
    reader = CountingReader(writer.file(TENSORS, [tokens, scores, writer.uint32("general.alignment", 32)]), "m.gguf")
    assert gguf.estimate(reader, Hints()).point == 6496
    assert len(reader.ranges) == 3
    assert sum(length for _, length in reader.ranges) < 3 * 1024 * 1024
    assert (reader.size or 0) > 13_000_000


@pytest.mark.parametrize(("tokens", "merges"), [(152_000, 151_000), (262_000, 0), (128_000, 280_000)])
def test_real_vocabularies_cost_at_most_five_ranges_and_little_more_than_they_are(tokens: int, merges: int) -> None:
    writer = GgufWriter()
    pairs = [
        writer.array("tokenizer.ggml.tokens", GGUF_STRING, ["t" * (2 + number % 10) for number in range(tokens)]),
        writer.array("tokenizer.ggml.token_type", 5, [1] * tokens),
        writer.array("tokenizer.ggml.merges", GGUF_STRING, ["a b" * (1 + number % 4) for number in range(merges)]),
        writer.text("tokenizer.chat_template", "x" * 5000),
    ]
    tensors = [(f"blk.{number}.attn_q.weight", 0, (8, 8)) for number in range(600)]
    reader = CountingReader(writer.file(tensors, pairs), "m.gguf")
    assert gguf.estimate(reader, Hints()).point == 600 * 64
    assert len(reader.ranges) <= 5
    read_bytes = sum(length for _, length in reader.ranges)
    assert read_bytes < 1.6 * (len(b"".join(pairs)) - 4 * tokens)


def test_a_long_table_is_left_where_enough_is_certain() -> None:
    data = GgufWriter().file([(f"blk.{number}.ffn_up.weight", 0, (16, 16)) for number in range(9000)])
    reader = CountingReader(data, "m.gguf")
    estimate = gguf.estimate(reader, Hints(enough=100_000))
    assert (len(reader.ranges), estimate.partial, estimate.exact) == (1, True, False)
    assert 100_000 < estimate.low <= 9000 * 256 <= (estimate.high or 0)
    assert gguf.estimate(CountingReader(data, "m.gguf"), Hints(enough=10**9)).exact
    assert gguf.estimate(CountingReader(data, "m.gguf"), Hints()).point == 9000 * 256


def fork_file(kind: int, row: int, packed: int, rows: int = 4) -> bytes:
    """Two matrices of a fork's type, whose rows take `packed` bytes, and a norm behind them."""
    offsets = [0, rows * packed + (-rows * packed % 32)]
    table = [
        W.tensor(f"blk.{number}.ffn_up.weight", kind, (row, rows), offset) for number, offset in enumerate(offsets)
    ]
    table.append(W.tensor("output_norm.weight", 0, (row,), 2 * offsets[1]))
    head = W.header(len(table), []) + b"".join(table)
    return head + bytes(-len(head) % 32 + 2 * offsets[1] + 4 * row)


@pytest.mark.parametrize(
    ("kind", "row", "packed"),
    [
        (36, 2560, 640),  # BitNet's I2_S, where llama.cpp had IQ4_NL in another order
        (38, 2560, 640),
        (40, 96, 18),  # Bonsai's Q1_0 of 32 weights in 6 bytes, where llama.cpp has NVFP4
        (42, 256, 68),  # its Q2_0 of 128 weights in 34 bytes, where llama.cpp has 64 in 18
        (152, 256, 100),
    ],
)
def test_types_that_forks_number_as_they_like_count_by_dimensions(kind: int, row: int, packed: int) -> None:
    estimate = read(fork_file(kind, row, packed))
    assert (estimate.point, estimate.exact) == (2 * 4 * row + row, True)
    assert "inside the tensor" in refused(fork_file(kind, row, row // 16))  # less than a bit for each weight


def test_types_of_forks_that_agree_with_the_file_are_not_remarked_on() -> None:
    assert not read(fork_file(40, 128, 72)).findings
    assert [finding.code for finding in read(fork_file(40, 96, 18)).findings] == ["unknown-dtype"]


def test_scales_of_quantised_tensors_do_not_count() -> None:
    tensors = [
        ("blk.0.ffn_up.weight", 39, (64, 4)),
        ("blk.0.ffn_up.scale", 0, (1,)),
        ("blk.0.ffn_up.input_scale", 0, (1,)),
        ("blk.0.ffn_down.weight", 39, (64, 4)),
        ("blk.0.ffn_down.weight.scale", 0, (1,)),
        ("blk.0.layer_output.scale", 0, (8,)),
        ("blk.0.attn_q.weight", 1, (64, 4)),
        ("blk.0.attn_q.scale", 0, (4,)),
    ]
    estimate = read(GgufWriter().file(tensors))
    assert (estimate.point, estimate.exact, estimate.stored_elements) == (3 * 256 + 12, True, 3 * 256 + 15)
    assert [finding.code for finding in estimate.findings] == ["scales-left-out"]


@pytest.mark.parametrize(("kind", "note"), [("model", ""), ("adapter", "general.type is adapter")])
def test_what_a_file_says_it_is_is_told(kind: str, note: str) -> None:
    tensors = [("blk.0.attn_q.weight.lora_a", 0, (8, 4)), ("blk.0.attn_q.weight.lora_b", 0, (4, 8))]
    estimate = read(GgufWriter().file(tensors, [W.text("general.type", kind)]))
    assert (estimate.point, estimate.evidence[0].note) == (64, note)


def test_the_first_split_may_hold_nothing() -> None:
    count = W.string("split.count") + struct.pack("<IH", 2, 3)
    estimate = read(GgufWriter().file([], [count]))
    assert (estimate.point, estimate.exact) == (0, True)
    assert "first of several files" in estimate.evidence[0].note


@pytest.mark.parametrize("kind", sorted(GGML_BLOCKS))
def test_types_with_their_block_sizes(kind: int) -> None:
    data = GgufWriter().file([("a", kind, (512, 3))])
    estimate = read(data)
    assert estimate.stored_elements == 1536
    assert estimate.point == (0 if kind in gguf.INTEGER_TYPES else 1536)
    if GGML_BLOCKS[kind][0] > 1 and kind < gguf_table.FIRST_CONTESTED_TYPE:
        assert "blocks of" in refused(GgufWriter().file([("a", kind, (511, 3))]))


def test_block_sizes_agree_with_the_builders() -> None:
    assert {kind: gguf.BLOCKS[kind] for kind in GGML_BLOCKS} == GGML_BLOCKS


def test_unknown_types_count_by_dimensions_with_a_finding() -> None:
    estimate = read(GgufWriter().file([("a", 137, (100, 3))]))
    assert (estimate.point, estimate.exact) == (300, True)
    assert [finding.code for finding in estimate.findings] == ["unknown-dtype"]


def header(tensors: int = 0, pairs: int = 0, rest: bytes = b"") -> bytes:
    return b"GGUF" + struct.pack("<IQQ", 3, tensors, pairs) + rest


def array(kind: int, count: int, rest: bytes = b"") -> bytes:
    return header(0, 1, W.string("k") + struct.pack("<IIQ", 9, kind, count) + rest)


HOSTILE: list[tuple[str, bytes, str]] = [
    ("no bytes", b"", "begins with b''"),
    ("other magic", b"GGML" + bytes(30), "begins with b'GGML'"),
    ("only the magic", b"GGUF", "version and counts are missing"),
    ("version 0", b"GGUF" + bytes(40), "version is 0"),
    ("version 4", b"GGUF" + struct.pack("<IQQ", 4, 0, 0), "version is 4"),
    ("10^9 tensors", header(10**9), "tensor count is 1000000000"),
    ("2^63 tensors", header(2**63), "tensor count"),
    ("10^9 pairs", header(0, 10**9), "key-value count is 1000000000"),
    ("pairs cut off", header(0, 1), "the file ends inside it"),
    ("long key", header(0, 1, struct.pack("<Q", 2**62)), "length of a key"),
    ("unknown value type", header(0, 1, W.string("k") + struct.pack("<I", 13)), "has type 13"),
    ("long string", header(0, 1, W.string("k") + struct.pack("<IQ", 8, 2**31)), "length of value of 'k'"),
    ("string past the end", header(0, 1, W.string("k") + struct.pack("<IQ", 8, 2**20)), "of a file of"),
    ("10^9 strings", array(8, 10**9), "1000000000 strings"),
    ("long array", array(0, 2**40), "elements of value of 'k' is"),
    ("array past the end", array(12, 2**29), "of a file of"),
    ("10^9 arrays", array(9, 10**9), "holds 1000000000 arrays"),
    ("nesting", header(0, 1, W.string("k") + struct.pack("<I", 9) + struct.pack("<IQ", 9, 1) * 50), "deeper than 4"),
    ("alignment 0", W.file(TENSORS, [W.uint32("general.alignment", 0)]), "general.alignment is 0"),
    ("alignment 48", W.file(TENSORS, [W.uint32("general.alignment", 48)]), "general.alignment is 48"),
    ("no tensor rows", header(1), "the file ends inside it"),
    ("nine dimensions", header(1, 0, W.tensor("a", 0, (1,) * 9, 0)), "9 dimensions"),
    ("huge dimension", header(1, 0, W.tensor("a", 0, (2**63,), 0)), "dimension is 9223372036854775808"),
    ("huge product", header(1, 0, W.tensor("a", 0, (2**40, 2**40), 0)), "2^63 elements or more"),
    ("same name", header(2, 0, W.tensor("a", 0, (1,), 0) + W.tensor("a", 0, (1,), 32) + bytes(99)), "occurs twice"),
    ("unaligned", header(1, 0, W.tensor("a", 0, (1,), 4) + bytes(99)), "not a multiple of 32"),
    ("overlap", header(2, 0, W.tensor("a", 0, (9,), 0) + W.tensor("b", 0, (1,), 32) + bytes(99)), "inside the tensor"),
    ("cut off", W.file(TENSORS)[:-100], "of a file of"),
]  # fmt: skip


@pytest.mark.parametrize(("data", "sentence"), [case[1:] for case in HOSTILE], ids=[case[0] for case in HOSTILE])
def test_hostile_headers_name_the_field_and_the_value(data: bytes, sentence: str) -> None:
    assert sentence in refused(data)


@pytest.mark.parametrize(("version", "order"), EVERY_FORM)
def test_truncation_at_every_length(version: int, order: str) -> None:
    writer = GgufWriter(version, order)
    data = writer.file(TENSORS, [writer.text("a", "b"), writer.array("t", GGUF_STRING, ["x", "yy"])])
    last = 32 * 4  # the file may end without the last tensor's padding
    head = len(writer.file(TENSORS, [writer.text("a", "b"), writer.array("t", GGUF_STRING, ["x", "yy"])], data=False))
    for length in range(len(data) - last):
        refused(data[:length])
    for length in range(head):
        refused(data[:length], size=None)


def test_trailing_bytes_change_nothing() -> None:
    assert read(W.file(TENSORS) + bytes(1000)).exact


def test_reads_may_be_split_anywhere(monkeypatch: pytest.MonkeyPatch) -> None:
    pairs = [W.array("t", GGUF_STRING, ["x" * number for number in range(40)]), W.array("n", 5, [1] * 9)]
    data = W.file(TENSORS, pairs)
    for front in range(8, 400, 7):
        monkeypatch.setattr(cursor, "FRONT_BYTES", front)
        monkeypatch.setattr(cursor, "LARGEST_RANGE_BYTES", 64)
        assert read(data).point == 6496


def test_names_of_tensors_have_an_end() -> None:
    row = W.tensor("n" * 60_000, 0, (1,), 0)
    rows = b"".join(row.replace(b"n" * 8, b"%08d" % number, 1) for number in range(200))
    assert "names of tensors" in refused(header(200, 0, rows))


def test_walking_has_an_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cursor, "MAX_WALKED_BYTES", 100_000)
    monkeypatch.setattr(cursor, "LARGEST_RANGE_BYTES", 1000)
    data = W.file(TENSORS, [W.array("t", GGUF_STRING, ["token"] * 30_000)])
    assert "longer than 100000 bytes" in refused(data)


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=300), st.sampled_from([lambda rest: rest, lambda rest: b"GGUF\3\0\0\0" + rest]))
def test_any_bytes_are_an_estimate_or_an_error(data: bytes, wrap: Callable[[bytes], bytes]) -> None:
    with contextlib.suppress(EstimatorError):
        estimate = gguf.estimate(CountingReader(wrap(data), "m.gguf", budget=1 << 22), Hints())
        assert estimate.low >= 0


@settings(max_examples=80, deadline=None)
@given(
    st.lists(st.tuples(st.sampled_from([0, 1, 30]), st.lists(st.integers(0, 6), max_size=4)), max_size=5),
    st.sampled_from(EVERY_FORM),
)
def test_generated_files_are_exact(shapes: list[tuple[int, list[int]]], form: tuple[int, str]) -> None:
    writer = GgufWriter(*form)
    estimate = read(writer.file([(f"t{number}", kind, shape) for number, (kind, shape) in enumerate(shapes)]))
    assert estimate.point == sum(elements(shape) for _, shape in shapes)
    assert estimate.exact
