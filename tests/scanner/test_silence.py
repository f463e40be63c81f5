"""Cards told to say nothing: whatever they are made of, reading them finds nothing."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scanner.restrictions.card.metadata import read_metadata
from scanner.silence import Remembered, Silence

SILENCE = Silence()

SILENT: dict[str, dict[str, Any]] = {
    "nothing": {},
    "usual keys": {"license": "mit", "language": ["en"], "tags": ["x", "region:us"], "pipeline_tag": "x"},
    "several licences": {"license": ["mit", "apache-2.0"]},
    "results": {"model-index": [{"name": "x", "results": [{"dataset": {"region": "CN"}, "countries": ["CN"]}]}]},
    "tables of other things": {"trainer": {"lr": 1e-4, "steps": [{"at": 5}]}},
    "below what is about something else": {"dataset_info": {"regions": ["CN"]}},
}
SPEAKING: dict[str, dict[str, Any]] = {
    "a key": {"restricted_regions": ["CN"]},
    "a key in another script": {"不可用地区": ["中国"]},
    "a key that names a territory": {"not_for_china": True},
    "a key below another": {"more": {"restricted_regions": ["CN"]}},
    "a key in a list below another": {"more": [{"a": 1}, {"restricted_regions": ["CN"]}]},
    "a key that goes with the one around it": {"license": {"region": ["CN"]}},
    "one that excludes": {"excluded": {"countries": ["CN"]}},
    "a key that means something with the one around it alone": {"excluded": {"in": ["CN"]}},
    "a gate's words": {"extra_gated_prompt": "Not for use in China."},
    "the switch": {"extra_gated_eu_disallowed": True},
    "a tag": {"tags": ["not-for-china"]},
    "a licence that limits": {"license": "other", "license_name": "tencent-hunyuan-community"},
    "a licence that nobody knows": {"license": "other", "license_name": "rocket-1"},
    "a link alone": {"license_link": "https://example.org/licence"},
    "a licence that is no text": {"license": [{"id": "mit"}]},
}


@pytest.mark.parametrize("name", SILENT)
def test_cards_that_say_nothing(name: str) -> None:
    assert SILENCE.of_card(SILENT[name])


@pytest.mark.parametrize("name", SPEAKING)
def test_cards_that_may_say_something(name: str) -> None:
    assert not SILENCE.of_card(SPEAKING[name])


def test_tags() -> None:
    assert SILENCE.of_tags(["region:us", "region:eu", "x", 7, "license:mit"])
    assert not SILENCE.of_tags(["x", "not-for-china"])


NAMES = [
    "license", "licence", "license_name", "license_link", "terms", "region", "regions", "countries", "country",
    "excluded", "blocked", "allowed", "available", "availability", "restricted_regions", "restrictions", "geo",
    "embargo", "only", "not_for_china", "japan_only", "US", "CN", "default", "more", "training", "dataset", "languages",
    "tags", "model-index", "widget", "extra_gated_prompt", "extra_gated_fields", "extra_gated_eu_disallowed", "gated",
    "地区", "許諾地域", "x", "", "policy", "in", "for", "not",
]  # fmt: skip
VALUES = [
    "CN", "China", "EU", "US only", "worldwide", "none", "mit", "other", "not for use in China", "x", "not-for-china",
    "",
]  # fmt: skip
CARDS = st.dictionaries(
    st.sampled_from(NAMES),
    st.recursive(
        st.sampled_from(VALUES) | st.booleans() | st.none() | st.integers(0, 3),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(NAMES), inner, max_size=3),
        max_leaves=6,
    ),
    max_size=3,
)


@settings(max_examples=1500, deadline=None)
@given(card=CARDS, gated=st.sampled_from([False, "auto"]))
def test_reading_a_silent_card_finds_nothing(card: dict[str, Any], gated: Any) -> None:
    if SILENCE.of_card(card):
        reading = read_metadata(card, gated)
        assert (reading.declarations, reading.by_name, reading.suggests) == ((), (), ())
        assert not reading.country_asked


@settings(max_examples=300, deadline=None)
@given(tags=st.lists(st.sampled_from([*VALUES, *NAMES, "restricted_region:cn", "region:cn", "x:y"]), max_size=4))
def test_reading_silent_tags_finds_nothing(tags: list[str]) -> None:
    if SILENCE.of_tags(tags):
        assert read_metadata({}, False, tags).declarations == ()


def test_answers_are_forgotten_before_they_are_too_many() -> None:
    kept: Remembered[int, str] = Remembered(2)
    assert [kept.keep(number, str(number)) for number in range(3)] == ["0", "1", "2"]
    assert kept == {2: "2"}
