"""Makes the golden Darknet files: run this file. Laid out as Darknet's src/parser.c saves weights.

Only the fronts are kept: the count is the file's size, which nothing in the file bears out.
"""

import json
import struct
from pathlib import Path

HERE = Path(__file__).parent
values = struct.pack("<50f", *(number / 10 for number in range(50)))
(HERE / "wide.weights").write_bytes(struct.pack("<iiiQ", 0, 2, 5, 32_013_312) + values)
(HERE / "narrow.weights").write_bytes(struct.pack("<iiiI", 0, 1, 0, 64_000) + values)
cases = {
    file: {"name": "yolov3.weights", "point": 10_000, "exact": True, "size": 40_000 + header, "from": "make.py"}
    for file, header in (("wide.weights", 20), ("narrow.weights", 16))
}
(HERE / "cases.json").write_text(json.dumps(cases, indent=1) + "\n", encoding="utf-8")
