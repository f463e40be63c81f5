"""Home-made keys: what their names say, what their values say, and when neither is guessed at."""

from typing import Any

import pytest

from scanner.restrictions.card.key_names import Sense, read_key_name
from scanner.restrictions.card.key_values import MAX_VALUES, Places, read_places
from scanner.restrictions.card.keys import KeyReading, read_key, read_keys, read_tag


def read(data: dict[str, Any]) -> list[tuple[tuple[str, ...], tuple[str, ...]]]:
    """Return what each key of a card excludes and limits to, where all of it was understood."""
    found = [reading for _, reading in read_keys(data)]
    assert all(reading.complete for reading in found)
    return [(reading.excluded, reading.limited_to) for reading in found]


# --- names


@pytest.mark.parametrize(
    "name",
    [
        "restricted_regions", "restricted-region", "restrictedRegions", "Restricted Regions", "RESTRICTED_REGIONS",
        "regions.restricted", "restrictedregions", "excluded_countries", "prohibited_jurisdictions", "banned_locations",
        "blocked_markets", "disallowed_territories", "forbidden_areas", "denied_countries", "unsupported_regions",
        "unlicensed_territories", "not_licensed_regions", "not_available_regions", "countries_not_allowed",
        "country_blacklist", "region_denylist", "geo_block", "geoblocked", "geo-blocking", "geo_blacklist",
        "blocked_country_codes", "list_of_excluded_countries", "license_excluded_territories", "no_go_regions",
        "countries_where_use_is_prohibited", "禁用地区", "限制地区", "禁止使用的国家", "不支持的国家和地区",
        "不可用地區", "利用不可地域", "提供対象外地域", "利用を禁止する国", "사용금지국가", "사용_제한_지역",
        "제외 국가", "pays_exclus", "régions_interdites", "gesperrte_länder", "sperrländer", "ausgeschlossene Gebiete",
    ],
)  # fmt: skip
def test_names_of_lists_of_what_is_left_out(name: str) -> None:
    key = read_key_name(name)
    assert key is not None
    assert (key.sense, key.strong) == (Sense.EXCLUDED, True)


@pytest.mark.parametrize(
    "name",
    [
        "allowed_regions", "available_countries", "permittedTerritories", "licensed-territory", "supported_countries",
        "country_whitelist", "region_allowlist", "only_regions", "territory", "license_territory", "license_region",
        "licence territories", "regions_limited_to", "可用地区", "仅限地区", "许可地域", "利用可能地域", "許諾地域",
        "사용가능지역",
        "pays_autorisés", "erlaubte_länder", "lizenzgebiet",
    ],
)  # fmt: skip
def test_names_of_lists_of_the_only_places(name: str) -> None:
    key = read_key_name(name)
    assert key is not None
    assert (key.sense, key.strong) == (Sense.ALLOWED, True)


@pytest.mark.parametrize(
    "name",
    [
        "supported_languages", "dataset_region", "training_data_regions", "storage_region", "server_location",
        "governing_law_country", "license_jurisdiction", "hosting_countries", "excluded_layers",
        "api_restricted_regions",
        "not-for-all-audiences", "max_area", "countries_covered", "is_excluded", "restricted", "训练数据地区",
        "data_restricted_regions", "支持语言", "対応言語", "지원언어", "author_country", "us_only",
    ],
)  # fmt: skip
def test_names_of_other_matters(name: str) -> None:
    assert read_key_name(name) is None


@pytest.mark.parametrize("name", ["allowed_restricted_regions", "countries_under_weird_restrictions"])
def test_a_name_that_is_not_understood_looks_like_a_limit(name: str) -> None:
    key = read_key_name(name)
    assert key is not None
    assert key.sense is Sense.UNCLEAR


# --- values


