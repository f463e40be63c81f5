"""Weights per stored element in quantised tensors, shared by the formats.

A quantised layer is a group of tensors around one stem: the packed weight and its bookkeeping (scales, zero points,
group index, shape, lookup tables). Bookkeeping never counts; a packed weight counts as the weights it stands for
(`unpacking.py`): exactly where names, shapes and the model's `quantization_config` leave one answer, as an interval
with a finding where they leave several. Names follow the writers: AutoGPTQ/GPTQModel, AutoAWQ, bitsandbytes,
compressed-tensors, ModelOptimizer (NVFP4), gpt-oss (MXFP4), MLX, EETQ, HQQ, quanto, torchao, ExLlama, AQLM, QuIP#,
VPTQ.
"""

from __future__ import annotations

import re
from array import array
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from estimators.bounds import Interval
from estimators.dtypes import Kind, is_narrow_float, kind_of, most_weights_per_element
from estimators.interface import Finding
from estimators.quantization import Quantization
from estimators.unpacking import Layer, Tensor, Weights, exactly, unpack

__all__ = ["Count", "Tally", "Tensor", "is_buffer", "split_name"]

# Tensors that are kept for grouping; a file with more counts the rest by bounds, so that memory stays bounded.
MAX_GROUPED_TENSORS = 60_000
# Elements; beyond a codebook (65,536 entries of 8 weights), bookkeeping is smaller than what it is about. Larger
# "scales" beside a tiny integer tensor are weights under another name.
LARGEST_CODEBOOK = 2**19
TOO_MANY = f"more than {MAX_GROUPED_TENSORS} tensors of quantised layers in one file"


class Part(NamedTuple):
    """What a name's ending says about a tensor of a quantised layer.

    Attributes:
        scheme: the writer that names a packed weight so; empty for bookkeeping and for plain names.
        strict: bookkeeping that no unquantised model names so, even where its weight lies in another shard.
        paired: the scheme's name is an ordinary word, and means packing only beside bookkeeping.
    """

    scheme: str = ""
    strict: bool = False
    paired: bool = False


PLAIN = Part()
STRICT = Part(strict=True)

# Endings of names, weight parts first. What precedes the ending is the stem that holds a layer together.
WEIGHT_ENDINGS: Mapping[str, Part] = {
    ".qweight": Part("qweight"),  # GPTQ and AWQ
    ".weight_packed": Part("weight_packed"),  # compressed-tensors
    ".W_q": Part("hqq"),
    ".q_weight": Part("exl2"),
    ".trellis": Part("exl3"),
    ".Qidxs": Part("quip"),
    ".codes": Part("aqlm", paired=True),
    ".indices": Part("vptq", paired=True),
    "_blocks": Part("mxfp4", paired=True),  # gpt-oss
    ".weight._data._data": Part("quanto"),  # quanto below eight bits
    ".weight._data": Part("quanto"),
    "._weight_qdata": Part("torchao"),
    ".weight": PLAIN,
}
_STRICT_ENDINGS = (
    ".qzeros .g_idx .SCB .weight_format .weight_scale .weight_scale_inv .weight_scale_2 .weight_scales "
    ".weight_zero_point .weight_shape .weight_g_idx .weight_global_scale .input_scale .input_scale_inv "
    ".input_global_scale .input_zero_point .output_scale .output_zero_point .k_scale .v_scale .q_scale "
    ".prob_output_scale .pre_quant_scale .act_scale .weight.absmax .weight.quant_map .weight.nested_absmax "
    ".weight.nested_quant_map .weight.nested_offset .weight._scale .weight._shift .weight._zeropoint "
    ".weight._data._scale ._weight_scale ._weight_zero_point .weight_quantizer._scale .weight_quantizer._amax "
    ".scale_weight .scale_input scaled_fp8 .q_scale_max .q_groups .q_group_map .q_invperm .q_perm .suh .svh .SU "
    ".SV .codebooks .centroids .res_centroids .res_indices .outlier_indices .outlier_centroids"
)
_PLAIN_ENDINGS = (
    "_scale_inv _weight_scale _scales _scale _zeros .scales .scale .zeros .zero .zero_point .biases .nbits "
    ".group_size .axis .shape .meta .packing .mcg .mul1 .perm .codebook_id"
)
# Everything else that a quantised layer stores; none of it counts beside a packed weight.
BOOKKEEPING_ENDINGS: Mapping[str, Part] = {
    **dict.fromkeys(_STRICT_ENDINGS.split(), STRICT), **dict.fromkeys(_PLAIN_ENDINGS.split(), PLAIN)
}  # fmt: skip
# Bookkeeping with ordinary names that counts nowhere in a file whose packed layers use the same name.
MAY_LIE_APART = frozenset({".scales", ".zeros", ".biases"})
QUANT_STATE_ENDING = ".weight.quant_state"
_QUANT_STATE = ".weight.quant_state."  # followed by the name of a bitsandbytes type
_ENDINGS = {ending: ending for ending in (*WEIGHT_ENDINGS, *BOOKKEEPING_ENDINGS)}  # one string for all its uses
_LONGEST_ENDING = max(map(len, _ENDINGS))

