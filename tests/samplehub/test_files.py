"""The files' bytes, read by the libraries they are made for, or by a reader written for the test."""

from __future__ import annotations

import hashlib
import io
import pickle
import struct
import zipfile
import zlib
from collections.abc import Iterator
from typing import Any

import pytest
import safetensors as package

from scanner.samplehub.files import gguf, onnx, pickles, safetensors, torch
from scanner.samplehub.files.blob import Blob
from scanner.samplehub.files.tensors import BITS, Tensor, partition, stored
from scanner.samplehub.population import shapes


class Reader(io.RawIOBase):
    """A blob as a file."""

    def __init__(self, blob: Blob) -> None:
        self.blob, self.position = blob, 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = 0) -> int:
        self.position = offset + (0, self.position, self.blob.size)[whence]
        return self.position

    def tell(self) -> int:
        return self.position

    def read(self, size: int = -1) -> bytes:
        stop = self.blob.size if size < 0 else self.position + size
        data = self.blob.read(self.position, stop)
        self.position += len(data)
        return data


class TorchUnpickler(pickle.Unpickler):
    """Loads a torch pickle to (storage name, storage elements, shape), importing nothing."""

    def persistent_load(self, pid: Any) -> Any:
        assert pid[0] == "storage"
        return pid[1:5]

    def find_class(self, module: str, name: str) -> Any:
        if name == "OrderedDict":
            return dict
        if name == "_rebuild_tensor_v2":
            return lambda storage, offset, size, stride, grad, hooks: (storage[1], storage[3], size)
        return f"{module}.{name}"


def test_blob_reads_what_it_holds() -> None:
    blob = Blob(100, ((0, b"abc"), (10, b"defg"), (90, b"0123456789")))
    whole = b"abc" + bytes(7) + b"defg" + bytes(76) + b"0123456789"
    for start in range(-1, 101):
        for stop in range(-1, 103):
            assert blob.read(start, stop) == whole[max(start, 0) : max(stop, 0)]
    assert b"".join(blob.stream(0, 100)) == whole
    assert blob.sha256 == hashlib.sha256(whole).hexdigest()
    salted = blob.salted("x")
    assert salted.size == 100
    assert salted.read(0, 84) == whole[:84]
    assert salted.sha256 != blob.sha256


@pytest.mark.parametrize("metadata", [{}, {"format": "pt"}, {"作者": "ことり"}])
def test_sparse_safetensors_are_the_packages_own_bytes(metadata: dict[str, str]) -> None:
    tensors = {f"t{n}.{dtype}": Tensor(dtype, (n + 1, 4)) for n, dtype in enumerate(BITS)}
    tensors |= {
        "scalar": Tensor("F32", ()),
        "empty": Tensor("F16", (0, 7)),
        "z": Tensor("BF16", (3,)),
        "名": Tensor("F32", (2,)),
    }
    ours = safetensors.sparse(tensors, metadata)
    assert ours.read(0, ours.size) == safetensors.written_by_package(tensors, metadata)


def test_safetensors_are_read_by_the_package() -> None:
    tensors = shapes.bert(hidden=32, layers=2, vocab=100)
    blob = safetensors.write(tensors)
    read = package.deserialize(blob.read(0, blob.size))  # type: ignore[no-untyped-call]
    found = {name: (value["dtype"], tuple(value["shape"])) for name, value in read}
    assert found == {name: (tensor.dtype, tensor.shape) for name, tensor in tensors.items()}


def test_shards_hold_every_tensor_once() -> None:
    tensors = shapes.llama(hidden=64, layers=3, intermediate=128, kv=32, vocab=500)
    groups = partition(tensors, 4)
    assert [name for group in groups for name in group] == list(tensors)
    assert all(groups)
    files = safetensors.shards(tensors, 4, stem="unet/model")
    assert len([name for name in files if name.endswith(".safetensors")]) == 4
    assert "unet/model.safetensors.index.json" in files


@pytest.mark.parametrize("length", [0, 1, 2, 3, 63, 64, 65, 1000, 65536, 1_000_003])
def test_checksum_of_zeros(length: int) -> None:
    assert torch.crc32_of_zeros(length) == zlib.crc32(bytes(length))


def test_torch_archive_is_a_zip_that_torch_would_read() -> None:
    tensors = {"a.weight": Tensor("F32", (30, 20)), "a.bias": Tensor("BF16", (30,)), "n": Tensor("I64", ())}
    blob = torch.write(tensors, tied={"b.weight": "a.weight"}, folder="pytorch_model")
    with zipfile.ZipFile(Reader(blob)) as archive:
        assert archive.testzip() is None
        assert archive.read("pytorch_model/version") == b"3\n"
        assert all(entry.compress_type == zipfile.ZIP_STORED for entry in archive.infolist())
        state = TorchUnpickler(archive.open("pytorch_model/data.pkl")).load()
        sizes = {entry.filename: entry.file_size for entry in archive.infolist()}
    assert state == {
        "a.weight": ("0", 600, (30, 20)),
        "a.bias": ("1", 30, (30,)),
        "n": ("2", 1, ()),
        "b.weight": ("0", 600, (30, 20)),
    }
    assert sizes["pytorch_model/data/0"] == 2400
    for offset, piece in blob.pieces:
        if piece.startswith(b"PK\x03\x04") and b"/data/" in piece:
            assert (offset + len(piece)) % 64 == 0


def test_large_torch_archive_costs_no_memory() -> None:
    tensors = shapes.bert(hidden=1024, layers=24, vocab=30522)
    blob = torch.write(tensors)
    assert blob.size > 1_300_000_000
    assert sum(len(piece) for _, piece in blob.pieces) < 300_000
    with zipfile.ZipFile(Reader(blob)) as archive:
        state = TorchUnpickler(archive.open("archive/data.pkl")).load()
    assert {name: shape for name, (_, _, shape) in state.items()} == {name: t.shape for name, t in tensors.items()}


