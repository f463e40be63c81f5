"""Card data, gate and tags: what is a limit, what asks, what only suggests."""

from typing import Any

import pytest

from config.territories import load_territories
from scanner.restrictions.card.frontmatter import split_card
from scanner.restrictions.card.keys import read_key
from scanner.restrictions.card.metadata import read_metadata
from scanner.restrictions.interface import Kind
from scanner.restrictions.markup.texts import TextFile


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


@pytest.mark.parametrize("value", ["true", "True", "yes", 1, "on"])
def test_the_eu_switch_may_be_on_in_other_words(value: Any) -> None:
    (found,) = read_metadata({"extra_gated_eu_disallowed": value}, "auto").declarations
    assert (found.excluded, found.active) == (("EU",), True)


@pytest.mark.parametrize("value", [False, None, "no", "false", 0, [], {}, ""])
def test_the_eu_switch_is_on_only_when_it_is_true(value: Any) -> None:
    found = read_metadata({"extra_gated_eu_disallowed": value}, "auto")
    assert (found.declarations, found.suggests) == ((), ())


def test_an_eu_switch_that_is_neither_on_nor_off_suggests() -> None:
    assert "extra_gated_eu_disallowed" in reasons({"extra_gated_eu_disallowed": "perhaps"}, "auto")[0]


