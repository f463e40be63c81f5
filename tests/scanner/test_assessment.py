"""The JSON form of an assessment: always of the shipped schema, whatever a hostile repository holds."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from estimators.interface import Basis, Estimate, Evidence, Finding
from scanner.assessment import (
    NOTHING_READ,
    Assessment,
    ReadError,
    WithBase,
    dump,
    iso,
    json_schema,
    to_json,
)
from scanner.restrictions.interface import Declaration, Kind, Place, Restrictions, Status
from scanner.scope import Distribution, VerdictStatus
from tests.scanner.making import CN, MOMENT, SHA, counted, declared, model, regulation, restrictions

# The contract's own example, with a commit in place of the words that describe it.
EXAMPLE = """
{"schema": "hubscope.assessment/1", "model": "owner/name", "source": "huggingface",
 "revision": "0123456789abcdef0123456789abcdef01234567",
 "observed_at": "2026-11-22T07:00:00Z",
 "parameters": {"low": 1, "point": 1, "high": 1, "exact": true, "stored_elements": 1, "buffers": 0,
   "basis": "safetensors-header", "components": {"unet": 1},
   "with_base": {"base": "owner/name", "low": 1, "point": null, "high": null},
   "evidence": [{"basis": "safetensors-header", "file": "model.safetensors", "low": 1, "point": 1, "high": 1,
                 "requests": 1, "bytes_read": 4096, "note": ""}]},
 "restrictions": {"status": "declared", "read": ["metadata", "card", "licence-files", "base-model"], "items": [
   {"kind": "licence-grant", "excluded": ["EU", "GB", "KR"], "limited_to": [], "active": true, "file": "LICENSE",
    "start": 120, "end": 260, "quote": "…", "language": "en", "inherited_from": null}]},
 "access": {"gated": "manual", "disabled": false, "country_asked": false},
 "verdicts": [{"regulation": "cn-2026", "status": "in_scope", "conditions": [], "reasons": ["above-threshold"],
   "margin": 12.5, "next_step": null}],
 "errors": []}
