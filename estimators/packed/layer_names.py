"""What a tensor's name says: packed weight, bookkeeping, buffer, trainer state, or an average of other weights.

A quantised layer is a group of tensors around one stem. Names follow the writers: AutoGPTQ/GPTQModel, AutoAWQ, Marlin,
bitsandbytes, compressed-tensors, ModelOptimizer and TensorRT-LLM, gpt-oss (MXFP4), MLX, EETQ, HQQ, quanto, torchao,
ExLlama, AQLM, QuIP#, VPTQ, HIGGS, SpQR, SVDQuant (Nunchaku), ComfyUI. Names of other frameworks have slashes for dots
and may end in `:0`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import NamedTuple


class Part(NamedTuple):
    """What a name's ending says about a tensor of a quantised layer.

    Attributes:
        scheme: the writer that names a packed weight so; empty for bookkeeping and for plain names.
        strict: bookkeeping that no unquantised model names so, even where its weight lies in another shard.
        paired: the scheme's name is an ordinary word, and means packing only beside bookkeeping.
        floats: what is packed may be stored in a float type, whose elements are only so many bits.
    """

    scheme: str = ""
    strict: bool = False
    paired: bool = False
    floats: bool = False


PLAIN = Part()
STRICT = Part(strict=True)

# Endings of names, weight parts first. What precedes the ending is the stem that holds a layer together.
WEIGHT_ENDINGS: Mapping[str, Part] = {
    ".qweight": Part("qweight", floats=True),  # GPTQ, AWQ, Nunchaku, FP-Quant
    ".weight_packed": Part("weight_packed", floats=True),  # compressed-tensors
    ".W_q": Part("hqq", floats=True),  # also SINQ
    ".q_weight": Part("exl2"),
    ".trellis": Part("exl3"),
    ".Qidxs": Part("quip"),
    ".dense_weights": Part("spqr"),
    ".B_24": Part("marlin24"),
    ".B": Part("marlin", paired=True),
    ".codes": Part("aqlm", paired=True),
    ".indices": Part("vptq", paired=True),
    "_blocks": Part("mxfp4", paired=True),  # gpt-oss
    ".blocks": Part("mxfp4", paired=True),  # gpt-oss as first published, in `original/`
    ".weight._data._data": Part("quanto"),  # quanto below eight bits
    ".weight._data": Part("quanto"),
    "._weight_qdata": Part("torchao"),
    "._weight_packed_weights": Part("torchao"),
    "._weight_qdata_and_metadata": Part("torchao"),
    ".embedding_quantized": Part("gemma"),
    "_weight": PLAIN,  # of stacked experts
    ".weight": PLAIN,
}
_STRICT_ENDINGS = (
    ".meta.scale .meta.zero .weight_sf .weight_sf_rowmajor .input_activation_scale .output_activation_scale "
    ".embedding_scale .qzeros .g_idx .SCB .weight_format .weight_scale .weight_scale_inv .weight_scale_2 "
    ".weight_scales .weight_offset .deq_scale .input_offset .weight_zero_point .weight_zp .weight_shape "
    ".weight_g_idx .weight_global_scale .input_scale .input_scale_inv .input_scale_ub .input_global_scale "
    ".input_zero_point .act_global_scale .activation_scale .output_scale .output_zero_point .k_scale .v_scale "
    ".q_scale .prob_output_scale .pre_quant_scale .act_scale .weight.absmax .weight.quant_map .weight.nested_absmax "
    ".weight.nested_quant_map .weight.nested_offset .absmax .quant_map .nested_absmax .nested_quant_map "
    ".nested_offset .weight._scale .weight._shift .weight._zeropoint .weight._data._scale ._weight_scale "
    "._weight_zero_point ._weight_scale_and_zero ._weight_act_pre_scale ._weight_act_quant_scale "
    "._weight_group_scale ._weight_group_zero ._weight_row_scale ._weight_sparse_metadata ._weight_per_tensor_scale "
    "._weight_act_per_tensor_scale .weight_quantizer._scale .weight_quantizer._amax .weights_scaling_factor "
    ".weights_scaling_factor_2 .activation_scaling_factor .prequant_scaling_factor .per_channel_scale .scale_weight "
    ".scale_input scaled_fp8 .scaled_fp8 .comfy_quant .q_scale_max .q_groups .q_group_map .q_invperm .q_perm .suh "
    ".svh .SU .SV .Wscale .codebooks .centroids .res_centroids .res_indices .outlier_indices .outlier_centroids "
    ".centroids.weight .res_centroids.weight .outlier_centroids.weight .row_offsets .col_vals .bitmask "
    ".weight.bitmask .weight.row_offsets .weight.shape .scale_packed .B_meta .s_channel .s_group .wscales .wzeros "
    ".wcscales .wtscale .smooth_factor .smooth_factor_orig .tables .tables2 .qbiases .forward_hadamard_matrix "
    ".backward_hadamard_matrix .compute_dtype .channel_wise .unpack_view_dtype .view_as_float .encoded_state_dict "
    ".stores_quant_config .quant_scale .quant_zero .offload_meta .round_zero"
)
_PLAIN_ENDINGS = (
    "_weight_scale_2 _weight_scale_inv _weight_global_scale _input_scale _scale_inv _weight_scale _scales _scale "
    "_zeros .scales .scale .zeros .zero .zero_point .biases .nbits .s .group_size .axis .shape .meta .packing "
    ".optimize .mcg .mul1 .su .sv .perm .in_perm .weight_bias .codebook_id .workspace .smooth .smooth_orig"
)
# Everything else that a quantised layer stores; none of it counts beside a packed weight.
BOOKKEEPING_ENDINGS: Mapping[str, Part] = {
    **dict.fromkeys(_STRICT_ENDINGS.split(), STRICT), **dict.fromkeys(_PLAIN_ENDINGS.split(), PLAIN)
}  # fmt: skip
# The kept values of a sparse tensor, whose mask tells the dense shape (compressed-tensors).
SPARSE_ENDINGS = (".compressed", ".weight.compressed")
# Low-rank corrections that SVDQuant keeps beside a packed weight.
LOW_RANK_ENDINGS = (".lora_down", ".lora_up", ".proj_down", ".proj_up")
# Bookkeeping with ordinary names that counts nowhere in a file whose packed layers use the same name.
MAY_LIE_APART = frozenset({".scales", ".zeros", ".biases"})
# Small integers that state how a layer is packed: bits, group, unpacked shape.
VALUE_ENDINGS = (".weight_shape", ".shape", ".nbits", ".group_size")
# Scales and tables of values whose names do not say so.
_OTHER_SCALES = frozenset(
    {
        ".SCB",
        ".absmax",
        ".quant_map",
        ".weight.absmax",
        ".weight.quant_map",
        ".weight.quant_state",
        ".tables",
        ".biases",
    }
)
MOST_VALUES = 4  # dimensions of a weight
QUANT_STATE_ENDING = ".weight.quant_state"
_QUANT_STATES = (".weight.quant_state.", ".quant_state.")  # followed by the name of a bitsandbytes type
_ENDINGS = {
    ending: ending for ending in (*WEIGHT_ENDINGS, *BOOKKEEPING_ENDINGS, *SPARSE_ENDINGS, *LOW_RANK_ENDINGS)
}  # one string for all its uses
_LONGEST_ENDING = max(map(len, _ENDINGS))
_CENTROIDS = "centroids.weight"  # the one bookkeeping name that ends as weights do

# Float tensors that training does not change, by the last part of their names: given apart, and included in the count.
BUFFER_LEAVES = frozenset({
    "running_mean", "running_var", "moving_mean", "moving_variance",  # BatchNorm statistics
    "inv_freq", "freqs_cis", "cos_cached", "sin_cached", "rope_freqs", "original_inv_freq",  # rotary embeddings
    "masked_bias",  # GPT-2's masking value
    "alphas_cumprod", "alphas_cumprod_prev", "betas", "sqrt_alphas_cumprod", "sqrt_one_minus_alphas_cumprod",
    "log_one_minus_alphas_cumprod", "sqrt_recip_alphas_cumprod", "sqrt_recipm1_alphas_cumprod",  # diffusion schedules
    "posterior_variance", "posterior_log_variance_clipped", "posterior_mean_coef1", "posterior_mean_coef2",
    "model_ema.decay",
})  # fmt: skip
_BATCH_STATISTICS = "batch_stats/"  # Flax keeps them in a collection of their own
# Names of trainer state: a checkpoint that holds its optimizer's tensors, too. The moments are called so wherever they
# lie; the others only where the whole file is divided so. Older Flax keeps the weights in the optimizer: its `target`.
_TRAINER_STATE = re.compile(
    r"(?:optimizers?|optimizer_states?|optim_states?)[./](?!target[./])|"
    r"(?:\w{0,40}_)?optim(?:izer)?s?(?:_?\w{0,40})?[./](?:.*[./])?(?:state|param_groups|defaults)[./]|"
    r"(?:.*[./])?(?:opt_state|optimizer_state|param_states)[./]|"
    r"(?:.*[./])?(?:optimizer_state|exp_avg|exp_avg_sq|max_exp_avg_sq|momentum_buffer)(?:[./].*)?\Z",
    re.DOTALL,
)
# Weights averaged over the training, kept beside the plain ones. Writers drop the dots of the plain names, or `model.`,
# or write underscores for dots behind `ema_` (MMCV).
_AVERAGED = re.compile(
    r"(?:model_ema|ema_model|params_ema|ema_params|ema)[./](?:ema_model[./]|module[./])?|(\w{1,40})_ema[./]|ema_(\w{1,40})[./]|"
    r"(?P<flat>ema_(?=\w+\Z))",
    re.DOTALL | re.IGNORECASE,
)
_PLAIN_PREFIXES = tuple(
    f"{wrapper}{separator}" for wrapper in ("model", "module", "params", "state_dict") for separator in "./"
)
# Causal masks that older GPT checkpoints store as `…attn.bias` or `…attention.bias`: [1, 1, n, n].
_CAUSAL_MASK = re.compile(r".*(?:attn|attention)\.bias\Z", re.DOTALL)
# Integers that models hold beside their weights, quantised or not.
_LONGEST_LEAF = 200  # characters of a name that are looked at
_FEW_INTEGERS = 256  # elements; a layer has more weights
_HARMLESS_INTEGERS = re.compile(
    r"(?:.*[./_])?(?:position_ids?|num_batches_tracked|token_type_ids|relative_position_index|relative_coords_table|"
    r"\w{0,40}mask|\w{0,40}_ids?|steps?|num_updates|iterations?|global_step|version|cache_length|initted|initialized|"
    r"workspace|spiece_model|tekken_model|tokenizer_\w{0,20}|tokenizer)(?::0)?\Z",
    re.DOTALL,
)


def is_buffer(name: str, shape: Sequence[int]) -> bool:
    """Whether a float tensor is a recognised buffer."""
    leaf = name.rpartition(".")[2]
    if leaf in BUFFER_LEAVES:
        return True
    if "/" in name:
        return _BATCH_STATISTICS in name or leaf.rpartition("/")[2].removesuffix(":0") in BUFFER_LEAVES
    return len(shape) == 4 and shape[2] == shape[3] and bool(_CAUSAL_MASK.match(name))


def is_trainer_state(name: str) -> bool:
    """Whether a name is one of optimizer state."""
    # Every such name holds one of these words, and a search is cheaper than a match.
    words = "opt" in name or "exp_avg" in name or "momentum_buffer" in name or "param_states" in name
    return words and bool(_TRAINER_STATE.match(name))


def is_harmless_integer(name: str, elements: int, shape: Sequence[int]) -> bool:
    """Whether integers are known to be no weights, by their name or because they are so few."""
    if elements <= _FEW_INTEGERS or _HARMLESS_INTEGERS.match(name[-_LONGEST_LEAF:]):
        return True
    return len(shape) == 4 and shape[2] == shape[3] and bool(_CAUSAL_MASK.match(name))


def plain_names_of_average(name: str) -> tuple[str, ...]:
    """Names that the plain twin of an averaged weight may have; empty for a name that is no average's."""
    averaged = _AVERAGED.match(name)
    if averaged is None:
        return ()
    rest = name[averaged.end() :]
    if averaged["flat"]:
        return rest, rest.removeprefix("model_").removeprefix("module_")
    network = averaged[1] or averaged[2]
    return (rest,) if network is None else (f"{network}.{rest}", rest)