@pytest.mark.parametrize(
    ("value", "inside"),
    [
        ("CN", ("CN",)),
        ("cn, ru", ("CN", "RU")),
        ("CHN;RUS", ("CN", "RU")),
        ("CN/HK", ("CN", "HK")),
        ("CN RU", ("CN", "RU")),
        ("- CN\n- RU\n", ("CN", "RU")),
        ("China, Russia and Iran", ("CN", "RU", "IR")),
        ("Korea, Republic of, China", ("KR", "CN")),
        ("Taiwan, China", ("TW",)),
        ("Trinidad and Tobago & Bosnia and Herzegovina", ("TT", "BA")),
        ("China (CN)", ("CN",)),
        ("CN - China", ("CN",)),
        ("China (mainland)", ("CN",)),
        ("🇨🇳", ("CN",)),
        ("🇨🇳 China", ("CN",)),
        ("users in mainland China or Hong Kong", ("CN", "HK")),
        ("residents of the EU", ("EU",)),
        ("中国大陆、俄罗斯和伊朗", ("CN", "RU", "IR")),
        ("中国境内用户", ("CN",)),
        ("中国・ロシア", ("CN", "RU")),
        ("중국, 러시아 및 이란", ("CN", "RU", "IR")),
        ("la Chine et la Russie", ("CN", "RU")),
        (["CN", "", None, False], ("CN", "NO")),
    ],
)
def test_names_and_codes_in_any_list(value: Any, inside: tuple[str, ...]) -> None:
    assert read_places(value) == Places(inside)


@pytest.mark.parametrize(
    "value",
    [
        "worldwide except mainland China", "everywhere but China", "all countries (excluding China)", "global minus CN",
        "worldwide - CN", "anywhere outside China", "outside of mainland China", ["*", "!CN"], "全球（中国大陆除外）",
        "除中国大陆外的全球地区", "中国大陆以外的地区", "全世界（中国を除く）", "전 세계 (중국 본토 제외)",
        "monde entier sauf la Chine", "weltweit außer China",
    ],
)  # fmt: skip
def test_everywhere_but_one_place(value: Any) -> None:
    places = read_places(value)
    assert (places.inside, places.outside, places.everywhere, places.complete) == ((), ("CN",), True, True)


@pytest.mark.parametrize(
    "value", ["!CN", "-CN", "not CN", "not in China", "non-China", ["!CN"], "中国本土を除く全世界"]
)
def test_one_place_left_out(value: Any) -> None:
    places = read_places(value)
    assert (places.inside, places.outside, places.complete) == ((), ("CN",), True)


@pytest.mark.parametrize("value", ["Japan only", "only in Japan", "limited to JP", "日本のみ", "仅限日本", "일본만"])
def test_one_place_alone(value: str) -> None:
    assert read_places(value) == Places(("JP",), only=True)


@pytest.mark.parametrize(
    "value",
    ["see the licence", "Atlantis", "CN (soon)", "China: blocked", "anywhere except where law forbids", 7, ["CN", 7]],
)
def test_what_cannot_be_read_to_its_end_is_not_complete(value: Any) -> None:
    assert not read_places(value).complete


@pytest.mark.parametrize("value", ["", " ", "n/a", "no restrictions", [], None, False, "-", "なし", "无", "없음"])
def test_nothing(value: Any) -> None:
    assert read_places(value) == Places()


def test_a_list_beyond_all_territories_is_not_complete() -> None:
    assert not read_places(["CN"] * (MAX_VALUES + 1)).complete


