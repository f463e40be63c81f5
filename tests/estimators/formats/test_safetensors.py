"""The header reader against the format's text, and against the reference reader in both directions."""

from __future__ import annotations

import contextlib
import json
import struct
import tracemalloc
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors import SafetensorError
from safetensors import deserialize as untyped_deserialize
from safetensors.numpy import save

from estimators.errors import BudgetExceeded, EstimatorError, MalformedFile
from estimators.formats.safetensors import files as safetensors
from estimators.interface import Basis, Estimate, Hints
from tests.builders import (
    SAFETENSORS_BITS,
    CountingReader,
    elements,
    safetensors_file,
    safetensors_raw,
    safetensors_reader,
    safetensors_table,
)

PAIR = {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}


def read(data: bytes, name: str = "model.safetensors") -> Estimate:
    return safetensors.estimate(CountingReader(data, name), Hints())


def deserialize(data: bytes) -> list[tuple[str, dict[str, Any]]]:
    """The reference reader: names with shapes, dtypes and data."""
    tensors: list[tuple[str, dict[str, Any]]] = untyped_deserialize(data)  # type: ignore[no-untyped-call]
    return tensors


def oracle_accepts(data: bytes) -> bool:
    try:
        deserialize(data)
    except SafetensorError:
        return False
    return True


def refused(data: bytes) -> str:
    with pytest.raises(MalformedFile) as caught:
        read(data)
    assert caught.value.file == "model.safetensors"
    return str(caught.value)


@pytest.mark.parametrize("dtype", SAFETENSORS_BITS)
def test_every_type_of_the_specification_is_read_and_counted_as_the_contract_says(dtype: str) -> None:
    small: dict[int, tuple[int, ...]] = {4: (2,), 6: (4,)}  # whole bytes
    scalar = small.get(SAFETENSORS_BITS[dtype], ())
    data = safetensors_file({"layer.weight": (dtype, (6, 4)), "scalar": (dtype, scalar)})
    estimate = read(data)
    scalars = elements(scalar)
    assert oracle_accepts(data)
    assert estimate.stored_elements == 24 + scalars
    if dtype == "F8_E8M0":  # an exponent alone is a scale: without a weight beside it nothing is certain
        assert (estimate.low, estimate.high, estimate.exact) == (0, 24 + scalars, False)
    elif dtype == "BOOL" or dtype[0] in "IU":
        assert (estimate.low, estimate.high, estimate.exact) == (0, 0, True)
    else:
        assert (estimate.low, estimate.point, estimate.high, estimate.exact) == (*[24 + scalars] * 3, True)


@pytest.mark.parametrize(("extra", "above"), [(0, False), (1, True)])
def test_exactly_one_million_is_outside_and_one_more_is_inside(extra: int, above: bool) -> None:
    reader = safetensors_reader({"embedding.weight": ("F32", (1000, 1000)), "bias": ("F32", (extra,))})
    estimate = safetensors.estimate(reader, Hints())
    assert estimate.point == 1_000_000 + extra
    assert estimate.side(1_000_000) is above
    assert reader.ranges == [(0, reader.size if (reader.size or 0) < 131_072 else 131_072)]


def test_buffers_are_counted_and_given_apart() -> None:
    estimate = read(
        safetensors_file(
            {
                "conv.weight": ("F16", (8, 3, 3, 3)),
                "bn.weight": ("F16", (8,)),
                "bn.running_mean": ("F32", (8,)),
                "bn.running_var": ("F32", (8,)),
                "bn.num_batches_tracked": ("I64", ()),
                "rotary_emb.inv_freq": ("F32", (16,)),
                "h.0.attn.bias": ("F32", (1, 1, 4, 4)),
                "position_ids": ("I64", (1, 512)),
                "mask": ("BOOL", (4,)),
            }
        )
    )
    assert estimate.buffers == 8 + 8 + 16 + 16
    assert estimate.point == estimate.low == estimate.high == 216 + 8 + 48
    assert estimate.stored_elements == estimate.point + 1 + 512 + 4
    assert estimate.exact
    assert estimate.basis is Basis.SAFETENSORS_HEADER
    (row,) = estimate.evidence
    assert (row.file, row.requests, row.bytes_read) == ("model.safetensors", 1, 32 * 1024)


