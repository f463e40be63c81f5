"""Files read in pieces: the `ByteReader` of estimators over a ranged HTTP resource or a local file.

Both read in blocks of 32 KiB, so that their costs compare; both remember the blocks of a file while it is open, so that
an estimator may look twice at the same place for nothing.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol
from urllib.parse import quote

from estimators.errors import BudgetExceeded, ReadFailed
from scanner.errors import Refused, SourceError

if TYPE_CHECKING:
    import httpx2

    from scanner.sources.http import HubClient

BLOCK_BYTES = 32 * 1024
FIRST_READ_BYTES = 128 * 1024  # the header of nearly every weight file, in one range
DEFAULT_BUDGET_BYTES = 160 * 1024 * 1024  # the longest header that the formats allow, with room
MAX_SKIPPED_BYTES = 8 * 1024 * 1024  # a server that ignores ranges is read past this much, then given up
SHA256_LENGTH = 64


@dataclass(frozen=True, slots=True)
class Stat:
    """What opening a file told before a byte of it was read."""

    size: int | None
    digest: str | None  # sha256 of the content, where the server knows it


class _Blocks:
    """Whole blocks of one file, fetched in as few runs as possible and kept."""

    def __init__(self, name: str, budget: int) -> None:
        self.name = name
        self.size: int | None = None
        self.requests = 0
        self.bytes_read = 0
        self._budget = budget
        self._kept: dict[int, bytes] = {}

    def read(self, offset: int, length: int) -> bytes:
        """See `ByteReader.read`."""
        if offset < 0 or length < 0:
            raise ReadFailed(self.name, f"a read of {length} bytes at {offset} was asked for")
        end = offset + length if self.size is None else min(offset + length, self.size)
        if end <= offset:
            return b""
        first, last = offset // BLOCK_BYTES, (end - 1) // BLOCK_BYTES
        self._fill(first, last)
        data = b"".join(self._kept.get(number, b"") for number in range(first, last + 1))
        start = offset - first * BLOCK_BYTES
        return data[start : start + (end - offset)]

    def _fill(self, first: int, last: int) -> None:
        """Fetch the missing blocks of `first..last`, one request for each run of them."""
        missing = [number for number in range(first, last + 1) if number not in self._kept]
        while missing:
            count = 1
            while count < len(missing) and missing[count] == missing[0] + count:
                count += 1
            start, length = missing[0] * BLOCK_BYTES, count * BLOCK_BYTES
            if self.size is not None:
                length = min(length, self.size - start)
            if self.bytes_read + length > self._budget:
                raise BudgetExceeded(
                    self.name, f"reading {length:,} more bytes would pass the budget of {self._budget:,}"
                )
            data = self._fetch(start, length)
            self.bytes_read += length
            self._keep(missing[0], data)
            missing = missing[count:]

    def _keep(self, first: int, data: bytes) -> None:
        for number, start in enumerate(range(0, len(data), BLOCK_BYTES), first):
            self._kept[number] = data[start : start + BLOCK_BYTES]

    def _fetch(self, offset: int, length: int) -> bytes:
        raise NotImplementedError


class LocalFile(_Blocks):
    """A file on this machine; opened only while it is read, and only if it is a regular file."""

    def __init__(self, path: Path, name: str, *, budget: int = DEFAULT_BUDGET_BYTES) -> None:
        super().__init__(name, budget)
        self._path = path
        try:
            self.size = path.stat().st_size
        except OSError as error:
            raise ReadFailed(name, f"cannot be read ({error.strerror})") from error

    def open(self) -> Stat:
        """What the file system tells; nothing is read."""
        return Stat(self.size, None)

    def _fetch(self, offset: int, length: int) -> bytes:
        self.requests += 1
        try:
            # Non-blocking: opening a pipe that somebody put in a model folder must not hang.
            descriptor = os.open(self._path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
            with os.fdopen(descriptor, "rb", buffering=0) as file:
                file.seek(offset)
                return _read_fully(file, length)
        except OSError as error:
            raise ReadFailed(self.name, f"cannot be read ({error.strerror})") from error


class _Raw(Protocol):
    def read(self, size: int, /) -> bytes | None: ...


def _read_fully(file: _Raw, length: int) -> bytes:
    parts: list[bytes] = []
    while length > 0:
        part = file.read(length)
        if not part:
            break
        parts.append(part)
        length -= len(part)
    return b"".join(parts)


class RemoteFile(_Blocks):
    """A file of a Hub repository at a fixed revision.

    Opening costs one unit of the Hub's file quota. A large file answers with a redirect to a signed address, which
    already tells size and digest; the ranges then go to that address, without the token. A small file answers with its
    bytes. The address is kept in memory for this file only and asked for anew when it expires.
    """

    def __init__(
        self, client: HubClient, model: str, revision: str, path: str, *, budget: int = DEFAULT_BUDGET_BYTES
    ) -> None:
        super().__init__(path, budget)
        self._client = client
        self._url = f"/{quote(model)}/resolve/{quote(revision, safe='')}/{quote(path)}"
        self._address: str | None = None
        self._opened = False
        self.digest: str | None = None

    def open(self) -> Stat:
        """Ask for the file and take what the first answer tells.

        Raises:
            Refused, Unanswered, BudgetSpent: see `HubClient.ask`.
        """
        from scanner.sources.http import RESOLVERS  # late: a local check needs no HTTP

        headers = {"accept-encoding": "identity", "range": f"bytes=0-{FIRST_READ_BYTES - 1}"}
        self.requests += 1
        first = self._client.ask(self._url, bucket=RESOLVERS, headers=headers, consume=self._opened_by)
        self._opened = True
        if first:
            self.bytes_read += min(len(first), FIRST_READ_BYTES)
            whole = len(first) if self.size == len(first) else len(first) // BLOCK_BYTES * BLOCK_BYTES
            self._keep(0, first[:whole])
        return Stat(self.size, self.digest)

    def _opened_by(self, response: httpx2.Response) -> bytes:
        self.digest = _digest(response.headers.get("x-linked-etag"))
        if response.is_redirect:
            self._address = response.headers["location"]
            self.size = _natural(response.headers.get("x-linked-size"))
            return b""
        self._address = None
        start, total = _content_range(response) if response.status_code == 206 else (0, _plain_length(response))
        if start != 0:
            raise ReadFailed(self.name, f"the server answered a range from byte {start}")
        self.size = total
        data = _prefix(response, FIRST_READ_BYTES)
        if total is None and len(data) < FIRST_READ_BYTES:
            self.size = len(data)
        return data

    def read(self, offset: int, length: int) -> bytes:
        """See `ByteReader.read`; opens the file where that has not been done."""
        if not self._opened:
            try:
                self.open()
            except SourceError as error:
                raise ReadFailed(self.name, str(error)) from error
        return super().read(offset, length)

    def _fetch(self, offset: int, length: int) -> bytes:
        try:
            try:
                return self._ranged(offset, length)
            except Refused as error:
                if error.code != "expired":
                    raise
                self.open()
                return self._ranged(offset, length)
        except SourceError as error:
            raise ReadFailed(self.name, str(error)) from error

    def _ranged(self, offset: int, length: int) -> bytes:
        from scanner.sources.http import RESOLVERS

        headers = {"accept-encoding": "identity", "range": f"bytes={offset}-{offset + length - 1}"}
        self.requests += 1

        def consume(response: httpx2.Response) -> bytes:
            return self._take(response, offset, length)

        if self._address is None:
            return self._client.ask(self._url, bucket=RESOLVERS, headers=headers, consume=consume)
        return self._client.ask_elsewhere(self._address, headers=headers, consume=consume)

    def _take(self, response: httpx2.Response, offset: int, length: int) -> bytes:
        from scanner.sources.http import Unusable

        if response.status_code == 206:
            start, total = _content_range(response)
            if start != offset:
                raise Unusable(f"{self.name}: asked for bytes from {offset}, was sent bytes from {start}")
            self._check_total(total)
            data = _prefix(response, length)
        else:
            # The server ignores ranges: read up to the wanted bytes and leave; never the rest of the file.
            if offset > MAX_SKIPPED_BYTES:
                raise ReadFailed(self.name, f"the server ignores ranges, and byte {offset:,} is too far to read up to")
            self._check_total(_plain_length(response))
            data = _prefix(response, offset + length)[offset:]
        expected = length if self.size is None else min(length, self.size - offset)
        if len(data) < expected and not (self.size is None and data):
            raise Unusable(f"{self.name}: asked for {expected:,} bytes at {offset:,}, was sent {len(data):,}")
        return data

    def _check_total(self, total: int | None) -> None:
        if total is None:
            return
        if self.size is None:
            self.size = total
        elif self.size != total:
            raise ReadFailed(self.name, f"the size changed from {self.size:,} to {total:,} bytes while it was read")


def _prefix(response: httpx2.Response, length: int) -> bytes:
    """The first `length` bytes of a streamed body; the rest is left to the closing of the response."""
    parts: list[bytes] = []
    size = 0
    for chunk in response.iter_bytes():
        parts.append(chunk)
        size += len(chunk)
        if size >= length:
            break
    return b"".join(parts)[:length]


_CONTENT_RANGE = re.compile(r"bytes (\d{1,19})-(\d{1,19})/(\d{1,19}|\*)\Z")


def _content_range(response: httpx2.Response) -> tuple[int, int | None]:
    """First byte and total of a 206; (-1, None) where the header is missing or unusable."""
    match = _CONTENT_RANGE.match(response.headers.get("content-range", ""))
    if match is None:
        return -1, None
    return int(match[1]), None if match[3] == "*" else int(match[3])


def _plain_length(response: httpx2.Response) -> int | None:
    """The length of a whole answer; None where it is compressed or chunked, so that its length is not the file's."""
    if response.headers.get("content-encoding", "identity") != "identity":
        return None
    return _natural(response.headers.get("content-length"))


def _natural(text: str | None) -> int | None:
    return int(text) if text is not None and text.isascii() and text.isdigit() and len(text) <= 19 else None


def _digest(etag: str | None) -> str | None:
    """A sha256 out of an ETag; None for anything else (a git blob's sha1, a weak tag)."""
    value = (etag or "").strip().strip('"')
    return value if len(value) == SHA256_LENGTH and all(c in "0123456789abcdef" for c in value) else None
