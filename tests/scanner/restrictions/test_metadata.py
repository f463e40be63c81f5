"""Card data, gate and tags: what is a limit, what asks, what only suggests."""

from typing import Any

import pytest

from scanner.restrictions.frontmatter import split_card
from scanner.restrictions.interface import Kind
from scanner.restrictions.keys import read_key
from scanner.restrictions.metadata import read_metadata
from scanner.restrictions.texts import TextFile


def reasons(card_data: dict[str, Any] | None, gated: Any = False, tags: tuple[str, ...] = ()) -> list[str]:
    return [one.reason for one in read_metadata(card_data, gated, tags).suggests]


@pytest.mark.parametrize("tags", [["region:us"], ["region:eu"], ["region:us", "license:mit"]])
def test_a_storage_region_is_no_limit(tags: list[str]) -> None:
    found = read_metadata({"license": "mit"}, False, tags)
    assert (found.declarations, found.by_name, found.suggests) == ((), (), ())


@pytest.mark.parametrize(("gated", "active"), [(False, False), ("auto", True), ("manual", True)])
def test_the_eu_switch_has_effect_only_behind_a_gate(gated: Any, active: bool) -> None:
    (found,) = read_metadata({"extra_gated_eu_disallowed": True}, gated).declarations
    assert (found.kind, found.excluded, found.active) == (Kind.GATING, ("EU",), active)
    assert (found.start, found.end, found.language) == (None, None, "und")
    assert found.quote == "extra_gated_eu_disallowed: true"


def test_the_eu_switch_may_stand_in_quotes() -> None:
    (found,) = read_metadata({"extra_gated_eu_disallowed": "true"}, "auto").declarations
    assert (found.excluded, found.active) == (("EU",), True)


@pytest.mark.parametrize("value", [False, None, "no", 1, [], {}])
def test_the_eu_switch_is_on_only_when_it_is_true(value: Any) -> None:
    assert read_metadata({"extra_gated_eu_disallowed": value}, "auto").declarations == ()


@pytest.mark.parametrize(
    "fields",
    [
        {"Country": "country"},
        {"Where are you?": {"type": "country"}},
        {"geo": {"type": "ip_location"}},
        {"Country": {"type": "select", "options": ["Japan", "China"]}},
        {"Country": "text"},
    ],
)
def test_asking_for_a_country_is_no_limit(fields: dict[str, Any]) -> None:
    found = read_metadata({"extra_gated_fields": fields}, "auto")
    assert found.country_asked
    assert (found.declarations, found.suggests) == ((), ())


@pytest.mark.parametrize(
    ("fields", "excluded"),
    [
        ({"I confirm that I am not located in mainland China": "checkbox"}, ("CN",)),
        ({"I am outside the European Union and the UK": {"type": "checkbox"}}, ("EU", "GB")),
        ({"Terms": {"type": "select", "options": ["I will not use the model in Russia"]}}, ("RU",)),
        ({"Terms": {"type": "select", "options": [{"label": "I am not a resident of Japan", "value": "x"}]}}, ("JP",)),
    ],
)
def test_words_of_a_gate_carry_limits(fields: dict[str, Any], excluded: tuple[str, ...]) -> None:
    (found,) = read_metadata({"extra_gated_fields": fields}, "manual").declarations
    assert (found.kind, found.excluded, found.active) == (Kind.GATING, excluded, True)
    assert found.start is None


def test_a_prompt_is_read_and_inactive_without_a_gate() -> None:
    data = {"extra_gated_prompt": "This licence does not apply in the EU."}
    (found,) = read_metadata(data, False).declarations
    assert (found.excluded, found.active, found.quote) == (("EU",), False, "This licence does not apply in the EU.")


def test_a_prompt_that_was_not_understood_suggests() -> None:
    assert "extra_gated_prompt" in reasons({"extra_gated_prompt": "Regions: Japan restricted."}, "auto")[0]
    assert reasons({"extra_gated_prompt": "Please agree to share your name."}, "auto") == []


def test_a_gate_whose_words_were_not_seen_suggests() -> None:
    assert reasons(None, "auto")
    assert reasons({}, "auto") == []


