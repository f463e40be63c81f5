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
from estimators.reading import sstable
from estimators.registry import estimate_file
from tests.builders import CountingReader, GgufWriter

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


def flatbuffer(identifier: bytes, *tables: tuple[tuple[int, ...], tuple[bytes | int | list[int], ...]]) -> bytes:
    """A FlatBuffer of tables, which refer to each other by number, the first being the root.

    A table is the numbers of its fields and their values: bytes as they are, another table, or a vector of tables; a
    table of no numbers is bytes or a vector itself.
    """
    data, places, references = bytearray(4) + identifier, [], [(0, 0)]
    for numbers, values in tables:
        slots = [4 + 4 * numbers.index(n) if n in numbers else 0 for n in range(max(numbers, default=-1) + 1)]
        vtable = len(data)
        if numbers:
            data += struct.pack(f"<{2 + len(slots)}H", 4 + 2 * len(slots), 4 + 4 * len(numbers), *slots)
            data += bytes(-len(data) % 4)
        places.append(len(data))
        data += struct.pack("<i", len(data) - vtable) if numbers else b""
        for value in values:
            if isinstance(value, bytes):
                data += value
                continue
            targets = [value] if isinstance(value, int) else value
            data += b"" if isinstance(value, int) else struct.pack("<I", len(targets))
            references += [(len(data) + 4 * number, target) for number, target in enumerate(targets)]
            data += bytes(4 * len(targets))
        data += bytes(-len(data) % 4)
    for place, target in references:
        data[place : place + 4] = struct.pack("<I", places[target] - place)
    return bytes(data)


def text(content: bytes) -> tuple[tuple[int, ...], tuple[bytes]]:
    return (), (struct.pack("<I", len(content)) + content,)


def ort(names: int, attributes: int) -> bytes:
    """1,000 times the same node, with the same name again and again, and attributes that are one with 200 tensors."""
    return flatbuffer(
        b"ORTM",
        ((1,), (1,)), ((7,), (2,)), ((2,), (3,)), ((), ([4] * 1000,)),
        ((2, 5, 8, 9, 10), (8, 9, 5, 5, 6)),
        ((), ([7] * names,)), ((), ([10] * attributes,)), text(b"x" * 60_000), text(b"foo"), text(b"Bar"),
        ((11,), (11,)), ((), ([12] * 200,)), ((3,), (struct.pack("<I", 1),)),
    )  # fmt: skip


def tflite(tensors: int) -> bytes:
    table = ((1, 2), (bytes(4), struct.pack("<I", 1)))
    return flatbuffer(
        b"TFL3", ((2, 4), (1, 2)), ((), ([3],)), ((), ([5, 5],)), ((0,), (4,)),
        ((), (list(range(7, 7 + tensors)),)), ((0,), (6,)), ((), (struct.pack("<I", 4) + bytes(4),)),
        *[table] * tensors,
    )  # fmt: skip


def bundle() -> bytes:
    """A hundred times the same model."""
    model = tflite(9_000)
    section = ((1, 2, 3), (b"section.", b"end.....", b"\3\0\0\0"))
    header = flatbuffer(b"", ((1,), (1,)), ((0,), (2,)), ((), ([3] * 100,)), section)
    # Places have 64 bits, so that the fields behind the first lie four bytes further on.
    header = header.replace(struct.pack("<6H", 12, 16, 0, 4, 8, 12), struct.pack("<6H", 12, 24, 0, 4, 12, 20))
    begin = 32 + len(header)
    header = header.replace(b"section.", struct.pack("<Q", begin))
    header = header.replace(b"end.....", struct.pack("<Q", begin + len(model)))
    return b"LITERTLM" + bytes(16) + struct.pack("<Q", begin) + header + model


def varint(number: int) -> bytes:
    low, rest = number & 127, number >> 7
    return bytes([low | 128]) + varint(rest) if rest else bytes([low])


def table(block: bytes, compression: bytes, times: int) -> bytes:
    """A table of TensorFlow whose index names one block again and again."""
    handle = varint(0) + varint(len(block))
    index = b"".join(b"\0\1" + varint(len(handle)) + b"a" + handle for _ in range(times)) + bytes(4)
    data = block + compression + bytes(4)
    footer = bytes(2) + varint(len(data)) + varint(len(index))
    return data + index + bytes(5) + footer.ljust(40, b"\0") + bytes.fromhex("57fb808b247547db")


