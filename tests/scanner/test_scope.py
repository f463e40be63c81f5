"""Verdicts: the contract's table, the three-valued join, and every reason code."""

import itertools
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.regulation import Regulation
from estimators.interface import Basis, Estimate, Evidence, Finding
from scanner.restrictions.interface import (
    LICENCE_DIFFERS,
    UNDETERMINED,
    Declaration,
    Kind,
    Place,
    Restrictions,
    Status,
)
from scanner.restrictions.interface import Finding as LimitFinding
from scanner.scope import (
    EXEMPTING,
    REASONS,
    Distribution,
    Subject,
    Twin,
    Verdict,
    VerdictStatus,
    decide,
    describe_interval,
    strict_threshold,
)
from tests.scanner.making import CN, counted, declared, regulation, restrictions

IN, OUT, OPEN = VerdictStatus.IN_SCOPE, VerdictStatus.OUT_OF_SCOPE, VerdictStatus.UNDECIDED
ABOVE, BELOW, STRADDLING = counted(2_000_000), counted(5_000), counted(10, 10_000_000)
NO_LIMIT = restrictions()
METADATA_ONLY = restrictions(status=Status.NONE_IN_METADATA, read=[Place.METADATA])
NOT_READ = restrictions(status=Status.NOT_READ, read=[Place.METADATA])
EXCLUDES = restrictions(declared(["CN"]))
BY_NAME = declared(["CN"], file="README.md", start=None, end=None, quote="orchard-licence", language=UNDETERMINED)
WITH_BASE = regulation(adapter="with-base")
HONOURS_NOTHING = regulation(declaration_effect="none")
GATED_IS_OUT = regulation(gated="not-distributed")
SILENT = regulation(availability={})
KNOWN_TO_BE_OUT = regulation(
    availability={"huggingface": {**CN.availability["huggingface"].model_dump(), "met": False}}
)
UNKNOWN = regulation(availability={"huggingface": {**CN.availability["huggingface"].model_dump(), "met": None}})


def judge(estimate: Estimate = ABOVE, found: Restrictions = NO_LIMIT, rule: Regulation = CN, **more: Any) -> Verdict:
    return decide(rule, Subject(estimate, found, **more))


Case = tuple[str, Verdict, VerdictStatus, tuple[str, ...]]