def is_certain_average(name: str) -> bool:
    """Whether a name says so plainly that a tensor is an average that it is one even without a twin."""
    averaged = _AVERAGED.match(name)
    return averaged is not None and not any(averaged.groups())


def twin_key(name: str, elements: int) -> int:
    """A number that a tensor and its average have in common."""
    while name.startswith(_PLAIN_PREFIXES):
        name = name[min(place for place in (name.find("."), name.find("/")) if place >= 0) + 1 :]
    return hash((name.replace(".", "").replace("/", "").replace("_", ""), elements))


def split_name(name: str) -> tuple[str, str]:
    """Stem and ending (possibly empty) of a tensor's name."""
    if name.endswith(".weight") and not name.endswith(_CENTROIDS):  # nearly all names end in one of these two
        return name[:-7], ".weight"
    if name.endswith(".bias"):
        return name, ""
    tail = max(0, len(name) - _LONGEST_ENDING)
    for start in range(tail, len(name)):
        if (name[start] in "._" or not start) and name[start:] in _ENDINGS:
            return name[:start], _ENDINGS[name[start:]]
    for part in _QUANT_STATES:
        stem, state, _ = name.rpartition(part)
        if state:
            return stem, QUANT_STATE_ENDING
    return name, ""


def is_strict(ending: str) -> bool:
    """Whether no unquantised model has a tensor with this ending."""
    return BOOKKEEPING_ENDINGS.get(ending, PLAIN).strict or ending == QUANT_STATE_ENDING


def is_scale(ending: str) -> bool:
    """Whether a tensor with this ending scales its layer's weight."""
    return "scal" in ending or ending in _OTHER_SCALES


def scheme_of(ending: str) -> Part:
    """What the ending of a weight's name says."""
    return WEIGHT_ENDINGS.get(ending, PLAIN)


def holds_values(name: str, elements: int) -> bool:
    """Whether a tensor is one of the few integers that say how a layer is packed."""
    return 0 < elements <= MOST_VALUES and name.endswith(VALUE_ENDINGS)
