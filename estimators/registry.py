"""Which estimator reads which file: what its first bytes say, or else what its name says."""

from __future__ import annotations

import re
from collections.abc import Iterator
from fnmatch import fnmatchcase
from functools import lru_cache

from estimators.errors import DamagedFile, EstimatorError, MalformedFile
from estimators.interface import ByteReader, Estimate, Hints, Unestimated
from estimators.readers import READERS, Reader
from estimators.reading.front import FRONT_BYTES, FrontReader, front_reader
from estimators.reading.views import WHOLE_BYTES

# Where formats share an ending (`.zip`), the later row is the one that a name alone asks for: it is the wider format.
_ROWS = [(name, reader) for reader in READERS for name in reader.names]
_IS_ENDING = re.compile(r"\*\.[^*]+").fullmatch
_SUFFIXES = {name[1:]: reader for name, reader in _ROWS if _IS_ENDING(name)}
_PATTERNS = [(name, reader) for name, reader in _ROWS if not _IS_ENDING(name)]


@lru_cache(maxsize=16_384)  # the same names recur in most repositories
def reader_by_name(path: str) -> Reader | None:
    """The reader for a file of this name; None where its format has none."""
    name = path.rpartition("/")[2].lower()
    for pattern, reader in _PATTERNS:
        if fnmatchcase(name, pattern):
            return reader
    for start, character in enumerate(name):
        if character == "." and name[start:] in _SUFFIXES:
            return _SUFFIXES[name[start:]]
    return None


def readers_by_bytes(front: bytes, path: str) -> Iterator[Reader]:
    """The readers of files that begin with these bytes, in the order of the registry; none where they say nothing."""
    name = path.rpartition("/")[2].lower()
    return (reader for reader in READERS if reader.matches(front, name))


def estimate_file(reader: ByteReader, hints: Hints) -> Estimate | Unestimated:
    """Estimate one file by what its first bytes say, or else by its name.

    Where the bytes turn out to be of another format than they begin like, the one that the name tells is tried.

    Returns:
        The estimate, or the reason why there is none, with what the attempt cost.
    """
    source = _opened(reader)
    failure: EstimatorError | None = None
    try:
        for found in _candidates(source):
            try:
                return found.estimate(source, hints)
            except DamagedFile:
                raise
            except MalformedFile as exc:
                failure = failure or exc
    except EstimatorError as exc:
        failure = exc
    reason, message = "unknown-format", f"{source.name}: no estimator reads this format"
    if failure is not None:
        reason, message = failure.reason, str(failure)
    return Unestimated(source.name, reason, message, source.requests, source.bytes_read)


def _candidates(source: FrontReader) -> Iterator[Reader]:
    """The readers that the bytes ask for, under the file's name, and that the name does, then by the bytes alone."""
    by_bytes = next(readers_by_bytes(source.front(), source.name), None)
    by_name = reader_by_name(source.name)
    yield from (tried := dict.fromkeys(reader for reader in (by_bytes, by_name) if reader is not None))
    nameless = next(readers_by_bytes(source.front(), ""), None)
    if nameless is not None and nameless not in tried:
        yield nameless


def _opened(reader: ByteReader) -> FrontReader:
    """The file with its front kept: all of it where it is small and its headers are scattered."""
    by_name = reader_by_name(reader.name)
    if by_name is not None and by_name.scattered and reader.size is not None and reader.size <= WHOLE_BYTES:
        return FrontReader(reader, max(reader.size, FRONT_BYTES))
    return front_reader(reader)