CONTRACT: list[Case] = [
    ("above, none declared", judge(), IN, ("above-threshold",)),
    ("above, metadata only", judge(found=METADATA_ONLY), IN, ("above-threshold", "card-not-read")),
    ("above, a limit unread", judge(found=NOT_READ), IN, ("above-threshold", "restriction-unverified")),
    ("excludes the territory", judge(found=EXCLUDES), OUT, ("excluded-by-declaration", "above-threshold")),
    (
        "limited to others",
        judge(found=restrictions(declared(limited_to=["US"]))),
        OUT,
        ("excluded-by-implication", "above-threshold"),
    ),
    (
        "limited to Hong Kong, which is not CN",
        judge(found=restrictions(declared(limited_to=["HK"]))),
        OUT,
        ("excluded-by-implication", "above-threshold"),
    ),
    (
        "limited to the EU, which never holds CN",
        judge(found=restrictions(declared(limited_to=["EU", "EEA"]))),
        OUT,
        ("excluded-by-implication", "above-threshold"),
    ),
    ("excludes the EU, which never holds CN", judge(found=restrictions(declared(["EU"]))), IN, ("above-threshold",)),
    (
        "excludes Hong Kong, Macau and Taiwan",
        judge(found=restrictions(declared(["HK", "MO", "TW"]))),
        IN,
        ("above-threshold",),
    ),
    (
        "declared but inactive",
        judge(found=restrictions(declared(["CN"], active=False))),
        IN,
        ("above-threshold", "declaration-inactive"),
    ),
    (
        "embargo list",
        judge(found=restrictions(declared(["CN"], kind=Kind.EMBARGO))),
        IN,
        ("above-threshold", "embargo-does-not-exempt"),
    ),
    (
        "embargo by limitation",
        judge(found=restrictions(declared(limited_to=["US"], kind=Kind.EMBARGO))),
        IN,
        ("above-threshold", "embargo-does-not-exempt"),
    ),
    (
        "inherited",
        judge(found=restrictions(declared(["CN"], inherited_from="owner/base"))),
        IN,
        ("above-threshold", "inherited-does-not-exempt"),
    ),
    (
        "limited to the territory itself",
        judge(found=restrictions(declared(limited_to=["CN"]))),
        IN,
        ("above-threshold", "limited-to-territory"),
    ),
    (
        "limited to the territory and others",
        judge(found=restrictions(declared(limited_to=["CN", "US"]))),
        IN,
        ("above-threshold",),
    ),
    (
        "twin by digest",
        judge(found=EXCLUDES, twin=Twin.CONFIRMED),
        IN,
        ("above-threshold", "twin-on-platform"),
    ),
    (
        "likely twin",
        judge(found=EXCLUDES, twin=Twin.LIKELY),
        OPEN,
        ("twin-likely", "excluded-by-declaration", "above-threshold"),
    ),
    ("twin without exemption", judge(twin=Twin.CONFIRMED), IN, ("above-threshold",)),
    ("adapter", judge(BELOW, adapter=True), OUT, ("not-above-threshold", "adapter-own-count")),
    ("large adapter", judge(ABOVE, adapter=True), IN, ("above-threshold", "adapter-own-count")),
    ("gated auto", judge(gated="auto"), IN, ("above-threshold", "gated")),
    ("gated manual", judge(gated="manual"), IN, ("above-threshold", "gated")),
    (
        "gated where that is no distribution",
        judge(rule=GATED_IS_OUT, gated="manual"),
        OUT,
        ("not-available", "above-threshold", "gated"),
    ),
    *(
        (
            f"{distribution}",
            judge(distribution=distribution),
            OUT,
            ("not-distributed", "above-threshold"),
        )
        for distribution in (Distribution.DISABLED, Distribution.DELETED, Distribution.PRIVATE)
    ),
    ("straddles", judge(STRADDLING), OPEN, ("interval-straddles-threshold",)),
    ("below", judge(BELOW), OUT, ("not-above-threshold",)),
    ("below, unread", judge(BELOW, METADATA_ONLY), OUT, ("not-above-threshold",)),
    ("below, a limit unread", judge(BELOW, NOT_READ), OUT, ("not-above-threshold",)),
    ("below and excluded", judge(BELOW, EXCLUDES), OUT, ("not-above-threshold", "excluded-by-declaration")),
    (
        "straddles and excluded",
        judge(STRADDLING, EXCLUDES),
        OUT,
        ("excluded-by-declaration", "interval-straddles-threshold"),
    ),
    ("by size", judge(replace(ABOVE, basis=Basis.FILE_SIZE)), IN, ("above-threshold", "decided-by-size")),
    ("by size, below", judge(replace(BELOW, basis=Basis.FILE_SIZE)), OUT, ("not-above-threshold", "decided-by-size")),
    ("by size, open", judge(replace(STRADDLING, basis=Basis.FILE_SIZE)), OPEN, ("interval-straddles-threshold",)),
    ("no weights", judge(counted(0, basis=Basis.NO_WEIGHTS)), OUT, ("no-weights",)),
    ("described, no weights", judge(counted(0, None, basis=Basis.NO_WEIGHTS)), OUT, ("no-weights",)),
    (
        "no weight file, but the Hub declares parameters",
        judge(replace(counted(0, None, basis=Basis.NO_WEIGHTS), findings=(Finding("declared-without-weights", ""),))),
        OPEN,
        ("interval-straddles-threshold",),
    ),
    (
        "unknown format",
        judge(replace(counted(0, None, basis=Basis.NONE), findings=(Finding("unknown-format", "x"),))),
        OPEN,
        ("interval-straddles-threshold", "unknown-format"),
    ),
    ("unreadable", judge(counted(0, None), NOT_READ, readable=False), OPEN, ("unreadable",)),
    ("platform unknown", judge(rule=SILENT), OPEN, ("availability-unknown", "above-threshold")),
    ("platform said to be unknown", judge(rule=UNKNOWN), OPEN, ("availability-unknown", "above-threshold")),
    ("platform not reached", judge(rule=KNOWN_TO_BE_OUT), OUT, ("not-available", "above-threshold")),
    ("on a platform of the territory", judge(platform="modelscope"), IN, ("above-threshold",)),
    ("a folder", judge(platform="local"), IN, ("above-threshold",)),
    (
        "adapter with its base",
        judge(BELOW, rule=WITH_BASE, adapter=True, with_base=ABOVE),
        IN,
        ("above-threshold", "adapter-with-base"),
    ),
    (
        "adapter with an unknown base",
        judge(BELOW, rule=WITH_BASE, adapter=True),
        OPEN,
        ("interval-straddles-threshold", "adapter-base-unknown"),
    ),
    (
        "large adapter with an unknown base",
        judge(ABOVE, rule=WITH_BASE, adapter=True),
        IN,
        ("above-threshold", "adapter-base-unknown"),
    ),
    ("whole model where adapters count with their base", judge(BELOW, rule=WITH_BASE), OUT, ("not-above-threshold",)),
    (
        "no effect of declarations",
        judge(found=EXCLUDES, rule=HONOURS_NOTHING),
        IN,
        ("above-threshold", "declaration-not-honoured"),
    ),
    (
        "a kind that does not exempt",
        judge(
            found=restrictions(declared(["CN"], kind=Kind.GATING)), rule=regulation(exempting_kinds=["licence-grant"])
        ),
        IN,
        ("above-threshold", "declaration-not-honoured"),
    ),
    (
        "declared elsewhere, card unread",
        judge(found=restrictions(declared(["EU"]), read=[Place.METADATA])),
        IN,
        ("above-threshold", "card-not-read"),
    ),
    (
        "excluded by the licence's name alone",
        judge(found=restrictions(BY_NAME)),
        OUT,
        ("excluded-by-declaration", "licence-by-name", "above-threshold"),
    ),
    (
        "a licence's text that differs from its name",
        judge(found=replace(NO_LIMIT, findings=(LimitFinding(LICENCE_DIFFERS, "the text limits nothing"),))),
        IN,
        ("above-threshold", "licence-differs"),
    ),
]


