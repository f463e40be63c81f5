"""Makes the golden MXNet files: run this file. MXNet itself can no longer be installed.

Laid out as its src/ndarray/ndarray.cc saves lists of arrays.
"""

import json
import struct
from math import prod
from pathlib import Path

HERE = Path(__file__).parent
V1, V2 = 0xF993FAC8, 0xF993FAC9
ARRAYS = [
    ("arg:conv_weight", 0, (8, 3, 3, 3)),
    ("arg:conv_bias", 0, (8,)),
    ("aux:bn_moving_mean", 0, (8,)),
    ("arg:half", 2, (5, 4)),
    ("arg:steps", 4, (3,)),
    ("arg:fc_quantize", 5, (6, 8)),
    ("arg:fc_quantize_min", 0, (1,)),
    ("arg:fc_quantize_max", 0, (1,)),
]
BYTES = {0: 4, 2: 2, 4: 4, 5: 1}


def file(version):
    data = struct.pack("<QQQ", 0x112, 0, len(ARRAYS))
    for _, code, shape in ARRAYS:
        if version == 0:
            data += struct.pack(f"<{len(shape) + 1}I", len(shape), *shape)
        else:
            data += struct.pack("<I", (V1, V2)[version - 1]) + (bytes(4) if version == 2 else b"")
            data += struct.pack(f"<i{len(shape)}q", len(shape), *shape)
        data += struct.pack("<3i", 1, 0, code) + bytes(prod(shape) * BYTES[code])
    names = [name.encode() for name, _, _ in ARRAYS]
    return data + struct.pack("<Q", len(names)) + b"".join(struct.pack("<Q", len(name)) + name for name in names)


cases = {}
for version in (0, 1, 2):
    (HERE / f"version-{version}.params").write_bytes(file(version))
    cases[f"version-{version}.params"] = {"name": "net-0000.params", "point": 300, "exact": True, "from": "make.py"}
(HERE / "cases.json").write_text(json.dumps(cases, indent=1) + "\n", encoding="utf-8")
