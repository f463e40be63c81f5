"""Count parameters in llama2.c checkpoints (`stories15M.bin` and kin).

Spec: karpathy/llama2.c, export.py (`legacy_export`, `version1_export`, `version2_export`) and run.c. The first layout
has seven sizes and no magic number; versions 1 and 2 begin with "ak42".

The sizes tell every tensor; only a file of exactly the bytes that they add up to is counted. The first layout also
holds the tables of the rotary embedding, which count as buffers.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

from estimators import results
from estimators.errors import MalformedFile
from estimators.interface import Basis, ByteReader, Estimate, Hints
from estimators.reading.front import front_reader

MAGIC = (0x616B3432).to_bytes(4, "little")
VERSIONS = (1, 2)
HEADER_BYTES = 256  # of versions 1 and 2
LEGACY_HEADER_BYTES = 7 * 4
LARGEST_WIDTH = 2**17
LARGEST_VOCABULARY = 2**20
MOST_LAYERS = 1_000


@dataclass(frozen=True, slots=True)
class _Sizes:
    """The sizes of a model.

    Attributes:
        matrices: elements of the weight matrices, quantised in version 2.
        norms: elements of the normalisation weights.
        rotary: elements of the rotary embedding's tables.
    """

    matrices: int
    norms: int
    rotary: int


def matches(front: bytes, name: str) -> bool:
    """Whether a file begins with the magic number and a version, or, named `.bin`, with seven sizes that fit."""
    if front.startswith(MAGIC):
        return int.from_bytes(front[4:8], "little") in VERSIONS
    return name.endswith(".bin") and len(front) > LEGACY_HEADER_BYTES and _sizes(front, 0) is not None


def _sizes(front: bytes, at: int, *, shared: bool | None = None) -> _Sizes | None:
    """What seven sizes add up to; None where they are no model's.

    Args:
        front: of the file.
        at: where the sizes begin.
        shared: whether the output matrix is the embedding; None where the vocabulary's sign says so.
    """
    width, hidden, layers, heads, key_heads, vocabulary, length = struct.unpack_from("<7i", front, at)
    if shared is None:
        shared = vocabulary > 0
    vocabulary = abs(vocabulary)
    plausible = 0 < width <= LARGEST_WIDTH and 0 < hidden <= LARGEST_WIDTH * 8 and 0 < layers <= MOST_LAYERS
    plausible = plausible and 0 < vocabulary <= LARGEST_VOCABULARY and 0 < length <= 2**24
    if not plausible or not 0 < key_heads <= heads <= width or width % heads or heads % key_heads:
        return None
    key_width = width // heads * key_heads
    layer = 2 * width * width + 2 * width * key_width + 3 * width * hidden
    matrices = vocabulary * width * (1 if shared else 2) + layers * layer
    return _Sizes(matrices, (2 * layers + 1) * width, length * (width // heads))


def estimate(reader: ByteReader, hints: Hints) -> Estimate:  # noqa: ARG001 -- one range tells everything
    """Count the parameters of one llama2.c checkpoint.

    Args:
        reader: the file; its first 128 KiB.
        hints: unused.

    Raises:
        MalformedFile: the sizes are no model's, or do not add up to the size of the file.
        ReadFailed, BudgetExceeded: from the reader.
    """
    source = front_reader(reader)
    front = source.read(0, HEADER_BYTES)
    if len(front) < LEGACY_HEADER_BYTES + 1:
        raise MalformedFile(source.name, f"has {len(front)} bytes; a header needs more")
    legacy = not front.startswith(MAGIC)
    if not legacy and len(front) < HEADER_BYTES:
        raise MalformedFile(source.name, f"has {len(front)} bytes; a header needs {HEADER_BYTES}")
    sizes = _sizes(front, 0) if legacy else _sizes(front, 8, shared=bool(front[36]))
    if sizes is None:
        raise MalformedFile(source.name, "begins with sizes that no model has")
    due, stored = _bytes_due(front, sizes, legacy=legacy)
    if source.size != due:
        raise MalformedFile(source.name, f"has {source.size} bytes; its sizes add up to {due}")
    rotary = sizes.rotary if legacy else 0
    count = sizes.matrices + sizes.norms + rotary
    return results.of_count(
        source,
        Basis.RAW_VALUES,
        count,
        stored=stored,
        buffers=rotary,
    )


def _bytes_due(front: bytes, sizes: _Sizes, *, legacy: bool) -> tuple[int, int]:
    """Bytes of the whole file, and elements stored in it."""
    if legacy:
        stored = sizes.matrices + sizes.norms + sizes.rotary
        return LEGACY_HEADER_BYTES + 4 * stored, stored
    if int.from_bytes(front[4:8], "little") == 1:
        stored = sizes.matrices + sizes.norms
        return HEADER_BYTES + 4 * stored, stored
    group = int.from_bytes(front[37:41], "little")
    scales = sizes.matrices // group if group else 0
    return HEADER_BYTES + 4 * sizes.norms + sizes.matrices + 4 * scales, sizes.norms + sizes.matrices + scales
