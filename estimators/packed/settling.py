"""What the kept tensors of a file stand for, once all are known: packed layers, their bookkeeping, and the rest.

The rule that everything here serves: never a certain number that may be wrong. Integers that nothing explains widen the
interval wherever the model says that it is quantised, or where what would explain them may lie in another shard.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from estimators.bounds import Interval
from estimators.dtypes import Kind, is_narrow_float, kind_of, most_weights_per_element
from estimators.interface import Finding
from estimators.packed.layer_names import (
    BOOKKEEPING_ENDINGS,
    LOW_RANK_ENDINGS,
    MAY_LIE_APART,
    QUANT_STATE_ENDING,
    SPARSE_ENDINGS,
    WEIGHT_ENDINGS,
    is_buffer,
    is_harmless_integer,
    is_scale,
    is_strict,
    scheme_of,
)
from estimators.packed.layers import Layer, Tensor, Weights, exactly, stated_shape
from estimators.packed.quantization import Quantization
from estimators.packed.unpacking import unpack

# Elements; beyond a codebook (65,536 entries of 8 weights), bookkeeping is smaller than what it is about. Larger
# "scales" beside a tiny integer tensor are weights under another name.
LARGEST_CODEBOOK = 2**19
MOST_CODEBOOKS = 8  # of one layer
# Weights at most for each kept value of a sparse tensor whose mask lies elsewhere.
MOST_SPARSITY = 16
MOST_PADDING = 4  # elements stored for each weight of a padded layer
BITS_OF_GUISED_WEIGHTS = 4  # values packed into float types have four bits
# Scales that mean a float weight of the same layer may hold packed values in a float's guise (TensorRT-LLM).
_SCALES_OF_GUISED_WEIGHTS = (".weights_scaling_factor", ".per_channel_scale")
_BITSANDBYTES = (QUANT_STATE_ENDING, ".weight.quant_map", ".quant_map")
_CENTROIDS = (".centroids", ".centroids.weight")
_MASKS = (".bitmask", ".weight.bitmask")

Group = Mapping[str, Tensor]


class Column(NamedTuple):
    """A float weight of one column, the shape that bitsandbytes gives packed values."""

    stem: str
    elements: int
    bits: int


@dataclass(slots=True)
class Sum:
    """A running total of what is certain, likely and possible."""

    low: int = 0
    point: int = 0
    high: int = 0
    buffers: int = 0
    integers: int = 0
    findings: dict[str, Finding] = field(default_factory=dict)

    def floats(self, tensor: Tensor) -> None:
        """Count each element."""
        self.low += tensor.elements
        self.point += tensor.elements
        self.high += tensor.elements
        if is_buffer(tensor.name, tensor.shape):
            self.buffers += tensor.elements

    def take(self, weights: Weights) -> None:
        """Add what a packed tensor stands for."""
        self.low += weights.interval.low
        self.point += weights.point
        self.high += weights.interval.high or 0
        if weights.why:
            self.note("packing-unknown", weights.why)

    def perhaps(self, name: str, most: int, why: str) -> None:
        """Add nothing for certain, and up to `most`."""
        if most:
            self.take(Weights(Interval(0, most), 0, f"{name}: {why}"))

    def note(self, code: str, message: str) -> None:
        """One finding of each code: the first stands for its like."""
        self.findings.setdefault(code, Finding(code, message))


@dataclass(frozen=True, slots=True)
class Settling:
    """One pass over the groups.

    Attributes:
        total: what is added to.
        settings: what the model's configuration says.
        shard: of several: what a name refers to may lie in another.
        float_weight: elements and bits of a layer's float weight that was counted, by stem.
        columns: float weights of one column that were counted.
        float_bits: bits of all float tensors that were counted, which an unknown method may fill as it likes.
    """

    total: Sum
    settings: Quantization
    shard: bool
    float_weight: Callable[[str], tuple[int, int] | None]
    columns: Sequence[Column] = ()
    float_bits: int = 0

    def settle(self, groups: Mapping[str, Group]) -> None:
        """Count all groups."""
        weights = {stem: _weight_of(group) for stem, group in groups.items()}
        guised = any(ending in group for group in groups.values() for ending in _BITSANDBYTES)
        quantised = guised or bool(self.settings.method) or any(weights.values())
        used = {ending for stem, weight in weights.items() if weight is not None for ending in groups[stem]}
        apart = used & MAY_LIE_APART
        for stem, group in groups.items():
            weight = weights[stem]
            if weight is None and quantised and _is_matrix_of_integers(group.get(".weight")):
                weight = ".weight"  # its scale lies in another shard
            elif weight is None and self.settings.method == "mxfp4" and len(_shape(group.get("_blocks"))) > 2:
                weight = "_blocks"
            if weight is not None:
                self._layer(stem, weight, group)
            elif not self._sparse(group):
                self._guised(stem, group)
                self._rest(group, apart, quantised=quantised)
        if self.settings.method and not self.settings.is_known:
            most = self.float_bits - self.total.low
            self.total.perhaps("quant_method", max(most, 0), f"{self.settings.method[:40]!r} is not known here")
        if self.shard and (guised or self.settings.method == "bitsandbytes"):
            for column in self.columns:
                if not any(ending in groups.get(column.stem, ()) for ending in _BITSANDBYTES):
                    more = column.elements * column.bits // BITS_OF_GUISED_WEIGHTS - column.elements
                    self.total.perhaps(f"{column.stem}.weight", more, "floats that may hold packed values")

    def _layer(self, stem: str, weight: str, group: Group) -> None:
        """One quantised layer: its weight counts, everything else in the group is bookkeeping."""
        tensor = group[weight]
        others = {ending: other for ending, other in group.items() if ending != weight}
        counted = self._stands_for(stem, weight, tensor, others)
        self.total.take(counted)
        corrections = sum(other.elements for ending, other in others.items() if ending in LOW_RANK_ENDINGS)
        if corrections:
            why = f"{tensor.name}: {corrections} elements of low-rank corrections beside the packed weight"
            self.total.take(Weights(Interval(0, corrections), corrections, why))
        floats = sum(_bookkeeping_floats(ending, other) for ending, other in others.items()) - corrections
        if floats > max(counted.interval.high or 0, LARGEST_CODEBOOK):
            self.total.high += floats
            message = f"{tensor.name}: {floats} floats beside {counted.point} packed weights"
            self.total.note("bookkeeping-too-large", message)

    def _stands_for(self, stem: str, weight: str, tensor: Tensor, others: Group) -> Weights:
        kind = kind_of(tensor.dtype)
        if "Sparse" in tensor.subclass:
            why = f"{tensor.name}: {tensor.subclass} keeps half of the weights or all"
            return Weights(Interval(tensor.elements, 2 * tensor.elements), 2 * tensor.elements, why)
        stated = stated_shape(tensor, tensor) if not scheme_of(weight).scheme else None
        if stated is not None and MOST_PADDING * stated >= tensor.elements:
            return exactly(stated)
        whole = kind is Kind.SUB_BYTE or is_narrow_float(tensor.dtype)
        if whole and not any(ending in others for ending in _BITSANDBYTES):
            return exactly(tensor.elements)
        return unpack(Layer(stem, scheme_of(weight).scheme, tensor, others, self.settings, self.shard))

    def _sparse(self, group: Group) -> bool:
        """A tensor of kept values with its mask, which counts by its dense shape; whether the group is one."""
        kept = next((group[ending] for ending in SPARSE_ENDINGS if ending in group), None)
        mask = next((group[ending] for ending in _MASKS if ending in group), None)
        if kept is None or (mask is None and not (self.shard or ".row_offsets" in group)):
            return False
        if mask is None:
            why = f"{kept.name}: values of a sparse tensor whose mask lies elsewhere"
            self.total.take(Weights(Interval(kept.elements, MOST_SPARSITY * kept.elements), 2 * kept.elements, why))
            return True
        stated = stated_shape(mask, group.get(".shape") or group.get(".weight.shape"))
        if stated is not None and stated >= kept.elements:
            self.total.take(exactly(stated))
            return True
        most = max(8 * mask.elements, kept.elements)  # a bit for each weight; rows begin in a byte of their own
        rows = mask.elements // mask.shape[-1] if mask.shape and mask.shape[-1] else 0
        least = max(most - 7 * rows, kept.elements)
        self.total.take(Weights(Interval(least, most), most, f"{kept.name}: dense shape by its mask"))
        return True

    def _guised(self, stem: str, group: Group) -> None:
        """Values packed into a float type: the weight was counted as so many floats, and stands for more."""
        certain = any(ending in group for ending in _BITSANDBYTES)
        if not certain and not any(ending in group for ending in _SCALES_OF_GUISED_WEIGHTS):
            return
        found = self.float_weight(stem)
        if found is None:
            return
        elements, bits = found
        more = elements * bits // BITS_OF_GUISED_WEIGHTS - elements
        if certain:
            self.total.take(exactly(more))
        else:
            self.total.perhaps(f"{stem}.weight", more, "floats that may hold packed values")

    def _rest(self, group: Group, apart: frozenset[str] | set[str], *, quantised: bool) -> None:
        """A group without a quantised weight."""
        torn = any(is_strict(ending) for ending in group)  # from its weight, by a shard's end
        bare = all(ending in BOOKKEEPING_ENDINGS for ending in group) and (len(group) > 1 or bool(self.settings.method))
        for ending, tensor in group.items():
            bookkeeping = ending in BOOKKEEPING_ENDINGS or is_strict(ending)
            if ending in apart or (torn and bookkeeping and quantised):
                continue
            kind = kind_of(tensor.dtype)
            if kind is Kind.FLOAT and self.shard and bookkeeping and (torn or bare):
                self.total.perhaps(tensor.name, tensor.elements, "scales, or weights of such a name")
            elif kind is Kind.INTEGER:
                self._integers(ending, tensor, bookkeeping=bookkeeping, quantised=quantised)
            else:
                self._loose(tensor, kind, quantised=quantised)

    def _integers(self, ending: str, tensor: Tensor, *, bookkeeping: bool, quantised: bool) -> None:
        """Integers without a scale: they count only if there is one elsewhere."""
        harmless = _is_wide_integer(tensor) or is_harmless_integer(tensor.name, tensor.elements, tensor.shape)
        named = ending in WEIGHT_ENDINGS and len(tensor.shape) > 1
        if not harmless and not bookkeeping and (quantised or self.shard or named):
            most = tensor.elements * most_weights_per_element(tensor.dtype)
            self.total.perhaps(tensor.name, most, f"{tensor.dtype} without a scale, perhaps packed weights")
        else:
            self.total.integers += tensor.elements

    def _loose(self, tensor: Tensor, kind: Kind, *, quantised: bool) -> None:
        """A tensor that is no integer, of a group without a quantised weight."""
        if kind is Kind.FLOAT:
            self.total.floats(tensor)
        elif kind is Kind.SUB_BYTE:
            self.total.take(exactly(tensor.elements))
        elif kind is Kind.SCALE and not quantised:
            self.total.perhaps(tensor.name, tensor.elements, f"{tensor.dtype} without a weight")
        elif kind is Kind.UNKNOWN:
            why = f"{tensor.name}: element type {tensor.dtype[:40]!r} is not in the specification"
            most = tensor.elements * most_weights_per_element(tensor.dtype)
            self.total.take(Weights(Interval(0, most), tensor.elements, why))


def _bookkeeping_floats(ending: str, tensor: Tensor) -> int:
    """Floats of bookkeeping that should be fewer than what they are about; codebooks need not be."""
    if kind_of(tensor.dtype) is not Kind.FLOAT:
        return 0
    books = tensor.shape[0] if ending == ".codebooks" and len(tensor.shape) == 4 else 0
    return 0 if 0 < books <= MOST_CODEBOOKS and tensor.elements <= books * LARGEST_CODEBOOK else tensor.elements


def _weight_of(group: Group) -> str | None:
    """The ending of a group's quantised weight; None where the group holds none."""
    described = any(ending in BOOKKEEPING_ENDINGS or ending == QUANT_STATE_ENDING for ending in group)
    for ending, part in WEIGHT_ENDINGS.items():
        tensor = group.get(ending)
        if tensor is None or not part.scheme:
            continue
        guised = (part.floats and not part.paired) or (
            ending == ".indices" and any(name in group for name in _CENTROIDS)
        )
        if not _is_packable(tensor) and not (described and guised and kind_of(tensor.dtype) is Kind.FLOAT):
            continue
        if described or (not part.paired and len(tensor.shape) > 1):
            return ending
    scaled = any(is_scale(ending) for ending in group)
    strict = any(is_strict(ending) for ending in group)
    for ending in (".weight", "", "_weight"):
        tensor = group.get(ending)
        if tensor is not None and scaled and _is_packable(tensor) and (strict or not _is_ordinary(tensor)):
            return ending
    return None


def _shape(tensor: Tensor | None) -> Sequence[int]:
    return () if tensor is None else tensor.shape


def _is_packable(tensor: Tensor) -> bool:
    return kind_of(tensor.dtype) in (Kind.INTEGER, Kind.SUB_BYTE) or is_narrow_float(tensor.dtype)


def _is_ordinary(tensor: Tensor) -> bool:
    """Whether a tensor beside a plain `scale` is no packed weight: a norm in a narrow float, or indices."""
    return (is_narrow_float(tensor.dtype) and len(tensor.shape) < 2) or _is_wide_integer(tensor)


def _is_wide_integer(tensor: Tensor) -> bool:
    """64-bit integers are indices: no writer packs weights into them under an ordinary name."""
    return tensor.dtype in ("I64", "U64")


def _is_matrix_of_integers(tensor: Tensor | None) -> bool:
    if tensor is None or _is_wide_integer(tensor):
        return False
    return kind_of(tensor.dtype) is Kind.INTEGER and len(tensor.shape) > 1
