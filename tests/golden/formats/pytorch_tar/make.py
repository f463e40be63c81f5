"""Makes the golden tar of PyTorch's: run this file; `pip install torch` to check that it loads.

No PyTorch of today writes these files; this one loads in torch 2.13.0 (`weights_only=False`).
"""

import io
import pickle
import struct
import tarfile
from collections import OrderedDict
from pathlib import Path

import torch

HERE = Path(__file__).parent
PROTOCOL = 2
TENSORS = (  # key, key of the storage, type, sizes, strides, offset
    (1, 10, "FloatTensor", (2, 3), (3, 1), 0),
    (2, 11, "FloatTensor", (4,), (1,), 2),
    (3, 12, "LongTensor", (5,), (1,), 0),
)
STORAGES = ((10, "FloatStorage", 6, 4), (11, "FloatStorage", 8, 4), (12, "LongStorage", 5, 8))
OBJECT = OrderedDict([("layer.weight", TENSORS[0]), ("layer.bias", TENSORS[1]), ("steps", TENSORS[2])])


class Pickler(pickle.Pickler):
    """Names tensors by their keys."""

    def persistent_id(self, obj: object) -> str | None:
        """The key of a tensor."""
        return str(obj[0]) if isinstance(obj, tuple) and obj in TENSORS else None


def storages() -> bytes:
    """All storages, each behind its description."""
    out = pickle.dumps(len(STORAGES), PROTOCOL)
    for key, kind, elements, width in STORAGES:
        out += pickle.dumps((key, "cpu", getattr(torch, kind)), PROTOCOL)
        out += struct.pack("<Q", elements) + bytes(elements * width)
    return out + pickle.dumps([], PROTOCOL)


def tensors() -> bytes:
    """All tensors: shapes without elements."""
    out = pickle.dumps(len(TENSORS), PROTOCOL)
    for key, storage, kind, sizes, strides, offset in TENSORS:
        out += pickle.dumps((key, storage, getattr(torch, kind)), PROTOCOL)
        out += struct.pack(f"<ii{2 * len(sizes) + 1}q", len(sizes), 0, *sizes, *strides, offset)
    return out


def described() -> bytes:
    """The object."""
    out = io.BytesIO()
    Pickler(out, PROTOCOL).dump(OBJECT)
    return out.getvalue()


with tarfile.open(HERE / "state-dict.pth.tar", "w:", format=tarfile.GNU_FORMAT) as archive:
    parts = {"sys_info": pickle.dumps({"protocol_version": 1000}, PROTOCOL), "pickle": described()}
    for name, data in (parts | {"tensors": tensors(), "storages": storages()}).items():
        member = tarfile.TarInfo(name)
        member.size = len(data)
        archive.addfile(member, io.BytesIO(data))
print(torch.load(HERE / "state-dict.pth.tar", weights_only=False))