# --- keys with their values


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        ({"restrictedRegions": "CN, RU"}, (("CN", "RU"), ())),
        ({"not_for": "users in mainland China"}, (("CN",), ())),
        ({"unavailable_in": "China"}, (("CN",), ())),
        ({"not-available-in": ["EU", "UK"]}, (("EU", "GB"), ())),
        ({"available_in": ["US", "CA"]}, ((), ("US", "CA"))),
        ({"limited_to": "Japan"}, ((), ("JP",))),
        ({"availability": "worldwide except mainland China"}, (("CN",), ())),
        ({"availability": "Japan only"}, ((), ("JP",))),
        ({"territory": "US and Canada"}, ((), ("US", "CA"))),
        ({"territory": "worldwide excluding the EU"}, (("EU",), ())),
        ({"license_territory": "中国本土を除く全世界"}, (("CN",), ())),
        ({"restricted_regions": "all except Japan"}, ((), ("JP",))),
        ({"allowed_regions": ["EU", "!FR"]}, (("FR",), ("EU",))),
        ({"regions": ["!CN"]}, (("CN",), ())),
        ({"blocked_countries": "NO"}, (("NO",), ())),
        ({"not_for_china": True}, (("CN",), ())),
        ({"eu_disallowed": "yes"}, (("EU",), ())),
        ({"forbidden_in_china": True}, (("CN",), ())),
        ({"available_in_china": False}, (("CN",), ())),
        ({"japan_only": True}, ((), ("JP",))),
        ({"restricted_regions": "China (excluding Hong Kong and Macau)"}, (("CN",), ())),
        ({"restricted_regions": "Greater China except Hong Kong"}, (("CN", "MO", "TW"), ())),
        ({"availability_regions": ["US", "CA"]}, ((), ("US", "CA"))),
        ({"territorial_limitation": "excludes China"}, (("CN",), ())),
        ({"extra_gated_restricted_regions": ["CN"]}, (("CN",), ())),
        ({"available": "worldwide (except PRC)"}, (("CN",), ())),
        ({"do_not_use_in": "China"}, (("CN",), ())),
        ({"pays_interdits": ["Chine"]}, (("CN",), ())),
        ({"nutzungsgebiet": "weltweit außer China"}, (("CN",), ())),
        ({"paises_excluidos": ["China"]}, (("CN",), ())),
        ({"paesi_esclusi": "Cina"}, (("CN",), ())),
        ({"запрещённые_страны": ["Китай"]}, (("CN",), ())),
        ({"授权区域": "全球（不含中国大陆）"}, (("CN",), ())),
        ({"提供地域": "中国を除く全世界"}, (("CN",), ())),
        ({"제공 지역": "한국만"}, ((), ("KR",))),
    ],
)
def test_flat_keys(data: dict[str, Any], expected: Any) -> None:
    assert read(data) == [expected]


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        ({"regions": {"denied": ["Russia", "CN"]}}, (("RU", "CN"), ())),
        ({"regions": {"allow": ["*"], "deny": "CN"}}, (("CN",), ())),
        ({"regions": {"deny": "all", "allow": ["US"]}}, ((), ("US",))),
        ({"geo": {"block": ["CN"]}}, (("CN",), ())),
        ({"licence": {"territory": {"excluded": ["CN"]}}}, (("CN",), ())),
        ({"license": {"region": "EU"}}, ((), ("EU",))),
        ({"excluded": {"countries": ["CN"]}}, (("CN",), ())),
        ({"extra": {"restricted_regions": "China"}}, (("CN",), ())),
        ({"a": {"b": [{"c": {"restricted_regions": ["CN"]}}]}}, (("CN",), ())),
        ({"restrictions": [{"type": "geographic", "countries": ["CN"]}]}, (("CN",), ())),
        ({"geo_restriction": {"type": "blocklist", "countries": ["CN", "RU"]}}, (("CN", "RU"), ())),
        ({"geo_restriction": {"mode": "allowlist", "countries": ["JP"]}}, ((), ("JP",))),
        ({"regional_access": {"default": "deny", "exceptions": ["US"]}}, ((), ("US",))),
        ({"regional_access": {"default": "allow", "except": ["CN"]}}, (("CN",), ())),
        ({"geofence": {"deny": ["CN"], "note": "by request of our lawyers"}}, (("CN",), ())),
    ],
)
def test_keys_in_tables(data: dict[str, Any], expected: Any) -> None:
    assert read(data) == [expected]


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        ({"availability": {"CN": False, "JP": True, "default": True}}, (("CN",), ())),
        ({"availability": {"cn": "no", "default": "yes"}}, (("CN",), ())),
        ({"availability": {"US": True, "default": False}}, ((), ("US",))),
        ({"availability": {"worldwide": True, "China": "not available"}}, (("CN",), ())),
        ({"allowed_regions": {"US": True, "CA": True}}, ((), ("US", "CA"))),
        ({"restricted_regions": {"CN": True, "US": False}}, (("CN",), ())),
        ({"denied_regions": {"CN": "China", "RU": "Russia"}}, (("CN", "RU"), ())),
        (
            {"country_availability": [{"country": "CN", "available": False}, {"country": "JP", "available": True}]},
            (("CN",), ()),
        ),
        ({"countries": {"CN": "blocked"}}, (("CN",), ())),
        ({"regions": {"China": {"allowed": False}}}, (("CN",), ())),
        ({"restricted_regions": [{"code": "CN", "allowed": False}, {"code": "US", "allowed": True}]}, (("CN",), ())),
        ({"availability": [{"country": "China", "status": "unavailable"}]}, (("CN",), ())),
        ({"availability": [{"region": "*", "allowed": True}, {"region": "CN", "allowed": False}]}, (("CN",), ())),
        ({"blocked_countries": [{"iso": "CN", "reason": "law", "since": "2024-05-01"}]}, (("CN",), ())),
    ],
)
def test_answers_by_territory(data: dict[str, Any], expected: Any) -> None:
    assert read(data) == [expected]