@pytest.mark.parametrize(
    "fields",
    [
        {"Country": "country"},
        {"Where are you?": {"type": "country"}},
        {"geo": {"type": "ip_location"}},
        {"Country": {"type": "select", "options": ["Japan", "China"]}},
        {"Country": "text"},
        {"Country/Region": "text"},
        {"国家/地区": {"type": "select", "options": ["中国", "日本"]}},
        {"Residence": {"type": "select", "options": [{"label": "China", "value": "cn"}, {"label": "Japan"}]}},
        {"Where do you work?": {"type": "select", "options": ["Mainland China", "Hong Kong", "elsewhere"]}},
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
def test_labels_of_a_gate_carry_limits(fields: dict[str, Any], excluded: tuple[str, ...]) -> None:
    (found,) = read_metadata({"extra_gated_fields": fields}, "manual").declarations
    assert (found.kind, found.excluded, found.active) == (Kind.GATING, excluded, True)
    assert found.start is None


@pytest.mark.parametrize(
    ("options", "excluded"),
    [
        (["Japan", "China (not eligible)"], ("CN",)),
        (["Japan", "China (requests are refused)"], ("CN",)),
        (["elsewhere", "I am in the EU (access will be refused)"], ("EU",)),
        (["Japan", "中国大陆（暂不受理）"], ("CN",)),
        (["日本", "中国（申請不可）"], ("CN",)),
        (["한국", "중국 (신청 불가)"], ("CN",)),
        (["Outside of mainland China"], ("CN",)),
        (["I am outside of mainland China"], ("CN",)),
    ],
)
def test_options_that_refuse_or_leave_no_choice_carry_limits(options: list[str], excluded: tuple[str, ...]) -> None:
    data = {"extra_gated_fields": {"Your place": {"type": "select", "options": options}}}
    (found,) = read_metadata(data, "auto").declarations
    assert (found.kind, found.excluded, found.limited_to) == (Kind.GATING, excluded, ())


@pytest.mark.parametrize(
    "options",
    [
        ["I am in mainland China", "I am outside of mainland China"],
        ["Yes, I am not located in the EU", "No"],
        ["Outside of mainland China", "Mainland China"],
        ["China", "Rest of the world"],
        ["Yes", "No"],
        ["China (mainland)", "China (Hong Kong)"],
        [None, 5, {"value": "x"}, [], ""],
    ],
)
def test_options_that_leave_a_choice_only_ask(options: list[Any]) -> None:
    data = {"extra_gated_fields": {"Which region are you in?": {"type": "select", "options": options}}}
    assert read_metadata(data, "auto").declarations == ()


def test_a_box_for_a_place_limits_use_to_it() -> None:
    (found,) = read_metadata({"extra_gated_fields": {"I am located in the US": "checkbox"}}, "auto").declarations
    assert found.limited_to == ("US",)


def test_boxes_for_several_places_ask_where_one_is() -> None:
    fields = {"I am located in the US or Canada": "checkbox", "I am located in the US": "checkbox"}
    found = read_metadata({"extra_gated_fields": fields}, "auto")
    assert (found.declarations, found.country_asked) == ((), True)


@pytest.mark.parametrize(
    "name",
    ["extra_gated_prompt", "extra_gated_heading", "extra_gated_description", "extra_gated_button_content"],
)
def test_every_text_of_a_gate_is_read(name: str) -> None:
    (found,) = read_metadata({name: "This model is not available in China."}, "manual").declarations
    assert (found.kind, found.excluded, found.active) == (Kind.GATING, ("CN",), True)


def test_a_prompt_longer_than_what_is_read_suggests() -> None:
    assert reasons({"extra_gated_prompt": "Please agree. " * 10_000}, "auto")


def test_a_prompt_is_read_and_inactive_without_a_gate() -> None:
    data = {"extra_gated_prompt": "This licence does not apply in the EU."}
    (found,) = read_metadata(data, False).declarations
    assert (found.excluded, found.active, found.quote) == (("EU",), False, "This licence does not apply in the EU.")


def test_a_prompt_that_was_not_understood_suggests() -> None:
    assert "extra_gated_prompt" in reasons({"extra_gated_prompt": "Only Japan and us."}, "auto")[0]
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


@pytest.mark.parametrize(
    "value",
    [
        "The model is not available in China.",
        ["No resale of copies", "The model is not available in China."],
        {"excluded": "The model is not available in China."},
    ],
)
def test_a_key_in_prose_is_read_as_prose(value: Any) -> None:
    found = read_metadata({"geo_restrictions": value}, False)
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


HEAD = "---\ntitle: \U0001f600 模型\n"


@pytest.mark.parametrize(
    ("source", "quote"),
    [
        ("extra_gated_prompt: We are slow. Not available in China.", "Not available in China."),
        ("extra_gated_prompt: >\n  We are slow.\n  Not available\n  in China.\nx: 1", "Not available\n  in China."),
        ("extra_gated_prompt: |2-\n    Hello there.\n\n    Not available in China.\n", "Not available in China."),
        ('extra_gated_prompt: "Say \\"yes\\".\\nNot available in Chin\\u0061."', "Not available in Chin\\u0061."),
        ('extra_gated_prompt: "Hello. \\\n   Not available in\n  China."', "Not available in\n  China."),
        ("extra_gated_prompt: 'It''s ours. Not available in China.'", "Not available in China."),
        ("terms: &t Not available in China.\nextra_gated_prompt: *t", "Not available in China."),
        ('extra_gated_fields:\n  "I am not located in Chin\\u0061": checkbox', "I am not located in Chin\\u0061"),
        (
            'extra_gated_fields:\n  x:\n    type: select\n    options: ["China (not eligible)", Japan]',
            "China (not eligible)",
        ),
        ("extra_gated_eu_disallowed:   true  # by law", "extra_gated_eu_disallowed:   true"),
        ("extra:\n  restricted_regions:\n  - CN\n  - RU\nx: 1", "restricted_regions:\n  - CN\n  - RU"),
        ("cn: &cn [CN]\nrestricted_regions: *cn", "restricted_regions: *cn"),
        ("restrictions: >-\n  Not available\n  in China.", "Not available\n  in China."),
        ("tags: [chat, not-for-china]", "not-for-china"),
    ],
)
@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_quotes_are_the_words_of_the_card(source: str, quote: str, newline: str) -> None:
    text = f"{HEAD}{source}\n---\nbody\n".replace("\n", newline)
    (found,) = read_metadata(None, "auto", front=split_card(TextFile("README.md", text))).declarations
    assert found.quote == quote.replace("\n", newline)
    assert text[found.start : found.end] == found.quote


def test_where_the_card_says_another_thing_than_the_metadata_there_is_no_place() -> None:
    front = split_card(TextFile("README.md", "---\nrestricted_regions: [RU]\n---\n"))
    (found,) = read_metadata({"restricted_regions": ["CN"]}, False, front=front).declarations
    assert (found.excluded, found.start, found.end) == (("CN",), None, None)


@pytest.mark.parametrize("name", ["license", "extra_gated_prompt", "restricted_regions", "禁用地区"])
def test_a_key_that_matters_and_stands_twice_suggests(name: str) -> None:
    front = split_card(TextFile("README.md", f"---\n{name}: mit\n{name}: mit\n---\n"))
    assert any("twice" in one.reason for one in read_metadata(None, False, front=front).suggests)


def test_a_key_that_does_not_matter_may_stand_twice() -> None:
    front = split_card(TextFile("README.md", "---\nlibrary_name: a\nlibrary_name: b\n---\n"))
    assert read_metadata(None, False, front=front).suggests == ()


def test_a_tag_may_carry_a_limit() -> None:
    (found,) = read_metadata({"tags": ["chat", "not-for-china"]}, False).declarations
    assert (found.kind, found.excluded, found.quote) == (Kind.CARD_STATEMENT, ("CN",), "not-for-china")


def test_an_embargo_of_a_key_is_listed_as_one() -> None:
    (found,) = read_metadata({"embargoed_countries": ["CU"]}, False).declarations
    assert (found.kind, found.excluded) == (Kind.EMBARGO, ("CU",))


def test_a_huge_or_deep_value_costs_little() -> None:
    deep: Any = []
    for _ in range(50_000):
        deep = [deep]
    data = {"restricted_regions": deep, "extra_gated_fields": deep, "license": deep, "geo_restrictions": {"x": deep}}
    assert read_metadata(data, "auto").declarations == ()
    wide = {"restricted_regions": ["CN"] * 100_000, "extra_gated_prompt": "China " * 200_000}
    assert read_metadata(wide, "auto").suggests


def test_more_options_than_are_read_suggest() -> None:
    options = [f"Plan {number} for China" for number in range(400)]
    data = {"extra_gated_fields": {"Plan": {"type": "select", "options": options}}}
    assert "the gate has more options than are read" in reasons(data, "auto")


def test_more_fields_than_are_read_suggest() -> None:
    data = {"extra_gated_fields": {f"Question {number}": "text" for number in range(300)}}
    assert reasons(data, "auto") == ["the gate has more fields than are read"]


def test_a_list_of_all_countries_only_asks() -> None:
    options = [*load_territories().codes, "Mainland China", "elsewhere"]
    found = read_metadata({"extra_gated_fields": {"Where?": {"type": "select", "options": options}}}, "auto")
    assert (found.declarations, found.suggests, found.country_asked) == ((), (), True)


@pytest.mark.parametrize("name", ["", " ", "geo", "___", "restricted", "not", "regions"])
def test_names_that_are_no_key_of_ours(name: str) -> None:
    assert read_key(name, ["CN"]) is None