def literals(count: int) -> bytes:
    """Literals of a byte each, which unpack to a block without entries."""
    block = bytes(count - 4) + struct.pack("<I", count // 4 - 1)
    return varint(count) + b"".join(b"\0" + block[at : at + 1] for at in range(count))


def variables() -> bytes:
    shape = b"\x12\2\x08\1" * 25
    entry = b"\x08\1\x12" + varint(len(shape)) + shape + b"\x28\4"
    return b"".join(b"\0\6" + varint(len(entry)) + b"%06d" % i + entry for i in range(90_000)) + bytes(4)


def ctranslate2() -> bytes:
    head = struct.pack("<I", 6) + struct.pack("<H", 16) + b"TransformerSpec\0" + struct.pack("<II", 1, 90_000)
    name = struct.pack("<H", 1000)
    return head + b"".join(name + b"%01000d" % i + b"\2" + bytes(8) + struct.pack("<BI", 1, 0) for i in range(90_000))


def mxnet() -> bytes:
    head = struct.pack("<QQQ", 0x112, 0, 20_000) + struct.pack("<Ii", 0xF993FAC8, -1) * 20_000
    return head + struct.pack("<Q", 20_000) + (struct.pack("<Q", 4096) + b"a" * 4096) * 20_000


def fasttext(entries: int) -> bytes:
    settings = struct.pack("<ii12i", 793_712_314, 11, 10, *[1] * 11)
    return settings + bytes(8) + struct.pack("<iiiqq", entries, entries, 0, 1, 0)


def manifest(records: bytes) -> bytes:
    return b'{"metadata":{"ParamSize":1},"records":[' + records + b"]}"


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
    # Lists of what is kept.
    "dimensions": ("variables.index", lambda: table(variables(), b"\0", 1)),
    "names of CTranslate2's": ("model.bin", ctranslate2),
    "names of MXNet's": ("m.params", mxnet),
    "shards of a manifest": ("ndarray-cache.json", lambda: manifest(b'{"records":[]},' * 550_000 + b'{"records":[]}')),
    "a shape in a manifest": (
        "ndarray-cache.json",
        lambda: manifest(b'{"records":[{"name":"","dtype":"","shape":[' + b"300," * 2_000_000 + b"1]}]}"),
    ),
    "levels of Paddle's": (
        "m.pdiparams",
        lambda: (
            (struct.pack("<IQ", 0, 64) + bytes(512) + struct.pack("<II", 0, 4) + b"\x08\5\x10\1" + bytes(4)) * 20_000
        ),
    ),
    "lists of MessagePack": (
        "flax_model.msgpack",
        lambda: b"\x81\xa1a\xdd" + struct.pack(">I", 599_000) + b"\x90" * 599_000,
    ),
    # Headers that break off.
    "a wide header of Darknet's": ("m.weights", lambda: struct.pack("<4i", 0, 2, 5, 0)),
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


@pytest.mark.parametrize(
    ("data", "name"), [(b"\0B<Nnet3> ", "final.mdl"), (fasttext(2**31 - 1), "m.bin")], ids=["Kaldi", "fastText"]
)
def test_a_claimed_size_is_not_read_to_its_end(data: bytes, name: str) -> None:
    reader = CountingReader(data, name, size=2**63)
    estimate_file(reader, Hints())
    assert reader.bytes_read <= MEMORY_BYTES + 1024 * 1024


def test_tables_that_are_looked_at_again_and_again_are_given_up() -> None:
    for data, name in [(ort(10_000, 0), "m.ort"), (ort(0, 10_000), "m.ort"), (bundle(), "m.litertlm")]:
        outcome = estimate_file(CountingReader(data, name), Hints())
        assert isinstance(outcome, Unestimated)
        assert "looked at" in outcome.message
    outcome = answer(tflite(100), "m.tflite")
    assert isinstance(outcome, Estimate)
    assert (outcome.low, outcome.exact) == (1, True)


def test_a_packed_block_is_not_unpacked_again_and_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sstable, "MAX_SNAPPY_ELEMENTS", 4_000)
    outcome = answer(table(literals(1_000), b"\1", 48), "variables.index")
    assert isinstance(outcome, Unestimated)
    assert "pieces" in outcome.message
    assert isinstance(answer(table(literals(1_000), b"\1", 3), "variables.index"), Estimate)


def npy() -> bytes:
    head = b"{'descr': '<f4', 'fortran_order': False, 'shape': (4,), }"
    return b"\x93NUMPY\1\0" + struct.pack("<H", len(head)) + head + bytes(16)


def test_a_model_behind_a_small_gguf_or_array_is_not_left_unsaid() -> None:
    writer = GgufWriter()
    gguf = writer.file([("a", 0, [4])])
    hole = writer.header(2, []) + writer.tensor("a", 0, [4], 0) + writer.tensor("b", 0, [4], 4_000_000)
    cases = [(gguf + gguf + bytes(4_000_000), "m.gguf"), (hole + bytes(4_000_100), "m.gguf")]
    for data, name in [*cases, (npy() + bytes(4_000_000), "m.npy")]:
        outcome = answer(data, name)
        assert isinstance(outcome, Estimate)
        assert not outcome.exact
        assert outcome.high is not None
        assert outcome.high > 8 * 3_900_000
    for data, name in [(gguf + bytes(60_000), "m.gguf"), (npy() + bytes(60_000), "m.npy")]:
        outcome = answer(data, name)
        assert isinstance(outcome, Estimate)
        assert outcome.exact


@pytest.mark.parametrize(("tensors", "shared", "told"), [(10, True, "overlap"), (40_000, False, "tensors")])
def test_many_models_of_an_executable_are_not_all_read(tensors: int, shared: bool, told: str) -> None:
    writer = GgufWriter()
    model = writer.file([(str(number), 0, [0]) for number in range(tensors)])
    raw = io.BytesIO()
    with zipfile.ZipFile(raw, "w") as archive:
        for name in ("0.gguf", "1.gguf", "2.gguf"):
            archive.writestr(name, model)
        if shared:
            archive.filelist += archive.filelist * 2
    outcome = answer(b"MZqFpD" + raw.getvalue(), "m.llamafile")
    assert isinstance(outcome, Unestimated)
    assert told in outcome.message