"""

VALIDATOR = jsonschema.Draft202012Validator(dict(json_schema()), format_checker=jsonschema.FormatChecker())


def valid(value: Any) -> Any:
    VALIDATOR.validate(value)
    return value


def keys_of(schema: dict[str, Any]) -> set[str]:
    return set(schema["properties"])


def test_the_schema_is_a_schema() -> None:
    jsonschema.Draft202012Validator.check_schema(dict(json_schema()))


def test_the_example_of_the_contract_is_valid() -> None:
    valid(json.loads(EXAMPLE))


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("schema",), "hubscope.assessment/2"),
        (("revision",), "main"),
        (("access", "gated"), True),
        (("parameters", "low"), -1),
        (("parameters", "basis"), "Not Kebab"),
        (("restrictions", "status"), "unknown"),
        (("restrictions", "items", 0, "excluded"), ["China"]),
        (("verdicts", 0, "status"), "maybe"),
        (("verdicts", 0, "reasons"), []),
        (("observed_at",), "2026-11-22T07:00:00+01:00"),
        (("more",), 1),
    ],
)
def test_the_schema_refuses(path: tuple[str | int, ...], value: object) -> None:
    example = json.loads(EXAMPLE)
    place = example
    for step in path[:-1]:
        place = place[step]
    place[path[-1]] = value
    with pytest.raises(jsonschema.ValidationError):
        VALIDATOR.validate(example)


def test_every_key_is_always_there() -> None:
    schema: dict[str, Any] = dict(json_schema())
    parts = schema["$defs"]
    found = to_json(
        replace(
            model(
                "a",
                Estimate(1, 2, None, Basis.COMBINED, evidence=(Evidence(Basis.FILE_SIZE, None, 1, None, 2),)),
                declared(["CN"]),
                adapter=True,
            ),
            with_base=WithBase("owner/base", counted(3)),
            errors=(ReadError("gated", "cannot be read"),),
        )
    )
    assert set(found) == keys_of(schema)
    assert set(found["parameters"]) == keys_of(parts["parameters"])
    assert set(found["restrictions"]["items"][0]) == keys_of(parts["declaration"])
    assert set(found["verdicts"][0]) == keys_of(parts["verdict"])
    assert found["parameters"]["with_base"] == {"base": "owner/base", "low": 3, "point": 3, "high": 3}
    valid(found)


TEXTS = st.text(st.characters(exclude_categories=()), max_size=30)  # lone surrogates and NUL included
COUNTS = st.one_of(st.integers(0, 10**7), st.integers(0, 10**30))
MAYBE = st.one_of(st.none(), COUNTS)
BASES = st.sampled_from(Basis)
DECLARATIONS = st.builds(
    Declaration,
    kind=st.sampled_from(Kind),
    excluded=st.lists(st.sampled_from(["CN", "EU", "EEA", "HK"]), max_size=3).map(tuple),
    limited_to=st.lists(st.sampled_from(["CN", "US"]), max_size=2).map(tuple),
    active=st.booleans(),
    file=TEXTS,
    start=MAYBE,
    end=MAYBE,
    quote=TEXTS,
    language=TEXTS,
    inherited_from=st.one_of(st.none(), TEXTS),
)
EVIDENCE = st.builds(
    Evidence,
    basis=BASES,
    file=st.one_of(st.none(), TEXTS),
    low=COUNTS,
    point=MAYBE,
    high=MAYBE,
    requests=COUNTS,
    bytes_read=COUNTS,
    note=TEXTS,
)
ESTIMATES = st.builds(
    Estimate,
    low=COUNTS,
    high=MAYBE,
    point=MAYBE,
    basis=BASES,
    exact=st.booleans(),
    stored_elements=MAYBE,
    buffers=MAYBE,
    components=st.dictionaries(TEXTS, COUNTS, max_size=3),
    evidence=st.lists(EVIDENCE, max_size=2).map(tuple),
    findings=st.lists(st.builds(Finding, code=st.just("copies-disagree"), message=TEXTS), max_size=2).map(tuple),
)
ASSESSMENTS = st.builds(
    Assessment,
    key=TEXTS,
    name=TEXTS,
    source=st.sampled_from(["huggingface", "modelscope", "local"]),
    revision=st.one_of(st.none(), st.just(SHA), TEXTS),
    observed_at=st.datetimes(timezones=st.just(UTC)),
    estimate=st.one_of(st.none(), ESTIMATES),
    restrictions=st.builds(
        Restrictions,
        status=st.sampled_from(Status),
        read=st.lists(st.sampled_from(Place), unique=True).map(tuple),
        items=st.lists(DECLARATIONS, max_size=2).map(tuple),
        country_asked=st.booleans(),
    ),
    gated=st.sampled_from([False, "auto", "manual"]),
    distribution=st.sampled_from(Distribution),
    adapter=st.booleans(),
    with_base=st.one_of(st.none(), st.builds(WithBase, base=TEXTS, estimate=ESTIMATES)),
    declared_total=MAYBE,
    declared_sum=MAYBE,
    readable=st.booleans(),
    errors=st.lists(
        st.builds(ReadError, code=st.just("not-found"), message=TEXTS, file=st.one_of(st.none(), TEXTS)), max_size=2
    ).map(tuple),
)
RULES = [CN, regulation(id="other", adapter="with-base", gated="not-distributed", declaration_effect="none")]


@given(ASSESSMENTS)
def test_any_assessment_is_valid_json_of_the_schema(assessment: Assessment) -> None:
    judged = assessment.judged(RULES)
    written = dump(to_json(judged))
    value = valid(json.loads(written.decode("utf-8")))
    assert len(value["verdicts"]) == (0 if assessment.estimate is None else len(RULES))
    if assessment.estimate is not None:
        assert value["parameters"]["low"] == assessment.estimate.low, "huge counts survive as they are"


def test_a_lone_surrogate_is_replaced_and_the_rest_kept() -> None:
    hostile = model("a", 5, name="owner/\ud800name\udcff")
    assert json.loads(dump(to_json(hostile)))["model"] == "owner/?name?"
    assert json.loads(dump({"\ud800": ["é\x00"]})) == {"?": ["é\x00"]}


def test_a_revision_that_is_no_commit_is_not_told_as_one() -> None:
    for revision in ("main", SHA.upper(), SHA + "\n", "x" * 40, "", None):
        assert to_json(model("a", revision=revision))["revision"] is None
    assert to_json(model("a"))["revision"] == SHA


def test_a_text_has_no_count_and_no_verdict() -> None:
    text = replace(model("a"), estimate=None).judged([CN])
    value = valid(to_json(text))
    assert value["parameters"] is None
    assert value["verdicts"] == []
    assert not text.undecided


def test_an_unreadable_target_is_undecided_and_still_an_object() -> None:
    target = Assessment("", "owner/none", "huggingface", None, MOMENT, readable=False).judged([CN])
    value = valid(to_json(replace(target, errors=(ReadError("not-found", "there is none"),))))
    assert value["verdicts"][0]["status"] == "undecided"
    assert value["parameters"]["low"] == 0
    assert value["parameters"]["high"] is None
    assert target.undecided
    assert not target.in_scope
    assert target.restrictions is NOTHING_READ


def test_in_scope_by_one_regulation_is_enough() -> None:
    strict = regulation(id="strict", threshold={"parameters": 10})
    found = model("a", 5_000, rules=[CN, strict])
    assert [v.status for v in found.verdicts] == [VerdictStatus.OUT_OF_SCOPE, VerdictStatus.IN_SCOPE]
    assert found.in_scope
    assert not found.undecided


def test_disabled_and_gated_show_in_access() -> None:
    value = to_json(model("a", gated="manual", distribution=Distribution.DISABLED))
    assert value["access"] == {"gated": "manual", "disabled": True, "country_asked": False}
    asked = to_json(model("a", restrictions=Restrictions(Status.NONE_DECLARED, (), (), country_asked=True)))
    assert asked["access"]["country_asked"] is True


def test_moments_are_utc_with_whole_seconds_and_four_digits_of_a_year() -> None:
    east = timezone(timedelta(hours=8))
    assert iso(datetime(2026, 11, 22, 15, 0, 0, 999_999, tzinfo=east)) == "2026-11-22T07:00:00Z"
    assert iso(datetime(1, 1, 1, tzinfo=UTC)) == "0001-01-01T00:00:00Z"


def test_the_quote_and_its_place_are_told() -> None:
    item = to_json(model("a", 5, declared(["EU"], start=None, end=None)))["restrictions"]["items"][0]
    assert (item["start"], item["end"], item["quote"], item["excluded"]) == (None, None, "not there", ["EU"])
    assert to_json(model("a", restrictions=restrictions()))["restrictions"]["items"] == []
