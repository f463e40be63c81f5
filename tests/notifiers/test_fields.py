from dataclasses import fields
from datetime import datetime

import pytest
from markdown_it import MarkdownIt

from notifiers.fields import MODEL_FIELDS, VERDICT_FIELDS, FieldType, Value, data_dictionary_markdown, field
from notifiers.rows import ModelRow, RowVerdict
from tests.notifiers.conftest import MakeRow

TYPES: dict[FieldType, type | tuple[type, ...]] = {
    FieldType.TEXT: str,
    FieldType.LIST: tuple,
    FieldType.INTEGER: int,
    FieldType.NUMBER: (int, float),
    FieldType.BOOLEAN: bool,
    FieldType.MOMENT: datetime,
}


def test_every_attribute_of_a_row_is_a_field_and_the_other_way_round() -> None:
    assert [entry.name for entry in MODEL_FIELDS] == [f.name for f in fields(ModelRow) if f.name != "verdicts"]
    assert [entry.name for entry in VERDICT_FIELDS] == [f.name for f in fields(RowVerdict) if f.name != "regulation"]


def test_values_have_the_type_that_is_promised(make_row: MakeRow) -> None:
    row = make_row("x")
    values: list[tuple[Value, FieldType]] = [(entry.get(row), entry.type) for entry in MODEL_FIELDS]
    values += [(entry.get(row.verdicts[0]), entry.type) for entry in VERDICT_FIELDS]
    assert all(value is None or isinstance(value, TYPES[kind]) for value, kind in values)


def test_not_gated_is_told_apart_from_unknown() -> None:
    assert field("gated").get(ModelRow(model="m")) == "false"


def test_numbers_have_units_and_all_have_definitions() -> None:
    told = [(entry.definition, entry.unit, entry.type) for entry in MODEL_FIELDS]
    told += [(entry.definition, entry.unit, entry.type) for entry in VERDICT_FIELDS]
    for definition, unit, kind in told:
        assert definition
        assert bool(unit) == (kind in {FieldType.INTEGER, FieldType.NUMBER, FieldType.MOMENT})


def test_the_dictionary_has_a_row_for_each() -> None:
    tokens = MarkdownIt("commonmark").enable("table").parse(data_dictionary_markdown())
    rows = [token for token in tokens if token.type == "tr_open"]
    assert len(rows) == len(MODEL_FIELDS) + len(VERDICT_FIELDS) + 2


def test_an_unknown_field_is_a_bug() -> None:
    with pytest.raises(KeyError):
        field("size")
