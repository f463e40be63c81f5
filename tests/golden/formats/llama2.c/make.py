"""Makes the golden llama2.c files: run this file. Laid out as llama2.c's export.py writes them."""

import json
import struct
from pathlib import Path

HERE = Path(__file__).parent
WIDTH, HIDDEN, LAYERS, HEADS, VOCABULARY, LENGTH = 8, 16, 1, 2, 20, 4
MATRICES = VOCABULARY * WIDTH + LAYERS * (4 * WIDTH * WIDTH + 3 * WIDTH * HIDDEN)
NORMS = (2 * LAYERS + 1) * WIDTH
ROTARY = LENGTH * WIDTH // HEADS
sizes = struct.pack("<7i", WIDTH, HIDDEN, LAYERS, HEADS, HEADS, VOCABULARY, LENGTH)
(HERE / "legacy.bin").write_bytes(sizes + bytes(4 * (MATRICES + NORMS + ROTARY)))
(HERE / "version-1.bin").write_bytes(
    b"24ka" + struct.pack("<i", 1) + sizes + b"\1" + bytes(219 + 4 * (MATRICES + NORMS))
)
scales = MATRICES // 8
head = b"24ka" + struct.pack("<i", 2) + sizes + b"\1" + struct.pack("<i", 8) + bytes(215)
(HERE / "version-2.bin").write_bytes(head + bytes(4 * NORMS + MATRICES + 4 * scales))
cases = {
    "legacy.bin": {"name": "stories260K.bin", "point": MATRICES + NORMS + ROTARY, "exact": True, "from": "make.py"},
    "version-1.bin": {"name": "stories15M.bin", "point": MATRICES + NORMS, "exact": True, "from": "make.py"},
    "version-2.bin": {"name": "stories15M_q80.bin", "point": MATRICES + NORMS, "exact": True, "from": "make.py"},
}
(HERE / "cases.json").write_text(json.dumps(cases, indent=1) + "\n", encoding="utf-8")