def test_empty_and_zero_sized_files_hold_nothing() -> None:
    assert read(safetensors_raw({})).point == 0
    assert read(safetensors_file({"a": ("F32", (0, 5)), "b": ("F32", (3,))})).point == 3
    assert read(safetensors_file({}, {"format": "pt"})).exact


HEADERS: list[tuple[str, bytes, str]] = [
    ("no bytes", b"", "has 0 bytes"),
    ("seven bytes", b"\1\0\0\0\0\0\0", "has 7 bytes"),
    ("length 2^63", struct.pack("<Q", 2**63) + b"{}", "9223372036854775808"),
    ("length past the cap", struct.pack("<Q", 100_000_001) + b"{}", "100000001"),
    ("length past the file", struct.pack("<Q", 3) + b"{}", "the file has 10 bytes"),
    ("length zero", struct.pack("<Q", 0), "begins with b''"),
    ("not an object", safetensors_raw(b"[]"), "begins with b'['"),
    ("leading space", safetensors_raw(b" {}"), "begins with b' '"),
    ("not JSON", safetensors_raw(b"{'a': 1}"), "not a JSON object"),
    ("trailing comma", safetensors_raw(b'{"a": ' + json.dumps(PAIR).encode() + b",}", 8), "trailing comma"),
    ("NUL padding", safetensors_raw(b"{}\0\0"), "not a JSON object"),
    ("not UTF-8", safetensors_raw(b'{"\xff": ' + json.dumps(PAIR).encode() + b"}", 8), "not a JSON object"),
    ("deep nesting", safetensors_raw(b'{"a": ' + b"[" * 50_000 + b"}"), "recursion"),
    ("name twice", safetensors_raw(b'{"a": %s, "a": %s}' % ((json.dumps(PAIR).encode(),) * 2), 8), "names 'a' twice"),
    ("entry is a list", safetensors_raw({"a": [1]}), "header entry 'a'"),
    ("no dtype", safetensors_raw({"a": {"shape": [2], "data_offsets": [0, 8]}}, 8), "`dtype`"),
    ("no shape", safetensors_raw({"a": {"dtype": "F32", "data_offsets": [0, 8]}}, 8), "`shape`"),
    ("three offsets", safetensors_raw({"a": PAIR | {"data_offsets": [0, 8, 9]}}, 8), "header entry 'a'"),
    ("fractional shape", safetensors_raw({"a": PAIR | {"shape": [2.0]}}, 8), "$.shape[0]"),
    ("boolean shape", safetensors_raw({"a": PAIR | {"shape": [True, 2]}}, 8), "$.shape[0]"),
    ("text shape", safetensors_raw({"a": PAIR | {"shape": ["2"]}}, 8), "$.shape[0]"),
    ("negative shape", safetensors_raw({"a": PAIR | {"shape": [-2]}}, 8), "dimension -2"),
    ("shape past 2^64", safetensors_raw({"a": PAIR | {"shape": [2**40, 2**40]}}, 8), "2^63 elements or more"),
    ("dimension past 2^64", safetensors_raw({"a": PAIR | {"shape": [2**70]}}, 8), "a number past 2^64"),
    (
        "20,000 digits",
        safetensors_raw(b'{"a": {"dtype": "F32", "shape": [%s], "data_offsets": [0, 8]}}' % (b"9" * 20_000), 8),
        "out of range",
    ),
    ("zero after overflow", safetensors_raw({"a": PAIR | {"shape": [2**40, 2**40, 0]}}, 8), "2^63"),
    ("negative offsets", safetensors_raw({"a": PAIR | {"data_offsets": [-8, 0]}}, 8), "data_offsets are [-8, 0]"),
    ("offsets reversed", safetensors_raw({"a": PAIR | {"data_offsets": [8, 0]}}, 8), "data_offsets are [8, 0]"),
    ("size differs", safetensors_raw({"a": PAIR | {"dtype": "F16"}}, 8), "is 32 bits, not 8 bytes"),
    ("half a byte", safetensors_raw({"a": {"dtype": "F4", "shape": [3], "data_offsets": [0, 2]}}, 2), "12 bits"),
    ("overlap", safetensors_raw({"a": PAIR, "b": PAIR | {"data_offsets": [4, 12]}}, 12), "overlap at byte 4"),
    ("same place", safetensors_raw({"a": PAIR, "b": PAIR}, 8), "overlap at byte 0"),
    ("past the end", safetensors_raw({"a": PAIR}, 7), "end at byte 8 of the data, but the file holds 7"),
    ("metadata of numbers", safetensors_raw({"__metadata__": {"a": 1}, "a": PAIR}, 8), "'__metadata__'"),
    ("git-lfs pointer", b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n", "git-lfs pointer"),
]  # fmt: skip


@pytest.mark.parametrize(("data", "sentence"), [case[1:] for case in HEADERS], ids=[case[0] for case in HEADERS])
def test_malformed_headers_name_the_field_and_the_value(data: bytes, sentence: str) -> None:
    assert sentence in refused(data)


OURS_IS_STRICTER = {"leading space", "name twice"}  # as the format's text asks


@pytest.mark.parametrize(("name", "data"), [case[:2] for case in HEADERS], ids=[case[0] for case in HEADERS])
def test_the_reference_reader_refuses_what_we_refuse(name: str, data: bytes) -> None:
    assert oracle_accepts(data) is (name in OURS_IS_STRICTER)


@pytest.mark.parametrize(
    ("data", "spare"),
    [
        (safetensors_raw({"a": PAIR}, 9), 1),
        (safetensors_raw({"a": PAIR | {"data_offsets": [4, 12]}}, 12), 4),
        (safetensors_raw({"a": PAIR, "b": PAIR | {"data_offsets": [16, 24]}}, 30), 14),
        (safetensors_raw({}, 5), 5),
    ],
)
def test_holes_and_trailing_bytes_leave_the_count_certain_and_are_reported(data: bytes, spare: int) -> None:
    estimate = read(data)
    assert not oracle_accepts(data)
    assert estimate.exact
    assert [(finding.code, f"{spare} bytes" in finding.message) for finding in estimate.findings] == [
        ("bytes-without-tensor", True)
    ]


@pytest.mark.parametrize("dtype", ["C128", "F8_E4M3FN", "F128"])
def test_float_types_outside_the_specification_still_count(dtype: str) -> None:
    estimate = read(safetensors_raw({"a": {"dtype": dtype, "shape": [7, 2], "data_offsets": [0, 99]}}, 99))
    assert (estimate.point, estimate.exact) == (14, True)
    assert [finding.code for finding in estimate.findings] == ["unknown-dtype"]


def test_types_that_cannot_be_judged_give_an_interval() -> None:
    estimate = read(safetensors_raw({"a": {"dtype": "Q4_K", "shape": [7, 2], "data_offsets": [0, 9]}}, 9))
    assert estimate.low == 0
    assert estimate.high is not None
    assert estimate.high >= 14
    assert not estimate.exact
    assert {finding.code for finding in estimate.findings} == {"unknown-dtype", "packing-unknown"}


def test_sub_byte_integers_are_quantised_weights() -> None:
    estimate = read(safetensors_raw({"a": {"dtype": "I4", "shape": [6, 2], "data_offsets": [0, 6]}}, 6))
    assert (estimate.point, estimate.exact) == (12, True)


def test_odd_but_valid_headers() -> None:
    entry = json.dumps(PAIR).encode()
    for raw in (
        b'{"__metadata__": null, "a": %s}' % entry,
        b'{"__metadata__": {"dtype": "x", "shape": "[1]"}, "a": %s}' % entry,
        b'{"a": %s}  \n\t ' % entry,
        b'{"a": {"dtype": "F32", "shape": [2], "data_offsets": [0, 8], "more": [{}]}}',
        b'{"\\u0061\\"dtype\\"": %s}' % entry,
        b'{"": %s}' % entry,
        b'{"a": %s, "z": {"dtype": "F32", "shape": [0], "data_offsets": [0, 0]}}' % entry,
        b'{"z": {"dtype": "F32", "shape": [0], "data_offsets": [8, 8]}, "a": %s}' % entry,
    ):
        data = safetensors_raw(raw, 8)
        assert oracle_accepts(data)
        assert read(data).point == 2


# --- reading


def many(count: int) -> dict[str, tuple[str, tuple[int, ...]]]:
    return {f"model.layers.{number}.mlp.up_proj.weight": ("BF16", (64, 32)) for number in range(count)}


def test_a_long_header_costs_one_more_range_for_exactly_the_rest() -> None:
    reader = safetensors_reader(many(2000))
    estimate = safetensors.estimate(reader, Hints())
    length = len(json.dumps(safetensors_table(many(2000))))
    assert estimate.point == 2000 * 2048
    assert reader.ranges == [(0, 131_072), (131_072, 8 + length - 131_072)]


def test_a_header_above_the_cap_for_whole_parsing_is_read_in_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    tensors = many(40) | {'odd "}, name\\': ("F32", (3,)), "}": ("F32", (1,)), "\\\\": ("F32", (2,))}
    data = safetensors_file(tensors, {"braces": '}{,"}'})
    whole = read(data)
    monkeypatch.setattr(safetensors, "WHOLE_HEADER_BYTES", 16)
    for piece in (97, 256, 1000, 10_000):
        monkeypatch.setattr(safetensors, "PIECE_BYTES", piece)
        pieces = read(data)
        assert (pieces.point, pieces.stored_elements) == (whole.point, whole.stored_elements)
    for _, broken, _ in HEADERS[8:]:
        for piece in (97, 1000):
            monkeypatch.setattr(safetensors, "PIECE_BYTES", piece)
            if b'"a"' in broken and broken.count(b'"a"') == 2:
                continue  # the same name in two pieces is found by the overlap of its data, as here
            refused(broken)


def test_pieces_do_not_join_entries_without_a_comma(monkeypatch: pytest.MonkeyPatch) -> None:
    entry = json.dumps(PAIR).encode()
    monkeypatch.setattr(safetensors, "WHOLE_HEADER_BYTES", 16)
    monkeypatch.setattr(safetensors, "PIECE_BYTES", 66)
    for joint in (b" ", b",,", b"}", b";"):
        refused(safetensors_raw(b'{"a": %s%s"b": %s}' % (entry, joint, entry.replace(b"[0, 8]", b"[8, 16]")), 16))


def test_a_long_header_is_left_where_enough_is_certain() -> None:
    reader = safetensors_reader(many(90_000))
    estimate = safetensors.estimate(reader, Hints(enough=1_000_000))
    assert (len(reader.ranges), estimate.partial, estimate.exact) == (2, True, False)
    assert 1_000_000 < estimate.low < 90_000 * 2048 <= (estimate.high or 0)


def test_large_headers_stay_small_in_memory() -> None:
    count = 90_000  # above the cap for whole parsing
    reader = safetensors_reader(many(count))
    tracemalloc.start()
    estimate = safetensors.estimate(reader, Hints())
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert estimate.point == count * 2048
    assert peak < 64 * 1024 * 1024


def test_truncation_at_every_length_is_an_error_of_the_package() -> None:
    data = safetensors_file({"a.weight": ("F32", (2, 3)), "b": ("I64", (1,))}, {"format": "pt"})
    for length in range(len(data)):
        refused(data[:length])
        reader = CountingReader(
            data[: min(length, len(data) - 33)], size=None
        )  # where the server does not tell the size
        with pytest.raises(MalformedFile):
            safetensors.estimate(reader, Hints())


def test_without_a_size_the_end_of_the_data_cannot_be_checked() -> None:
    data = safetensors_file({"a": ("F32", (2,))})
    assert safetensors.estimate(CountingReader(data[:-4], size=None), Hints()).point == 2


def test_a_file_that_changes_between_two_reads_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    reader = safetensors_reader(many(2000))
    original = reader.read

    def changing(offset: int, length: int) -> bytes:
        return original(offset, length) if offset == 0 else b"\0" * length

    monkeypatch.setattr(reader, "read", changing)
    with pytest.raises(MalformedFile):
        safetensors.estimate(reader, Hints())


def test_the_budget_holds() -> None:
    reader = safetensors_reader(many(2000))
    limited = CountingReader(reader.read(0, 400_000), size=reader.size, budget=140_000)
    with pytest.raises(BudgetExceeded):
        safetensors.estimate(limited, Hints())


# --- properties

shapes = st.lists(st.integers(0, 5), max_size=4)
specs = st.dictionaries(st.text(max_size=12), st.tuples(st.sampled_from(sorted(SAFETENSORS_BITS)), shapes), max_size=6)


@settings(max_examples=150, deadline=None)
@given(specs)
def test_what_we_accept_without_findings_the_reference_accepts_and_the_counts_agree(spec: Any) -> None:
    spec = {
        name: (dtype, shape if elements(shape) * SAFETENSORS_BITS[dtype] % 8 == 0 else [8])
        for name, (dtype, shape) in spec.items()
        if name != "__metadata__"
    }
    data = safetensors_file(spec)
    estimate = read(data)
    tensors = deserialize(data)
    assert estimate.stored_elements == sum(elements(tensor["shape"]) for _, tensor in tensors)
    assert estimate.low <= (estimate.point or 0) <= (estimate.high or 0)


@settings(max_examples=60, deadline=None)
@given(st.dictionaries(st.text("abc.", min_size=1, max_size=8), shapes, max_size=5))
def test_files_of_the_reference_writer_are_read_exactly(spec: Any) -> None:
    data = save({name: np.zeros(shape, dtype=np.float32) for name, shape in spec.items()})
    estimate = read(data)
    assert estimate.point == sum(elements(shape) for shape in spec.values())
    assert estimate.exact
    assert not estimate.findings


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
entries = st.fixed_dictionaries(
    {
        "dtype": st.sampled_from(["F32", "U8", "F4", "?"]) | json_values,
        "shape": st.lists(st.integers(-1, 4), max_size=3) | json_values,
        "data_offsets": st.tuples(st.integers(-1, 40), st.integers(-1, 40)) | json_values,
    }
)


@settings(max_examples=200, deadline=None)
@given(st.dictionaries(st.text(max_size=3), entries, max_size=3), st.integers(0, 48))
def test_any_header_is_an_estimate_or_an_error_and_findings_tell_where_the_reference_refuses(
    header: Any, data_bytes: int
) -> None:
    data = safetensors_raw(header, data_bytes)
    try:
        estimate = read(data)
    except MalformedFile:
        assert not oracle_accepts(data)
    else:
        tolerated = {finding.code for finding in estimate.findings} & {"bytes-without-tensor", "unknown-dtype"}
        assert oracle_accepts(data) is not bool(tolerated)


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=200))
def test_any_bytes_are_an_estimate_or_an_error_of_the_package(data: bytes) -> None:
    with contextlib.suppress(EstimatorError):
        estimate = safetensors.estimate(CountingReader(data, budget=1 << 20), Hints())
        assert estimate.low >= 0