@pytest.mark.parametrize(
    ("verdict", "status", "reasons"), [case[1:] for case in CONTRACT], ids=[c[0] for c in CONTRACT]
)
def test_the_table_of_the_contract(verdict: Verdict, status: VerdictStatus, reasons: tuple[str, ...]) -> None:
    assert (verdict.status, verdict.reasons) == (status, reasons)
    assert [condition.leg for condition in verdict.conditions] == ["parameters", "availability", "exemption"]
    assert all(condition.why for condition in verdict.conditions)


def test_every_reason_code_is_reached_and_documented() -> None:
    reached = {code for _, verdict, _, _ in CONTRACT for code in verdict.reasons}
    assert reached == set(REASONS)
    assert all(meaning.endswith(".") for meaning in REASONS.values())


# The threshold -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("parameters", "status"), [(999_999, OUT), (1_000_000, OUT), (1_000_001, IN)])
def test_exactly_the_threshold_is_outside(parameters: int, status: VerdictStatus) -> None:
    assert judge(counted(parameters)).status is status


@pytest.mark.parametrize(("parameters", "status"), [(999_999, OUT), (1_000_000, IN), (1_000_001, IN)])
def test_at_least_includes_the_threshold(parameters: int, status: VerdictStatus) -> None:
    rule = regulation(threshold={"parameters": 1_000_000, "comparison": "at-least"})
    assert strict_threshold(rule) == 999_999
    verdict = judge(counted(parameters), rule=rule)
    assert verdict.status is status
    assert "at least 1,000,000" in verdict.conditions[0].why


@pytest.mark.parametrize(
    ("interval", "status"),
    [
        (counted(1_000_001, None), IN),
        (counted(1_000_000, None), OPEN),
        (counted(0, 1_000_000), OUT),
        (counted(0, 1_000_001), OPEN),
        (counted(1_000_000, 1_000_001, 1_000_001), OPEN),
    ],
)
def test_an_interval_decides_only_as_a_whole(interval: Estimate, status: VerdictStatus) -> None:
    assert judge(interval).status is status


@given(st.integers(0, 10**12), st.one_of(st.none(), st.integers(0, 10**12)))
def test_no_count_inside_the_interval_contradicts_the_verdict(low: int, width: int | None) -> None:
    high = None if width is None else low + width
    status = judge(counted(low, high)).status
    ends = {low > 1_000_000, True if high is None else high > 1_000_000}
    assert status is (OPEN if len(ends) == 2 else IN if ends == {True} else OUT)


