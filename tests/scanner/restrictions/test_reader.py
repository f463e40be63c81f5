"""The whole reading of one repository: status, places, precedence, inheritance."""

from typing import Any

import pytest

from scanner.restrictions.interface import Declaration, Kind, Place, Restrictions, Status
from scanner.restrictions.reader import BaseModel, TextFile, decode, read_repository, suggestions

CARD_LIMIT = "# Model\n\nThe model is not available in mainland China.\n"
LICENCE_LIMIT = "ORCHARD LICENCE\n\nThis licence does not apply in the European Union and Japan.\n"
ALL = tuple(Place)
REST = (Place.LICENCE_FILES, Place.BASE_MODEL)


def card(text: str) -> TextFile:
    return TextFile("README.md", text)


def licence(text: str, path: str = "LICENSE") -> TextFile:
    return TextFile(path, text)


@pytest.mark.parametrize(
    ("given", "status", "read"),
    [
        ({"card_data": {"license": "mit"}}, Status.NONE_IN_METADATA, (Place.METADATA,)),
        ({"card_data": {}}, Status.NONE_IN_METADATA, (Place.METADATA,)),
        ({"card_data": None}, Status.NOT_READ, ()),
        ({"card_data": {"license": "other"}}, Status.NOT_READ, (Place.METADATA,)),
        (
            {"card_data": {"license": "mit"}, "card": card("# Fine\n"), "absent": REST},
            Status.NONE_DECLARED,
            ALL,
        ),
        ({"card_data": {"license": "mit"}, "absent": (Place.CARD, *REST)}, Status.NONE_DECLARED, ALL),
        (
            {"card_data": {"license": "mit"}, "card": card("# Fine\n"), "absent": [Place.LICENCE_FILES]},
            Status.NONE_IN_METADATA,
            (Place.METADATA, Place.CARD, Place.LICENCE_FILES),
        ),
        (
            {
                "card_data": {"license": "other"},
                "card": card("# Fine\n"),
                "licence_files": [licence("Do as you like.")],
                "absent": [Place.BASE_MODEL],
            },
            Status.NONE_DECLARED,
            ALL,
        ),
        # "other", and its text stands on another site: nobody has read it.
        ({"card_data": {"license": "other"}, "card": card("# Fine\n"), "absent": REST}, Status.NOT_READ, ALL),
        # A NOTICE is not the licence.
        (
            {
                "card_data": {"license": "other"},
                "card": card("# Fine\n"),
                "licence_files": [licence("By us.", "NOTICE")],
                "absent": [Place.BASE_MODEL],
            },
            Status.NOT_READ,
            ALL,
        ),
        ({"card_data": {}, "card": card(CARD_LIMIT)}, Status.DECLARED, (Place.METADATA, Place.CARD)),
        ({"card_data": {"extra_gated_eu_disallowed": True}}, Status.DECLARED_INACTIVE, (Place.METADATA,)),
        ({"card_data": {"restricted_regions": "ask"}, "absent": (Place.CARD, *REST)}, Status.NOT_READ, ALL),
    ],
)
def test_status_and_places_say_what_was_looked_at(
    given: dict[str, Any], status: Status, read: tuple[Place, ...]
) -> None:
    found = read_repository(gated=False, **given)
    assert (found.status, found.read) == (status, read)


def test_a_gate_makes_the_eu_switch_a_declaration() -> None:
    found = read_repository(card_data={"extra_gated_eu_disallowed": True}, gated="auto")
    assert (found.status, found.items[0].active) == (Status.DECLARED, True)


def test_kinds_follow_the_place() -> None:
    found = read_repository(card_data={}, gated=False, card=card(CARD_LIMIT), licence_files=[licence(LICENCE_LIMIT)])
    assert [(one.kind, one.file, one.excluded) for one in found.items] == [
        (Kind.CARD_STATEMENT, "README.md", ("CN",)),
        (Kind.LICENCE_GRANT, "LICENSE", ("EU", "JP")),
    ]


NAMED = {"license": "other", "license_name": "tencent-hunyuan-community"}


def test_a_licence_s_text_wins_over_its_name() -> None:
    by_name = read_repository(card_data=NAMED, gated=False)
    assert (by_name.status, by_name.items[0].excluded) == (Status.DECLARED, ("EU", "GB", "KR"))
    by_text = read_repository(
        card_data=NAMED, gated=False, licence_files=[licence("This licence does not apply in the EU.")]
    )
    assert [one.excluded for one in by_text.items] == [("EU",)]


