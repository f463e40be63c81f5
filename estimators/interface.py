"""The words that all estimators share: what is read, and what comes out.

"What is counted" is defined in docs/counting.md; every number here is a count of weight-tensor elements ("parameters")
unless a name says otherwise.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Protocol, TypeAlias


class Basis(StrEnum):
    """Where a number comes from; the values are part of the JSON contract."""

    SAFETENSORS_HEADER = "safetensors-header"
    GGUF_HEADER = "gguf-header"
    HUB_SAFETENSORS = "hub-safetensors"  # the listing's `safetensors` field: declared total and elements per dtype
    HUB_GGUF = "hub-gguf"  # the listing's `gguf.total`
    FILE_SIZE = "file-size"
    NO_WEIGHTS = "no-weights"
    COMBINED = "combined"  # pieces of different kinds added up
    NONE = "none"  # nothing could be read: the interval is 0..


class ByteReader(Protocol):
    """One file, readable in pieces: a ranged HTTP resource, a local file, or bytes in a test.

    `requests` and `bytes_read` grow as pieces are read; `bytes_read` counts what was asked of the file in blocks
    (32 KiB or more), so that local and remote readers give comparable figures.
    """

    @property
    def name(self) -> str:
        """Path of the file inside its repository, for messages."""
        ...

    @property
    def size(self) -> int | None:
        """Bytes in the file; None where the server would not say."""
        ...

    @property
    def requests(self) -> int:
        """Requests (or local reads) made so far."""
        ...

    @property
    def bytes_read(self) -> int:
        """Bytes asked of the file so far, in whole blocks."""
        ...

    def read(self, offset: int, length: int) -> bytes:
        """Bytes `offset .. offset+length`, fewer only where the file ends.

        Raises:
            ReadFailed: the bytes could not be had.
            BudgetExceeded: the read would pass the reader's budget; nothing was read.
        """
        ...


@dataclass(frozen=True, slots=True)
class Hints:
    """What the rest of the repository says about how to read a weight file.

    Attributes:
        quantization: `quantization_config` of the model's configuration, if there is one.
    """

    quantization: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Evidence:
    """One look at one file (or at one declaration), as reports show it.

    Attributes:
        basis: where the number comes from.
        file: path inside the repository; None where the number is not about one file.
        low: lower bound of the parameters.
        point: the number itself where one is known.
        high: upper bound; None is unbounded.
        requests: requests this look cost.
        bytes_read: bytes asked of the file, in blocks.
        note: one sentence for a person, or empty.
    """

    basis: Basis
    file: str | None
    low: int
    point: int | None
    high: int | None
    requests: int = 0
    bytes_read: int = 0
    note: str = ""


@dataclass(frozen=True, slots=True)
class Finding:
    """Something a reader of the report should know although it is no error (for example two totals that disagree).

    Attributes:
        code: kebab-case.
        message: one sentence naming the numbers.
    """

    code: str
    message: str


@dataclass(frozen=True, slots=True)
class Estimate:
    """Parameters of one file, or of one repository: an interval that holds the truth.

    Attributes:
        low: lower bound.
        high: upper bound; None is unbounded.
        point: the best single number, inside the interval; None where there is none worth naming.
        exact: low == point == high and every tensor was seen.
        stored_elements: every stored tensor element of that copy, packing not undone; None where not all were seen.
        buffers: elements of recognised buffers (BatchNorm statistics and kin), included in the count; None if unseen.
        basis: where the number comes from.
        components: parts that were added up, name to point (a part without a point is left out).
        evidence: every look behind the number, in the order it was taken.
        findings: disagreements and oddities.
    """

    low: int
    high: int | None
    point: int | None
    basis: Basis
    exact: bool = False
    stored_elements: int | None = None
    buffers: int | None = None
    components: Mapping[str, int] = field(default_factory=dict)
    evidence: tuple[Evidence, ...] = ()
    findings: tuple[Finding, ...] = ()

    def side(self, threshold: int) -> bool | None:
        """True: above (strictly more than) `threshold`; False: not above; None: the interval straddles it."""
        if self.low > threshold:
            return True
        if self.high is not None and self.high <= threshold:
            return False
        return None


@dataclass(frozen=True, slots=True)
class Unestimated:
    """A file that yielded no number, and why; a value, so that nobody mistakes it for zero.

    Attributes:
        file: path inside the repository.
        reason: kebab-case code (`malformed-file`, `unknown-format`, `read-budget`, `read-failed`).
        message: one sentence naming file, field and value.
        requests: what the attempt cost.
        bytes_read: what the attempt asked of the file, in blocks.
    """

    file: str
    reason: str
    message: str
    requests: int = 0
    bytes_read: int = 0


Estimator: TypeAlias = Callable[[ByteReader, Hints], Estimate]
"""An estimator reads one file of its format; it raises only the EstimatorError family."""
