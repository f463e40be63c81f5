"""Files made to hurt whoever reads them: each gets an answer, within what memory and work an answer may take.

No clock is asserted: patterns that try a text in every way would not end within the patience of whoever runs the tests.
Memory is what Python allocates.
"""

from __future__ import annotations

import io
import pickle
import struct
import tracemalloc
import zipfile
from collections.abc import Callable

import pytest

from estimators.interface import Estimate, Hints, Unestimated
from estimators.registry import estimate_file
from tests.builders import CountingReader

MEMORY_BYTES = 64 * 1024 * 1024
BUDGET_BYTES = 160 * 1024 * 1024
Outcome = Estimate | Unestimated


def answer(data: bytes, name: str, *, size: int | None = -1) -> Outcome:
    """The outcome, within memory and budget; it names the file."""
    reader = CountingReader(data, name, size=size, budget=BUDGET_BYTES)
    tracemalloc.start()
    try:
        outcome = estimate_file(reader, Hints())
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < MEMORY_BYTES, f"{peak / 2**20:.0f} MiB"
    if isinstance(outcome, Unestimated):
        assert outcome.message.startswith(name)
    else:
        assert outcome.high is None or outcome.low <= outcome.high
    return outcome


def zip_of(members: dict[str, bytes], method: int = zipfile.ZIP_STORED) -> bytes:
    raw = io.BytesIO()
    with zipfile.ZipFile(raw, "w", method) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return raw.getvalue()


def safetensors_of(header: bytes, data: bytes = b"") -> bytes:
    return struct.pack("<Q", len(header)) + header + data


def checkpoint(data_pkl: bytes) -> bytes:
    return zip_of({"a/data.pkl": data_pkl, "a/version": b"3"})


def pax(text: bytes) -> bytes:
    """An extended header of a tar."""
    head = bytearray(512)
    head[:1], head[124:136], head[156:157], head[257:262] = b"x", b"%011o\0" % len(text), b"x", b"ustar"
    head[148:156] = b"%06o\0 " % (sum(head) + 8 * 32)
    return bytes(head) + text + bytes(-len(text) % 512)


# A list that begins with a dictionary of 40,000 keys, and one that begins with a row of 40,000 numbers.
SHARED = b"\x80\x02(}q\0(" + b"".join(b"X\5\0\0\0%05dN" % i for i in range(40_000)) + b"u"
ROW = b"\x80\x02((" + (b"G" + bytes(8)) * 40_000 + b"lq\0"
PROGRAM = b"program(1.0)\n{\nfunc main<ios16>(tensor<fp32, [1]> x) {\n"
CONSTANT = PROGRAM + b"tensor<fp32, [1]> c = const()["

