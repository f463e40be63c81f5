"""Count parameters in ncnn networks by their `.param` text, and by pnnx's `.pnnx.param`.

Spec: Tencent/ncnn, docs/developer-guide/param-and-model-file-structure.md and operators.md, and each layer's
`load_model` in src/layer; pnnx's variant in tools/pnnx/src/ir.cpp. The `.bin` beside the text holds the numbers without
any header.

The whole text is read: each line is a layer with its settings, which tell how many weights the layer loads. Scales of
quantised layers are bookkeeping. A layer type that ncnn does not have may load anything: then only a lower bound is
known. pnnx writes shapes of weights themselves. Binary `.param.bin` files are not read.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping

from estimators import packing, results
from estimators.bounds import Interval
from estimators.errors import MalformedFile
from estimators.interface import Basis, ByteReader, Estimate, Finding, Hints
from estimators.reading.front import FrontReader, front_reader

MAGIC = b"7767517"
MAX_TEXT_BYTES = 4 * 1024 * 1024  # the largest networks have 1 MiB
MAX_LAYERS = 50_000
MAX_LINE_BYTES = 128 * 1024
MAX_DIMENSIONS = 16

Settings = Mapping[int, int]
_SETTING = re.compile(r"(-?\d{1,6})=(-?\d{1,18})(?:\.0*)?\Z")
_ARRAY_BASE = -23300  # an array's number is this less its own
_SHAPED = re.compile(r"@([^=]*)=\(([\d,]*)\)([a-z0-9]+)\Z")
_PNNX_DTYPES = {
    "f32": "F32", "f64": "F64", "f16": "F16", "bf16": "BF16", "i32": "I32", "i64": "I64", "i16": "I16", "i8": "I8",
    "u8": "U8", "bool": "BOOL", "c64": "C64", "c128": "C128", "c32": "C32",
}  # fmt: skip
_PNNX_TYPE = re.compile(r"(?:pnnx|nn|F|torch|Tensor|aten|prim|torchvision)(?:\.|::)")


def _convolution(s: Settings) -> int:
    return 0 if s.get(19) else s.get(6, 0) + (s.get(0, 0) if s.get(5) else 0)


def _recurrent(gates: int, biases: int) -> Callable[[Settings], int]:
    def count(s: Settings) -> int:
        directions = 2 if s.get(2) == 2 else 1
        output = s.get(0, 0)
        hidden = s.get(3, output)
        weights = s.get(1, 0) + hidden * biases * directions + output * hidden * gates * directions
        return weights + (output * hidden * directions if hidden != output else 0)

    return count


def _gemm(s: Settings) -> int:
    rows, columns, inner = s.get(7, 0), s.get(8, 0), s.get(9, 0)
    addend = {0: 1, 1: rows, 2: rows, 3: rows * columns, 4: columns}.get(s.get(10, 0), 0)
    return bool(s.get(4)) * rows * inner + bool(s.get(5)) * columns * inner + bool(s.get(6)) * addend


def _attention(s: Settings) -> int:
    width, queries = s.get(0, 0), s.get(2, 0)
    inputs = queries // width if width else 0
    return 2 * queries + width * (s.get(3, width) + s.get(4, width)) + 3 * width + inputs


def _memory(s: Settings) -> int:
    count = 1
    for number in (0, 1, 11, 2):
        count *= s.get(number, 0) or 1
    return count if any(s.get(number) for number in (0, 1, 11, 2)) else 0


def _norm(size: int, affine: int, parts: int) -> Callable[[Settings], int]:
    return lambda s: parts * s.get(size, 0) if s.get(affine, 1) else 0


# Layer type to the weights its settings tell of. Numbers of settings are those of operators.md.
WEIGHTS: Mapping[str, Callable[[Settings], int]] = {
    **dict.fromkeys(
        (
            f"{kind}{suffix}"
            for kind in ("Convolution", "ConvolutionDepthWise", "Deconvolution", "DeconvolutionDepthWise")
            for suffix in ("", "1D", "3D")
        ),
        _convolution,
    ),
    "DeformableConv2D": _convolution,
    "InnerProduct": lambda s: s.get(2, 0) + (s.get(0, 0) if s.get(1) else 0),
    "Embed": lambda s: s.get(3, 0) + (s.get(0, 0) if s.get(2) else 0),
    "BatchNorm": lambda s: 4 * s.get(0, 0),
    "Bias": lambda s: s.get(0, 0),
    "Scale": lambda s: max(s.get(0, 0), 0) * (2 if s.get(1) else 1),
    "PReLU": lambda s: s.get(0, 0),
    "Normalize": lambda s: s.get(3, 0),
    "GroupNorm": _norm(1, 3, 2),
    "InstanceNorm": _norm(0, 2, 2),
    "LayerNorm": _norm(0, 2, 2),
    "RMSNorm": _norm(0, 2, 1),
    "LSTM": _recurrent(4, 4),
    "GRU": _recurrent(3, 4),
    "RNN": _recurrent(1, 1),
    "Gemm": _gemm,
    "MultiHeadAttention": _attention,
    "MemoryData": _memory,
    "Padding": lambda s: s.get(6, 0),
    "Dequantize": lambda s: s.get(1, 0),
    "Requantize": lambda s: s.get(2, 0),
}
_WEIGHTLESS = (
    "AbsVal ArgMax BNLL Concat Crop Dropout Eltwise ELU Exp Flatten Input Log LRN MVN Pooling Power Proposal Reduction "
    "ReLU Reshape ROIPooling Sigmoid Slice Softmax Split SPP TanH Threshold Tile BinaryOp UnaryOp Squeeze ExpandDims "
    "Permute PriorBox DetectionOutput Interp ShuffleChannel Clip Reorg YoloDetectionOutput Yolov3DetectionOutput "
    "Quantize PSROIPooling ROIAlign Packing Cast HardSigmoid SELU HardSwish Noop PixelShuffle DeepCopy Mish "
    "StatisticsPooling Swish Softplus GELU Pooling1D Pooling3D MatMul Einsum GLU Fold Unfold GridSample CumulativeSum "
    "CopyTo Erf Diag CELU Shrink Spectrogram InverseSpectrogram Flip SDPA RotaryEmbed Data Silence pnnx.Output"
)
WEIGHTLESS = frozenset(_WEIGHTLESS.split())


def matches(front: bytes, name: str) -> bool:  # noqa: ARG001 -- the bytes suffice
    """Whether a file begins with the magic number as text, and a line of two counts."""
    return re.match(rb"7767517[ \t]*\r?\n[ \t]*\d+[ \t]+\d+\s", front[:64]) is not None


def estimate(reader: ByteReader, hints: Hints) -> Estimate:
    """Count the parameters of one ncnn network.

    Args:
        reader: the `.param` file, read whole.
        hints: unused.

    Raises:
        MalformedFile: the text is too long, ends early, or states impossible sizes.
        ReadFailed, BudgetExceeded: from the reader.
    """
    source = front_reader(reader)
    lines, cut = _lines(source)
    tally = results.tally_for(source.name, hints)
    unknown: dict[str, None] = {}
    for line in lines:
        fields = line.split()
        if len(fields) < 4:
            raise MalformedFile(source.name, f"layer {line[:80]!r} has {len(fields)} fields; 4 and more are due")
        if not _count_layer(source.name, fields, tally):
            unknown[fields[0]] = None
    if cut and lines and lines[-1].split()[0] not in WEIGHTLESS:
        unknown[f"{lines[-1].split()[0]}, which the file may break off"] = None
    findings: tuple[Finding, ...] = ()
    if unknown:
        names = ", ".join(list(unknown)[:5])
        findings = (Finding("unknown-layers", f"{source.name}: layers whose weights are not known: {names[:200]}"),)
    return results.of_tally(
        source, Basis.NCNN_PARAM, tally, findings=findings, unseen=Interval(0, None) if unknown else None
    )


def _lines(source: FrontReader) -> tuple[list[str], bool]:
    """The lines of all layers, as many as the second line says, and whether the last has no end."""
    size = source.size if source.size is not None else MAX_TEXT_BYTES
    if size > MAX_TEXT_BYTES:
        raise MalformedFile(source.name, f"has {size} bytes; a network of at most {MAX_TEXT_BYTES} is read")
    text = source.read(0, max(size, 1))
    if not matches(text, source.name):
        raise MalformedFile(source.name, f"begins with {text[:16]!r}, not with {MAGIC!r} and two counts")
    if text.count(b"\n") > 2 * MAX_LAYERS:
        raise MalformedFile(source.name, f"has more than {2 * MAX_LAYERS} lines")
    lines = [line for line in text.decode("utf-8", "replace").split("\n") if line.strip()]
    longest = max(map(len, lines))
    if longest > MAX_LINE_BYTES:
        raise MalformedFile(source.name, f"has a line of {longest} characters; at most {MAX_LINE_BYTES} are allowed")
    layers = int(lines[1].split()[0][:9])
    if layers > MAX_LAYERS or layers != len(lines) - 2:
        raise MalformedFile(source.name, f"states {layers} layers and has {len(lines) - 2}")
    return lines[2:], not text.endswith(b"\n")


def _count_layer(file: str, fields: list[str], tally: packing.Tally) -> bool:
    """Add one layer's weights; False where its type is unknown."""
    kind, name = fields[0], fields[1]
    if _PNNX_TYPE.match(kind):
        for field in fields[4:]:
            shaped = _SHAPED.match(field)
            if shaped:
                shape = tuple(int(size[:18]) for size in shaped[2].split(",") if size)
                _add(file, tally, f"{name}.{shaped[1]}", _PNNX_DTYPES.get(shaped[3], shaped[3]), shape)
        return True
    count = WEIGHTS.get(kind)
    if count is None:
        return kind in WEIGHTLESS
    settings = {}
    for field in fields[4:]:
        setting = _SETTING.match(field)
        if setting and int(setting[1]) > _ARRAY_BASE:
            settings[int(setting[1])] = int(setting[2])
    weights = count(settings)
    if weights:
        _add(file, tally, name, "F32", (weights,))
    return True


def _add(file: str, tally: packing.Tally, name: str, dtype: str, shape: tuple[int, ...]) -> None:
    elements = math.prod(shape[:MAX_DIMENSIONS])
    if len(shape) > MAX_DIMENSIONS or not 0 <= elements < results.MAX_ELEMENTS:
        raise MalformedFile(file, f"layer {name[:80]!r} has {elements} weights and {len(shape)} dimensions")
    tally.add(packing.Tensor(name, dtype, shape, elements))