def test_an_embargo_is_of_its_own_kind() -> None:
    reading = read_key("embargoed_countries", ["CU", "IR"])
    assert reading == KeyReading(embargo=("CU", "IR"))


@pytest.mark.parametrize(
    "data",
    [
        {"region": "us"},
        {"location": "Paris"},
        {"country": "China"},
        {"location": {"country": "CN", "city": "Wuhan"}},
        {"regions": {"us": "https://us.example.org", "eu": "https://eu.example.org"}},
        {"languages": ["zh"]},
        {"available_in": ["de", "fr"]},
        {"available_in": ["GGUF", "ONNX"]},
        {"availability": {"model_hub": True}},
        {"availability": {"en": True, "de": False}},
        {"not_for": ["medical advice"]},
        {"restrictions": ["non-commercial"]},
        {"embargo": "2027-01-01"},
        {"geo": {"lat": 48.1, "lon": 11.6}},
        {"target_markets": ["CN"]},
        {"restricted_regions": "none"},
        {"restricted_regions": "no"},
        {"excluded_countries": False},
        {"allowed_regions": "worldwide"},
        {"allowed_regions": []},
        {"license_territory": "全世界"},
        {"not_for_china": False},
        {"available_in_china": True},
        {"training": {"excluded_countries": ["CN"]}},
        {"dataset_info": {"restricted_regions": ["CN"]}},
        {"model-index": [{"restricted_regions": ["CN"]}]},
        {"widget": [{"text": "x", "restricted_regions": ["CN"]}]},
        {"co2_eq_emissions": {"geographical_location": "China", "restricted_regions": ["CN"]}},
        {"eval_results": {"restricted_regions": ["CN"]}},
        {"a": {"b": {"c": {"d": {"e": {"restricted_regions": ["CN"]}}}}}},
    ],
)
def test_keys_that_limit_nothing(data: dict[str, Any]) -> None:
    assert list(read_keys(data)) == []


@pytest.mark.parametrize(
    "data",
    [
        {"restricted_regions": "all"},
        {"restricted_regions": ["!CN"]},
        {"restricted_regions": "US-CA"},
        {"restricted_regions": "EU except Ireland"},
        {"restricted_regions": "CN (see the licence), HK"},
        {"restricted_regions": "Japan only"},
        {"restricted_regions": [["CN"]]},
        {"allowed_regions": "none"},
        {"geofence": ["CN"]},
        {"region_lock": "CN"},
        {"license_country": "Germany"},
        {"geo_restrictions": {"CN": False}},
        {"geo_restrictions": True},
        {"availability": {"US": True, "JP": True}},
        {"availability": "The EU, perhaps"},
        {"regions": {"denied": ["CN"], "allowed": ["CN"]}},
        {"geo_restriction": {"type": "curated", "countries": ["CN"]}},
    ],
)
def test_keys_that_look_like_a_limit_are_not_guessed_at(data: dict[str, Any]) -> None:
    ((_, reading),) = read_keys(data)
    assert (reading.excluded, reading.limited_to, reading.complete) == ((), (), False)


def test_a_reading_says_where_its_key_stands() -> None:
    assert [path for path, _ in read_keys({"extra": [{"restricted_regions": ["CN"]}]})] == [
        ("extra", 0, "restricted_regions")
    ]


def test_texts_that_are_no_lists_are_left_to_be_read_as_prose() -> None:
    ((_, reading),) = read_keys({"geo_restrictions": {"excluded": "We do not serve it in Japan."}})
    assert reading.prose == (("excluded",),)


@pytest.mark.parametrize(
    ("tag", "excluded"),
    [("restricted-region:cn", ("CN",)), ("not-for-china", ("CN",)), ("excluded-countries:RU", ("RU",))],
)
def test_tags_that_limit(tag: str, excluded: tuple[str, ...]) -> None:
    assert read_tag(tag) == KeyReading(excluded=excluded)


@pytest.mark.parametrize(
    "tag",
    ["region:us", "license:mit", "china", "country:cn", "not-for-all-audiences", "dataset:restricted/cn", "restricted"],
)
def test_tags_that_do_not(tag: str) -> None:
    assert read_tag(tag) is None
