"""Which inputs of ONNX operators are quantised weights, and which are their scales and zero points.

Spec: onnx/onnx, docs/Operators.md (QuantizeLinear, DequantizeLinear, QLinearConv, QLinearMatMul, ConvInteger,
MatMulInteger); microsoft/onnxruntime, docs/ContribOperators.md, for the others; fastmachinelearning/qonnx for Quant.
Operators are told by name alone: other domains repeat these names with the same inputs.
"""

from __future__ import annotations

from collections.abc import Mapping

from estimators.formats.graph_ledger import Packing

# One letter for each input, in the operator's order: w a weight if it is stored, s bookkeeping, - anything else.
ROLES: Mapping[str, str] = {
    "DequantizeLinear": "wss", "QuantizeLinear": "-ss", "DequantizeBFP": "w", "DequantizeWithOrder": "ws",
    "QuantizeWithOrder": "-s",
    "QLinearConv": "wsswssssw", "QLinearConvTranspose": "wsswssssw", "QLinearMatMul": "wsswssss",
    "ConvInteger": "wwss", "MatMulInteger": "wwss", "MatMulInteger16": "ww", "MulInteger": "wsws",
    "MatMulIntegerToFloat": "wwssss", "DynamicQuantizeMatMul": "-wss", "DynamicQuantizeLSTM": "-ww-----ssss",
    "QGemm": "wsswsswss", "GemmFloat8": "wwwsss",
    "QLinearAdd": "wsswssss", "QLinearMul": "wsswssss", "QLinearWhere": "-wsswssss",
    "QLinearLeakyRelu": "wssss", "QLinearSigmoid": "wssss", "QLinearSoftmax": "wssss", "QLinearReduceMean": "wssss",
    "QLinearAveragePool": "wssss", "QLinearGlobalAveragePool": "wssss",
    "QAttention": "ww-ss-ss", "QEmbedLayerNormalization": "--wwwww-ssssssssss",
    "QOrderedMatMul": "wswss-ws", "QOrderedAttention": "wsssswwwsss---sss", "QOrderedGelu": "wss",
    "QOrderedLayerNormalization": "ws--s", "QOrderedLongformerAttention": "wsws-ss-ws-s-s",
    "MatMulNBits": "-wsss", "MatMulNBitsQLoRA": "-wswsws", "MatMulNBitsMlp": "---ws-ws",
    "MatMulNBitsQkv": "---ws-ws-ws", "MatMulBnb4": "-ws", "MatMulFpQ4": "-w", "MatMulPacked": "-ws",
    "MatMulBlockQuantizedFp8Weight": "-wss", "MatMulBlockQuantizedFp4Weight": "-wsss",
    "GatherBlockQuantized": "w-ss", "QMoE": "--ws-ws-ws-sss-ssssss",
    "Quant": "-sss", "IntQuant": "-sss", "FloatQuant": "-sssssss", "BipolarQuant": "-s", "Trunc": "-sssss",
}  # fmt: skip
CONCATENATED = "QLinearConcat"  # its roles repeat: the result's scale and zero point, then three for each input

# Weights of fewer than eight bits in bytes: the attribute that says how many bits, and its default.
PACKED_BITS: Mapping[str, tuple[str, int]] = {
    "GatherBlockQuantized": ("bits", 4), "QMoE": ("expert_weight_bits", 4), "MatMulNBits": ("bits", 4),
    "MatMulNBitsQLoRA": ("bits", 4), "MatMulNBitsMlp": ("bits", 4), "MatMulNBitsQkv": ("bits", 4),
    "MatMulBnb4": ("bits", 4), "MatMulBlockQuantizedFp4Weight": ("bits", 4),
}  # fmt: skip
# Operators whose attributes K and N are the shape of the one weight they multiply with: blocks are padded, K is not.
SHAPED = frozenset({"MatMulNBits", "MatMulBnb4", "MatMulBlockQuantizedFp4Weight"})
# Blocks with their scales inside one tensor: what it stands for lies between one and two weights a byte.
OPAQUE_PACKS = frozenset({"MatMulFpQ4", "DequantizeBFP", "MatMulPacked"})
ATTRIBUTES = frozenset({"K", "N", "bits", "expert_weight_bits"})

# Operators that only move values, or change their type: what uses their result uses their first input.
MOVES = frozenset({
    "Identity", "Transpose", "Reshape", "Squeeze", "Unsqueeze", "Flatten", "Gather", "GatherND", "GatherElements",
    "Slice", "Cast", "CastLike", "Expand", "Pad", "Tile", "Split", "Concat", "DepthToSpace", "SpaceToDepth",
    "DequantizeLinear",  # scales may be quantised, too
})  # fmt: skip
# Results of these are scales by definition, here by their position: what is multiplied with them is one, too.
DYNAMIC_SCALES = frozenset({"DynamicQuantizeLinear"})
# A compiled network in an attribute, or in a file that an attribute names.
COMPILED = frozenset({"EPContext", "TRTEngineOp", "TRT_Engine"})
NORMALISED_BY_STATISTICS = "BatchNormalization"  # inputs 3 and 4 are buffers
# Operators whose inputs matter.
FOLLOWED = frozenset(
    {*ROLES, CONCATENATED, *MOVES, *DYNAMIC_SCALES, NORMALISED_BY_STATISTICS, "Mul", "Sub", "Constant"}
)
MACHINE_LEARNING_DOMAIN = "ai.onnx.ml"  # trees, linear models: their numbers are attributes
TREES = "TreeEnsemble"  # how the names of operators of trees begin
# Operators of that domain that hold what was learned, however little.
LEARNED = frozenset({"LinearClassifier", "LinearRegressor", "SVMClassifier", "SVMRegressor", "Scaler", "Imputer"})
SMALL_MATTERS = frozenset({"", *PACKED_BITS, *LEARNED})  # operators of which short attributes are read, too
TEXT_DOMAIN = "ai.onnx.contrib"  # tokenizers: their vocabularies are attributes
STANDARD_DOMAINS = frozenset(
    {"", "ai.onnx", "ai.onnx.ml", "com.microsoft", "com.ms.internal.nhwc", "ai.onnx.training", TEXT_DOMAIN}
)


def roles_of(operator: str, inputs: int) -> str:
    """A letter for each input of an operator; empty where it quantises nothing."""
    if operator == CONCATENATED:
        return "ss" + "wss" * (inputs // 3)
    found = ROLES.get(operator)
    if found is None and operator.endswith("QuantizeLinear") and operator not in DYNAMIC_SCALES:
        return ROLES["QuantizeLinear"]  # TRT_FP8QuantizeLinear, VitisQuantizeLinear, ExtendedQuantizeLinear
    if found is None and operator.endswith("DequantizeLinear"):
        return ROLES["DequantizeLinear"]
    return found or ""


def packing_of(operator: str, attributes: Mapping[str, int]) -> Packing:
    """How an operator's weights are packed."""
    if operator in OPAQUE_PACKS:
        return Packing(bits=0)
    name, default = PACKED_BITS.get(operator, ("", 8))
    bits = attributes.get(name, default)
    if operator in SHAPED and attributes.get("K", 0) > 0 and attributes.get("N", 0) > 0:
        return Packing(attributes["K"] * attributes["N"], bits)
    return Packing(bits=bits)
