"""Count parameters in llamafiles: executables that carry their GGUF files in a zip at their end.

Specs: mozilla-ai/llamafile, docs "technical details"; jart/cosmopolitan, ape/specification.md (the first bytes);
the zip by `zips.py`. Nothing is executed: the zip's directory at the end of the file names the members, GGUF files are
stored uncompressed so that they can be mapped into memory, and each is read as a file of its own. A runtime without
weights holds 0 parameters.
"""

from __future__ import annotations

from typing import Literal

from estimators import results
from estimators.bounds import ZERO, Interval
from estimators.errors import MalformedFile
from estimators.formats.ggml import gguf
from estimators.interface import Basis, ByteReader, Estimate, Hints
from estimators.reading import zips
from estimators.reading.front import FrontReader, front_reader

# First bytes of an Actually Portable Executable: of every platform, or without Windows.
APE_MAGICS = (b"MZqFpD", b"jartsr")
OTHER_EXECUTABLES = (b"\x7fELF", b"MZ")
NAME_ENDING = ".llamafile"
WEIGHTS_ENDING = ".gguf"
MAX_WEIGHT_FILES = 64  # a model, its projector, splits


def matches(front: bytes, name: str) -> bool:
    """Whether a file is an executable of the portable kind, or any executable that calls itself a llamafile."""
    return front.startswith(APE_MAGICS) or (name.endswith(NAME_ENDING) and front.startswith(OTHER_EXECUTABLES))


def estimate(reader: ByteReader, hints: Hints) -> Estimate:
    """Count the parameters of the GGUF files in one executable.

    Args:
        reader: the file; its end is read for the directory, then the front of each GGUF file inside.
        hints: passed on.

    Raises:
        MalformedFile: there is no zip at the end, or a GGUF file in it is broken.
        ReadFailed, BudgetExceeded: from the reader.
    """
    source = front_reader(reader)
    inside = [member for member in zips.members_of(source) if member.name.lower().endswith(WEIGHTS_ENDING)]
    if len(inside) > MAX_WEIGHT_FILES:
        raise MalformedFile(source.name, f"holds {len(inside)} GGUF files; at most {MAX_WEIGHT_FILES} are read")
    if source.size is not None and sum(member.packed for member in inside) > source.size:
        raise MalformedFile(source.name, f"its GGUF files are longer than its {source.size} bytes: they overlap")
    files = [FrontReader(zips.open_member(source, member)) for member in inside]
    if sum(map(_tensors, files)) > gguf.MAX_TENSORS:
        raise MalformedFile(source.name, f"its GGUF files state more than {gguf.MAX_TENSORS} tensors")
    parts = [gguf.estimate(file, hints) for file in files]
    interval = sum((Interval(part.low, part.high) for part in parts), start=ZERO)
    complete = all(part.exact for part in parts)
    return results.of_interval(
        source,
        Basis.GGUF_HEADER,
        interval,
        point=sum(part.point or part.low for part in parts),
        stored=sum(part.stored_elements or 0 for part in parts) if complete else None,
        buffers=sum(part.buffers or 0 for part in parts) if complete else None,
        exact=complete,
        findings=[finding for part in parts for finding in part.findings],
        note=f"{len(parts)} GGUF files in an executable" if parts else "an executable without weights",
        partial=any(part.partial for part in parts),
    )


def _tensors(file: FrontReader) -> int:
    """The tensors that a GGUF file states: behind its version, in 32 bits in the first one."""
    head = file.read(4, 12)
    order: Literal["little", "big"] = "little" if head[:1] != b"\0" else "big"
    wide = int.from_bytes(head[:4], order) > 1
    return int.from_bytes(head[4 : 12 if wide else 8], order)
