"""Makes the golden bundles: `pip install flatbuffers`, then run this file; the models are those of ../tflite."""

import struct
import zipfile
from pathlib import Path

import flatbuffers

HERE = Path(__file__).parent
FLOAT, INT8 = ((HERE.parent / "tflite" / name).read_bytes() for name in ("float.tflite", "int8.tflite"))
BLOCK = 16 * 1024  # sections of a LiteRT-LM file begin at multiples of it; smaller here


def stored(path: Path, members: dict[str, bytes]) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in members.items():
            archive.writestr(zipfile.ZipInfo(name, (2024, 1, 1, 0, 0, 0)), data)


stored(HERE / "inner.task", {"detector.tflite": FLOAT, "labels.txt": b"hand"})
stored(HERE / "nested.task", {"hand.task": (HERE / "inner.task").read_bytes(), "classifier.tflite": INT8})
(HERE / "inner.task").unlink()

sections = [(5, b"metadata"), (4, b"tokenizer" * 9), (3, INT8), (3, FLOAT)]
builder = flatbuffers.Builder(256)
objects, at, step = [], 512, 64
for kind, data in sections:
    builder.StartObject(4)
    builder.PrependUint64Slot(1, at, 0)
    builder.PrependUint64Slot(2, at + len(data), 0)
    builder.PrependUint8Slot(3, kind, 0)
    objects.append(builder.EndObject())
    at += len(data) + -len(data) % step
builder.StartVector(4, len(objects), 4)
for made in reversed(objects):
    builder.PrependUOffsetTRelative(made)
vector = builder.EndVector()
builder.StartObject(1)
builder.PrependUOffsetTRelativeSlot(0, vector, 0)
metadata = builder.EndObject()
builder.StartObject(2)
builder.PrependUOffsetTRelativeSlot(1, metadata, 0)
builder.Finish(builder.EndObject())
header = bytes(builder.Output())
file = b"LITERTLM" + struct.pack("<III4xQ", 1, 4, 0, 32 + len(header)) + header
file += bytes(512 - len(file))
for _, data in sections:
    file += data + bytes(-len(data) % step)
(HERE / "sections.litertlm").write_bytes(file)