# Float tensors that training does not change, by the last part of their names: given apart, and included in the count.
BUFFER_LEAVES = frozenset({
    "running_mean", "running_var",  # BatchNorm statistics
    "inv_freq", "freqs_cis", "cos_cached", "sin_cached", "rope_freqs", "original_inv_freq",  # rotary embeddings
    "masked_bias",  # GPT-2's masking value
    "alphas_cumprod", "alphas_cumprod_prev", "betas", "sqrt_alphas_cumprod", "sqrt_one_minus_alphas_cumprod",
    "log_one_minus_alphas_cumprod", "sqrt_recip_alphas_cumprod", "sqrt_recipm1_alphas_cumprod",  # diffusion schedules
    "posterior_variance", "posterior_log_variance_clipped", "posterior_mean_coef1", "posterior_mean_coef2",
    "model_ema.decay",
})  # fmt: skip
# Names of trainer state: a checkpoint that holds its optimizer's tensors, too. The moments are called so wherever they
# lie; the others only where the whole file is divided so.
_TRAINER_STATE = re.compile(
    r"(?:optimizers?|optimizer_states?|optim_states?|opt_state)[./]|"
    r"(?:.*[./])?(?:optimizer_state|exp_avg|exp_avg_sq|max_exp_avg_sq|momentum_buffer)(?:[./].*)?\Z",
    re.DOTALL,
)
# Weights averaged over the training, kept beside the plain ones. Writers drop the dots of the plain names, or `model.`.
_AVERAGED = re.compile(r"(?:model_ema|ema_model|ema)[./](?:ema_model[./]|module[./])?", re.DOTALL)
# Causal masks that older GPT checkpoints store as `…attn.bias` or `…attention.bias`: [1, 1, n, n].
_CAUSAL_MASK = re.compile(r".*(?:attn|attention)\.bias\Z", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Count:
    """What a file's tensors add up to.

    Attributes:
        interval: parameters.
        point: the best single number.
        stored_elements: every element of every tensor, packing not undone.
        buffers: elements of recognised buffers, included in the count.
        findings: what was not certain.
    """

    interval: Interval
    point: int
    stored_elements: int
    buffers: int
    findings: tuple[Finding, ...]


def is_buffer(name: str, shape: Sequence[int]) -> bool:
    """Whether a float tensor is a recognised buffer."""
    if name.rpartition(".")[2] in BUFFER_LEAVES:
        return True
    return len(shape) == 4 and shape[2] == shape[3] and bool(_CAUSAL_MASK.match(name))


def split_name(name: str) -> tuple[str, str]:
    """Stem and ending (possibly empty) of a tensor's name."""
    if name.endswith(".weight"):  # nearly all names end in one of these two
        return name[:-7], ".weight"
    if name.endswith(".bias"):
        return name, ""
    tail = max(0, len(name) - _LONGEST_ENDING)
    for start in range(tail, len(name)):
        if (name[start] in "._" or not start) and name[start:] in _ENDINGS:
            return name[:start], _ENDINGS[name[start:]]
    stem, state, _ = name.rpartition(_QUANT_STATE)
    return (stem, QUANT_STATE_ENDING) if state else (name, "")


@dataclass(slots=True)
class Tally:
    """Adds up tensors one by one; only those that may belong to a quantised layer are kept until `finish`."""

    quantization: Quantization
    shard: bool = False  # of several: what a name refers to may lie in another
    low: int = 0
    point: int = 0
    high: int = 0
    stored: int = 0
    buffers: int = 0
    findings: dict[str, Finding] = field(default_factory=dict)
    _groups: dict[str, dict[str, Tensor]] = field(default_factory=lambda: defaultdict(dict))
    _kept: int = 0
    _plain_integers: int = 0
    _state: int = 0
    _plain_names: array[int] = field(default_factory=lambda: array("q"))
    _averaged: list[Tensor] = field(default_factory=list)

    def add(self, tensor: Tensor) -> None:
        """Count one tensor, or keep it for its group."""
        self.stored += tensor.elements
        kind = kind_of(tensor.dtype)
        if kind is Kind.BOOLEAN:
            return
        name = tensor.name
        # Every such name holds one of these words, and a search is cheaper than a match.
        if ("opt" in name or "exp_avg" in name or "momentum_buffer" in name) and _TRAINER_STATE.match(name):
            self._state += tensor.elements
            return
        if kind is Kind.FLOAT:
            if name.startswith(("ema", "model_ema")):
                averaged = _AVERAGED.match(name)
                if averaged and len(self._averaged) < MAX_GROUPED_TENSORS:
                    self._averaged.append(tensor)
                    return
            self._plain_names.append(_twin_key(name, tensor.elements))
        stem, ending = split_name(tensor.name)
        if kind is Kind.FLOAT and not is_narrow_float(tensor.dtype) and (not ending or ending in WEIGHT_ENDINGS):
            self._float(tensor)  # wide floats are bookkeeping only by names of bookkeeping
        elif self._kept < MAX_GROUPED_TENSORS:
            self._kept += 1
            self._groups[stem][ending] = tensor
        else:
            most = tensor.elements * (1 if kind is Kind.FLOAT else most_weights_per_element(tensor.dtype))
            self.high += most
            self._note("packing-unknown", TOO_MANY)

    def finish(self) -> Count:
        """Settle the kept groups and give the sum."""
        self._settle_averaged()
        if self._state:
            self._note("trainer-state-left-out", f"{self._state} elements of optimizer state in the file do not count")
        weights = {stem: _weight_of(group) for stem, group in self._groups.items()}
        quantised = bool(self.quantization.method) or any(weights.values())
        used = {ending for stem, weight in weights.items() if weight is not None for ending in self._groups[stem]}
        apart = used & MAY_LIE_APART
        for stem, group in self._groups.items():
            weight = weights[stem]
            if weight is None and quantised and _is_matrix_of_integers(group.get(".weight")):
                weight = ".weight"  # its scale lies in another shard
            if weight is not None:
                self._layer(stem, weight, group)
                continue
            torn = quantised and any(_is_strict(ending) for ending in group)  # from its weight, by a shard's end
            for ending, tensor in group.items():
                if ending in apart or (torn and (ending in BOOKKEEPING_ENDINGS or _is_strict(ending))):
                    continue
                self._loose(tensor, quantised=quantised)
        if self._plain_integers > self.high:
            self._note(
                "integers-not-counted",
                f"{self._plain_integers} integer elements, used without any scale, are not counted as weights",
            )
        return Count(
            Interval(self.low, self.high), self.point, self.stored, self.buffers, tuple(self.findings.values())
        )

    def _settle_averaged(self) -> None:
        """Averaged weights count once with their plain twins; where they have none, they may be a network of their own.

        The averages hold trained parameters only, so plain tensors may have none; an average without a plain twin is
        what tells another network.
        """
        if not self._averaged:
            return
        twins = set(self._plain_names)
        lone = total = 0
        for tensor in self._averaged:
            total += tensor.elements
            plain = tensor.name[_end_of_prefix(tensor.name) :]
            # A counter or the decay has one element, and no twin.
            if tensor.elements > 1 and _twin_key(plain, tensor.elements) not in twins:
                lone += tensor.elements
        if not lone:
            self._note("ema-left-out", f"{total} elements are averages of other weights in the file")
        elif not self._plain_names and not self.shard:  # nothing but averages: they are the weights
            for tensor in self._averaged:
                self._float(tensor)
        else:
            self.point += lone
            self.high += total
            self._note("ema-uncertain", f"{lone} of {total} elements named as averages have no plain twin in the file")

    def _float(self, tensor: Tensor) -> None:
        self.low += tensor.elements
        self.point += tensor.elements
        self.high += tensor.elements
        if is_buffer(tensor.name, tensor.shape):
            self.buffers += tensor.elements

    def _take(self, weights: Weights) -> None:
        self.low += weights.interval.low
        self.point += weights.point
        self.high += weights.interval.high or 0
        if weights.why:
            self._note("packing-unknown", weights.why)

    def _note(self, code: str, message: str) -> None:
        """One finding of each code: the first stands for its like."""
        self.findings.setdefault(code, Finding(code, message))

    def _layer(self, stem: str, weight: str, group: Mapping[str, Tensor]) -> None:
        """One quantised layer: its weight counts, everything else in the group is bookkeeping."""
        tensor = group[weight]
        others = {ending: other for ending, other in group.items() if ending != weight}
        if kind_of(tensor.dtype) in (Kind.FLOAT, Kind.SUB_BYTE):
            counted = exactly(tensor.elements)
        else:
            scheme = WEIGHT_ENDINGS.get(weight, PLAIN).scheme
            counted = unpack(Layer(stem, scheme, tensor, others, self.quantization))
        self._take(counted)
        floats = sum(other.elements for other in others.values() if kind_of(other.dtype) is Kind.FLOAT)
        if floats > max(counted.interval.high or 0, LARGEST_CODEBOOK):
            self.high += floats
            self._note("bookkeeping-too-large", f"{tensor.name}: {floats} floats beside {counted.point} packed weights")

    def _loose(self, tensor: Tensor, *, quantised: bool) -> None:
        """A tensor of a group without a quantised weight."""
        kind = kind_of(tensor.dtype)
        if kind is Kind.FLOAT:
            self._float(tensor)
        elif kind is Kind.SUB_BYTE:
            self._take(exactly(tensor.elements))
        elif kind is Kind.INTEGER:
            self._plain_integers += tensor.elements
        elif kind is Kind.SCALE and not quantised:
            self._take(Weights(Interval(0, tensor.elements), 0, f"{tensor.name}: {tensor.dtype} without a weight"))
        elif kind is Kind.UNKNOWN:
            why = f"{tensor.name}: element type {tensor.dtype[:40]!r} is not in the specification"
            most = tensor.elements * most_weights_per_element(tensor.dtype)
            self._take(Weights(Interval(0, most), tensor.elements, why))


def _end_of_prefix(name: str) -> int:
    averaged = _AVERAGED.match(name)
    return averaged.end() if averaged else 0


def _twin_key(name: str, elements: int) -> int:
    """A number that a tensor and its average have in common."""
    return hash((name.removeprefix("model.").replace(".", ""), elements))


def _weight_of(group: Mapping[str, Tensor]) -> str | None:
    """The ending of a group's quantised weight; None where the group holds none."""
    scaled = any(ending in BOOKKEEPING_ENDINGS or ending == QUANT_STATE_ENDING for ending in group)
    for ending, part in WEIGHT_ENDINGS.items():
        tensor = group.get(ending)
        if tensor is None or not part.scheme or not _is_packable(tensor):
            continue
        if scaled or (not part.paired and len(tensor.shape) > 1):
            return ending
    strict = any(_is_strict(ending) for ending in group)
    for ending in (".weight", ""):
        tensor = group.get(ending)
        if tensor is not None and scaled and _is_packable(tensor) and (strict or not _is_ordinary(tensor)):
            return ending
    return None


def _is_strict(ending: str) -> bool:
    return BOOKKEEPING_ENDINGS.get(ending, PLAIN).strict or ending == QUANT_STATE_ENDING


def _is_packable(tensor: Tensor) -> bool:
    return kind_of(tensor.dtype) in (Kind.INTEGER, Kind.SUB_BYTE) or is_narrow_float(tensor.dtype)


def _is_ordinary(tensor: Tensor) -> bool:
    """Whether a tensor beside a plain `scale` is no packed weight: a norm in a narrow float, or indices."""
    return (is_narrow_float(tensor.dtype) and len(tensor.shape) < 2) or _is_wide_integer(tensor)


def _is_wide_integer(tensor: Tensor) -> bool:
    """64-bit integers are indices: no writer packs weights into them."""
    return tensor.dtype in ("I64", "U64")


def _is_matrix_of_integers(tensor: Tensor | None) -> bool:
    if tensor is None or _is_wide_integer(tensor):
        return False
    return kind_of(tensor.dtype) is Kind.INTEGER and len(tensor.shape) > 1
