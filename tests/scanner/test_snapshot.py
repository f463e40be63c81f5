"""A dump of the Hub's metadata in place of the Hub: the same answers as by listing, in every form, and no network."""

import gzip
import json
import re
import shutil
import socket
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx2
import pyarrow as pa
import pytest
from pyarrow import parquet
from sqlalchemy import Engine
from typer.testing import CliRunner, Result

from config.regulation import Regulation
from estimators.interface import Basis
from scanner.assess import from_facts
from scanner.assessment import to_json
from scanner.catalogue.database import open_database
from scanner.catalogue.queries import Reader
from scanner.catalogue.store import RunState, Store
from scanner.cli import app
from scanner.counting import count_listed
from scanner.deepread import Options
from scanner.errors import Refused, Unanswered, UsageError
from scanner.facts import ModelFacts
from scanner.restrictions.interface import Status
from scanner.run import Outcome, Scan
from scanner.samplehub import SampleHub
from scanner.scope import Distribution, VerdictStatus
from scanner.selection import Selection
from scanner.sources import snapshot_files
from scanner.sources.rows import EXPAND, decode_row
from scanner.sources.snapshot import Snapshot
from scanner.sources.snapshot_rows import COLUMNS, Kind, facts_of, key_of, parse_line
from tests.scanner.conftest import Bench

MOMENT = datetime(2026, 11, 23, 7, 0, tzinfo=UTC)
ALL = frozenset(column.name for column in COLUMNS)
SHA = "0123456789abcdef0123456789abcdef01234567"
PLAIN = {"id": "a/b", "sha": SHA, "siblings": [{"rfilename": "model.safetensors"}], "cardData": {}, "gated": False}

Row = dict[str, Any]


def listed(hub: SampleHub) -> list[Row]:
    """The rows of the sample Hub that can be decoded."""
    query = "&".join(f"expand={name}" for name in EXPAND)
    rows: list[Row] = httpx2.get(f"{hub.endpoint}/api/models?limit=1000&sort=createdAt&{query}").json()
    return [row for row in rows if decodable(row)]


def decodable(row: Row) -> bool:
    try:
        decode_row(json.dumps(row).encode())
    except ValueError:
        return False
    return True


# Writers of every form ---------------------------------------------------------------------------------------------


def as_lines(rows: Sequence[Row]) -> bytes:
    return b"".join(json.dumps(row).encode() + b"\n" for row in rows)


def jsonl(rows: Sequence[Row], folder: Path) -> Path:
    path = folder / "models.jsonl"
    path.write_bytes(as_lines(rows))
    return path


def jsonl_gz(rows: Sequence[Row], folder: Path) -> Path:
    path = folder / "models.jsonl.gz"
    path.write_bytes(gzip.compress(as_lines(rows)))
    return path


def jsonl_zst(rows: Sequence[Row], folder: Path) -> Path:
    path = folder / "models.jsonl.zst"
    with pa.CompressedOutputStream(str(path), "zstd") as stream:
        stream.write(as_lines(rows))
    return path


def snake(rows: Sequence[Row], folder: Path) -> Path:
    """As Python's client names the fields, with nested ones as text."""
    nested = {column.name for column in COLUMNS if column.kind is Kind.NESTED}
    spelled = {column.name: column.spellings[-1] for column in COLUMNS}
    texts = [
        {spelled[name]: json.dumps(value) if name in nested else value for name, value in row.items()} for row in rows
    ]
    return jsonl(texts, folder)


def parquet_of_texts(rows: Sequence[Row], folder: Path) -> Path:
    """Every nested field as JSON, timestamps as such, in row groups of a few."""
    table = {}
    for column in COLUMNS:
        values = [row.get(column.name) for row in rows]
        if column.kind is Kind.NESTED:
            table[column.spellings[-1]] = pa.array([None if v is None else json.dumps(v) for v in values], pa.string())
        elif column.kind is Kind.GATE:
            table[column.name] = pa.array([str(v) for v in values])
        elif column.kind is Kind.MOMENT:
            moments = [datetime.fromisoformat(str(v)) for v in values]
            table[column.spellings[-1]] = pa.array(moments, pa.timestamp("ms", "UTC"))
        elif column.kind is Kind.COUNT:
            table[column.name] = pa.array([None if v is None else float(v) for v in values])
        else:
            table[column.name] = pa.array(values)
    path = folder / "models.parquet"
    parquet.write_table(pa.table(table), path, row_group_size=7)
    return path