def test_averages_of_the_weights_in_the_same_file_do_not_count() -> None:
    data = safetensors_file({"model.net.weight": ("F32", (6, 4)), "model_ema.netweight": ("F32", (6, 4))})
    estimate = read(data)
    assert (estimate.low, estimate.high, estimate.exact, estimate.stored_elements) == (24, 24, True, 48)
    averages = safetensors_file({"model_ema.netweight": ("F32", (6, 4))})
    assert read(averages).exact
    assert not read(averages, "model-00002-of-00003.safetensors").exact


# --- what the file says of packed layers beyond shapes


def packed_layer(columns: int, rows: int = 64) -> dict[str, tuple[str, tuple[int, ...]]]:
    """A layer of compressed-tensors, sorted as the writer does: wide types first."""
    stored = -(-columns // 8)
    return {
        "l.weight_shape": ("I64", (2,)),
        "l.weight_packed": ("I32", (rows, stored)),
        "l.weight_scale": ("BF16", (rows, 1)),
        "norm.weight": ("BF16", (rows,)),
    }


def with_shape(tensors: Any, shape: tuple[int, int]) -> bytes:
    """The file with the values of its first tensor."""
    data = bytearray(safetensors_file(tensors))
    length = int.from_bytes(data[:8], "little")
    data[8 + length : 24 + length] = struct.pack("<2q", *shape)
    return bytes(data)


FOUR_BITS = {
    "quant_method": "compressed-tensors",
    "config_groups": {"g": {"weights": {"num_bits": 4, "group_size": None}}},
}


@pytest.mark.parametrize("settings_", [None, FOUR_BITS])
@pytest.mark.parametrize("columns", [500, 512, 509])
def test_a_stored_shape_settles_what_padding_leaves_open(settings_: Any, columns: int) -> None:
    reader = CountingReader(with_shape(packed_layer(columns), (64, columns)))
    estimate = safetensors.estimate(reader, Hints(quantization=settings_))
    assert (estimate.point, estimate.exact) == (64 * columns + 64, True)
    assert len(reader.ranges) == 1  # the small tensors lie in the block that was read anyway


@pytest.mark.parametrize("shape", [(64, 10**9), (-64, 512), (0, 512), (2**40, 2**40), (-(2**63), -(2**63))])
def test_a_stored_shape_that_its_bits_cannot_hold_is_not_believed(shape: tuple[int, int]) -> None:
    estimate = read(with_shape(packed_layer(512), shape))
    assert not estimate.exact
    assert (estimate.high or 0) >= 64 * 512 + 64


def test_stored_shapes_are_one_range_and_are_left_where_the_count_is_enough() -> None:
    layers = [packed_layer(4096, 512) for _ in range(300)]
    names = [f"model.layers.{number}." for number in range(300)]
    tensors = {
        f"{name}{ending}": spec
        for kind in ("I64", "I32", "BF16")
        for name, layer in zip(names, layers, strict=True)
        for ending, spec in layer.items()
        if spec[0] == kind
    }
    reader = safetensors_reader(tensors)
    estimate = safetensors.estimate(reader, Hints(quantization=FOUR_BITS))  # zeros are no shape, so nothing is settled
    assert len(reader.ranges) == 2
    assert reader.ranges[1][1] <= 300 * 16  # the rest of them, after the block that was read anyway
    assert not estimate.exact
    reader = safetensors_reader(tensors)
    assert safetensors.estimate(reader, Hints(quantization=FOUR_BITS, enough=10**6)).low > 10**6
    assert len(reader.ranges) == 1


def test_a_budget_without_room_for_stored_shapes_leaves_the_interval() -> None:
    rows = 70_000  # so that the shapes begin behind the front
    tensors = {"m." + "x" * 140_000: ("I64", (1,)), **packed_layer(4096, rows)}
    whole = safetensors_file(tensors)
    length = int.from_bytes(whole[:8], "little")
    estimate = safetensors.estimate(CountingReader(whole, budget=8 + length), Hints(quantization=FOUR_BITS))
    assert (estimate.exact, rows * 4096 + rows <= (estimate.high or 0)) == (False, True)


def test_small_tensors_all_over_the_file_are_left() -> None:
    layer = packed_layer(4096, 512)
    reader = safetensors_reader({f"m.{number}.{name}": spec for number in range(9) for name, spec in layer.items()})
    assert not safetensors.estimate(reader, Hints(quantization=FOUR_BITS, enough=10**12)).exact
    assert len(reader.ranges) == 1


@pytest.mark.parametrize(
    ("text", "point"),
    [
        ('{"layers": {"l": {"format": "nvfp4", "orig_shape": [60, 128]}}}', 60 * 128),
        ('{"layers": {"l": {"format": "nvfp4"}}}', 64 * 128),
        ('{"layers": {"l": {"orig_shape": [1, 1]}}}', 64 * 128),
        ('{"layers": {"l": {"orig_shape": [64, 100000000]}}}', 64 * 128),
        ('{"layers": {"l": {"orig_shape": [-1, "x"]}}}', 64 * 128),
        ('{"layers": [[[[', 64 * 128),
    ],
)
def test_the_shape_of_a_padded_layer_by_metadata(text: str, point: int) -> None:
    tensors = {
        "l.weight_scale_2": ("F32", ()),
        "l.weight_scale": ("F8_E4M3", (128, 8)),
        "l.weight": ("U8", (64, 64)),
        "l.comfy_quant": ("U8", (95,)),
    }
    estimate = read(safetensors_file(tensors, {"_quantization_metadata": text}))
    assert (estimate.point, estimate.exact) == (point, True)


@pytest.mark.parametrize(
    ("stated", "point", "exact"),
    [
        ('{"_type": "Int4Tensor", "_data": {"block_size": [1, 32]}}', 64 * 128, True),
        ('{"_type": "Int4TilePackedTo4dTensor", "_data": {"shape": [64, 100]}}', 6400, True),
        ('{"_type": "IntxUnpackedToInt8Tensor"}', 64 * 64, True),
        ('{"_type": "Float8DynamicSparse2x4Tensor"}', 64 * 128, False),
        ('{"_type": "Unheard"}', 64 * 64, False),
        ('{"_type": 5}', 64 * 64, False),
        ("not JSON", 64 * 64, False),
    ],
)
def test_the_class_of_a_tensor_by_metadata(stated: str, point: int, exact: bool) -> None:
    tensors = {"l._weight_scale": ("F32", (64, 2)), "l._weight_qdata": ("I8", (64, 64))}
    estimate = read(safetensors_file(tensors, {"tensor_names": '["l.weight"]', "l.weight": stated}))
    assert (estimate.point, estimate.exact) == (point, exact)
    assert estimate.low <= 64 * 128 if "Sparse" in stated else estimate.low <= point
