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
    GGML_HEADER = "ggml-header"  # GGUF's predecessors: GGML, GGMF, GGJT
    PYTORCH_PICKLE = "pytorch-pickle"  # the opcodes of a checkpoint's pickle, read and never run
    PICKLE = "pickle-opcodes"  # any other pickle, joblib and skops files included
    ONNX_GRAPH = "onnx-graph"
    OPENVINO_GRAPH = "openvino-graph"
    COREML_GRAPH = "coreml-graph"
    CAFFE_GRAPH = "caffe-graph"
    HDF5_HEADER = "hdf5-header"  # Keras, in one file or inside a .keras zip
    TENSORFLOW_INDEX = "tensorflow-index"  # the table of a checkpoint's or SavedModel's variables
    TENSORFLOW_GRAPH = "tensorflow-graph"  # constants of a frozen graph
    TFLITE_BUFFERS = "tflite-buffers"
    TFJS_MANIFEST = "tfjs-manifest"
    NUMPY_HEADER = "numpy-header"
    MSGPACK_KEYS = "msgpack-keys"  # Flax, spaCy and thinc
    PADDLE_HEADER = "paddle-header"
    MXNET_HEADER = "mxnet-header"
    CTRANSLATE2_HEADER = "ctranslate2-header"
    NCNN_PARAM = "ncnn-param"
    MNN_BUFFERS = "mnn-buffers"
    DARKNET_HEADER = "darknet-header"
    VECTORS_HEADER = "vectors-header"  # fastText, word2vec, GloVe: words times dimension
    TREES = "tree-ensemble"  # XGBoost, LightGBM, CatBoost: numbers in trees and leaves
    RAW_VALUES = "raw-values"  # a dump of numbers without a header, whose layout a configuration names
    ARCHIVE_MEMBERS = "archive-members"  # files inside an archive, combined as a repository's
    CONFIG_ARITHMETIC = "config-arithmetic"  # weak: layers and sizes in config.json
    MODEL_NAME = "model-name"  # weak: sizes in names
    CARD_TEXT = "card-text"  # weak: sizes in the model card
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
        enough: parameters; once more than this many are certain, an estimator whose exact answer would cost further
            ranges may stop and bound the rest. None asks for the exact count, whatever it costs.
        depth: archives around the file.
    """

    quantization: Mapping[str, Any] | None = None
    enough: int | None = None
    depth: int = 0


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
        partial: reading stopped on purpose once `Hints.enough` was passed; another look could tell more.
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
    partial: bool = False

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

Matcher: TypeAlias = Callable[[bytes, str], bool]
"""Whether a file with this front (its first bytes, up to 128 KiB) and this lower-cased base name is of a format.

Decides by the bytes; the name counts only for formats that have no magic, and then only together with bytes that fit.
"""