@pytest.mark.parametrize(
    ("estimate", "margin"),
    [
        (counted(12_500_000), 12.5),
        (counted(1_000_000), 1.0),
        (counted(1_000_001), 1.000001),
        (counted(999_999), 0.999999),
        (counted(2_000_000, None), 2.0),
        (counted(10, 400_000), 0.4),
        (counted(10, 10_000_000), None),
        (counted(10, 10_000_000, 3_000_000), 3.0),
        (counted(0, basis=Basis.NO_WEIGHTS), None),
        (counted(10**400), None),
    ],
)
def test_the_margin_is_the_nearer_end(estimate: Estimate, margin: float | None) -> None:
    assert judge(estimate).margin == margin


def test_an_interval_in_words() -> None:
    assert describe_interval(counted(1_000_001)) == "1,000,001"
    assert describe_interval(counted(2_000, 64_000)) == "2,000 to 64,000"
    assert describe_interval(counted(0, None)) == "at least 0"


# The legs ------------------------------------------------------------------------------------------------------------

COUNTS: dict[bool | None, Estimate] = {True: ABOVE, False: BELOW, None: STRADDLING}
RULES: dict[bool | None, Regulation] = {True: CN, False: KNOWN_TO_BE_OUT, None: UNKNOWN}


@pytest.mark.parametrize(
    ("above", "available", "exempt", "unsettled"),
    list(itertools.product([True, False, None], [True, False, None], [True, False], [True, False])),
)
def test_the_join_of_three_legs_exhaustively(
    above: bool | None, available: bool | None, exempt: bool, unsettled: bool
) -> None:
    verdict = judge(
        COUNTS[above],
        EXCLUDES if exempt else NO_LIMIT,
        RULES[available],
        twin=Twin.LIKELY if unsettled else Twin.NONE,
    )
    legs = [above, available]
    ignoring = OUT if False in legs else OPEN if None in legs else IN
    honouring = ignoring
    if exempt and ignoring is not OUT:
        honouring = OPEN if unsettled else OUT
    assert verdict.status_ignoring_declarations is ignoring
    assert verdict.status is honouring
    met = {condition.leg: condition.met for condition in verdict.conditions}
    assert met == {
        "parameters": above,
        "availability": available,
        "exemption": None if exempt and unsettled else exempt,
    }
    assert (verdict.next_step is None) == (verdict.status is not OPEN)


@given(
    st.lists(
        st.builds(
            Declaration,
            kind=st.sampled_from(Kind),
            excluded=st.lists(st.sampled_from(["CN", "HK", "EU", "US"]), max_size=3).map(tuple),
            limited_to=st.lists(st.sampled_from(["CN", "HK", "EU", "US"]), max_size=3).map(tuple),
            active=st.booleans(),
            file=st.just("LICENSE"),
            start=st.none(),
            end=st.none(),
            quote=st.text(max_size=20),
            language=st.just("en"),
            inherited_from=st.sampled_from([None, "owner/base"]),
        ),
        max_size=4,
    ),
    st.sampled_from(Status),
)
def test_a_declaration_exempts_only_if_it_is_own_active_and_no_embargo(
    items: list[Declaration], status: Status
) -> None:
    verdict = judge(found=Restrictions(status, (), tuple(items)))
    exempting = any(
        item.active
        and item.inherited_from is None
        and item.kind is not Kind.EMBARGO
        and ("CN" in item.excluded or (item.limited_to and "CN" not in item.limited_to))
        for item in items
    )
    assert verdict.status is (OUT if exempting else IN)
    assert verdict.status_ignoring_declarations is IN
    assert any(code in EXEMPTING for code in verdict.reasons) == exempting
    assert len(set(verdict.reasons)) == len(verdict.reasons)


def test_both_answers_are_always_there() -> None:
    verdict = judge(found=EXCLUDES)
    assert (verdict.status, verdict.status_ignoring_declarations) == (OUT, IN)
    verdict = judge(BELOW, EXCLUDES)
    assert (verdict.status, verdict.status_ignoring_declarations) == (OUT, OUT)
    verdict = judge(STRADDLING, EXCLUDES)
    assert (verdict.status, verdict.status_ignoring_declarations) == (OUT, OPEN)


def test_an_exemption_is_marked_as_our_reading_and_quotes_its_words() -> None:
    leg = judge(found=restrictions(declared(["CN"], quote="  not\n in\tChina " + "x" * 300))).conditions[2]
    assert leg.met
    assert leg.assumed
    assert "our reading, not the report's" in leg.why
    assert 'licence-grant in LICENSE: "not in China xxx' in leg.why
    assert "…" in leg.why
    unmarked = judge(found=EXCLUDES, rule=regulation(declaration_note="")).conditions[2]
    assert not unmarked.assumed
    assert unmarked.why.endswith('"not there"')