def test_legacy_torch_file_is_a_run_of_pickles() -> None:
    tensors = {"w": Tensor("F32", (4, 5)), "b": Tensor("F16", (5,))}
    blob = torch.write_legacy(tensors)
    reader = io.BytesIO(blob.read(0, blob.size))
    assert pickle.load(reader) == 0x1950A86A20F9469CFC6C  # noqa: S301  our own bytes
    assert pickle.load(reader) == 1001  # noqa: S301
    assert pickle.load(reader)["little_endian"] is True  # noqa: S301
    assert TorchUnpickler(reader).load() == {"w": ("0", 20, (4, 5)), "b": ("1", 5, (5,))}
    assert pickle.load(reader) == ["0", "1"]  # noqa: S301
    for elements, width in ((20, 4), (5, 2)):
        assert struct.unpack("<q", reader.read(8)) == (elements,)
        assert reader.read(elements * width) == bytes(elements * width)
    assert reader.read() == b""


def test_numpy_pickle_is_read_by_numpy() -> None:
    numpy = pytest.importorskip("numpy")
    array = pickle.loads(b"\x80\x03" + pickles.numpy_array(Tensor("F64", (500, 6))) + b".")  # noqa: S301
    assert array.shape == (500, 6)
    assert array.dtype == numpy.float64


def read_gguf(blob: Blob) -> tuple[dict[str, Any], dict[str, tuple[tuple[int, ...], int, int]], int]:
    """Metadata, tensors as (shape, type, offset), and where the data begins."""
    reader = Reader(blob)

    def unpack(form: str) -> Any:
        return struct.unpack("<" + form, reader.read(struct.calcsize("<" + form)))[0]

    def text() -> str:
        return reader.read(unpack("Q")).decode()

    def value(kind: int) -> Any:
        if kind == 9:
            inner, count = unpack("I"), unpack("Q")
            return [value(inner) for _ in range(count)]
        return text() if kind == 8 else unpack({4: "I", 6: "f", 7: "?"}[kind])

    assert reader.read(4) == b"GGUF"
    assert unpack("I") == 3
    tensor_count, key_count = unpack("Q"), unpack("Q")
    metadata = {text(): value(unpack("I")) for _ in range(key_count)}
    tensors = {}
    for _ in range(tensor_count):
        name = text()
        dims = tuple(unpack("Q") for _ in range(unpack("I")))
        tensors[name] = (dims[::-1], unpack("I"), unpack("Q"))
    return metadata, tensors, reader.tell() + -reader.tell() % 32


def test_gguf_layout() -> None:
    model = shapes.llama(hidden=256, layers=2, intermediate=512, kv=256, vocab=1024)
    converted = shapes.as_gguf(model, "Q4_K")
    blob = gguf.write(
        converted, {"general.architecture": "llama", "n": 5, "flag": True, "f": 1.5, "tokens": ["a", "é"]}
    )
    metadata, tensors, data = read_gguf(blob)
    assert metadata == {"general.architecture": "llama", "n": 5, "flag": True, "f": 1.5, "tokens": ["a", "é"]}
    assert {name: shape for name, (shape, _, _) in tensors.items()} == {n: t.shape for n, t in converted.items()}
    assert sum(tensor.elements for tensor in converted.values()) == stored(model)
    last = max(offset for _, _, offset in tensors.values())
    assert all(offset % 32 == 0 for _, _, offset in tensors.values())
    assert data + last < blob.size


def test_gguf_splits_share_the_tensors() -> None:
    converted = shapes.as_gguf(shapes.llama(hidden=256, layers=4, intermediate=512, kv=256, vocab=512), "Q8_0")
    files = gguf.splits(converted, {"general.architecture": "llama"}, "m", 3)
    assert list(files) == ["m-00001-of-00003.gguf", "m-00002-of-00003.gguf", "m-00003-of-00003.gguf"]
    parts = [read_gguf(blob) for blob in files.values()]
    assert [name for _, tensors, _ in parts for name in tensors] == list(converted)
    assert [metadata["split.no"] for metadata, _, _ in parts] == [0, 1, 2]
    assert {metadata["split.tensors.count"] for metadata, _, _ in parts} == {len(converted)}
    assert "general.architecture" not in parts[1][0]


def protobuf(data: bytes) -> Iterator[tuple[int, Any]]:
    """Fields of a message with varints and blocks only."""
    position = 0

    def varint() -> int:
        nonlocal position
        value = shift = 0
        while True:
            byte = data[position]
            position += 1
            value |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                return value

    while position < len(data):
        tag = varint()
        if tag & 7 == 0:
            yield tag >> 3, varint()
        else:
            length = varint()
            yield tag >> 3, data[position : position + length]
            position += length


def test_onnx_initialisers() -> None:
    tensors = {"w": Tensor("F32", (300, 4)), "shape": Tensor("I64", (2,))}
    blob = onnx.write(tensors)
    [graph] = [value for field, value in protobuf(blob.read(0, blob.size)) if field == 7]
    found = {}
    for field, value in protobuf(graph):
        if field == 5:
            fields = list(protobuf(value))
            name = next(v for f, v in fields if f == 8).decode()
            found[name] = (
                [v for f, v in fields if f == 1],
                next(v for f, v in fields if f == 2),
                len(next(v for f, v in fields if f == 9)),
            )
    assert found == {"w": ([300, 4], 1, 4800), "shape": ([2], 7, 16)}