HOSTILE: dict[str, tuple[str, Callable[[], bytes]]] = {
    # Texts that a careless pattern tries in every way.
    "white space": ("model.bin", lambda: b"\n" * 4_000_000),
    "vertical tabs": ("graph.pb", lambda: b"\x0b" * 4_000_000),
    "a word in a program": ("model.mil", lambda: CONSTANT + b"val = " + b"a" * 400_000 + b"];\n}"),
    "types in a program": ("model.mil", lambda: PROGRAM + b"tensor<fp32, [" * 30_000 + b"> c = const()[a = b];\n}"),
    "values in a program": ("model.mil", lambda: CONSTANT + b"a = tensor<fp32, [" * 30_000 + b"];\n}"),
    "blobs in a program": (
        "model.mil",
        lambda: CONSTANT + b"a = tensor<fp32, [1]>(BLOBFILE(path = " * 30_000 + b"];\n}",
    ),
    "operations": ("model.mil", lambda: PROGRAM + b"tensor<fp32, [1]> c = add(x = x)[name = y];\n" * 70_000 + b"}"),
    # Headers that take many times their bytes.
    "lists in a header": ("m.safetensors", lambda: safetensors_of(b'{"a":[' + b"[]," * 2_500_000 + b"1]}")),
    "objects in a header": ("m.safetensors", lambda: safetensors_of(b'{"a":[' + b"{}," * 2_500_000 + b"1]}")),
    "texts in metadata": (
        "m.safetensors",
        lambda: safetensors_of(b'{"__metadata__":{' + b",".join(b'"%d":""' % i for i in range(600_000)) + b"}}"),
    ),
    "nested header": ("m.safetensors", lambda: safetensors_of(b'{"a":' + b"[" * 1_000_000)),
    "long integer": (
        "m.safetensors",
        lambda: safetensors_of(b'{"a":{"dtype":"F32","shape":[1' + b"0" * 20_000 + b'],"data_offsets":[0,4]}}'),
    ),
    # Pickles: everything may be shared, nested and repeated.
    "long list": ("m.pkl", lambda: b"\x80\x02(" + b"N" * 490_000 + b"l."),
    "shared list": ("m.pkl", lambda: b"\x80\x02]q\0(" + b"h\0" * 150_000 + b"t."),
    "pairs of pairs": ("m.pkl", lambda: b"\x80\x02)" + b"2\x86" * 100_000 + b"."),
    "deep tuple": ("m.pkl", lambda: b"\x80\x02)" + b"\x85" * 100_000 + b"."),
    "memo": ("m.pkl", lambda: b"\x80\x02]" + b"".join(b"r" + struct.pack("<I", 999 * i) for i in range(100_000))),
    "marks": ("m.pkl", lambda: b"\x80\x02" + b"(" * 1_000_000),
    "long list of PyTorch's": ("m.bin", lambda: checkpoint(b"\x80\x02(" + b"N" * 490_000 + b"l.")),
    "shared list of PyTorch's": ("m.bin", lambda: checkpoint(b"\x80\x02(]q\0(" + b"h\0" * 150_000 + b"lt.")),
    "pairs of pairs of PyTorch's": ("m.bin", lambda: checkpoint(b"\x80\x02)" + b"2\x86" * 100_000 + b".")),
    "objects that share a state": (
        "m.bin",
        lambda: checkpoint(SHARED + b"cfoo\nBar\nq\1" + b"h\1)\x81h\0b" * 40_000 + b"l."),
    ),
    "tensors that share a state": (
        "m.bin",
        lambda: checkpoint(
            SHARED + b"ctorch._utils\n_rebuild_parameter_with_state\nq\1" + b"h\1(N\x89Nh\0tR" * 40_000 + b"l."
        ),
    ),
    "tables that share a row": ("q.pkl", lambda: ROW + b"h\0" * 40_000 + b"l."),
    "digits in a tar": ("a.tar", lambda: pax(b"1" * 65_000) * 4),
}


def test_a_row_of_many_tables_counts_once() -> None:
    shared = b"\x80\x02}(K\0(" + b"G" + bytes(8) + (b"G" + bytes(8)) * 99 + b"lq\0" + b"K\1h\0" * 1000 + b"u."
    outcome = answer(shared, "q_table.pkl")
    assert isinstance(outcome, Estimate)
    assert (outcome.low, outcome.exact) == (100, True)


@pytest.mark.parametrize("case", HOSTILE)
def test_an_answer_in_little_memory(case: str) -> None:
    name, make = HOSTILE[case]
    answer(make(), name)


def test_many_slow_members_of_an_archive_are_not_all_read() -> None:
    slow = b"\x80\x02" + b"N0" * 300_000 + b"."
    outcome = answer(zip_of({f"{i}.pkl": slow for i in range(40)}, zipfile.ZIP_DEFLATED), "models.zip")
    assert isinstance(outcome, Estimate)
    assert not outcome.exact


@pytest.mark.parametrize("protocol", range(5))
def test_an_array_without_its_numbers_is_no_array(protocol: int) -> None:
    numpy = pytest.importorskip("numpy")
    raw = pickle.dumps(numpy.zeros(3, "f4"), protocol)
    shape = pickle.dumps((3,), protocol)
    claimed = pickle.dumps((2**62,), protocol)
    cut = slice(2 if protocol > 1 else 0, -1)
    raw = raw.replace(shape[cut].split(b"q\0")[0].split(b"p0")[0].split(b"\x94")[0], claimed[cut].split(b"q\0")[0])
    outcome = answer(raw, "m.pkl")
    assert isinstance(outcome, Unestimated) or outcome.high == 3 or not outcome.exact


def test_a_model_behind_a_small_one_is_not_left_unsaid() -> None:
    header = b'{"a":{"dtype":"F32","shape":[4],"data_offsets":[0,16]}}'
    outcome = answer(safetensors_of(header, bytes(16 + 4_000_000)), "m.safetensors")
    assert isinstance(outcome, Estimate)
    assert (outcome.low, outcome.high, outcome.exact) == (4, 4 + 8 * 4_000_000, False)


def test_a_small_checkpoint_beside_another_is_not_left_unsaid() -> None:
    outcome = answer(
        zip_of({"a/data.pkl": b"\x80\x02}.", "a/version": b"3", "b/data.pkl": bytes(50_000), "b/version": b"3"}),
        "m.bin",
    )
    assert isinstance(outcome, Estimate)
    assert not outcome.exact
