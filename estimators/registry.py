"""Which estimator reads which file. A format is added by one line here, one in `filetypes.py`, and its own module."""

from __future__ import annotations

from collections.abc import Mapping
from fnmatch import fnmatchcase

from estimators import gguf, safetensors
from estimators.errors import EstimatorError
from estimators.interface import ByteReader, Estimate, Estimator, Hints, Unestimated
from estimators.reading import front_reader

ESTIMATORS: Mapping[str, Estimator] = {
    "*.safetensors": safetensors.estimate,
    "*.gguf": gguf.estimate,
}
"""Estimators by file name; patterns are compared with the lower-cased base name, first match wins."""

_SUFFIXES = {pattern[1:]: estimator for pattern, estimator in ESTIMATORS.items() if "*" not in pattern[1:]}
_PATTERNS = {pattern: estimator for pattern, estimator in ESTIMATORS.items() if "*" in pattern[1:]}


def estimator_for(path: str) -> Estimator | None:
    """The estimator for a file of this name; None where its format has none."""
    name = path.rpartition("/")[2].lower()
    for suffix, estimator in _SUFFIXES.items():
        if name.endswith(suffix):
            return estimator
    return next((found for pattern, found in _PATTERNS.items() if fnmatchcase(name, pattern)), None)


def estimator_by_magic(front: bytes) -> Estimator | None:
    """The estimator for a file that begins with these bytes; None where they say nothing."""
    if front.startswith(gguf.MAGIC):
        return gguf.estimate
    length = int.from_bytes(front[:8], "little")
    if front[8:10] in (b'{"', b"{}", b"{ ", b"{\n") and 2 <= length <= safetensors.MAX_HEADER_BYTES:
        return safetensors.estimate
    return None


def estimate_file(reader: ByteReader, hints: Hints) -> Estimate | Unestimated:
    """Estimate one file by what its first bytes say, or else by its name.

    Returns:
        The estimate, or the reason why there is none, with what the attempt cost.
    """
    source = front_reader(reader)
    try:
        estimator = estimator_by_magic(source.front()) or estimator_for(source.name)
        if estimator is None:
            reason, message = "unknown-format", f"{source.name}: no estimator reads this format"
        else:
            return estimator(source, hints)
    except EstimatorError as exc:
        reason, message = exc.reason, str(exc)
    return Unestimated(source.name, reason, message, source.requests, source.bytes_read)
