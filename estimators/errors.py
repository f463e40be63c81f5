"""What can go wrong while counting.

EstimatorError
├── MalformedFile    the bytes contradict the format or each other; permanent for these bytes
│   └── DamagedFile  they are of that format beyond doubt: no other reader needs to try
├── BudgetExceeded   reading on would cost more than the reader's budget; permanent for this budget
└── ReadFailed       the reader could not deliver the bytes; may pass, worth trying again later
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager


class EstimatorError(Exception):
    """Base of everything an estimator or a reader raises on purpose.

    Attributes:
        file: path of the file inside its repository, as the author spelled it.
        reason: the reason code that reports carry (kebab-case).
    """

    reason = "estimator-error"

    def __init__(self, file: str, message: str) -> None:
        super().__init__(f"{file}: {message}")
        self.file = file
        self.message = message


class MalformedFile(EstimatorError):
    """The bytes contradict the format, each other, or the size of the file."""

    reason = "malformed-file"


class DamagedFile(MalformedFile):
    """A file that is of its format beyond doubt, and broken: what another format would make of it is no answer."""


@contextmanager
def beyond_doubt(sure: bool = True) -> Iterator[None]:
    """Turn MalformedFile into DamagedFile, once the bytes have shown what they are."""
    try:
        yield
    except DamagedFile:
        raise
    except MalformedFile as exc:
        if not sure:
            raise
        raise DamagedFile(exc.file, exc.message) from exc


class BudgetExceeded(EstimatorError):
    """An exact answer would need more bytes or requests than the reader may spend."""

    reason = "read-budget"


class ReadFailed(EstimatorError):
    """The bytes could not be had now (connection, server, file system); trying again later may help."""

    reason = "read-failed"