def test_the_availability_of_the_hub_is_marked_as_assumed_with_its_source() -> None:
    leg = judge().conditions[1]
    assert (leg.met, leg.assumed) == (True, True)
    assert CN.availability["huggingface"].source in leg.why
    assert not judge(platform="modelscope").conditions[1].assumed


def test_an_exemption_by_a_licence_s_name_says_that_no_text_was_read() -> None:
    leg = judge(found=restrictions(BY_NAME), rule=regulation(declaration_note="")).conditions[2]
    assert (leg.met, leg.assumed) == (True, True)
    assert '"orchard-licence" (the licence\'s name alone; no text was read for it)' in leg.why


def test_words_that_were_read_exempt_before_a_name() -> None:
    assert judge(found=restrictions(BY_NAME, declared(["CN"]))).reasons == (
        "excluded-by-declaration",
        "above-threshold",
    )


def test_a_licence_known_by_name_that_does_not_concern_the_territory_is_not_told() -> None:
    assert judge(found=restrictions(replace(BY_NAME, excluded=("EU",)))).reasons == ("above-threshold",)


def test_a_void_exemption_keeps_what_else_is_worth_saying() -> None:
    found = restrictions(declared(["CN"]), declared(["CN"], kind=Kind.EMBARGO))
    assert judge(found=found, twin=Twin.CONFIRMED).reasons == (
        "above-threshold",
        "twin-on-platform",
        "embargo-does-not-exempt",
    )


def test_a_later_declaration_exempts_where_the_first_does_not() -> None:
    found = restrictions(declared(["CN"], active=False), declared(["CN"], kind=Kind.CARD_STATEMENT))
    verdict = judge(found=found)
    assert verdict.status is OUT
    assert verdict.reasons == ("excluded-by-declaration", "declaration-inactive", "above-threshold")
    assert "card-statement" in verdict.conditions[2].why


def test_a_group_stands_for_its_members() -> None:
    german = regulation(territory="DE", territory_name="Germany")
    assert judge(found=restrictions(declared(["EU"])), rule=german).status is OUT
    assert judge(found=restrictions(declared(limited_to=["EEA"])), rule=german).status is IN
    assert judge(found=restrictions(declared(limited_to=["CN"])), rule=german).status is OUT
    hong_kong = regulation(territory="HK", territory_name="Hong Kong")
    assert judge(found=EXCLUDES, rule=hong_kong).status is IN
    assert judge(found=restrictions(declared(limited_to=["CN"])), rule=hong_kong).status is OUT


# What to do next -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("verdict", "words"),
    [
        (judge(), None),
        (judge(found=EXCLUDES), None),
        (judge(BELOW, NOT_READ), None),
        (judge(found=METADATA_ONLY), "hubscope check"),
        (judge(found=NOT_READ), "hubscope check"),
        (judge(found=METADATA_ONLY, platform="local"), "the folder of the file"),
        (judge(found=restrictions(status=Status.NONE_IN_METADATA, read=list(Place)[:3])), "base model"),
        (judge(found=restrictions(declared(["CN"], active=False))), "takes effect"),
        (judge(STRADDLING), "read the headers"),
        (judge(STRADDLING, NOT_READ), "read the headers"),
        (judge(STRADDLING, platform="local"), "readable for this account"),
        (judge(replace(STRADDLING, evidence=(Evidence(Basis.FILE_SIZE, "model.bin", 10, None, 9),))), "only the sizes"),
        (
            judge(replace(STRADDLING, evidence=(Evidence(Basis.PICKLE, "m.pkl", 0, None, None, requests=1),))),
            "leaves it open",
        ),
        (judge(STRADDLING, gated="auto"), "has access"),
        (judge(replace(STRADDLING, findings=(Finding("unknown-format", ""),))), "unknown format"),
        (judge(found=EXCLUDES, twin=Twin.LIKELY), "digests"),
        (judge(rule=SILENT), "whether huggingface reaches"),
        (judge(BELOW, rule=WITH_BASE, adapter=True), "base model"),
        (judge(counted(0, None), readable=False), "token"),
    ],
)
def test_the_next_step_settles_what_is_open(verdict: Verdict, words: str | None) -> None:
    assert (verdict.next_step is None) if words is None else (words in (verdict.next_step or ""))