def parquet_of_structs(rows: Sequence[Row], folder: Path) -> Path:
    """Nested fields as nested types: each struct has the members of all rows. Cards are too varied for that."""
    typed = [
        {
            **{name: value for name, value in row.items() if name not in {"cardData", "config", "gated"}},
            "gated": str(row["gated"]).lower(),
            **{name: json.dumps(row[name]) for name in ("cardData", "config") if name in row},
        }
        for row in rows
    ]
    names = {name for row in typed for name in row}
    path = folder / "models.parquet"
    parquet.write_table(pa.Table.from_pylist([{name: row.get(name) for name in names} for row in typed]), path)
    return path


def parts(rows: Sequence[Row], folder: Path) -> Path:
    """A folder of parts, with files that are none."""
    inner = folder / "parts"
    inner.mkdir()
    for number in range(3):
        parquet_of_texts(rows[number::3], inner).rename(inner / f"part-{number}.parquet")
    (inner / "_SUCCESS").touch()
    (inner / "README.md").write_text("no part", encoding="utf-8")
    return inner


FORMS = [jsonl, jsonl_gz, jsonl_zst, snake, parquet_of_texts, parquet_of_structs, parts]


# The command line --------------------------------------------------------------------------------------------------


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    """The command line in an empty folder."""
    monkeypatch.chdir(tmp_path)
    return lambda *words: CliRunner().invoke(app, list(words))


