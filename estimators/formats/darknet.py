"""Count parameters in Darknet's `.weights` files (YOLO and kin).

Spec: pjreddie/darknet and AlexeyAB/darknet, src/parser.c (`save_weights_upto`, `load_weights_upto`): three numbers of
version, the images seen in training (64 bits since version 0.2), then nothing but 32-bit floats.

Reads the front. There is no magic number, so that the name, the version and plausible floats have to come together;
what follows the header is counted by the file's size, batch-norm statistics included.
"""

from __future__ import annotations

import math
import re
import struct

from estimators import results
from estimators.errors import MalformedFile
from estimators.interface import Basis, ByteReader, Estimate, Hints
from estimators.reading.front import front_reader

NAMES = re.compile(r".*\.(?:weights|backup|conv\.\d{1,4})\Z", re.DOTALL)  # `yolov4.conv.137` holds the first 137 layers
WIDE_SINCE = 2  # ten times the major and the minor version: the count of images has 64 bits from here on
NEWEST = (0, 9, 99)  # versions in use are 0.1.0 and 0.2.0 to 0.2.5
CHECKED_FLOATS = 64
LARGEST_VALUE = 1e6


def matches(front: bytes, name: str) -> bool:
    """Whether name, version and the first values are Darknet's."""
    return bool(NAMES.match(name)) and _header_bytes(front) is not None


def _header_bytes(front: bytes) -> int | None:
    """Bytes before the floats; None where they are no header, or no plausible floats follow."""
    if len(front) < 16:
        return None
    major, minor, revision = struct.unpack_from("<3i", front)
    if not (major == NEWEST[0] and 0 < minor <= NEWEST[1] and 0 <= revision <= NEWEST[2]):
        return None
    header = 20 if major * 10 + minor >= WIDE_SINCE else 16
    if len(front) < header:
        return None
    count = min((len(front) - header) // 4, CHECKED_FLOATS)
    values = struct.unpack_from(f"<{count}f", front, header)
    return header if all(math.isfinite(value) and abs(value) < LARGEST_VALUE for value in values) else None


def estimate(reader: ByteReader, hints: Hints) -> Estimate:  # noqa: ARG001 -- one range tells everything
    """Count the parameters of one Darknet file.

    Args:
        reader: the file; its first 128 KiB.
        hints: unused.

    Raises:
        MalformedFile: the front is not Darknet's, or what follows it is not made of whole floats.
        ReadFailed, BudgetExceeded: from the reader.
    """
    source = front_reader(reader)
    header = _header_bytes(source.read(0, 20 + 4 * CHECKED_FLOATS))
    if header is None:
        raise MalformedFile(source.name, "does not begin with a version of Darknet and plausible floats")
    if source.size is None or source.size < header or (source.size - header) % 4:
        raise MalformedFile(source.name, f"has {source.size} bytes, of which {header} are the header and 4 a float")
    count = (source.size - header) // 4
    return results.of_count(
        source,
        Basis.DARKNET_HEADER,
        count,
        stored=count,
        note="all floats after the header, batch-norm statistics included",
    )
