"""What the catalogue packs comes back as it was, in few bytes; margins come back from the numbers."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from estimators.interface import Basis, Estimate, Evidence, Finding, Hints
from estimators.names import from_name
from scanner.catalogue import records
from scanner.counting import memory_key
from scanner.restrictions.interface import LIMIT_SUGGESTED, Place, Restrictions, Status
from scanner.restrictions.interface import Finding as LimitFinding
from scanner.scope import Subject, decide
from tests.scanner.making import CN, regulation

NOTHING = Restrictions(Status.NONE_DECLARED, tuple(Place))
COUNTS = st.integers(0, records.MAX_STORED)
MAYBE = st.none() | COUNTS
WORDS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=30)
LOOKS = st.builds(
    Evidence,
    basis=st.sampled_from(Basis),
    file=st.none() | WORDS,
    low=COUNTS,
    point=MAYBE,
    high=MAYBE,
    requests=st.integers(0, 9),
    bytes_read=COUNTS,
    note=WORDS,
)
ESTIMATES = st.builds(
    Estimate,
    low=COUNTS,
    high=MAYBE,
    point=MAYBE,
    basis=st.sampled_from(Basis),
    exact=st.booleans(),
    stored_elements=MAYBE,
    buffers=MAYBE,
    components=st.dictionaries(WORDS, COUNTS, max_size=2),
    evidence=st.lists(LOOKS, max_size=3).map(tuple),
    findings=st.lists(st.builds(Finding, code=st.just("x"), message=WORDS), max_size=2).map(tuple),
    partial=st.booleans(),
)


def test_every_basis_has_a_place() -> None:
    assert sorted(records.BASES) == sorted(Basis)


@given(ESTIMATES)
def test_an_estimate_comes_back_from_its_memory(estimate: Estimate) -> None:
    assert records.unpacked_estimate(records.packed_estimate(estimate)) == estimate


@given(ESTIMATES, st.booleans())
def test_details_come_back_beside_the_columns(estimate: Estimate, limited: bool) -> None:
    suggested = (LimitFinding(LIMIT_SUGGESTED, "licence x"),) if limited else ()
    packed = records.packed_detail(estimate, replace(NOTHING, findings=suggested), "a/b-7b")
    found = records.unpacked_detail(packed, estimate.basis, records.stored_span(estimate), "a/b-7b")
    assert found[1:] == (estimate.findings, suggested, estimate.components)
    as_listed = records.packed_looks(estimate, "a/b-7b") is None
    assert found.evidence == estimate.evidence or (as_listed and len(found.evidence) == 1)


def test_what_a_listing_tells_needs_no_details() -> None:
    listed = Evidence(Basis.HUB_GGUF, None, 5, 5, 5, note="declared total")
    assert records.packed_detail(Estimate(5, 5, 5, Basis.HUB_GGUF, evidence=(listed,)), NOTHING, "a/b") is None
    read = replace(listed, file="a.gguf", requests=1)
    assert records.packed_detail(Estimate(5, 5, 5, Basis.HUB_GGUF, evidence=(listed, read)), NOTHING, "a/b") is not None


def test_what_a_name_says_of_an_open_count_needs_no_details_either() -> None:
    named = from_name("b-7b")
    assert named is not None
    listed = Estimate(0, None, named.point, Basis.FILE_SIZE, evidence=named.evidence)
    assert records.packed_detail(listed, NOTHING, "a/b-7b") is None
    assert (
        records.unpacked_detail(None, Basis.FILE_SIZE, records.stored_span(listed), "a/b-7b").evidence == named.evidence
    )
    assert records.packed_detail(listed, NOTHING, "a/b-8b") is not None


def test_a_number_larger_than_any_column_is_remembered() -> None:
    huge = Estimate(2**80, None, 2**90, Basis.RAW_VALUES, stored_elements=2**70, components={"a": 2**64})
    assert records.unpacked_estimate(records.packed_estimate(huge)) == huge


@pytest.mark.parametrize(
    "packed",
    [b"", b"\x91\xa4many", b"{}", b"\x78\x9cnot zlib", b"\x92\xcd\x03\xe8\x05", b"\xa1x", b"\x93\x01\x93\x01\x02"],
)
def test_what_another_version_packed_is_none(packed: bytes) -> None:
    with pytest.raises(ValueError, match="no estimate of this version"):
        records.unpacked_estimate(packed)


def test_a_file_that_was_read_takes_few_bytes() -> None:
    number = 1_235_814_400
    look = Evidence(Basis.SAFETENSORS_HEADER, "model.safetensors", number, number, number, 2, 131_072)
    whole = Estimate(number, number, number, Basis.SAFETENSORS_HEADER, True, number, 0, evidence=(look,))
    key = records.blob_key(memory_key("ab" * 32, Hints()))
    detail = records.packed_detail(whole, NOTHING, "a/b") or b""
    assert len(key) + len(records.packed_estimate(whole)) + len(detail) < 120
    declared = Evidence(Basis.HUB_SAFETENSORS, None, number, number, number, note="declared total")
    by_type = replace(declared, low=0, point=None, note="sum per dtype: F16 160000, I32 438528")
    odd = Finding("declared-packed", "integer or 8-bit elements may be packed weights: F16 160000, I32 438528")
    told = replace(whole, evidence=(declared, by_type, look), findings=(odd,))
    assert (
        len(key) + len(records.packed_estimate(whole)) + len(records.packed_detail(told, NOTHING, "a/b") or b"") < 250
    )


def test_keys_of_remembered_files_are_told_apart() -> None:
    digests = ["ab" * 32, "ab" * 31 + "ac", "AB" * 32, "", "ab" * 16, "a\ud800"]
    hints = [Hints(), Hints(enough=10**6), Hints(quantization={"bits": 4}), Hints({"bits": 4}, enough=10**6)]
    texts = {memory_key(d, h, partial=h.enough is not None) for d in digests for h in hints} | set(digests)
    keys = {records.blob_key(text) for text in texts}
    assert len(keys) == len(texts)
    assert max(map(len, keys)) <= 64


@given(
    st.tuples(st.integers(0, 2**40), st.integers(0, 2**40), st.integers(0, 2**40)).map(sorted),
    st.booleans(),
    st.booleans(),
    st.sampled_from(["more-than", "at-least"]),
    st.integers(1, 2**40),
    st.sampled_from([Basis.COMBINED, Basis.NO_WEIGHTS]),
    st.booleans(),
)
def test_margins_come_back_from_the_numbers(
    numbers: list[int],
    pointed: bool,
    bounded: bool,
    comparison: str,
    threshold: int,
    basis: Basis,
    adapter: bool,
) -> None:
    low, point, high = numbers
    estimate = Estimate(low, high if bounded else None, point if pointed else None, basis)
    for how in ("own", "with-base"):
        rule: Any = regulation(
            threshold={**CN.threshold.model_dump(), "parameters": threshold, "comparison": comparison}, adapter=how
        )
        verdict = decide(rule, Subject(estimate, NOTHING, adapter=adapter))
        again = records.verdict_of(records.ruling_of(verdict), records.stored_span(estimate))
        assert again == replace(verdict, conditions=())
