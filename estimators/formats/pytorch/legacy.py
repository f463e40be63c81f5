"""Count parameters in PyTorch's files from before zips: `torch.save` up to 1.5, and since then on request.

Spec: pytorch, torch/serialization.py `_legacy_save` and `_legacy_load`: five pickles one after the other (a magic
number, the protocol's version, sizes of integers on the writing machine, the object, the storages' keys), then for each
key eight bytes with its elements, and the elements.

Only the first four pickles are read, as far as the fourth one's STOP; the storages that it names have to fit behind it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from estimators.bounds import PARAMETERS_PER_BYTE_AT_MOST, Interval
from estimators.errors import MalformedFile, beyond_doubt
from estimators.formats.pytorch.checkpoints import Count
from estimators.formats.pytorch.storages import storage_bytes
from estimators.reading.front import front_reader
from estimators.reading.pickles import PickleStream, load

if TYPE_CHECKING:
    from estimators.interface import ByteReader, Estimate, Hints

MAGIC_NUMBER = 0x1950A86A20F9469CFC6C
MAGIC_BYTES = b"\x8a\x0a" + MAGIC_NUMBER.to_bytes(10, "little") + b"."  # LONG1, whatever the pickle's protocol
MAGIC_TEXT = b"L" + str(MAGIC_NUMBER).encode("ascii")  # protocols 0 and 1
MAX_MAGIC_AT = 16  # bytes of protocol and frame before it
VERSION = 1001
# Behind the object's pickle, storages not included: the pickle of their keys.
SPARE_BYTES, SPARE_BYTES_EACH = 16 * 1024, 64


def matches(front: bytes, name: str) -> bool:  # noqa: ARG001 -- the bytes suffice
    """Whether a file begins with the magic number's pickle."""
    return MAGIC_BYTES in front[: MAX_MAGIC_AT + len(MAGIC_BYTES)] or front.startswith(MAGIC_TEXT)


def estimate(reader: ByteReader, hints: Hints) -> Estimate:
    """Count the parameters of one legacy PyTorch file.

    Raises:
        MalformedFile: a pickle is broken, or the storages do not fit in the file.
        ReadFailed, BudgetExceeded: from the reader, or a pickle beyond the caps.
    """
    source = front_reader(reader)
    with beyond_doubt():
        stream = PickleStream(source)
        magic, version = load(stream).value, load(stream).value
        if magic != MAGIC_NUMBER or version != VERSION:
            raise MalformedFile(source.name, f"protocol version is {str(version)[:20]!r}; {VERSION} is allowed")
        load(stream)  # sizes of integers
        pickle = load(stream)
        storages = storage_bytes(source.name, pickle.value)
        needed = pickle.end + sum(storages.values()) + 8 * len(storages)
        if source.size is not None and needed > source.size:
            raise MalformedFile(source.name, f"storages end at byte {needed}, but the file has {source.size}")
        count = Count(source.name, hints)
        count.add(pickle.value)
        return count.estimate(source, unseen=_behind(source.size, needed, len(storages)))


def _behind(size: int | None, needed: int, storages: int) -> Interval | None:
    """What may lie behind the storages, as where several files were written into one."""
    spare = 0 if size is None else size - needed - SPARE_BYTES - SPARE_BYTES_EACH * storages
    return Interval(0, PARAMETERS_PER_BYTE_AT_MOST * spare) if spare > 0 else None