@pytest.mark.parametrize(
    "files",
    [
        [],
        [licence("By us.", "NOTICE")],
        [TextFile("LICENSE", "The beginning", truncated=True)],
    ],
)
def test_without_the_licence_s_whole_text_its_name_counts(files: list[TextFile]) -> None:
    found = read_repository(card_data=NAMED, gated=False, licence_files=files)
    assert found.items[0].excluded == ("EU", "GB", "KR")


def test_a_limit_that_stands_in_the_use_policy_is_not_settled_by_the_licence() -> None:
    data = {"license": "llama4"}
    found = read_repository(card_data=data, gated=False, licence_files=[licence("A worldwide grant.")])
    assert found.items[0].excluded == ("EU",)
    policy = licence("Do no harm.", "USE_POLICY.md")
    assert read_repository(card_data=data, gated=False, licence_files=[licence("A grant."), policy]).items == ()


def test_only_licence_grants_are_inherited_and_they_are_not_the_model_s_own() -> None:
    parent = read_repository(card_data={}, gated=False, card=card(CARD_LIMIT), licence_files=[licence(LICENCE_LIMIT)])
    child = read_repository(
        card_data={"license": "mit"},
        gated=False,
        base=BaseModel("orchard/base", parent),
        absent=(Place.CARD, Place.LICENCE_FILES),
    )
    assert [(one.kind, one.inherited_from) for one in child.items] == [(Kind.LICENCE_GRANT, "orchard/base")]
    assert child.status is Status.NONE_DECLARED
    grandchild = read_repository(card_data={}, gated=False, base=BaseModel("orchard/child", child))
    assert grandchild.items[0].inherited_from == "orchard/base"


def test_the_card_s_front_matter_stands_in_for_card_data() -> None:
    text = "---\nlicense: mit\ngated: auto\nextra_gated_eu_disallowed: true\n---\n# Body\n"
    (found,) = read_repository(card_data=None, gated=False, card=card(text)).items
    assert (found.excluded, found.active) == (("EU",), True)
    assert text[found.start : found.end] == found.quote == "extra_gated_eu_disallowed: true"
    # Where a server says what the gate is, the card's own word does not count.
    (found,) = read_repository(card_data={"extra_gated_eu_disallowed": True}, gated=False, card=card(text)).items
    assert not found.active


def test_front_matter_is_not_read_as_prose() -> None:
    text = "---\ndescription: The model is not available in China.\n---\n# Body\n"
    assert read_repository(card_data=None, gated=False, card=card(text)).items == ()


def test_front_matter_that_cannot_be_read_is_not_called_clean() -> None:
    found = read_repository(card_data=None, gated=False, card=card("---\na: [1\n---\nx"), absent=REST)
    assert found.status is Status.NOT_READ


@pytest.mark.parametrize("place", [Place.CARD, Place.LICENCE_FILES])
def test_a_cut_text_does_not_count_as_read(place: Place) -> None:
    cut = decode("README.md" if place is Place.CARD else "LICENSE", b"word " * 100, cap=50)
    found = read_repository(
        card_data={"license": "mit"},
        gated=False,
        card=cut if place is Place.CARD else card("x"),
        licence_files=[cut] if place is Place.LICENCE_FILES else [licence("x")],
        absent=[Place.BASE_MODEL],
    )
    assert place not in found.read
    assert found.status is Status.NOT_READ


def test_a_place_of_which_parts_were_not_read_is_unread() -> None:
    found = read_repository(
        card_data={"license": "mit"},
        gated=False,
        card=card("x"),
        licence_files=[licence("x")],
        absent=[Place.BASE_MODEL],
        unread=[Place.LICENCE_FILES],
    )
    assert Place.LICENCE_FILES not in found.read


def test_an_embargo_is_listed_as_one() -> None:
    text = "You may not export the model to Cuba or Iran."
    (found,) = read_repository(card_data={}, gated=False, licence_files=[licence(text)]).items
    assert (found.kind, found.excluded) == (Kind.EMBARGO, ("CU", "IR"))


def test_country_asked_travels() -> None:
    data = {"extra_gated_fields": {"Country": "country"}}
    found = read_repository(card_data=data, gated="manual")
    assert (found.country_asked, found.items) == (True, ())


@pytest.mark.parametrize(
    ("data", "worth"), [({"license": "mit"}, False), ({"license": "other"}, True), (NAMED, True), ({}, False)]
)
def test_suggestions_say_whether_texts_are_worth_reading(data: dict[str, Any], worth: bool) -> None:
    assert bool(suggestions(data, False)) is worth


def test_the_result_is_plain_data() -> None:
    found = read_repository(card_data={"restricted_regions": ["CN"]}, gated=False)
    assert isinstance(found, Restrictions)
    assert all(isinstance(one, Declaration) for one in found.items)
