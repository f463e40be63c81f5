"""Regulations: the one that ships, its clocks, and mistakes in one's own."""

from datetime import date
from pathlib import Path

import pytest
from pydantic import ValidationError

from config.errors import ConfigError
from config.regulation import available, load_regulation

DATA = Path(__file__).parent / "data" / "regulations"

MISTAKES = {
    "wrong_territory": ["territory is 'China'", "an ISO 3166-1 alpha-2 code"],
    "unknown_effect": ["declaration_effect is 'exempt'", '"out_of_scope" or "none"'],
    "embargo_exempts": ["exempting_kinds[3] is 'embargo'", "an embargo never exempts"],
    "unknown_platform": ["availability.myspace", "[availability.huggingface]"],
    "threshold_as_text": ["threshold.parameters is 'a million'", "a whole number above 0"],
    "misspelt_key": ["clocks.incident_hour is not a known key", "did you mean clocks.incident_hours?"],
    "missing_provenance": ["provenance is missing", "a sentence"],
    "negative_days": ["clocks.in_force_days is -1", "a whole number of days from 0 up"],
    "no_sources": ["sources is missing", "at least one table [[sources]]"],
}


def test_the_reported_regulation_says_what_was_reported_and_how_well_it_is_attested() -> None:
    found = load_regulation("cn-2026")
    assert (found.threshold.parameters, found.threshold.comparison) == (1_000_000, "more-than")
    assert (found.territory, found.declaration_effect) == ("CN", "out_of_scope")
    assert found.declaration_note == "our reading, not the report's"
    assert found.provenance == "reported by one news outlet, uncorroborated; not legal advice"
    assert not found.official_text
    assert set(found.exempting_kinds) == {"licence-grant", "gating", "card-statement"}
    assert (found.adapter, found.gated) == ("own", "distributed")
    assert found.availability["huggingface"].assumed
    assert found.availability["modelscope"].of_territory
    assert found.open_questions
    assert all(source.date for source in found.sources)


def test_the_clocks_follow_from_the_announcement() -> None:
    found = load_regulation("cn-2026")
    announced = date(2026, 10, 1)
    assert found.in_force_on(announced) == date(2026, 11, 30)
    assert found.compliance_reports_due(announced, date(2026, 11, 1), 3) == (
        date(2026, 12, 31), date(2027, 3, 31), date(2027, 6, 30),
    )  # fmt: skip
    assert found.compliance_reports_due(announced, date(2026, 12, 31), 1) == (date(2027, 3, 31),)


def test_it_is_frozen() -> None:
    with pytest.raises(ValidationError):
        load_regulation("cn-2026").threshold.parameters = 5


def test_every_regulation_that_ships_loads_under_its_own_name() -> None:
    assert "cn-2026" in available()
    assert all(load_regulation(name).id == name for name in available())


@pytest.mark.parametrize("name", MISTAKES)
def test_a_mistake_in_a_file_of_one_s_own_is_one_sentence_a_line(name: str) -> None:
    path = DATA / f"{name}.toml"
    with pytest.raises(ConfigError) as caught:
        load_regulation(path)
    message = str(caught.value)
    assert all(part in message for part in MISTAKES[name])
    assert all(line.startswith(str(path)) for line in message.splitlines())


def test_every_file_of_mistakes_is_tried() -> None:
    assert {path.stem for path in DATA.iterdir()} == set(MISTAKES)


@pytest.mark.parametrize("name", ["cn-2062", "", "../cn-2026", "nowhere.toml"])
def test_what_is_no_regulation_is_told(name: str) -> None:
    with pytest.raises(ConfigError, match=r"regulation|cannot be read"):
        load_regulation(name)
