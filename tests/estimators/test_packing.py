"""Quantised tensors: one table of layers as their writers store them, and intervals that hold the truth elsewhere."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from estimators import packing
from estimators.dtypes import BITS, most_weights_per_element
from estimators.packed import layer_names, quantization
from estimators.packing import Count, Tally, Tensor, split_name
from tests.builders import Spec, elements

K, N = 256, 64  # inputs and outputs of the layer: 16,384 weights
KN = K * N
FLOATS = {"model.norm.weight": ("F16", (N,)), "l.bias": ("F16", (N,))}  # 128 parameters beside it, always counted


def count(tensors: Spec, settings_: Mapping[str, Any] | None = None) -> Count:
    tally = Tally(quantization.read(settings_))
    for name, (dtype, shape) in tensors.items():
        tally.add(Tensor(name, dtype, shape, elements(shape)))
    return tally.finish()


def gptq(bits: int) -> Spec:
    return {
        "l.qweight": ("I32", (K * bits // 32, N)),
        "l.qzeros": ("I32", (K // 128, N * bits // 32)),
        "l.scales": ("F16", (K // 128, N)),
        "l.g_idx": ("I32", (K,)),
    }


def mlx(bits: int, group: int) -> Spec:
    return {
        "l.weight": ("U32", (N, K * bits // 32)),
        "l.scales": ("F16", (N, K // group)),
        "l.biases": ("F16", (N, K // group)),
    }


def packed(bits: int, group: int) -> Spec:
    return {
        "l.weight_packed": ("I32", (N, K * bits // 32)),
        "l.weight_scale": ("BF16", (N, K // group)),
        "l.weight_shape": ("I64", (2,)),
        "l.weight_g_idx": ("I32", (K,)),
    }


def groups(*choices: tuple[int, int | None]) -> dict[str, Any]:
    return {
        "quant_method": "compressed-tensors",
        "config_groups": {
            f"group_{number}": {"weights": {"num_bits": bits, "group_size": group}}
            for number, (bits, group) in enumerate(choices)
        },
    }


def bitsandbytes(dtype: str, bytes_: int) -> Spec:
    return {
        "l.weight": (dtype, (KN // 2 // bytes_, 1)),
        "l.weight.absmax": ("F32", (KN // 64,)),
        "l.weight.quant_map": ("F32", (16,)),
        "l.weight.quant_state.bitsandbytes__nf4": ("U8", (85,)),
    }


SPARSE: Spec = {
    "l.compressed": ("BF16", (KN // 2,)),
    "l.bitmask": ("U8", (N, K // 8)),
    "l.shape": ("I64", (2,)),
    "l.row_offsets": ("I64", (N,)),
}

EXACT: list[tuple[str, Spec, Mapping[str, Any] | None]] = [
    *[(f"GPTQ {bits} bit", gptq(bits), None) for bits in (2, 3, 4, 8)],
    ("GPTQ, bits differ from the configuration's", gptq(8), {"quant_method": "gptq", "bits": 4}),
    (
        "GPTQ without zero points",
        {"l.qweight": ("I32", (K // 8, N)), "l.scales": ("F16", (2, N))},
        {"quant_method": "gptq", "bits": 4},
    ),
    ("GPTQ, scales in another shard", {"l.qweight": ("I32", (K // 8, N))}, {"quant_method": "gptq", "bits": 4}),
    ("GPTQ, weight in another shard", {"m.scales": ("F16", (2, N)), "m.qzeros": ("I32", (2, 8)), **gptq(4)}, {}),
    ("AWQ", {"l.qweight": ("I32", (K, N // 8)), "l.qzeros": ("I32", (2, N // 8)), "l.scales": ("F16", (2, N))}, None),
    (
        "AWQ, packed along the inputs",
        {"l.qweight": ("I32", (N, K // 8)), "l.qzeros": ("I32", (N, 1)), "l.scales": ("F16", (N, 8))},
        None,
    ),
    (
        "AWQ for matrix-vector products",
        {"l.qweight": ("I16", (N // 4, K)), "l.qzeros": ("F16", (8, N)), "l.scales": ("F16", (8, N))},
        None,
    ),
    (
        "GPTQ packed into bytes",
        {"l.qweight": ("I8", (K // 2, N)), "l.qzeros": ("I8", (2, N // 2)), "l.scales": ("F16", (2, N))},
        None,
    ),
    ("Marlin", {"l.B": ("I32", (K // 16, N * 2)), "l.s": ("F16", (2, N))}, None),
    (
        "Marlin, two of four",
        {"l.B_24": ("I32", (K // 32, N * 2)), "l.B_meta": ("I16", (N, K // 16)), "l.s": ("F16", (2, N))},
        None,
    ),
    (
        "compressed-tensors marlin-24",
        {
            "l.weight_packed": ("I32", (K // 32, N * 2)),
            "l.meta": ("I16", (K // 32, N * 2)),
            "l.scale_packed": ("F16", (2, N)),
        },
        None,
    ),
    (
        "Gemma, four bits",
        {
            "l.weight": ("U8", (N, K // 2)),
            "l.weight_scale": ("F32", (N, 1)),
            "l.input_activation_scale": ("F32", ()),
            "l.output_activation_scale": ("F32", ()),
        },
        {"quant_method": "gemma", "num_bits": 4, "module_quant_configs": {"mlp.*": {"num_bits": 8}}},
    ),
    (
        "Gemma, eight bits",
        {"l.embedding_quantized": ("I8", (N, K)), "l.embedding_scale": ("F32", (N, 1))},
        {"quant_method": "gemma", "num_bits": 4},
    ),
    (
        "NVFP4 with swizzled scales",
        {
            "l.weight": ("U8", (N, K // 2)),
            "l.weight_sf": ("I32", (N, K // 64)),
            "l.weight_sf_rowmajor": ("U8", (N, K // 16)),
            "l.weight_global_scale": ("F32", (1,)),
        },
        {"quant_method": "nvfp4"},
    ),
    (
        "NVFP4 of stacked experts",
        {
            "e.up": ("U8", (2, N, K // 4)),
            "e.up_weight_scale": ("F8_E4M3", (2, N, K // 32)),
            "e.up_weight_scale_2": ("F32", (2,)),
            "e.up_input_scale": ("F32", (2,)),
        },
        None,
    ),
    (
        "NVFP4 of stacked experts, weight in the name",
        {
            "e.w13_weight": ("U8", (2, N, K // 4)),
            "e.w13_weight_scale": ("F8_E4M3", (2, N, K // 32)),
            "e.w13_weight_scale_2": ("F32", (2,)),
            "e.w13_input_scale": ("F32", (2,)),
        },
        None,
    ),
    *[
        (
            f"bitsandbytes 4 bit of stacked experts, stored as {dtype}",
            {name.replace("l.weight", "e.up"): spec for name, spec in bitsandbytes(dtype, bytes_).items()},
            None,
        )
        for dtype, bytes_ in (("U8", 1), ("BF16", 2), ("F32", 4))
    ],
    (
        "blockwise int8",
        {"l.weight": ("I8", (N, K)), "l.weight_scale_inv": ("F32", (1, 2))},
        {"quant_method": "blockwise_int8"},
    ),
    ("FP8 in bytes", {"l.weight": ("U8", (N, K)), "l.weight_scale_inv": ("F32", (1, 2))}, {"quant_method": "fp8"}),
    (
        "MXFP4 of gpt-oss as first published",
        {"l.up_weight.blocks": ("U8", (N, K // 32, 16)), "l.up_weight.scales": ("U8", (N, K // 32))},
        None,
    ),
    ("MXFP4 of gpt-oss, scales in another shard", {"l.up_blocks": ("U8", (N, K // 32, 16))}, {"quant_method": "mxfp4"}),
    (
        "Ascend W4A8",
        {"l.weight": ("I8", (N // 2, K)), "l.weight_scale": ("F32", (N, 1)), "l.weight_offset": ("F32", (N, 1))},
        {"quant_method": "ascend"},
    ),
    (
        "bitsandbytes 4 bit",
        {
            "l.weight": ("U8", (KN // 2, 1)),
            "l.weight.absmax": ("U8", (KN // 64,)),
            "l.weight.quant_map": ("F32", (16,)),
            "l.weight.nested_absmax": ("F32", (1,)),
            "l.weight.nested_quant_map": ("F32", (256,)),
            "l.weight.quant_state.bitsandbytes__nf4": ("U8", (85,)),
        },
        None,
    ),
    *[
        (f"bitsandbytes 4 bit, stored as {dtype}", bitsandbytes(dtype, bytes_), None)
        for dtype, bytes_ in (("BF16", 2), ("F16", 2), ("F32", 4))
    ],
    ("bitsandbytes 8 bit", {"l.weight": ("I8", (N, K)), "l.SCB": ("F32", (N,)), "l.weight_format": ("U8", ())}, None),
    (
        "bitsandbytes 8 bit, SCB in another shard",
        {"l.weight": ("I8", (N, K))},
        {"quant_method": "bitsandbytes", "load_in_8bit": True},
    ),
    ("compressed-tensors 4 bit", packed(4, 128), groups((4, 128))),
    ("compressed-tensors 8 bit", packed(8, 32), groups((8, 32))),
    ("compressed-tensors, groups of layers with other bits", packed(4, 128), groups((8, 32), (4, 128))),
    (
        "compressed-tensors int-quantized",
        {"l.weight": ("I8", (N, K)), "l.weight_scale": ("BF16", (N, 1)), "l.input_scale": ("F32", ())},
        groups((8, None)),
    ),
    (
        "compressed-tensors, four bits stored one a byte",
        {"l.weight": ("I8", (N, K)), "l.weight_scale": ("BF16", (N, 1))},
        groups((4, None)),
    ),
    ("FP8 blocks", {"l.weight": ("F8_E4M3", (N, K)), "l.weight_scale_inv": ("F32", (1, 2))}, None),
    (
        "FP8 tensors with input scales",
        {
            "l.weight": ("F8_E4M3", (N, K)),
            "l.weight_scale": ("F32", ()),
            "l.input_scale": ("F32", ()),
            "a.k_scale": ("F32", ()),
        },
        None,
    ),
    ("FP8 experts", {"l.up_proj": ("F8_E4M3", (2, N, K // 2)), "l.up_proj_scale": ("F32", (2, 1))}, None),
    (
        "FP8 of ComfyUI",
        {"l.weight": ("F8_E4M3", (N, K)), "l.scale_weight": ("F32", ()), "scaled_fp8": ("F8_E4M3", (2,))},
        None,
    ),
    ("FP8 without scales", {"l.weight": ("F8_E5M2", (N, K))}, None),
    ("quanto FP8", {"l.weight._data": ("F8_E4M3", (N, K)), "l.weight._scale": ("F16", (N, 1))}, None),
    ("MXFP4 of gpt-oss", {"l.up_blocks": ("U8", (N, K // 32, 16)), "l.up_scales": ("U8", (N, K // 32))}, None),
    ("MXFP4 with U8 scales", {"l.weight": ("U8", (N, K // 2)), "l.weight_scale": ("U8", (N, K // 32))}, None),
    ("MXFP4 in F4", {"l.weight": ("F4", (N, K)), "l.weight_scale": ("F8_E8M0", (N, K // 32))}, None),
    (
        "NVFP4 of ModelOptimizer",
        {
            "l.weight": ("U8", (N, K // 2)),
            "l.weight_scale": ("F8_E4M3", (N, K // 16)),
            "l.weight_scale_2": ("F32", ()),
            "l.input_scale": ("F32", ()),
        },
        None,
    ),
    (
        "NVFP4 of compressed-tensors",
        {
            "l.weight_packed": ("U8", (N, K // 2)),
            "l.weight_scale": ("F8_E4M3", (N, K // 16)),
            "l.weight_global_scale": ("F32", (1,)),
            "l.input_global_scale": ("F32", (1,)),
        },
        None,
    ),
    *[(f"MLX {bits} bit, group told", mlx(bits, 64), {"group_size": 64, "bits": bits}) for bits in (2, 3, 4, 5, 6, 8)],
    ("MLX mxfp4", {"l.weight": ("U32", (N, K // 8)), "l.scales": ("U8", (N, K // 32))}, None),
    ("MLX nvfp4", {"l.weight": ("U32", (N, K // 8)), "l.scales": ("U8", (N, K // 16))}, None),
    ("MLX mxfp8", {"l.weight": ("U32", (N, K // 4)), "l.scales": ("U8", (N, K // 32))}, None),
    (
        "MLX, a layer's settings under another prefix",
        mlx(8, 32),
        {"bits": 4, "group_size": 64, "model.l": {"bits": 8, "group_size": 32}},
    ),
    (
        "MLX, the only layer of the name has no dots",
        mlx(8, 32),
        {"bits": 4, "group_size": 64, "l": {"bits": 8, "group_size": 32}},
    ),
    ("MXFP6", {"l.weight_packed": ("U8", (N, K * 3 // 4)), "l.weight_scale": ("U8", (N, K // 32))}, None),
    ("FP4 in signed bytes", {"l.weight": ("I8", (N, K // 2)), "l.scale": ("F8_E8M0", (N, K // 32))}, None),
    (
        "FP-Quant",
        {
            "l.qweight": ("U8", (N, K // 2)),
            "l.scales": ("F8_E8M0", (N, K // 32)),
            "l.forward_hadamard_matrix": ("BF16", (32, 32)),
            "l.weight_global_scale": ("F32", ()),
        },
        None,
    ),
    (
        "NVFP4, scales padded to tiles",
        {
            "l.weight": ("U8", (N, K // 2)),
            "l.weight_scale": ("F8_E4M3", (128, K // 16)),
            "l.weight_scale_2": ("F32", ()),
        },
        None,
    ),
    (
        "ModelOptimizer AWQ",
        {"l.weight": ("U8", (N // 2, K)), "l.weight_scale": ("BF16", (N, 2)), "l.pre_quant_scale": ("BF16", (K,))},
        None,
    ),
    ("ComfyUI int8", {"l.weight": ("I8", (N, K)), "l.weight_scale": ("F32", ()), "l.comfy_quant": ("U8", (30,))}, None),
    (
        "Nunchaku without corrections",
        {"l.qweight": ("I32", (N // 4, K // 2)), "l.wscales": ("BF16", (4, N)), "l.wzeros": ("BF16", (4, N))},
        None,
    ),
    (
        "HIGGS",
        {
            "l.weight": ("I16", (N // 4, K)),
            "l.scales": ("F16", (N, 1)),
            "l.tables": ("F16", (16,)),
            "l.tables2": ("F16", (16, 16, 2)),
        },
        None,
    ),
    ("QuIP#", {"l.Qidxs": ("I16", (N, K // 8)), "l.SU": ("F16", (K,)), "l.SV": ("F16", (N,))}, None),
    (
        "VPTQ, dimensions told",
        {
            "l.indices": ("I32", (1, N // 8, 97)),
            "l.centroids.weight": ("F16", (1, 4096)),
            "l.res_centroids.weight": ("F16", (1, 256)),
            "l.weight_scale": ("F16", (K,)),
            "l.weight_bias": ("F16", (K,)),
            "l.perm": ("I16", (K,)),
        },
        {
            "quant_method": "vptq",
            "config_for_layers": {"l": {"in_features": K, "out_features": N, "group_size": K, "bias": False}},
        },
    ),
    (
        "AutoRound, bits of one layer",
        {"l.qweight": ("I32", (K // 4, N)), "l.scales": ("F16", (2, N))},
        {"quant_method": "auto-round", "bits": 4, "extra_config": {"l": {"bits": 8}}},
    ),
    (
        "Quark",
        {"l.weight": ("I32", (K, N // 8)), "l.weight_scale": ("F16", (2, N)), "l.weight_zero_point": ("I32", (2, 8))},
        {"quant_method": "quark", "global_quant_config": {"weight": {"dtype": "uint4", "group_size": 128}}},
    ),
    (
        "quanto 4 bit",
        {
            "l.weight._data._data": ("U8", (N, K // 2)),
            "l.weight._scale": ("F16", (N, 2)),
            "l.weight._shift": ("F16", (N, 2)),
        },
        {"quant_method": "quanto", "weights": "int4"},
    ),
    ("quanto 8 bit", {"l.weight._data": ("I8", (N, K)), "l.weight._scale": ("F16", (N, 1))}, None),
    (
        "HQQ 4 bit in a float's guise",
        {"l.W_q": ("BF16", (KN // 4 // 64, 64)), "l.scale": ("BF16", (KN // 64, 1)), "l.zero": ("BF16", (KN // 64, 1))},
        {"quant_method": "hqq", "quant_config": {"weight_quant_params": {"nbits": 4, "group_size": 64}}},
    ),
    (
        "MLX, one layer with bits of its own",
        mlx(8, 32),
        {"group_size": 64, "bits": 4, "l.x": 1, "a.b": {}} | {"bits": 8, "group_size": 32},
    ),
    ("EETQ", {"l.weight": ("I8", (K, N)), "l.weight_scales": ("F16", (N,))}, {"quant_method": "eetq"}),
    (
        "HQQ 4 bit",
        {"l.W_q": ("U8", (KN // 2 // 64, 64)), "l.scale": ("F16", (KN // 64, 1)), "l.zero": ("F16", (KN // 64, 1))},
        {"quant_method": "hqq", "quant_config": {"weight_quant_params": {"nbits": 4, "group_size": 64}}},
    ),
    (
        "HQQ 3 bit",
        {"l.W_q": ("I32", (26, 64)), "l.scale": ("F16", (KN // 64, 1)), "l.zero": ("F16", (KN // 64, 1))},
        {"quant_method": "hqq", "quant_config": {"weight_quant_params": {"nbits": 3, "group_size": 64}}},
    ),
    ("BitNet", {"l.weight": ("U8", (N // 4, K)), "l.weight_scale": ("BF16", (1,))}, {"quant_method": "bitnet"}),
    (
        "EXL2",
        {
            "l.q_weight": ("I32", (37, N)),
            "l.q_scale": ("I32", (2, N // 8)),
            "l.q_scale_max": ("F16", (2,)),
            "l.q_groups": ("I16", (4,)),
            "l.q_invperm": ("I32", (K,)),
        },
        None,
    ),
    ("EXL3", {"l.trellis": ("I16", (K // 16, N // 16, 48)), "l.suh": ("F16", (K,)), "l.svh": ("F16", (N,))}, None),
    (
        "AQLM",
        {"l.codes": ("I8", (N, K // 8, 1)), "l.codebooks": ("F16", (1, 256, 1, 8)), "l.scales": ("F16", (N, 1, 1, 1))},
        None,
    ),
]


@pytest.mark.parametrize(("tensors", "settings_"), [case[1:] for case in EXACT], ids=[case[0] for case in EXACT])
def test_one_layer_of_each_writer_is_counted_exactly(tensors: Spec, settings_: Mapping[str, Any] | None) -> None:
    counted = count({**tensors, **FLOATS}, settings_)
    assert (counted.interval.low, counted.point, counted.interval.high) == (KN + 128, KN + 128, KN + 128)
    assert counted.stored_elements == 128 + sum(elements(shape) for _, shape in tensors.values())
    assert not counted.findings


BOUNDED: list[tuple[str, Spec, Mapping[str, Any] | None, int]] = [
    ("GPTQ, nothing told", {"l.qweight": ("I32", (K // 8, N))}, None, KN),
    (
        "8-bit integers with a scale, nothing told",
        {"l.weight": ("I8", (N, K)), "l.weight_scale": ("F16", (N,))},
        None,
        KN,
    ),
    ("4-bit integers in bytes, nothing told", {"l.weight": ("I8", (N, K // 2)), "l.scale": ("F16", (N,))}, None, KN),
    ("4 bits told, packing not", {"l.weight": ("I8", (N, K // 2)), "l.scale": ("F16", (N,))}, {"bits": 4}, KN),
    ("compressed-tensors, nothing told", packed(4, 128), None, KN),
    ("compressed-tensors by channel", {**packed(4, 128), "l.weight_scale": ("F16", (N, 1))}, groups((4, None)), KN),
    (
        "compressed-tensors, padded rows",
        {"l.weight_packed": ("I32", (N, 33)), "l.weight_scale": ("F16", (N, 1))},
        groups((4, None)),
        N * 257,
    ),
    ("MLX 4 bit, nothing told", mlx(4, 64), None, KN),
    ("MLX 8 bit, nothing told", mlx(8, 32), None, KN),
    (
        "quanto 4 bit, nothing told",
        {"l.weight._data": ("U8", (N // 2, K)), "l.weight._scale": ("F16", (N, 2))},
        None,
        KN,
    ),
    ("HQQ, nothing told", {"l.W_q": ("U8", (KN // 128, 64)), "l.scale": ("F16", (KN // 64, 1))}, None, KN),
    ("VPTQ", {"l.indices": ("I16", (1, N, K // 8)), "l.centroids": ("F16", (1, 1, 256 * 8))}, None, KN),
    ("QuIP#, signs in another shard", {"l.Qidxs": ("I16", (N, K // 8))}, None, KN),
    (
        "GPTQ, padded by more than an element",
        {**gptq(4), "l.g_idx": ("I32", (K - 100,))},
        None,
        (K - 100) * N,
    ),
    ("MLX, another layer has settings that fit", mlx(4, 64), {"bits": 3, "group_size": 64}, KN),
    ("torchao, class not told", {"l._weight_qdata": ("U8", (N, K // 2)), "l._weight_scale": ("F16", (2, N))}, None, KN),
    ("SpQR", {"l.dense_weights": ("I64", (KN // 16,)), "l.row_offsets": ("I32", (N + 1,))}, None, KN),
    (
        "MLX, settings of the layer's namesake in another part",
        mlx(8, 32),
        {"bits": 4, "group_size": 64, "visual.l": {"bits": 8, "group_size": 32}},
        KN,
    ),
    ("a sparse tensor by its mask", SPARSE, None, KN),
    ("floats under a method nobody knows", {"l.blob": ("F16", (N, K // 4))}, {"quant_method": "brand-new"}, KN),
    (
        "Gemma, bits by pattern",
        {"l.weight": ("U8", (N, K // 4)), "l.weight_scale": ("F32", (N, 1))},
        {"quant_method": "gemma", "num_bits": 4, "module_quant_configs": {"up": {"num_bits": 2}}},
        KN,
    ),
    (
        "a sparse tensor without its mask",
        {"l.compressed": ("BF16", (KN // 2,)), "l.row_offsets": ("I64", (N,))},
        None,
        KN,
    ),
    (
        "TensorRT-LLM, nibbles in a float's guise",
        {"l.weight": ("F16", (K, N // 4)), "l.weights_scaling_factor": ("F16", (K // 128, N))},
        None,
        KN,
    ),
    ("integers of a layer, nothing told", {"l.weight": ("I8", (N, K)), "l.a": ("F16", ())}, None, KN - 1 + 1),
    ("unknown integers of a quantised model", {"l.plane": ("I32", (K // 8, N))}, {"quant_method": "new"}, KN),
    ("unknown integers beside quantised layers", {"m.plane": ("U8", (99, 9)), **gptq(4)}, None, KN),
    (
        "Nunchaku, low-rank corrections",
        {
            "l.qweight": ("I8", (N, K // 2)),
            "l.wscales": ("BF16", (K // 64, N)),
            "l.smooth_factor": ("BF16", (K,)),
            "l.proj_down": ("BF16", (K, 32)),
            "l.proj_up": ("BF16", (N, 32)),
        },
        None,
        KN + 32 * (K + N),
    ),
    ("scale without a mantissa, alone", {"x": ("F8_E8M0", (KN,))}, None, KN),
]


@pytest.mark.parametrize(
    ("tensors", "settings_", "truth"), [case[1:] for case in BOUNDED], ids=[case[0] for case in BOUNDED]
)
def test_where_the_packing_is_not_certain_the_interval_holds_the_truth_and_says_so(
    tensors: Spec, settings_: Mapping[str, Any] | None, truth: int
) -> None:
    counted = count({**tensors, **FLOATS}, settings_)
    assert truth + 128 in counted.interval
    assert counted.interval.low < (counted.interval.high or 0)
    assert counted.point in counted.interval
    assert [finding.code for finding in counted.findings] == ["packing-unknown"]


PLAIN: list[tuple[str, Spec, int]] = [
    ("integers without a scale", {"position_ids": ("I64", (1, 512)), "n.num_batches_tracked": ("I64", ())}, 0),
    ("booleans", {"l.mask": ("BOOL", (99,)), "l.scale": ("F32", (2,))}, 2),
    ("scales of an unquantised model", {"norm.scale": ("F32", (N,)), "logit_scale": ("F32", ())}, N + 1),
    ("layer scale beside a float weight", {"l.weight": ("F32", (N,)), "l.scale": ("F32", (N,))}, 2 * N),
    ("a counter called blocks", {"num_blocks": ("I64", ()), "l.weight": ("F32", (5,))}, 5),
    ("a codebook of floats", {"q.codebooks": ("F32", (4, 4)), "q.scales": ("F32", (3,))}, 19),
    ("indices without centroids", {"tree.indices": ("I64", (10, 10)), "l.weight": ("F32", (5,))}, 5),
    ("a logit scale beside FP8",
     {"l.weight": ("F8_E4M3", (9,)), "l.weight_scale": ("F32", ()), "logit_scale": ("F32", ())},
     10),
]  # fmt: skip


@pytest.mark.parametrize(("tensors", "truth"), [case[1:] for case in PLAIN], ids=[case[0] for case in PLAIN])
def test_names_that_look_like_bookkeeping_count_where_nothing_is_quantised(tensors: Spec, truth: int) -> None:
    counted = count(tensors)
    assert (counted.interval.low, counted.point, counted.interval.high) == (truth, truth, truth)


def test_integers_that_dominate_without_a_scale_are_pointed_out() -> None:
    counted = count({"l.table": ("I8", (N, K)), "l.bias": ("F32", (N,))})
    assert counted.interval.high == N
    assert [finding.code for finding in counted.findings] == ["integers-not-counted"]


def test_weights_that_call_themselves_scales_widen_the_interval() -> None:
    counted = count({"l.weight": ("I8", (2, 2)), "l.scale": ("F32", (1000, 1001))})
    assert (counted.interval.high or 0) > 1_000_000
    assert [finding.code for finding in counted.findings] == ["packing-unknown", "bookkeeping-too-large"]


@pytest.mark.parametrize(
    "hostile",
    [
        [], "gptq", 4, {"quant_type": "int4"}, {"load_in_4bit": True}, {"weights": "int4"},
        {"bits": "4"}, {"bits": True}, {"bits": -4}, {"bits": 10**30}, {"bits": 0}, {"quant_method": 7},
        {"config_groups": []}, {"config_groups": {"g": 5}}, {"config_groups": {"g": {"weights": []}}},
        {"quant_config": {"weight_quant_params": 3}}, {"a.b": {"bits": []}}, {1: 2}, {"weights": ["int4"]},
        {"bits": 33},
    ],
)  # fmt: skip
def test_hostile_settings_are_ignored(hostile: Any) -> None:
    quantization.read(hostile)
    counted = count({**gptq(4), "m.qweight": ("I32", (K // 8, N))}, hostile)
    assert 2 * KN in counted.interval


def test_more_quantised_tensors_than_are_kept_give_bounds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packing, "MAX_GROUPED_TENSORS", 4)
    counted = count({**gptq(4), **{name.replace("l.", "m."): spec for name, spec in gptq(4).items()}})
    assert counted.interval.low == KN
    assert 2 * KN in counted.interval
    assert [finding.code for finding in counted.findings] == ["packing-unknown"]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("a.b.qweight", ("a.b", ".qweight")),
        ("a.weight_scale_inv", ("a", ".weight_scale_inv")),
        ("a.weight.quant_state.bitsandbytes__fp4", ("a", ".weight.quant_state")),
        ("e.gate_up_proj_blocks", ("e.gate_up_proj", "_blocks")),
        ("a.weight", ("a", ".weight")),
        ("weight", ("weight", "")),
        ("a.bias", ("a.bias", "")),
        ("", ("", "")),
        ("scaled_fp8", ("", "scaled_fp8")),
    ],
)
def test_names_are_split_at_their_longest_ending(name: str, expected: tuple[str, str]) -> None:
    assert split_name(name) == expected


endings = st.sampled_from(
    [*layer_names.WEIGHT_ENDINGS, *layer_names.BOOKKEEPING_ENDINGS, "", ".bias", ".weight.quant_state.x"]
)
tensors = st.dictionaries(
    st.builds(str.__add__, st.sampled_from(["a", "b.c", ""]), endings),
    st.tuples(
        st.sampled_from(sorted(BITS)) | st.sampled_from(["I4", "Q8", "F8_E4M3FN"]),
        st.lists(st.integers(0, 64), max_size=4),
    ),
    max_size=8,
)
choices = st.fixed_dictionaries(
    {},
    optional={
        "quant_method": st.sampled_from(
            ["gptq", "awq", "bitsandbytes", "compressed-tensors", "hqq", "bitnet", "quanto"]
        ),
        "bits": st.integers(-1, 40),
        "group_size": st.integers(-1, 130),
        "config_groups": st.dictionaries(
            st.text(max_size=2),
            st.fixed_dictionaries({"weights": st.fixed_dictionaries({"num_bits": st.integers(0, 9)})}),
        ),
    },
)


@settings(max_examples=400, deadline=None)
@given(tensors, choices)
def test_any_tensors_under_any_settings_give_an_interval_within_what_their_bits_allow(
    spec: Mapping[str, tuple[str, Sequence[int]]], settings_: Mapping[str, Any]
) -> None:
    counted = count(spec, settings_)
    most = sum(elements(shape) * max(most_weights_per_element(dtype), 512) for dtype, shape in spec.values())
    assert 0 <= counted.interval.low <= counted.point <= (counted.interval.high or 0) <= max(most, 0) * 512
    assert counted.stored_elements == sum(elements(shape) for _, shape in spec.values())


# --- trainer state and averages beside the weights, in one file

BASE: Spec = {"model.net.0.weight": ("F32", (40, 10)), "model.net.0.bias": ("F32", (40,)), "betas": ("F32", (5,))}
AVERAGES: Spec = {
    "model_ema.net0weight": ("F32", (40, 10)),  # dots dropped, as latent diffusion writes them
    "model_ema.net0bias": ("F32", (40,)),
    "model_ema.decay": ("F32", ()),
    "model_ema.num_updates": ("I32", ()),
}


def ends(found: Count) -> tuple[int, int, int | None]:
    return found.interval.low, found.point, found.interval.high


def codes(found: Count) -> set[str]:
    return {finding.code for finding in found.findings}


@pytest.mark.parametrize("averages", [
    AVERAGES,
    {"ema.net.0.weight": ("F32", (40, 10)), "ema.net.0.bias": ("F32", (40,))},
    {"ema.ema_model.net.0.weight": ("F32", (40, 10)), "ema.initted": ("F32", ())},
    {"ema.model.net.0.weight": ("F16", (40, 10))},
    {"ema_model_net_0_weight": ("F32", (40, 10)), "ema_model_net_0_bias": ("F32", (40,))},  # as MMCV writes them
])  # fmt: skip
def test_averages_count_once_with_their_twins_in_any_order(averages: Spec) -> None:
    for tensors in ({**BASE, **averages}, {**averages, **BASE}):
        found = count(tensors)
        assert ends(found) == (445, 445, 445)
        assert codes(found) == {"ema-left-out"}
        assert found.stored_elements == 445 + sum(elements(shape) for _, shape in averages.values())


def test_averages_without_twins_leave_an_interval() -> None:
    other = count({**BASE, **AVERAGES, "model_ema.other": ("F32", (300,))})
    assert ends(other) == (445, 745, 445 + 741)
    assert codes(other) == {"ema-uncertain"}
    assert ends(count({**BASE, "ema.net.0.weight": ("F32", (40, 11))})) == (445, 885, 885)  # another shape, no twin
    assert ends(count({**BASE, "ema_cluster_size": ("F32", (30,))})) == (475, 475, 475)  # of a vector quantiser
    assert ends(count(AVERAGES)) == (441, 441, 441)  # nothing else: they are the weights
    assert ends(count({"embed.weight": ("F32", (9, 9)), "emanet.weight": ("F32", (9,))})) == (90, 90, 90)


def test_averages_in_a_shard_may_have_their_twins_in_another() -> None:
    tally = Tally(quantization.read(None), shard=True)
    for name, (dtype, shape) in AVERAGES.items():
        tally.add(Tensor(name, dtype, shape, elements(shape)))
    assert ends(tally.finish())[0::2] == (0, 441)


@pytest.mark.parametrize("name", [
    "optimizer.state.0.exp_avg", "optimizer_state.0", "optimizer.param_groups.lr", "exp_avg.net.0.weight",
    "net.0.weight.exp_avg_sq", "state/momentum_buffer/net.0.weight", "x.max_exp_avg_sq", "opt_state/0/mu/net",
])  # fmt: skip
@pytest.mark.parametrize("dtype", ["F32", "U8", "F8_E4M3"])
def test_trainer_state_never_counts(name: str, dtype: str) -> None:
    found = count({**BASE, name: (dtype, (1000, 10))})
    assert ends(found) == (445, 445, 445)
    assert found.stored_elements == 10_445
    assert codes(found) == {"trainer-state-left-out"}


def test_names_like_trainer_state_count() -> None:
    names = ["options.weight", "my_optimizer_net.weight", "exp_average.weight", "adopt.optimizer.weight", "optimizer"]
    assert ends(count(dict.fromkeys(names, ("F32", (10, 10))))) == (500, 500, 500)


# --- what lies beside a plain `scale`


def test_a_norm_in_a_narrow_float_is_no_packed_layer() -> None:
    layer: Spec = {"l.weight": ("F8_E4M3", (1024, 1024)), "l.scale": ("F32", (8, 8))}
    norm: Spec = {"norm.weight": ("F8_E4M3", (128,)), "norm.scale": ("F32", (128,))}
    assert ends(count({**layer, **norm})) == (1_048_832, 1_048_832, 1_048_832)
    scaled: Spec = {"norm.weight": ("F8_E4M3", (128,)), "norm.weight_scale": ("F32", (1,))}
    assert ends(count({**layer, **scaled})) == (1_048_704, 1_048_704, 1_048_704)


def test_wide_integers_with_a_plain_scale_are_indices() -> None:
    found = count({"codes.weight": ("I64", (100, 10)), "codes.scale": ("F32", (100,)), "n.weight": ("F32", (7,))})
    assert ends(found) == (107, 107, 107)
    assert codes(found) == {"integers-not-counted"}
    beside = count({**gptq(4), "codes.weight": ("I64", (100, 10))}, {"quant_method": "gptq", "bits": 4})
    assert ends(beside) == (KN, KN, KN)


# --- one shard at hand


def in_shards(*parts: Spec, settings_: Mapping[str, Any] | None = None) -> tuple[int, int]:
    """Bounds of a model whose shards are counted one by one."""
    low = high = 0
    for part in parts:
        tally = Tally(quantization.read(settings_), shard=True)
        for name, (dtype, shape) in part.items():
            tally.add(Tensor(name, dtype, shape, elements(shape)))
        interval = tally.finish().interval
        low, high = low + interval.low, high + (interval.high or 0)
    return low, high


@pytest.mark.parametrize(("tensors", "settings_"), [
    (mlx(4, 64), {"bits": 4, "group_size": 64}),
    (packed(4, 128), groups((4, 128))),
])  # fmt: skip
def test_settings_count_a_weight_exactly_whose_scales_lie_in_another_shard(
    tensors: Spec, settings_: Mapping[str, Any]
) -> None:
    weight = next(iter(tensors))
    whole = {f"m{name[1:]}": spec for name, spec in tensors.items()}  # a layer that is all there, beside the rest
    scales = {name: spec for name, spec in tensors.items() if name != weight}
    assert in_shards({weight: tensors[weight]}, {**scales, **whole}, settings_=settings_) == (2 * KN, 2 * KN)


def test_rows_that_may_be_padded_stay_an_interval_without_their_scales() -> None:
    low, high = in_shards({"l.weight_packed": ("I32", (N, K // 8))}, settings_=groups((4, None)))
    assert (low, high) == (KN - 7 * N, KN)
    either = in_shards({"l.weight_packed": ("I32", (N, K // 8))}, settings_=groups((4, 128), (8, 128)))
    assert either == (KN // 2, KN)


TORN: list[tuple[str, Spec, Mapping[str, Any] | None]] = [
    ("GPTQ", gptq(4), {"quant_method": "gptq", "bits": 4}),
    ("GPTQ, nothing told", gptq(4), None),
    ("bitsandbytes in floats", bitsandbytes("BF16", 2), {"quant_method": "bitsandbytes", "load_in_4bit": True}),
    ("compressed-tensors", packed(4, 128), groups((4, 128))),
    ("MLX", mlx(4, 64), {"bits": 4, "group_size": 64}),
    ("FP8", {"l.weight": ("F8_E4M3", (N, K)), "l.weight_scale_inv": ("F32", (1, 2))}, {"quant_method": "fp8"}),
    ("a sparse tensor", SPARSE, None),
]


@pytest.mark.parametrize(("tensors", "settings_"), [case[1:] for case in TORN], ids=[case[0] for case in TORN])
def test_a_layer_torn_over_two_shards_is_still_inside_the_interval(
    tensors: Spec, settings_: Mapping[str, Any] | None
) -> None:
    for name in tensors:
        one = {name: tensors[name]}
        rest = {other: spec for other, spec in tensors.items() if other != name}
        low, high = in_shards({**one, "a.weight": ("F16", (7,))}, {**rest, **FLOATS}, settings_=settings_)
        assert low <= KN + 128 + 7 <= high, name


# --- names of other frameworks


@pytest.mark.parametrize(
    ("names", "counted"),
    [
        (["layer/kernel:0", "layer/bias:0"], 2),
        (["params/Dense_0/kernel", "params/LayerNorm_0/scale"], 2),
        (["0.weight", "1.bias", "0", "arr_0"], 4),
        (["model_weights/dense/dense/kernel:0"], 1),
        (["x/scales", "x/zeros", "x/codes", "x/indices", "x.codes", "x.indices", "x.B", "x.s", "x.shape"], 9),
        (["in_proj_weight", "out_proj.in_proj_weight", "gru/kernel_weight"], 3),
        (["optimizer/target/params/Dense/kernel"], 1),  # older Flax
        (["optimizer/state/param_states/Dense/kernel/grad_ema"], 0),
        (["state/param_states/decoder/v", "opt_state/1/0/nu/x", "states/opt_state/0/mu/x"], 0),
        (["optimizerG.state.0.step", "optim_d.param_groups.0.lr", "adam_optimizer.state.0.momentum"], 0),
        (["optimus.weight", "optical_flow.weight", "options/x", "optimizer_net.weight"], 4),
        (["params.body.0.weight", "params_ema.body.0.weight"], 1),
        (["params/Dense/kernel", "ema_params/Dense/kernel"], 1),
        (["g.conv.weight", "g_ema.conv.weight"], 1),
        (["g_ema.conv.weight"], 1),
        (["unet.conv.weight", "ema_unet.conv.weight"], 1),
        (["ema_unet.conv.weight", "vae.conv.weight"], 2),
        (["emacs.weight", "schema.weight", "cinema/kernel"], 3),
    ],
)
def test_names_of_every_framework_mean_what_they_say(names: list[str], counted: int) -> None:
    assert ends(count(dict.fromkeys(names, ("F32", (10, 10))))) == (100 * counted,) * 3


def test_buffers_of_other_frameworks() -> None:
    names = ["batch_stats/BatchNorm_0/mean", "bn/moving_mean:0", "bn.running_var", "bn/gamma:0"]
    assert count(dict.fromkeys(names, ("F32", (10,)))).buffers == 30


def test_a_table_of_integers_in_a_quantised_model_is_no_doubt_where_its_name_says_what_it_is() -> None:
    tables: Spec = {
        "emb.position_ids": ("I64", (1, 4096)),
        "h.attn.bias": ("U8", (1, 1, 512, 512)),
        "h.causal_mask": ("I32", (512, 512)),
        "norm.num_batches_tracked": ("I64", ()),
    }
    found = count({**gptq(4), **tables}, {"quant_method": "gptq", "bits": 4})
    assert ends(found) == (KN, KN, KN)


@pytest.mark.parametrize(
    ("config", "block"),
    [
        ({"quantization_config": {"bits": 4}}, {"bits": 4}),
        ({"quantization": {"bits": 8}, "quantization_config": {}}, {"bits": 8}),
        ({"text_config": {"quantization_config": {"bits": 4}}}, {"bits": 4}),
        ({"compression_config": {"format": "x"}}, {"format": "x"}),
        ({"quantization_bit": 4, "hidden_size": 5}, {"bits": 4}),
        ({"bits": 4, "group_size": 128}, {"bits": 4, "group_size": 128}),
        ({"producer": {"name": "modelopt"}, "quantization": {"quant_algo": "NVFP4"}}, {"quant_algo": "NVFP4"}),
        ({"text_config": 5, "quantization": "no", "quantization_bit": "4"}, None),
        ({"hidden_size": 5}, None),
    ],
)
def test_where_configurations_keep_their_settings(config: dict[str, object], block: dict[str, object] | None) -> None:
    assert quantization.settings_of(config) == block
