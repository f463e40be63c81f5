"""Count parameters by the manifests of TensorFlow.js models.

Spec: tensorflow/tfjs, tfjs-core/src/io/types.ts (`WeightsManifestConfig`, `WeightsManifestEntry`) and tfjs-converter,
python/tensorflowjs/write_weights.py. A manifest is a list of groups, each with the paths of its shards and the weights
in them: name, shape, dtype, and how they were quantised. It stands under `weightsManifest` in a `model.json` (layers
and graph models alike), or in a file of its own (`weights_manifest.json`; face-api.js writes those too).

Reads the JSON, whole up to 8 MiB, and of a longer one the end, where writers put the manifest. msgspec parses just
the fields that are needed and steps over the rest. The shards have no header: they are raw values.
"""

from __future__ import annotations

import re

import msgspec

from estimators import results
from estimators.errors import MalformedFile
from estimators.interface import Basis, ByteReader, Estimate, Hints
from estimators.reading.front import FrontReader, front_reader

MAX_WHOLE_BYTES = 8 * 1024 * 1024  # of JSON that is held at once; real files have up to 5 MB
TAIL_BYTES = 8 * 1024 * 1024  # of a longer file: a manifest of 80,000 weights
MAX_OBJECTS = 150_000  # in a manifest: a weight is one, and one more where it is quantised
LOOK_BYTES = 16 * 1024  # from the front, in which a manifest or a topology shows
FLOATS = frozenset({"float32", "float16", "complex64"})
# BatchNorm statistics: given apart, and included in the count.
BUFFER_LEAVES = frozenset({"moving_mean", "moving_variance"})
OPTIMIZER_GROUP = "optimizer"  # of weights that `save` adds with `includeOptimizer`

_MANIFEST_KEY = b'"weightsManifest"'
_IS_MODEL = re.compile(rb'"(?:weightsManifest|modelTopology)"\s*:')
_IS_MANIFEST = re.compile(rb'\s*\[\s*\{\s*"(?:weights|paths)"\s*:\s*\[')
_IS_WEIGHTS = re.compile(rb'"weights"\s*:\s*\[|\.bin"|shard')


class _Quantization(msgspec.Struct, gc=False):
    dtype: str = ""
    original_dtype: str = ""


class _Weight(msgspec.Struct, gc=False):
    name: str
    shape: list[int]
    dtype: str
    quantization: _Quantization | None = None
    group: str = ""


class _Group(msgspec.Struct, gc=False):
    weights: list[_Weight]


class _Model(msgspec.Struct, rename="camel", gc=False):
    weights_manifest: list[_Group] | None = None


_MODEL = msgspec.json.Decoder(_Model)
_GROUPS = msgspec.json.Decoder(list[_Group])
_FAULTS = (msgspec.MsgspecError, ValueError, RecursionError)


def matches(front: bytes, name: str) -> bool:  # noqa: ARG001 -- the bytes suffice
    """Whether a file is a model or a manifest; a Keras model's own topology has another key."""
    start = front[:LOOK_BYTES].lstrip(b"\xef\xbb\xbf \t\r\n")
    if start.startswith(b"{"):
        return bool(_IS_MODEL.search(front))
    return bool(_IS_MANIFEST.match(start)) and bool(_IS_WEIGHTS.search(start))


def estimate(reader: ByteReader, hints: Hints) -> Estimate:  # noqa: ARG001 -- a manifest states dtypes itself
    """Count the parameters that one manifest lists.

    Args:
        reader: the JSON file.
        hints: unused.

    Raises:
        MalformedFile: it is no such JSON, or a shape is none.
        ReadFailed, BudgetExceeded: from the reader.
    """
    source = front_reader(reader)
    weights = [weight for group in _groups(source) for weight in group.weights]
    counted = stored = buffers = 0
    for weight in weights:
        elements = _elements(source.name, weight)
        if weight.dtype != "string":
            stored += elements
        if weight.dtype in FLOATS and weight.group != OPTIMIZER_GROUP:
            counted += elements
            buffers += elements if weight.name.rpartition("/")[2] in BUFFER_LEAVES else 0
    return results.of_count(
        source,
        Basis.TFJS_MANIFEST,
        counted,
        stored=stored,
        buffers=buffers,
        note=f"{len(weights)} weights by their manifest; the shards have no header",
    )


def _groups(source: FrontReader) -> list[_Group]:
    """All groups of the manifest."""
    size = source.size
    if size is not None and size > MAX_WHOLE_BYTES:
        return _groups_of_tail(source.name, source.read(size - TAIL_BYTES, TAIL_BYTES))
    text = source.read(0, MAX_WHOLE_BYTES if size is None else size).lstrip(b"\xef\xbb\xbf")
    _check_objects(source.name, text, max(text.find(_MANIFEST_KEY), 0))
    try:
        if text.lstrip().startswith(b"["):
            return _GROUPS.decode(text)
        groups = _MODEL.decode(text).weights_manifest
    except _FAULTS as exc:
        raise MalformedFile(source.name, f"is no manifest of weights: {str(exc)[:200]}") from exc
    if groups is None:
        raise MalformedFile(source.name, "has no weightsManifest: the topology of a model without weights")
    return groups


def _check_objects(file: str, text: bytes, start: int) -> None:
    """Refuse a manifest that would take more memory than its text."""
    objects = text.count(b"{", start)
    if objects > MAX_OBJECTS:
        raise MalformedFile(file, f"has a manifest of {objects} objects; at most {MAX_OBJECTS} are allowed")


def _groups_of_tail(file: str, tail: bytes) -> list[_Group]:
    """The groups by the end of a long file: what follows the manifest's key ends the object."""
    at = tail.rfind(_MANIFEST_KEY)
    if at < 0:
        raise MalformedFile(file, f"has no weightsManifest in its last {TAIL_BYTES} bytes")
    _check_objects(file, tail, at)
    try:
        return _MODEL.decode(b"{" + tail[at:]).weights_manifest or []
    except _FAULTS as exc:
        raise MalformedFile(file, f"does not end in a weightsManifest: {str(exc)[:200]}") from exc


def _elements(file: str, weight: _Weight) -> int:
    elements = 1
    for dimension in weight.shape:
        if dimension < 0:
            raise MalformedFile(file, f"weight {weight.name[:80]!r} has the dimension {dimension}")
        elements *= dimension
        if elements >= results.MAX_ELEMENTS:
            raise MalformedFile(file, f"weight {weight.name[:80]!r} has 2^63 elements or more")
    return elements
