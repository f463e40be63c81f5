"""What readers over other readers have in common: they cost what the others cost."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from estimators.interface import ByteReader


class Costs:
    """A reader of a part of another, or of what another holds packed; it has a name and a size of its own."""

    def __init__(self, reader: ByteReader) -> None:
        self._reader = reader

    @property
    def requests(self) -> int:
        """Requests made so far, of the whole file."""
        return self._reader.requests

    @property
    def bytes_read(self) -> int:
        """Bytes asked of the whole file so far, in blocks; packed ones where they are packed."""
        return self._reader.bytes_read


class Through(Costs):
    """A reader of the same file by other means."""

    @property
    def name(self) -> str:
        """Path of the file inside its repository."""
        return self._reader.name

    @property
    def size(self) -> int | None:
        """Bytes in the file; None where unknown."""
        return self._reader.size
