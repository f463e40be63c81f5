"""The listing's numbers: two of them, neither trusted alone, and whatever else a row may hold."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from estimators.declared import from_gguf, from_safetensors
from estimators.dtypes import BITS
from estimators.interface import Basis, Estimate
from estimators.packed import quantization
from estimators.packing import Tally, Tensor
from tests.builders import elements


def codes(estimate: Estimate) -> list[str]:
    return [finding.code for finding in estimate.findings]


def test_the_total_that_was_wrong_by_four_orders_of_magnitude_does_not_decide() -> None:
    estimate = from_safetensors(333_312, {"BF16": 7_615_616_512})
    assert (estimate.low, estimate.point, estimate.high) == (333_312, 7_615_616_512, 7_615_616_512)
    assert estimate.side(1_000_000) is None
    assert codes(estimate) == ["declared-total-disagrees"]
    assert [row.point for row in estimate.evidence] == [333_312, 7_615_616_512]


def test_disagreement_on_the_same_side_decides() -> None:
    assert from_safetensors(2_000_000, {"F32": 3_000_000}).side(1_000_000) is True


@pytest.mark.parametrize(("count", "side"), [(1_000_000, False), (1_000_001, True)])
def test_agreement_in_plain_types_is_tight(count: int, side: bool) -> None:
    estimate = from_safetensors(count, {"F32": count - 10, "BF16": 10})
    assert (estimate.low, estimate.point, estimate.high, estimate.exact) == (count, count, count, False)
    assert estimate.side(1_000_000) is side
    assert estimate.basis is Basis.HUB_SAFETENSORS
    assert not estimate.findings


def test_few_integers_widen_little() -> None:
    estimate = from_safetensors(124_000_512, {"F32": 124_000_000, "I64": 512})
    assert estimate.point == 124_000_000
    assert estimate.low > 123_900_000
    assert (estimate.high or 0) < 124_100_000
    assert not estimate.findings


def test_booleans_widen_nothing() -> None:
    estimate = from_safetensors(60, {"F32": 50, "BOOL": 10})
    assert (estimate.low, estimate.high) == (50, 50)


def test_a_total_alone_bounds_nothing() -> None:
    estimate = from_safetensors(5_000_000, None)
    assert (estimate.low, estimate.point, estimate.high) == (0, 5_000_000, None)


def test_a_sum_alone_bounds() -> None:
    estimate = from_safetensors(None, {"F32": 7})
    assert (estimate.low, estimate.point, estimate.high) == (7, 7, 7)


def test_nothing_declared() -> None:
    estimate = from_safetensors(None, None)
    assert (estimate.low, estimate.point, estimate.high, estimate.evidence) == (0, None, None, ())
    assert (from_safetensors(0, {}).low, from_safetensors(0, {}).high) == (0, None)


def test_packed_types_that_dominate_are_pointed_out() -> None:
    estimate = from_safetensors(300_000, {"I32": 150_000, "F16": 150_000})
    assert estimate.side(1_000_000) is None
    assert codes(estimate) == ["declared-packed"]


GARBAGE = [True, -1, "7", 1.5, 1e400, float("nan"), 2**63, 10**5000, [], {}, b"1", object()]


@pytest.mark.parametrize("garbage", GARBAGE, ids=range(len(GARBAGE)))
def test_what_is_no_count_is_ignored_with_a_finding(garbage: Any) -> None:
    total = from_safetensors(garbage, {"F32": 7})
    assert (total.low, total.high, codes(total)) == (7, 7, ["declared-not-a-count"])
    part = from_safetensors(9, {"F32": 7, "F16": garbage})
    assert (part.low, part.high, codes(part)) == (0, None, ["declared-not-a-count"])
    block = from_safetensors(9, garbage)
    assert (block.low, block.point, block.high) == (0, 9, None)
    file = from_gguf(garbage)
    assert (file.low, file.high, file.point, codes(file)) == (0, None, None, ["declared-not-a-count"])
    assert len(str(file.findings[0].message)) < 300


def test_names_that_are_no_types() -> None:
    estimate = from_safetensors(5, {"": 1, "x" * 500: 2, 3: 1, "F32": 1})
    assert estimate.low <= 1
    assert (estimate.high or 0) >= 5


def test_gguf_total() -> None:
    estimate = from_gguf(1_000_001)
    assert (estimate.low, estimate.point, estimate.high, estimate.exact) == (1_000_001, 1_000_001, 1_000_001, False)
    assert estimate.basis is Basis.HUB_GGUF
    assert (from_gguf(None).low, from_gguf(None).high, from_gguf(None).findings) == (0, None, ())


layers = st.lists(
    st.sampled_from(
        [
            {"weight": ("F16", (64, 32))},
            {
                "qweight": ("I32", (16, 64)),
                "qzeros": ("I32", (1, 8)),
                "scales": ("F16", (1, 64)),
                "g_idx": ("I32", (128,)),
            },
            {"weight": ("F8_E4M3", (64, 32)), "weight_scale_inv": ("F32", (1, 1))},
            {"weight": ("U32", (64, 16)), "scales": ("F16", (64, 2)), "biases": ("F16", (64, 2))},
            {
                "weight": ("U8", (1024, 1)),
                "weight.absmax": ("F32", (32,)),
                "weight.quant_state.bitsandbytes__nf4": ("U8", (80,)),
            },
            {"weight": ("U8", (64, 16)), "weight_scale": ("F8_E4M3", (64, 2)), "weight_scale_2": ("F32", ())},
            {"weight": ("I8", (64, 32)), "SCB": ("F32", (64,))},
            {"position_ids": ("I64", (1, 50))},
            {"mask": ("BOOL", (50,))},
        ]
    ),
    min_size=1,
    max_size=5,
)


@given(layers)
def test_the_interval_of_what_the_hub_would_declare_holds_what_the_headers_hold(stack: Any) -> None:
    tally = Tally(quantization.read({"bits": 4, "group_size": 64}))
    declared: dict[str, int] = {}
    for number, layer in enumerate(stack):
        for name, (dtype, shape) in layer.items():
            assert dtype in BITS
            tally.add(Tensor(f"{number}.{name}", dtype, shape, elements(shape)))
            declared[dtype] = declared.get(dtype, 0) + elements(shape)
    truth = tally.finish()
    estimate = from_safetensors(sum(declared.values()), declared)
    assert estimate.low <= truth.point
    assert estimate.high is None or truth.point <= estimate.high
    assert not estimate.exact


def test_what_is_left_unpacked_is_no_count() -> None:
    """A GPTQ model of 6.7 billion weights: 0.3 billion float elements beside its packed integers are not its count."""
    estimate = from_safetensors(1_122_000_000, {"F16": 313_000_000, "I32": 809_000_000})
    assert estimate.point is None
    assert estimate.low <= 6_738_000_000 <= (estimate.high or 0)
