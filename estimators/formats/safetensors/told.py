"""A safetensors header that somebody else read: the Hub tells those of all shards of a model at once.

It is a claim like any other: it is counted as a file with this header and no data would be, by the same rules, and only
where a file of the true size can begin with it and end with the tensors that it lists.
"""

from __future__ import annotations

import msgspec

from estimators.errors import BudgetExceeded, MalformedFile
from estimators.formats.safetensors.files import LENGTH_BYTES, METADATA_KEY

# What a header may have more in its file than in the answer: the padding of its writer, and of whoever rewrote it.
MOST_PADDING_BYTES = 64 * 1024
MOST_SPELLING = 2  # times as long or as short, by spaces and by how characters are escaped


class _Extent(msgspec.Struct, gc=False):
    data_offsets: tuple[int, int]


_OBJECT = msgspec.json.Decoder(dict[str, msgspec.Raw])
_EXTENT = msgspec.json.Decoder(_Extent)


class ToldHeader:
    """The file that such a header would be the front of: a `ByteReader` that costs nothing and has no data.

    Args:
        name: path of the file inside its repository.
        header: its JSON.
        size: bytes of the file.

    Raises:
        MalformedFile: it is no header, or not one of a file of this size.
    """

    requests = 0
    bytes_read = 0

    def __init__(self, name: str, header: bytes, size: int) -> None:
        self.name = name
        data = _data_bytes(name, header)
        room = size - LENGTH_BYTES - data
        if not len(header) // MOST_SPELLING <= room <= MOST_SPELLING * len(header) + MOST_PADDING_BYTES:
            raise MalformedFile(name, f"a header of {len(header)} bytes and {data} of data are no file of {size}")
        self._front = len(header).to_bytes(LENGTH_BYTES, "little") + header
        self.size: int | None = len(self._front) + data

    def read(self, offset: int, length: int) -> bytes:
        """Bytes of the front.

        Raises:
            BudgetExceeded: data was asked for.
        """
        assert self.size is not None  # noqa: S101 - it is set once
        if min(offset + length, self.size) > len(self._front) and offset >= len(self._front):
            raise BudgetExceeded(self.name, "only its header is known")
        return self._front[offset : offset + length]


def _data_bytes(name: str, header: bytes) -> int:
    """Where the last tensor ends."""
    try:
        entries = _OBJECT.decode(header)
        extents = [_EXTENT.decode(raw).data_offsets for key, raw in entries.items() if key != METADATA_KEY]
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise MalformedFile(name, f"is told with a header that is none: {str(error)[:200]}") from error
    return max((end for _, end in extents), default=0)
