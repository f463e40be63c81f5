from collections.abc import Iterator
from typing import get_args, get_type_hints

from notifiers.columns import columns
from notifiers.fields import MODEL_FIELDS, VERDICT_FIELDS, FieldType
from notifiers.rows import ModelRow, RowVerdict, Verdict
from tests.notifiers.batching import batches
from tests.notifiers.conftest import MakeRow

FILLED_IN = {"gated"}  # fields whose row may hold None, and that say something else instead


def optional(owner: type, name: str) -> bool:
    return type(None) in get_args(get_type_hints(owner)[name])


def test_a_field_may_be_none_where_its_row_may() -> None:
    of_models = {entry.name: entry.nullable for entry in MODEL_FIELDS if entry.name not in FILLED_IN}
    of_verdicts = {entry.name: entry.nullable for entry in VERDICT_FIELDS}
    assert of_models == {name: optional(ModelRow, name) for name in of_models}
    assert of_verdicts == {name: optional(RowVerdict, name) for name in of_verdicts}
    bare = ModelRow(model="m")
    assert all(entry.get(bare) is not None for entry in MODEL_FIELDS if not entry.nullable)


def test_only_texts_have_few_different_values() -> None:
    of_models = {entry.type for entry in MODEL_FIELDS if entry.categorical}
    assert of_models | {entry.type for entry in VERDICT_FIELDS if entry.categorical} == {FieldType.TEXT, FieldType.LIST}
    assert not any(entry.categorical for entry in MODEL_FIELDS if entry.name in {"model", "revision"})


def test_columns_are_the_registry_and_each_regulations_verdict() -> None:
    found = columns(["cn-2026", "eu"])
    assert [column.name for column in found[: len(MODEL_FIELDS)]] == [entry.name for entry in MODEL_FIELDS]
    assert [column.regulation for column in found[len(MODEL_FIELDS) :: len(VERDICT_FIELDS)]] == ["cn-2026", "eu"]
    assert len({column.name for column in found}) == len(found)
    assert all(column.nullable for column in found if column.regulation is not None)


def test_batches_hold_the_rows_by_column(make_row: MakeRow) -> None:
    judged = ModelRow(model="b", verdicts=(RowVerdict("eu", Verdict.UNDECIDED, Verdict.IN_SCOPE, ("a", "b")),))
    found = list(batches([make_row("a"), judged, make_row("c")], ["eu"], size=2))
    assert [batch["model"] for batch in found] == [["a", "b"], ["c"]]
    assert found[0]["eu.status"] == [None, "undecided"]
    assert found[0]["eu.reasons"] == [None, ("a", "b")]
    assert found[0]["gated"] == ["a", "false"]
    for batch in found:
        assert list(batch) == [column.name for column in columns(["eu"])]
        assert all(len(values) == len(batch["model"]) for values in batch.values())


def test_rows_are_read_as_they_are_wanted() -> None:
    def rows() -> Iterator[ModelRow]:
        while True:
            yield ModelRow(model="endless")

    found = batches(rows(), [], size=3)
    assert next(found)["model"] == ["endless"] * 3


def test_no_rows_make_no_batch() -> None:
    assert list(batches([], ["eu"])) == []