@pytest.mark.parametrize(
    ("key", "value", "excluded", "limited_to"),
    [
        ("restricted_regions", ["CN", "RU"], ("CN", "RU"), ()),
        ("excluded-countries", "China, Russia", ("CN", "RU"), ()),
        ("Excluded Territories", ["the European Union", "uk"], ("EU", "GB"), ()),
        ("geo_blocked", ["Greater China"], ("CN", "HK", "MO", "TW"), ()),
        ("not_for_regions", ["CHN"], ("CN",), ()),
        ("blocked_countries", ["CN", False], ("CN", "NO"), ()),  # YAML 1.1 has made a Boolean of Norway
        ("prohibited_jurisdictions", "中国大陆", ("CN",), ()),
        ("allowed_regions", ["US", "CA"], (), ("US", "CA")),
        ("available_regions", "Japan", (), ("JP",)),
        ("geo_restrictions", {"excluded": ["EU"], "allowed": []}, ("EU",), ()),
        ("region_restrictions", {"blocked": "CN"}, ("CN",), ()),
    ],
)
def test_home_made_keys_are_statements_of_the_card(
    key: str, value: Any, excluded: tuple[str, ...], limited_to: tuple[str, ...]
) -> None:
    (found,) = read_metadata({key: value}, False).declarations
    assert (found.kind, found.excluded, found.limited_to) == (Kind.CARD_STATEMENT, excluded, limited_to)
    assert found.active
    assert found.quote.startswith(key)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("restricted_regions", []),
        ("restricted_regions", "none"),
        ("excluded_countries", False),
        ("allowed_regions", "worldwide"),
        ("geo_restrictions", None),
        ("region", "us"),
        ("regions", ["EU"]),
        ("country", "China"),
        ("countries_covered", ["China"]),
        ("language", ["zh"]),
        ("datasets", ["restricted/regions"]),
        ("excluded_layers", ["CN"]),
        ("restricted", True),
    ],
)
def test_keys_that_limit_nothing_are_silent(key: str, value: Any) -> None:
    found = read_metadata({key: value}, False)
    assert (found.declarations, found.suggests) == ((), ())


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("restricted_regions", "see the licence"),
        ("restricted_regions", [["CN"]]),
        ("restricted_regions", {"a": 1}),
        ("geo_restrictions", True),
        ("region_restrictions", "ask us"),
        ("allowed_regions", ["US", "and friends"]),
        ("region_limited", True),
    ],
)
def test_keys_that_look_like_a_limit_and_cannot_be_read_suggest(key: str, value: Any) -> None:
    found = read_metadata({key: value}, False)
    assert found.declarations == ()
    assert found.suggests


def test_what_of_a_list_could_be_read_is_declared_and_the_rest_suggests() -> None:
    found = read_metadata({"restricted_regions": ["CN", "some others"]}, False)
    assert found.declarations[0].excluded == ("CN",)
    assert found.suggests


def test_a_key_in_prose_is_read_as_prose() -> None:
    found = read_metadata({"geo_restrictions": "The model is not available in China."}, False)
    assert found.declarations[0].excluded == ("CN",)
    assert found.suggests == ()


@pytest.mark.parametrize(
    "data",
    [
        {"license": "mit"},
        {"license": "Apache-2.0"},
        {"license": ["mit", "cc-by-4.0"]},
        {"license": "gemma"},
        {},
        {"license": None},
    ],
)
def test_open_and_absent_licences_suggest_nothing(data: dict[str, Any]) -> None:
    assert reasons(data) == []


@pytest.mark.parametrize(
    "data",
    [
        {"license": "other"},
        {"license": "unknown"},
        {"license": "my-own-licence"},
        {"license": ["mit", "other"]},
        {"license": "llama3.2"},
        {"license_link": "https://example.org/terms"},
        {"license_name": "orchard-1.1"},
    ],
)
def test_other_licences_suggest_that_a_limit_may_exist(data: dict[str, Any]) -> None:
    assert reasons(data)


def test_a_licence_tag_counts_only_without_card_data() -> None:
    assert reasons(None, False, ("license:other",))
    assert reasons({"license": "mit"}, False, ("license:other",)) == []


@pytest.mark.parametrize(
    ("data", "excluded"),
    [
        ({"license": "other", "license_name": "tencent-hunyuan-community"}, ("EU", "GB", "KR")),
        ({"license": "other", "license_name": "Tencent Hunyuan Community License Agreement"}, ("EU", "GB", "KR")),
        ({"license": "llama4"}, ("EU",)),
    ],
)
def test_a_licence_known_by_name_declares_its_limit(data: dict[str, Any], excluded: tuple[str, ...]) -> None:
    found = read_metadata(data, False)
    (named,) = found.by_name
    assert (named.declaration.kind, named.declaration.excluded) == (Kind.LICENCE_GRANT, excluded)
    assert named.declaration.quote == data.get("license_name", data["license"])
    assert found.suggests == ()


def test_where_the_card_was_read_metadata_is_quoted_with_offsets() -> None:
    text = (
        "---\nlicense: other\nlicense_name: tencent-hunyuan-community\nrestricted_regions: [CN]\n"
        "extra_gated_prompt: >-\n  The licence does not\n  apply in Japan.\n"
        "extra_gated_fields:\n  I am not located in France: checkbox\n---\n# Body\n"
    )
    found = read_metadata(None, "auto", front=split_card(TextFile("README.md", text)))
    declared = (*found.declarations, *(one.declaration for one in found.by_name))
    assert {one.excluded for one in declared} == {("CN",), ("JP",), ("FR",), ("EU", "GB", "KR")}
    for one in declared:
        assert one.start is not None
        assert text[one.start : one.end] == one.quote


def test_a_huge_or_deep_value_costs_little() -> None:
    deep: Any = []
    for _ in range(50_000):
        deep = [deep]
    data = {"restricted_regions": deep, "extra_gated_fields": deep, "license": deep, "geo_restrictions": {"x": deep}}
    assert read_metadata(data, "auto").declarations == ()
    wide = {"restricted_regions": ["CN"] * 100_000, "extra_gated_prompt": "China " * 200_000}
    assert read_metadata(wide, "auto").suggests


@pytest.mark.parametrize("name", ["", " ", "geo", "___", "restricted", "not", "regions"])
def test_names_that_are_no_key_of_ours(name: str) -> None:
    assert read_key(name, ["CN"]) is None
