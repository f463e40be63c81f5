"""Files read in pieces: the `ByteReader` of estimators over a ranged HTTP resource or a local file.

Both read in blocks of 32 KiB, so that their costs compare; both remember the latest blocks of a file while it is open,
so that an estimator may look twice at the same place for nothing.
"""

from __future__ import annotations

import os
import re
import stat
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping
from collections.abc import Set as AbstractSet
from contextlib import suppress
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
KEPT_BYTES = 8 * 1024 * 1024  # of each open file; longer headers are read as a stream and not looked at twice
CACHE = "/api/resolve-cache/"  # where the Hub keeps small files; a request there counts as one for a file
LITTLE_BYTES = 64 * 1024  # less to read than a new connection costs
MAX_SKIPPED_BYTES = 8 * 1024 * 1024  # a server that ignores ranges is read past this much, then given up
MAX_REOPENED = 3  # times that a signed address is asked for anew for one piece
SHA256_LENGTH = 64


@dataclass(frozen=True, slots=True)
class Stat:
    """What opening a file told before a byte of it was read."""

    size: int | None
    digest: str | None  # sha256 of the content, where the server knows it


class _Blocks(ABC):
    """Whole blocks of one file, fetched in as few runs as possible; the latest are kept."""

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
        blocks = self._blocks(first, last)
        pieces: list[bytes | memoryview] = []
        for number in range(first, last + 1):
            block = blocks.get(number, b"")
            start = number * BLOCK_BYTES
            pieces.append(block[max(offset - start, 0) : end - start])
            if len(block) < BLOCK_BYTES:
                break  # the file ends here
        return b"".join(pieces)

    def _blocks(self, first: int, last: int) -> Mapping[int, bytes | memoryview]:
        """The blocks `first..last`, as far as the file has them; one request for each run of those not kept."""
        # Before the blocks are listed: a length out of a hostile header may be anything.
        if (last - first - 1) * BLOCK_BYTES > self._budget + KEPT_BYTES:
            raise self._too_much((last - first + 1) * BLOCK_BYTES)
        blocks: dict[int, bytes | memoryview] = {n: self._kept[n] for n in range(first, last + 1) if n in self._kept}
        spans = [self._span(run) for run in _runs(n for n in range(first, last + 1) if n not in blocks)]
        wanted = sum(length for _, length in spans)
        if self.bytes_read + wanted > self._budget:
            raise self._too_much(wanted)
        for start, length in spans:
            # Views of the one piece that came, so that a long read does not hold it twice.
            data = memoryview(self._fetch(start, length))
            self.bytes_read += length
            for at in range(0, len(data), BLOCK_BYTES):
                blocks[(start + at) // BLOCK_BYTES] = data[at : at + BLOCK_BYTES]
            self._keep(start, data)
        return blocks

    def _span(self, run: range) -> tuple[int, int]:
        """Offset and length of a run of blocks."""
        start = run.start * BLOCK_BYTES
        length = len(run) * BLOCK_BYTES
        return start, length if self.size is None else min(length, self.size - start)

    def _keep(self, start: int, data: bytes | memoryview) -> None:
        """Remember the last blocks of a piece that begins at a block, and forget the oldest of the others."""
        skipped = max(len(data) - KEPT_BYTES, 0)
        skipped += -skipped % BLOCK_BYTES
        for at in range(skipped, len(data), BLOCK_BYTES):
            self._kept[(start + at) // BLOCK_BYTES] = bytes(data[at : at + BLOCK_BYTES])
        for number in list(self._kept)[: max(len(self._kept) - KEPT_BYTES // BLOCK_BYTES, 0)]:
            del self._kept[number]

    def _too_much(self, length: int) -> BudgetExceeded:
        return BudgetExceeded(self.name, f"reading {length:,} more bytes would pass the budget of {self._budget:,}")

    @abstractmethod
    def _fetch(self, offset: int, length: int) -> bytes:
        """The bytes of a run of blocks, from wherever the file lies."""


def _runs(numbers: Iterable[int]) -> Iterator[range]:
    """Ascending numbers as ranges without gaps."""
    run = range(0)
    for number in numbers:
        if run and number == run.stop:
            run = range(run.start, number + 1)
            continue
        if run:
            yield run
        run = range(number, number + 1)
    if run:
        yield run


class LocalFile(_Blocks):
    """A file on this machine; opened only while it is read, and only if it is a regular file."""

    def __init__(self, path: Path, name: str, *, budget: int = DEFAULT_BUDGET_BYTES) -> None:
        super().__init__(name, budget)
        self._path = path
        try:
            found = path.stat()
        except (OSError, ValueError) as error:
            raise ReadFailed(name, f"cannot be read ({_reason(error)})") from error
        if not stat.S_ISREG(found.st_mode):
            raise ReadFailed(name, "is no regular file")
        self.size = found.st_size

    def open(self) -> Stat:
        """What the file system tells; nothing is read."""
        return Stat(self.size, None)

    def _fetch(self, offset: int, length: int) -> bytes:
        self.requests += 1
        try:
            # Non-blocking: a pipe that somebody puts in the file's place meanwhile must not hang us.
            descriptor = os.open(self._path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
            try:
                if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                    raise ReadFailed(self.name, "is no regular file")
                with open(descriptor, "rb", buffering=0, closefd=False) as file:
                    file.seek(offset)
                    data = _read_fully(file, length)
            finally:
                os.close(descriptor)
        except (OSError, ValueError) as error:
            raise ReadFailed(self.name, f"cannot be read ({_reason(error)})") from error
        if len(data) < length:
            raise ReadFailed(self.name, f"became shorter than {self.size:,} bytes while it was read")
        return data


def _reason(error: Exception) -> str:
    return getattr(error, "strerror", None) or str(error)


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
    already tells size and digest; the ranges then go to that address, without the token, and cost nothing more. A file
    that lies in git itself answers with a redirect to the Hub's own cache, which tells its size; to read it there costs
    another unit. The address is kept in memory for this file only and asked for anew when it expires.
    """

    def __init__(
        self,
        client: HubClient,
        model: str,
        revision: str,
        path: str,
        *,
        budget: int = DEFAULT_BUDGET_BYTES,
        cached: bool = False,
    ) -> None:
        super().__init__(path, budget)
        self._client = client
        self._url = f"/{url_path(model)}/resolve/{url_segment(revision)}/{url_path(path)}"
        if cached:  # where that redirects to: for a file in git itself, at the full name of a commit
            self._url = f"{CACHE}models/{url_path(model)}/{url_segment(revision)}/{url_path(path)}"
        self._address: str | None = None
        self._in_cache = False  # the address is one of the Hub's own cache
        self._opened = False
        self.digest: str | None = None

    def open(self) -> Stat:
        """Ask for the file and take what the first answer tells.

        Raises:
            Refused, Unanswered, BudgetSpent: see `HubClient.ask`.
        """
        from scanner.sources.http import PIECE, REDIRECTS  # late: a local check needs no HTTP

        length = min(FIRST_READ_BYTES, max(self._budget // BLOCK_BYTES, 1) * BLOCK_BYTES)

        def consume(response: httpx2.Response) -> bytes:
            return self._first(response, length)

        self._address = None
        first = self._ask_hub(0, length, consume, PIECE | REDIRECTS, stop_at=CACHE)
        if self._in_cache and self.size is None:  # no less than its bytes tell how long it is
            first = self._ranged(0, length)
        self._opened = True
        self.bytes_read += len(first)
        # A last block that is not whole may be kept only if the file ends with it.
        self._keep(0, first if self.size == len(first) else first[: len(first) // BLOCK_BYTES * BLOCK_BYTES])
        return Stat(self.size, self.digest)

    def read(self, offset: int, length: int) -> bytes:
        """See `ByteReader.read`; opens the file where that has not been done."""
        if not self._opened:
            try:
                self.open()
            except SourceError as error:
                raise ReadFailed(self.name, str(error)) from error
        return super().read(offset, length)

    def _first(self, response: httpx2.Response, length: int) -> bytes:
        """What the answer to opening tells; its bytes, if it has any."""
        from scanner.sources.replies import origin_of, redirect_target

        self._address = redirect_target(response)
        self._in_cache = self._address is not None and origin_of(self._address) == origin_of(self._client.endpoint)
        self.size = self.digest = None
        if self._address is None:
            return self._piece(response, 0, length)
        self.size = _natural(response.headers.get("x-linked-size"))
        self.digest = _digest(response.headers.get("x-linked-etag"))
        _finish(response)
        return b""

    def _fetch(self, offset: int, length: int) -> bytes:
        try:
            for _ in range(MAX_REOPENED):
                try:
                    return self._ranged(offset, length)
                except Refused as error:
                    if error.code != "expired":
                        raise
                self._reopen()
            return self._ranged(offset, length)
        except SourceError as error:
            raise ReadFailed(self.name, str(error)) from error

    def _reopen(self) -> None:
        """Ask for a new signed address of the same content."""
        before = Stat(self.size, self.digest)
        now = self.open()
        if before.size not in (None, now.size) or before.digest not in (None, now.digest):
            raise ReadFailed(self.name, "another content came in its place while it was read")

    def _ranged(self, offset: int, length: int) -> bytes:
        from scanner.sources.http import PIECE

        def consume(response: httpx2.Response) -> bytes:
            return self._piece(response, offset, length)

        if self._address is None or self._in_cache:
            return self._ask_hub(offset, length, consume, PIECE)
        self.requests += 1
        return self._client.ask_elsewhere(self._address, headers=_range(offset, length), consume=consume)

    def _ask_hub(
        self,
        offset: int,
        length: int,
        consume: Callable[[httpx2.Response], bytes],
        accept: AbstractSet[int],
        stop_at: str | None = None,
    ) -> bytes:
        from scanner.sources.http import RESOLVERS

        self.requests += 1
        return self._client.ask(
            self._address or self._url,
            bucket=RESOLVERS,
            headers=_range(offset, length),
            accept=accept,
            consume=consume,
            stop_at=stop_at,
        )

    def _piece(self, response: httpx2.Response, offset: int, length: int) -> bytes:
        """The bytes asked for, out of an answer to their range; fewer only where the file ends before."""
        from scanner.sources.replies import Unusable, where

        if response.status_code == 416:
            data = self._nothing(response, offset)
        elif response.status_code == 206:
            data = self._part(response, offset, length)
        else:
            data = self._part_of_whole(response, offset, length)
        if self.size is not None and len(data) < min(length, self.size - offset):
            raise Unusable(f"{where(response)} was asked for {length:,} bytes at {offset:,} and sent {len(data):,}")
        return data

    def _nothing(self, response: httpx2.Response, offset: int) -> bytes:
        """The range lies outside the file (416): it ends before, or it is empty."""
        match = _NO_RANGE.fullmatch(response.headers.get("content-range", ""))
        if match is not None:
            self._agree(int(match[1]))
        elif offset == 0 and self.size is None:
            self.size = 0
        return b""

    def _part(self, response: httpx2.Response, offset: int, length: int) -> bytes:
        from scanner.sources.replies import Unusable, where

        match = _CONTENT_RANGE.fullmatch(response.headers.get("content-range", ""))
        if match is None or response.headers.get("content-encoding", "identity") != "identity":
            raise Unusable(f"{where(response)} sent a range that cannot be understood")
        first, last = int(match[1]), int(match[2])
        if first != offset or last < first:
            raise Unusable(f"{where(response)} was asked for bytes from {offset:,} and sent {first:,} to {last:,}")
        announced = last + 1 - first
        length = min(length, announced)
        # Whatever fills a body past what it announces, it is not the file.
        if _plain_length(response) not in (None, announced):
            raise Unusable(f"{where(response)} announced {announced:,} bytes at {offset:,}, and another length")
        data, ended_at = _window(response, 0, length, ends=length == announced)
        if len(data) < length:
            raise Unusable(f"{where(response)} announced {length:,} bytes at {offset:,} and sent {len(data):,}")
        if ended_at not in (None, length):
            raise Unusable(f"{where(response)} announced {length:,} bytes at {offset:,} and went on behind them")
        if match[3] != "*":
            self._agree(int(match[3]))
        return data

    def _part_of_whole(self, response: httpx2.Response, offset: int, length: int) -> bytes:
        """The server ignores ranges: read up to the wanted bytes and leave; never the rest of the file."""
        from scanner.sources.replies import Unusable, where

        if offset > MAX_SKIPPED_BYTES:
            raise ReadFailed(self.name, f"the server ignores ranges, and byte {offset:,} is too far to read up to")
        whole = _plain_length(response)
        if self.size is not None and whole not in (None, self.size):  # some other page, as often as another file
            raise Unusable(f"{where(response)} was asked for a part of {self.size:,} bytes and sent {whole:,}")
        self._agree(whole)
        data, ended_at = _window(response, offset, length)
        if self.size is None:
            self.size = ended_at
        return data

    def _agree(self, total: int | None) -> None:
        """Take note of the file's size as an answer tells it."""
        if total is None:
            return
        if self.size is None:
            self.size = total
        elif self.size != total:
            raise ReadFailed(self.name, f"the size changed from {self.size:,} to {total:,} bytes while it was read")


def url_path(path: str) -> str:
    """A path of a repository as part of an address, as it is: nothing of it is taken for a step up or for a query."""
    return "/".join(map(url_segment, path.split("/")))


def url_segment(text: str) -> str:
    """A name, whatever is in it, as one segment of an address."""
    # HTTP libraries carry out `.` and `..` before they ask.
    return text.replace(".", "%2E") if text in {".", ".."} else quote(text, safe="", errors="surrogatepass")


def _range(offset: int, length: int) -> dict[str, str]:
    return {"accept-encoding": "identity", "range": f"bytes={offset}-{offset + length - 1}"}


def _window(response: httpx2.Response, offset: int, length: int, *, ends: bool = False) -> tuple[bytes, int | None]:
    """`length` bytes from `offset` of a streamed body, and the body's own length where its end was met or passed.

    The rest is left to the closing of the response, which ends its connection; where the body should end there, a
    look is taken whether it does.
    """
    from scanner.sources.replies import body_chunks

    parts: list[bytes] = []
    position, end = 0, offset + length
    chunks = body_chunks(response)
    for chunk in chunks:
        if position + len(chunk) > offset:
            parts.append(chunk[max(offset - position, 0) : end - position])
        position += len(chunk)
        if position >= end:
            if _plain_length(response) == end:
                _exhaust(chunks)
            elif ends:
                position += len(next(chunks, b""))
            return b"".join(parts), position if ends else None
    return b"".join(parts), position


def _finish(response: httpx2.Response) -> None:
    """Read what is left of an answer whose headers told all, where that is little: its connection serves again."""
    from scanner.sources.replies import body_chunks

    if (_plain_length(response) or 0) <= LITTLE_BYTES and "transfer-encoding" not in response.headers:
        _exhaust(body_chunks(response))


def _exhaust(chunks: Iterator[bytes]) -> None:
    """Meet the end of a body of which everything is known; that it does not come costs the connection only."""
    import httpx2

    from scanner.sources.replies import Unusable

    with suppress(httpx2.HTTPError, httpx2.StreamError, Unusable):
        for _ in chunks:
            pass


_CONTENT_RANGE = re.compile(r"bytes ([0-9]{1,18})-([0-9]{1,18})/([0-9]{1,18}|\*)")
_NO_RANGE = re.compile(r"bytes \*/([0-9]{1,18})")


def _plain_length(response: httpx2.Response) -> int | None:
    """The length of a whole answer; None where it is compressed or chunked, so that its length is not the file's."""
    if response.headers.get("content-encoding", "identity") != "identity":
        return None
    return _natural(response.headers.get("content-length"))


def _natural(text: str | None) -> int | None:
    return int(text) if text is not None and text.isascii() and text.isdigit() and len(text) <= 18 else None


def _digest(etag: str | None) -> str | None:
    """A sha256 out of an ETag; None for anything else (a git blob's sha1, a weak tag)."""
    value = (etag or "").strip().strip('"')
    return value if len(value) == SHA256_LENGTH and all(c in "0123456789abcdef" for c in value) else None
