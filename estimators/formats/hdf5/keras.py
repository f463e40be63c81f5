"""Count parameters in `.keras` files: a zip of settings and an HDF5 file of weights.

Spec: keras-team/keras, keras/src/saving/saving_lib.py: `metadata.json`, `config.json`, `model.weights.h5` (or
`model.weights.npz`, of Keras 2.12), `assets/`. Members are stored one after the other, so that the weights are found by
the local headers in the front of the file where the configuration is no longer than that, and by the zip's directory
where it is.

The weights are read by `hdf5.py` as a range of the zip. `config.json` is only searched for the quantisation mode.
"""

from __future__ import annotations

import struct

from estimators.errors import MalformedFile
from estimators.formats.hdf5 import files as hdf5
from estimators.formats.hdf5.route import Stretch, pages_of
from estimators.interface import ByteReader, Estimate, Hints
from estimators.reading import zips
from estimators.reading.front import FRONT_BYTES, FrontReader, front_reader
from estimators.reading.views import Pages, Part

WEIGHTS = "model.weights.h5"
OTHER_WEIGHTS = "model.weights.npz"
SETTINGS = ("metadata.json", "config.json")
MAX_MEMBERS_BEFORE = 4  # local headers that are followed before the directory is asked
FRONT_HEADER_BYTES = 256  # of a local header with its name: more than any of Keras's members has
SIZE_FOLLOWS = 0x8  # general purpose bit 3: the local header does not know the sizes
_FULL32 = 0xFFFFFFFF
_LOCAL = struct.Struct("<4s5H3I2H")


def matches(front: bytes, name: str) -> bool:
    """Whether a zip begins with one of Keras's members."""
    first = zips.first_name(front)
    if first in (*SETTINGS, WEIGHTS, OTHER_WEIGHTS):
        return first != "config.json" or b"metadata.json" in front or name.endswith(".keras")
    return False


def estimate(reader: ByteReader, hints: Hints) -> Estimate:
    """Count the parameters of one `.keras` file.

    Args:
        reader: the file; read whole up to 4 MiB, else its front, the directory where needed, and pieces of the weights.
        hints: as for `hdf5.estimate`.

    Raises:
        MalformedFile: the zip or the HDF5 file inside contradicts its format, or there are no weights inside.
        ReadFailed, BudgetExceeded: from the reader.
    """
    source = front_reader(reader)
    pages = pages_of(source)
    int8 = _is_int8(source.read(0, FRONT_BYTES))
    stretch = _by_local_headers(source, pages)
    if stretch is None:
        stretch = _by_directory(source, pages)
    return hdf5.estimate_part(source, stretch, hints, int8=int8)


def _by_directory(source: FrontReader, pages: Pages) -> Stretch:
    """Where the weights lie by the zip's directory; deflated ones are unpacked as they are read."""
    members = {member.name: member for member in zips.members_of(source)}
    if WEIGHTS not in members:
        raise MalformedFile(source.name, f"holds {sorted(members)[:8]}, but no {WEIGHTS}")
    member = members[WEIGHTS]
    opened = zips.open_member(pages, member)
    if isinstance(opened, Part):
        return Stretch(source, pages, opened.offset, member.size)
    return Stretch(opened, pages_of(opened), 0, member.size)


def _by_local_headers(source: FrontReader, pages: Pages) -> Stretch | None:
    """Where the weights lie, where the local headers of the members before them tell."""
    at, size = 0, source.size or 0
    for _ in range(MAX_MEMBERS_BEFORE):
        head = (source if at + FRONT_HEADER_BYTES <= FRONT_BYTES else pages).read(at, FRONT_HEADER_BYTES)
        if len(head) < _LOCAL.size or not head.startswith(zips.MAGIC):
            return None
        _, _, flags, method, _, _, _, packed, unpacked, name_length, extra_length = _LOCAL.unpack_from(head)
        if flags & (SIZE_FOLLOWS | zips.ENCRYPTED) or _FULL32 in (packed, unpacked):
            return None
        begin = at + _LOCAL.size + name_length + extra_length
        name = head[_LOCAL.size : _LOCAL.size + name_length].decode("utf-8", "replace")
        if name == WEIGHTS:
            plain = method == zips.STORED and packed == unpacked and begin + packed <= size
            return Stretch(source, pages, begin, packed) if plain else None
        if name not in SETTINGS:
            return None
        at = begin + packed
    return None


def _is_int8(front: bytes) -> bool:
    """Whether the configuration quantises to one weight a byte, and to nothing else, as far as the front shows."""
    return b'"int8' in front and b'"int4' not in front
