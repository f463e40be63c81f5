"""Byte ranges of a file: 200, 206, 416, and several ranges in one answer."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from scanner.samplehub.wire.messages import Response

if TYPE_CHECKING:
    from scanner.samplehub.files.blob import Blob

MOST_RANGES = 16  # more in one request are ignored, as a cache would
MOST_PARTS_BYTES = 16 << 20  # several ranges are answered from memory; larger wishes get the whole file
FORM = re.compile(r"bytes=\s*ONE(\s*,\s*ONE)*\s*".replace("ONE", r"([0-9]{1,30}-([0-9]{1,30})?|-[0-9]{1,30})"))
BOUNDARY = "sample-hub-part"


def serve(blob: Blob, wanted: str | None, headers: dict[str, str]) -> Response:
    """The file or the part of it that the `Range` header asks for; a header that makes no sense is ignored."""
    headers = {"Accept-Ranges": "bytes"} | headers
    ranges = parse(wanted, blob.size) if wanted else None
    if ranges is None:
        return Response(200, headers, file=blob, start=0, stop=blob.size)
    if not ranges:
        return Response(416, headers | {"Content-Range": f"bytes */{blob.size}"}, b"")
    if len(ranges) == 1:
        start, stop = ranges[0]
        headers["Content-Range"] = f"bytes {start}-{stop - 1}/{blob.size}"
        return Response(206, headers, file=blob, start=start, stop=stop)
    if sum(stop - start for start, stop in ranges) > MOST_PARTS_BYTES:
        return Response(200, headers, file=blob, start=0, stop=blob.size)
    body = b"".join(
        f"--{BOUNDARY}\r\nContent-Range: bytes {start}-{stop - 1}/{blob.size}\r\n\r\n".encode()
        + blob.read(start, stop)
        + b"\r\n"
        for start, stop in ranges
    )
    headers["Content-Type"] = f"multipart/byteranges; boundary={BOUNDARY}"
    return Response(206, headers, body + f"--{BOUNDARY}--\r\n".encode())


def parse(wanted: str, size: int) -> list[tuple[int, int]] | None:
    """(start, stop) of each satisfiable range; an empty list if there is none, None if the header is to be ignored."""
    if not FORM.fullmatch(wanted):
        return None
    ranges = []
    for part in wanted.removeprefix("bytes=").split(","):
        first, _, last = part.strip().partition("-")
        if first:
            start, stop = int(first), min(int(last) + 1, size) if last else size
            if last and int(last) < start:
                return None
        else:
            start, stop = max(size - int(last), 0), size
        if start < stop:
            ranges.append((start, stop))
    return ranges if len(ranges) <= MOST_RANGES else None