def close_sockets(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever wants a socket, or an address for one, fails."""

    def closed(*_: object, **__: object) -> None:
        raise AssertionError("a snapshot asked the network")

    for name in ("socket", "create_connection", "getaddrinfo", "gethostbyname", "socketpair"):
        monkeypatch.setattr(socket, name, closed)


@pytest.mark.parametrize("form", FORMS, ids=lambda form: form.__name__)
def test_a_snapshot_gives_what_the_listing_gives_and_asks_nobody(
    hub: SampleHub,
    sqlite_engine: Engine,
    migrated_file: Path,
    regulation: Regulation,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    form: Callable[[Sequence[Row], Path], Path],
) -> None:
    bench, rows = Bench(hub, sqlite_engine, regulation), listed(hub)
    another = open_database(f"sqlite:///{shutil.copy(migrated_file, tmp_path / 'another.db')}")
    bench.scan(Selection(everything=True, page_size=50), Options(deep="never"))
    expected = {name: told(one) for name, one in bench.models().items()}
    path = form(rows, tmp_path)
    close_sockets(monkeypatch)
    outcome = scan(Store(another), regulation, path, page_size=20)
    assert (outcome.state, outcome.detail) == (RunState.COMPLETE, "")
    reader = Reader(another)
    run = reader.run(outcome.run_id)
    assert {one.name: told(one) for one in reader.assessments(run)} == expected
    assert run.listed == len({row["_id"] for row in rows})
    assert run.requests == {}
    assert run.source == "huggingface"
    assert run.endpoint.startswith("snapshot:")
    another.dispose()


def told(assessment: Any) -> tuple[Any, ...]:
    """All that does not depend on when it was seen."""
    item = {name: value for name, value in to_json(assessment).items() if name != "observed_at"}
    # The members of a struct have an order of their own, so the data types that a sentence lists do, too.
    for row in item["parameters"]["evidence"]:
        row["note"] = sorted(re.split("[:,] ", row["note"]))
    for row in item["parameters"]["findings"]:
        row["message"] = sorted(re.split("[:,] ", row["message"]))
    return item, assessment.key, assessment.downloads, assessment.likes, assessment.created_at, assessment.last_modified


def scan(store: Store, regulation: Regulation, *paths: Path, page_size: int = 20, **more: Any) -> Outcome:
    source = Snapshot(paths, "0.test", page_size)
    selection = Selection(snapshot=source.title, page_size=page_size)
    options = Options(deep="never")
    return Scan(source, store, selection, [regulation], options, "0.test", now=lambda: MOMENT, **more).execute()


def test_the_command_line_scans_a_file_without_a_socket(
    run: Callable[..., Result], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = [{**PLAIN, "id": f"a/m{number}", "_id": f"{number:024x}"} for number in range(30)]
    jsonl(rows, tmp_path)
    close_sockets(monkeypatch)
    result = run("scan", "--snapshot", "models.jsonl", "--limit", "12")
    assert result.exit_code == 0, result.output
    assert "12 models listed, 0 rows skipped, 0 models read further, 0 requests" in result.stdout
    assert "no column `safetensors`" in result.stderr
    report = run("report", "--format", "json")
    told = json.loads(report.stdout)["run"]
    assert told["selection"] == "--snapshot models.jsonl --limit 12"
    assert told["endpoint"].startswith("snapshot:models.jsonl sha256:")
    assert told["source"] == "huggingface"


@pytest.mark.parametrize(
    ("words", "part"),
    [
        (("--snapshot", "none.parquet"), "no such file"),
        (("--snapshot", "text.parquet"), "no Parquet file"),
        (("--snapshot", "text.csv"), "neither Parquet nor JSON Lines"),
        (("--snapshot", "array.json"), "neither Parquet nor JSON Lines"),
        (("--snapshot", "empty.jsonl"), "neither Parquet nor JSON Lines"),
        (("--snapshot", "no-ids.jsonl"), "no column `id`"),
        (("--snapshot", "no-ids.parquet"), "no column `id`"),
        (("--snapshot", "folder"), ".parquet"),
        (("--snapshot", "good.jsonl", "--all"), "alone"),
        (("--snapshot", "good.jsonl", "--top", "5"), "alone"),
        (("--snapshot", "good.jsonl", "--deep", "always"), "--deep always"),
    ],
)
def test_what_cannot_be_scanned_is_a_usage_error(
    run: Callable[..., Result], tmp_path: Path, words: tuple[str, ...], part: str
) -> None:
    (tmp_path / "text.parquet").write_text("id,sha\n", encoding="utf-8")
    (tmp_path / "text.csv").write_text("id,sha\n", encoding="utf-8")
    (tmp_path / "array.json").write_text('[{"id": "a/b"}]', encoding="utf-8")
    (tmp_path / "empty.jsonl").touch()
    (tmp_path / "no-ids.jsonl").write_text('{"modelId": "a/b"}\n', encoding="utf-8")
    (tmp_path / "good.jsonl").write_text('{"id": "a/b"}\n', encoding="utf-8")
    parquet.write_table(pa.table({"name": ["a/b"]}), tmp_path / "no-ids.parquet")
    (tmp_path / "folder").mkdir()
    result = run("scan", *words)
    assert result.exit_code == 2, result.output
    assert part in result.stderr
    assert not (tmp_path / "hubscope.db").exists()


@pytest.mark.parametrize("form", [jsonl, jsonl_gz, jsonl_zst, parquet_of_texts], ids=lambda form: form.__name__)
def test_a_file_that_is_cut_short_is_3_and_keeps_what_was_read(
    run: Callable[..., Result], hub: SampleHub, tmp_path: Path, form: Callable[[Sequence[Row], Path], Path]
) -> None:
    inner = tmp_path / "parts"
    inner.mkdir()
    rows = listed(hub)
    jsonl(rows[:10], inner).rename(inner / "a.jsonl")
    path = form(rows[10:], inner)
    path.write_bytes(path.read_bytes()[:-100])
    result = run("scan", "--snapshot", "parts", "--quiet")
    assert result.exit_code == 3, result.output
    (line,) = result.stderr.strip().splitlines()
    assert f"{path.name} is cut short or damaged" in line
    assert "10 models listed" in result.stdout or int(result.stdout.split(" models listed")[0].split()[-1]) > 10


# Rows --------------------------------------------------------------------------------------------------------------


def facts(row: Row, told: frozenset[str] = ALL) -> ModelFacts:
    """By a line of JSON, and by plain values; both must say the same."""
    by_line = facts_of(parse_line(json.dumps(row).encode()), told)
    assert by_line == facts_of(row, told)
    return by_line


@pytest.mark.parametrize(
    ("row", "attribute", "value"),
    [
        ({"gated": "false"}, "gated", False),
        ({"gated": "False"}, "gated", False),
        ({"gated": "true"}, "gated", "auto"),
        ({"gated": "manual"}, "gated", "manual"),
        ({"downloads": 12.0}, "downloads", 12),
        ({"downloads": float("nan")}, "downloads", 0),
        ({"disabled": True}, "distribution", Distribution.DISABLED),
        ({"created_at": "2026-06-03 13:47:05"}, "created_at", datetime(2026, 6, 3, 13, 47, 5, tzinfo=UTC)),
        ({"createdAt": None, "created_at": "2026-06-03T13:47:05Z"}, "created_at",
         datetime(2026, 6, 3, 13, 47, 5, tzinfo=UTC)),
        ({"createdAt": "2026-06-03T13:47:05Z", "created_at": "2020-01-01T00:00:00Z"}, "created_at",
         datetime(2026, 6, 3, 13, 47, 5, tzinfo=UTC)),
        ({"tags": '["license:mit"]'}, "license", "mit"),
        ({"tags": ""}, "tags", ()),
        ({"card_data": '{"license": "mit"}'}, "license", "mit"),
        ({"cardData": '{"license": "\\ud800mit"}'}, "license", "\ufffdmit"),
        ({"cardData": '{"license": "mit", "x": NaN}'}, "license", "mit"),
        ({"cardData": "null"}, "card_data", None),
        ({"safetensors": {"parameters": {"F32": 5, "BF16": None}, "total": 5}}, "safetensors_parameters", {"F32": 5}),
        ({"safetensors": '{"parameters": {"F32": 5, "BF16": null}}'}, "safetensors_parameters", {"F32": 5}),
        ({"base_models": {"relation": "adapter", "models": [{"_id": "x", "id": "c/d"}]}}, "base_model", "c/d"),
    ],
)  # fmt: skip
def test_spellings_of_one_value(row: Row, attribute: str, value: object) -> None:
    assert getattr(facts({"id": "a/b", "_id": "1", **row}), attribute) == value


@pytest.mark.parametrize(
    "names", [["model.bin", "x.md"], '["model.bin", "x.md"]', [{"rfilename": "model.bin"}, {"rfilename": "x.md"}]]
)
def test_files_may_be_names_alone(names: object) -> None:
    found = facts({"id": "a/b", "siblings": names}).files
    assert found is not None
    assert [entry.path for entry in found] == ["model.bin", "x.md"]


def test_sizes_and_digests_are_taken_where_a_snapshot_has_them() -> None:
    digest = "ab" * 32
    found = facts({"id": "a/b", "siblings": [{"rfilename": "m.bin", "size": 9, "lfs": {"sha256": digest}}]})
    assert found.files is not None
    assert found.files[0].size == 9
    assert found.digests == {"m.bin": digest}


def test_a_key_is_made_where_none_is_told() -> None:
    assert facts({"id": "a/b"}).key == facts({"id": "A/B"}).key == key_of("a/b")
    assert facts({"id": "a/b", "_id": "65"}).key == "65"
    assert key_of("a/b") != key_of("a/c")


@pytest.mark.parametrize(
    ("row", "part"),
    [
        ({}, "id"),
        ({"id": None}, "id"),
        ({"id": "../b"}, "no name"),
        ({"id": 5}, "id"),
        ({"id": "a/b", "cardData": "{'license': 'mit'}"}, "`cardData` is a text that is no JSON"),
        ({"id": "a/b", "cardData": 'null,"id":"evil/x"'}, "`cardData` is a text that is no JSON"),
        ({"id": "a/b", "cardData": "[" * 50_000 + "]" * 50_000}, "no JSON"),
        ({"id": "a/b", "createdAt": "yesterday"}, "createdAt"),
        ({"id": "a/b", "downloads": "many"}, "downloads"),
        ({"id": "a/b", "gated": "perhaps"}, "gated"),
    ],
)
def test_a_row_that_makes_no_sense_says_what_does_not(row: Row, part: str) -> None:
    for values in (row, parse_line(json.dumps(row).encode())):
        with pytest.raises(ValueError, match=part):
            facts_of(values, ALL)


@pytest.mark.parametrize("line", [b"[1]", b"5", b"nonsense", b'{"id": "a/b"', b"[" * 50_000, b"\xff\xfe"])
def test_a_line_that_is_no_object(line: bytes) -> None:
    with pytest.raises(ValueError, match="no JSON object"):
        parse_line(line)


def test_what_is_no_unicode_is_replaced() -> None:
    assert facts_of(parse_line(b'{"id": "a/b", "cardData": {"license": "m\\ud83dit"}}'), ALL).license == "m\ufffdit"


# What is not told --------------------------------------------------------------------------------------------------


def judged(row: Row, without: Sequence[str], regulation: Regulation) -> Any:
    kept = {name: value for name, value in row.items() if name not in without}
    found = facts(kept, ALL - set(without))
    return from_facts(found, count_listed(found), MOMENT).judged([regulation])


ROW = {
    **PLAIN,
    "_id": "65",
    "safetensors": {"parameters": {"F32": 5_000_000}, "total": 5_000_000},
    "siblings": [{"rfilename": "README.md"}, {"rfilename": "config.json"}],
}


def test_without_files_nothing_is_without_weights(regulation: Regulation) -> None:
    empty = {**ROW, "safetensors": None}
    assert judged(empty, [], regulation).estimate.basis is Basis.NO_WEIGHTS
    for row in ({**empty, "siblings": None}, empty):
        found = judged(row, [] if row["siblings"] is None else ["siblings"], regulation)
        assert (found.estimate.basis, found.estimate.low, found.estimate.high) == (Basis.NONE, 0, None)
        assert found.verdicts[0].status is VerdictStatus.UNDECIDED


def test_without_files_a_small_declared_count_has_no_upper_bound(regulation: Regulation) -> None:
    small = {**ROW, "safetensors": {"parameters": {"F32": 500}, "total": 500}}
    found = judged(small, ["siblings"], regulation)
    assert (found.estimate.low, found.estimate.high) == (500, None)
    assert found.verdicts[0].status is VerdictStatus.UNDECIDED


def test_without_a_card_column_restrictions_are_not_read(regulation: Regulation) -> None:
    assert judged(ROW, [], regulation).restrictions.status is Status.NONE_IN_METADATA
    found = judged(ROW, ["cardData"], regulation)
    assert found.restrictions.status is Status.NOT_READ
    assert "restriction-unverified" in judged({**ROW, "siblings": None}, ["cardData"], regulation).verdicts[0].reasons


def test_without_a_gate_column_its_words_are_not_judged(regulation: Regulation) -> None:
    row = {**ROW, "cardData": {"extra_gated_eu_disallowed": True}, "gated": "auto"}
    assert judged(row, [], regulation).restrictions.status is Status.DECLARED
    assert judged({**row, "gated": False}, [], regulation).restrictions.status is Status.DECLARED_INACTIVE
    assert judged(row, ["gated"], regulation).restrictions.status is Status.NOT_READ
    assert judged(ROW, ["gated"], regulation).restrictions.status is Status.NONE_IN_METADATA


def test_gaps_name_every_column_that_is_missing(tmp_path: Path) -> None:
    whole = jsonl([{**dict.fromkeys(ALL), "id": "a/b"}], tmp_path)
    assert Snapshot([whole], "0").gaps == []
    bare = tmp_path / "bare.jsonl"
    bare.write_text('{"id": "a/b"}\n', encoding="utf-8")
    gaps = Snapshot([bare], "0").gaps
    assert len(gaps) == len(COLUMNS) - 1
    assert "the snapshot has no column `_id`" in gaps[0]
    assert "bare.jsonl has no column `siblings`" in Snapshot([whole, bare], "0").gaps[-1]


# Places ------------------------------------------------------------------------------------------------------------


def pages(source: Snapshot, place: str | None = None) -> Iterator[tuple[str, list[str], list[str], str | None]]:
    place = place or source.first_page()
    while place is not None:
        page = source.page(place)
        yield place, [row.name for row in page.rows], [bad.subject for bad in page.bad], page.next
        place = page.next


@pytest.mark.parametrize("form", FORMS, ids=lambda form: form.__name__)
def test_every_place_can_be_gone_on_from(
    hub: SampleHub, tmp_path: Path, form: Callable[[Sequence[Row], Path], Path]
) -> None:
    path = form(listed(hub), tmp_path)
    through = list(pages(Snapshot([path], "0", page_size=9)))
    assert len(through) >= 7
    assert {len(names) + len(bad) for _, names, bad, _ in through[:2]} == {9}
    for number, (place, *_) in enumerate(through):
        assert list(pages(Snapshot([path], "0", page_size=9), place)) == through[number:]


@pytest.mark.parametrize("form", [jsonl, jsonl_gz, parquet_of_texts], ids=lambda form: form.__name__)
def test_an_interrupted_scan_goes_on_behind_its_last_page(
    sqlite_engine: Engine,
    regulation: Regulation,
    hub: SampleHub,
    tmp_path: Path,
    form: Callable[[Sequence[Row], Path], Path],
) -> None:
    path, store = form(listed(hub), tmp_path), Store(sqlite_engine)

    def stop(progress: Any) -> None:
        if progress.listed >= 30:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        scan(store, regulation, path, page_size=10, watch=stop)
    assert Reader(sqlite_engine).run(1).listed == 30
    outcome = scan(store, regulation, path, page_size=10)
    assert outcome.resumed
    assert outcome.state is RunState.COMPLETE
    assert Reader(sqlite_engine).run(outcome.run_id).listed == len({row["_id"] for row in listed(hub)})


def test_another_content_is_another_snapshot(tmp_path: Path) -> None:
    path = jsonl([PLAIN], tmp_path)
    before = Snapshot([path], "0").client.endpoint
    assert before == Snapshot([path], "0").client.endpoint
    jsonl([{**PLAIN, "likes": 1}], tmp_path)
    assert Snapshot([path], "0").client.endpoint != before


def test_bad_rows_stand_beside_the_others(tmp_path: Path) -> None:
    path = tmp_path / "models.jsonl"
    path.write_bytes(
        b'\xef\xbb\xbf{"id": "a/first"}\r\n\n{"id": "a/bad", "downloads": "many"}\nnonsense\n{}\n{"id": "a/last"}'
    )
    ((_, names, bad, following),) = pages(Snapshot([path], "0"))
    assert names == ["a/first", "a/last"]
    assert bad == ["a/bad", "row 4 of models.jsonl", "row 5 of models.jsonl"]
    assert following is None


def test_a_line_without_end_is_one_bad_row(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(snapshot_files, "MAX_LINE_BYTES", 1000)
    monkeypatch.setattr(snapshot_files, "BUFFER_BYTES", 100)
    path = tmp_path / "models.jsonl"
    path.write_bytes(as_lines([{"id": "a/b"}, {"id": "a/long", "x": "y" * 5000}, {"id": "c/d"}]))
    ((_, names, bad, _),) = pages(Snapshot([path], "0"))
    assert (names, bad) == (["a/b", "c/d"], ["row 2 of models.jsonl"])


def test_values_that_python_has_none_for_cost_only_themselves(tmp_path: Path) -> None:
    table = pa.table(
        {
            "id": ["a/b", "c/d"],
            "createdAt": pa.array([10**18, 1_700_000_000 * 10**6], pa.timestamp("us")),
            "lastModified": pa.array([None, 1_700_000_000_123_456_789], pa.timestamp("ns", "UTC")),
            "tags": pa.array([["license:mit"], None], pa.list_(pa.string())),
            "safetensors": pa.array([None, [("total", 7)]], pa.map_(pa.string(), pa.int64())),
            "sha": pa.array([SHA, None]).dictionary_encode(),
            "unknown": [1, 2],
        }
    )
    parquet.write_table(table, tmp_path / "models.parquet")
    first, second = Snapshot([tmp_path / "models.parquet"], "0").page("0:0:0").rows
    assert isinstance(first, ModelFacts)
    assert isinstance(second, ModelFacts)
    assert (first.created_at, first.license, first.sha) == (None, "mit", SHA)
    assert second.created_at == datetime.fromtimestamp(1_700_000_000, UTC)
    assert second.last_modified == datetime.fromtimestamp(1_700_000_000, UTC).replace(microsecond=123456)
    assert second.safetensors_total == 7


def test_a_large_row_group_is_not_held_at_once(tmp_path: Path) -> None:
    import random

    card = [json.dumps({"text": random.Random(number).randbytes(1000).hex()}) for number in range(20_000)]
    table = pa.table({"id": [f"a/{number}" for number in range(20_000)], "cardData": card})
    parquet.write_table(table, tmp_path / "models.parquet", row_group_size=20_000)
    size = table.nbytes
    del table
    source = Snapshot([tmp_path / "models.parquet"], "0", page_size=1000)
    before, most, seen, place = pa.total_allocated_bytes(), 0, 0, source.first_page()
    following: str | None = place
    while following is not None:
        page = source.page(following)
        following, seen = page.next, seen + len(page.rows)
        most = max(most, pa.total_allocated_bytes() - before)
    assert seen == 20_000
    assert most < size / 2


def test_a_damaged_page_is_told_after_what_was_before_it(tmp_path: Path) -> None:
    path = parquet_of_texts([{**PLAIN, "id": f"a/m{n}", "createdAt": "2026-06-03T13:47:05Z",
                              "lastModified": "2026-06-03T13:47:05Z"} for n in range(21)], tmp_path)  # fmt: skip
    start = parquet.ParquetFile(path).metadata.row_group(1).column(0).data_page_offset
    data = bytearray(path.read_bytes())
    data[start : start + 40] = b"\xff" * 40
    path.write_bytes(bytes(data))
    source = Snapshot([path], "0")
    page = source.page(source.first_page())
    assert [row.name for row in page.rows] == [f"a/m{n}" for n in range(7)]
    assert page.next == "0:7:0"
    with pytest.raises(Unanswered, match=r"models\.parquet is cut short or damaged behind row 7") as raised:
        source.page(page.next)
    assert raised.value.code == "cut-short"


def test_a_snapshot_cannot_be_asked_for_more_than_its_rows(tmp_path: Path) -> None:
    source = Snapshot([jsonl([PLAIN], tmp_path)], "0")
    with pytest.raises(Refused, match="not in the snapshot"):
        source.model("a/b")
    with pytest.raises(Refused, match="not in the snapshot"):
        source.text("a/b", SHA, "README.md", max_bytes=10)
    with pytest.raises(Refused, match="not in the snapshot"):
        source.file("a/b", SHA, "model.safetensors").open()
    assert source.client.sent == source.client.asked == 0


def test_a_selection_of_a_snapshot_is_of_it_alone() -> None:
    with pytest.raises(UsageError, match="alone"):
        Selection(snapshot="x", names=("a/b",))
    selection = Selection(snapshot="x", limit=5)
    assert (selection.sweep, selection.whole, selection.lists, selection.cap) == (False, False, False, 5)
