"""Rows of the listing: what is taken from them, and that a malformed or hostile one costs only itself."""

import contextlib
import json
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from estimators.roles import FileEntry
from scanner.facts import ModelFacts
from scanner.scope import Distribution
from scanner.sources.rows import MAX_COUNT, MAX_DEPTH, NotJson, decode_page, decode_row, facts_of

GOOD = b'{"_id":"621ffdc036468d709f17434d","id":"acme/good"}'
SHA = "0123456789abcdef0123456789abcdef01234567"


def row(**fields: Any) -> bytes:
    return json.dumps({"_id": "621ffdc036468d709f17434e", "id": "acme/rocket", **fields}).encode()


def raw_row(fields: bytes) -> bytes:
    return b'{"_id":"621ffdc036468d709f17434e","id":"acme/rocket",' + fields + b"}"


def page(*rows: bytes) -> bytes:
    return b"[" + b",".join(rows) + b"]"


def facts(**fields: Any) -> ModelFacts:
    return decode_row(row(**fields))


# What is taken ---------------------------------------------------------------------------------------------------


def test_a_bare_row_is_a_model() -> None:
    assert decode_row(GOOD) == ModelFacts("621ffdc036468d709f17434d", "acme/good", "huggingface")


def test_a_whole_row() -> None:
    found = facts(
        sha=SHA,
        createdAt="2026-06-03T13:47:05.000Z",
        lastModified="2026-06-03T15:47:05+02:00",
        downloads=12,
        likes=3,
        gated="manual",
        disabled=False,
        private=False,
        tags=["license:mit", "region:us"],
        library_name="transformers",
        cardData={"license": "mit", "base_model": "acme/base"},
        baseModels={"relation": "quantized", "models": [{"_id": "x", "id": "acme/true-base"}]},
        config={"architectures": ["A"], "quantization_config": {"bits": 4}},
        safetensors={"parameters": {"BF16": 7_615_616_512}, "total": 333_312},
        gguf={"total": 8, "architecture": "llama"},
        siblings=[
            {"rfilename": "a.safetensors", "size": 9, "blobId": SHA, "lfs": {"sha256": "ab" * 32, "size": 9}},
            {"rfilename": "b.txt"},
            {"rfilename": "c.bin", "size": None, "lfs": None, "blobId": "c" * 40},
            {"rfilename": "d.bin", "blobId": "no digest"},
            {"rfilename": "e.bin", "blobId": 1},
        ],
    )
    moment = datetime(2026, 6, 3, 13, 47, 5, tzinfo=UTC)
    assert (found.created_at, found.last_modified) == (moment, moment)
    assert (found.sha, found.downloads, found.likes, found.gated) == (SHA, 12, 3, "manual")
    assert (found.license, found.base_model) == ("mit", "acme/true-base")
    assert (found.safetensors_total, found.safetensors_parameters) == (333_312, {"BF16": 7_615_616_512})
    assert (found.gguf_total, found.quantization, found.described) == (8, {"bits": 4}, True)
    assert found.files is not None
    assert [file.path for file in found.files] == ["a.safetensors", "b.txt", "c.bin", "d.bin", "e.bin"]
    assert found.files[:2] == (FileEntry("a.safetensors", 9), FileEntry("b.txt", None))
    assert found.digests == {"a.safetensors": "ab" * 32}
    assert found.blobs == {"c.bin": "c" * 40}, "of a file in LFS it would name the pointer"


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({}, Distribution.PUBLIC),
        ({"private": True}, Distribution.PRIVATE),
        ({"disabled": True}, Distribution.DISABLED),
        ({"disabled": True, "private": True}, Distribution.DISABLED),
        ({"disabled": None, "private": None}, Distribution.PUBLIC),
    ],
)
def test_distribution(fields: dict[str, Any], expected: Distribution) -> None:
    assert facts(**fields).distribution is expected


@pytest.mark.parametrize(
    ("value", "expected"), [(False, False), (None, False), ("auto", "auto"), ("manual", "manual"), (True, "auto")]
)
def test_gated(value: Any, expected: Any) -> None:
    assert facts(gated=value).gated == expected


@pytest.mark.parametrize(
    ("card", "tags", "expected"),
    [
        ({"license": "mit"}, ["license:apache-2.0"], "mit"),
        ({"license": ["mit", "other"]}, [], "mit"),
        ({"license": "other", "license_name": "llama4"}, [], "llama4"),
        ({"license": "other", "license_name": 7}, [], "other"),
        ({"license": []}, ["x", "license:mit"], "mit"),
        ({"license": {"a": 1}}, ["license:mit"], "mit"),
        (None, ["license:mit"], "mit"),
        ({}, [], None),
        ({"license": ""}, [], None),
        ({"license": "x" * 999}, [], "x" * 200),
    ],
)
def test_licence(card: Any, tags: list[str], expected: str | None) -> None:
    assert facts(cardData=card, tags=tags).license == expected


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"baseModels": {"models": []}, "cardData": {"base_model": "a/b"}}, "a/b"),
        ({"baseModels": ["a/b"], "cardData": {"base_model": ["c/d", "e/f"]}}, "c/d"),
        ({"baseModels": {"models": [7]}, "cardData": {"base_model": 7}, "tags": ["base_model:quantized:a/b"]}, "a/b"),
        ({"tags": ["base_model:a/b"]}, "a/b"),
        ({"cardData": {"base_model": []}}, None),
        ({"cardData": {"base_model": ""}}, None),
    ],
)
def test_base_model(fields: dict[str, Any], expected: str | None) -> None:
    assert facts(**fields).base_model == expected


# What is worth no model ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("safetensors", {"parameters": {"F32": 1}}),
        ("safetensors", {"total": 7}),
        ("safetensors", {"parameters": [1, 2], "total": "many"}),
        ("safetensors", []),
        ("safetensors", "none"),
        ("gguf", {"total": -1}),
        ("gguf", {"total": True}),
        ("gguf", 7),
        ("cardData", ["a", "list"]),
        ("cardData", "text"),
        ("config", 7),
        ("config", {"quantization_config": "4bit"}),
        ("tags", "one"),
        ("tags", [1, None, "two"]),
        ("siblings", {"rfilename": "x"}),
        ("siblings", [7, None, {}, {"rfilename": 7}, {"rfilename": ""}, {"rfilename": "x", "size": "big", "lfs": 7}]),
        ("baseModels", {"models": {"id": "x"}}),
        ("sha", "main"),
        ("sha", SHA.upper()),
        ("sha", ""),
        ("downloads", -5),
        ("likes", 10**30),
    ],
)
def test_an_odd_field_does_not_cost_the_model(name: str, value: Any) -> None:
    found = facts(**{name: value})
    assert found.name == "acme/rocket"
    assert found.sha is None
    assert found.safetensors_total in {None, 7}
    assert found.gguf_total is None
    assert 0 <= found.likes <= MAX_COUNT
    assert found.downloads == 0
    assert all(isinstance(tag, str) for tag in found.tags)
    assert found.files in (None, (FileEntry("x", None),))


def test_integers_of_any_length() -> None:
    digits = b"1" + b"0" * 400
    found = decode_row(
        raw_row(
            b'"downloads":%b,"likes":-%b,"safetensors":{"total":%b,"parameters":{"F32":%b}},"gguf":{"total":%b}'
            % ((digits,) * 5)
        )
    )
    assert (found.downloads, found.likes) == (MAX_COUNT, 0)
    assert (found.safetensors_total, found.gguf_total) == (None, None)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2025-01-01T00:00:00", datetime(2025, 1, 1, tzinfo=UTC)),
        ("2025-01-01T00:00:00Z", datetime(2025, 1, 1, tzinfo=UTC)),
        ("2025-01-01T05:00:00+05:00", datetime(2025, 1, 1, tzinfo=UTC)),
        ("0001-01-01T00:00:00+14:00", None),
        ("9999-12-31T23:59:59-14:00", None),
    ],
)
def test_every_moment_can_be_compared(text: str, expected: datetime | None) -> None:
    assert facts(createdAt=text).created_at == expected


# Rows that are bad -----------------------------------------------------------------------------------------------

BAD: dict[str, bytes] = {
    "no id": b'{"_id":"x"}',
    "no _id": b'{"id":"acme/rocket"}',
    "not an object": b"7",
    "null": b"null",
    "an array": b"[1,[2],{}]",
    "id of another type": row(id=7),
    "id too long": row(id="a/" + "b" * 300),
    "id empty": row(id=""),
    "id with control characters": row(id="acme/\u001b[31m"),
    "id turned around": row(id="acme/\u202egnp"),
    "id with steps up": row(id="../settings"),
    "id of three parts": row(id="a/b/c"),
    "id without a name": row(id="acme/"),
    "key unprintable": row(_id="x\n"),
    "numeric date": row(createdAt=1_772_439_872),
    "no date": row(createdAt="yesterday"),
    "gated in other words": row(gated="maybe"),
    "downloads in words": row(downloads="many"),
    "disabled in words": row(disabled="no"),
    "nested without end": raw_row(b'"cardData":' + b"[" * 100_000 + b"]" * 100_000),
    "nested objects without end": raw_row(b'"cardData":' + b'{"a":' * 50_000 + b"1" + b"}" * 50_000),
    "nested beyond the parser": raw_row(b'"tags":' + b"[" * 1100 + b"]" * 1100),
    "nested beyond use": row(cardData=json.loads('{"a":' * (MAX_DEPTH + 1) + "1" + "}" * (MAX_DEPTH + 1))),
    "quantisation nested beyond use": row(config={"quantization_config": {"a": json.loads("[" * 200 + "]" * 200)}}),
    "not a number": raw_row(b'"cardData":{"a":NaN}'),
    "digits beyond conversion": raw_row(b'"cardData":{"a":1' + b"0" * 5000 + b"}"),
    "comma too many": raw_row(b'"tags":["a",]'),
    "bare word": raw_row(b'"tags":none'),
    "unknown escape": raw_row(b'"sha":"\\x41"'),
    "control character in a string": raw_row(b'"sha":"a\nb"'),
}


@pytest.mark.parametrize("name", BAD)
def test_a_bad_row_costs_only_itself(name: str) -> None:
    good, bad = decode_page(page(GOOD, BAD[name], GOOD))
    assert [model.name for model in good] == ["acme/good", "acme/good"]
    (found,) = bad
    assert found.code == "bad-row"
    assert found.message
    with pytest.raises(ValueError):  # noqa: PT011 - of either kind
        decode_row(BAD[name])


@pytest.mark.parametrize(
    ("name", "subject"),
    [
        ("no id", "row 2 of the page"),
        ("not an object", "row 2 of the page"),
        ("numeric date", "acme/rocket"),
        ("nested without end", "acme/rocket"),
        ("not a number", "acme/rocket"),
        ("id of another type", "row 2 of the page"),
    ],
)
def test_a_bad_row_is_named_where_it_can_be(name: str, subject: str) -> None:
    assert decode_page(page(GOOD, BAD[name]))[1][0].subject == subject


def test_all_bad_rows_at_once() -> None:
    good, bad = decode_page(page(*BAD.values(), GOOD))
    assert (len(good), len(bad)) == (1, len(BAD))


REPAIRED: dict[str, tuple[bytes, str]] = {
    "half a pair": (b'"\\ud800"', "\ufffd"),
    "the other half": (b'"a\\uDC00b"', "a\ufffdb"),
    "halves apart": (b'"\\ud800x\\udc00"', "\ufffdx\ufffd"),
    "two first halves": (b'"\\ud800\\ud800\\udc00"', "\ufffd\U00010000"),
    "a whole pair beside a half": (b'"\\ud83d\\ude00\\ud83d"', "\U0001f600\ufffd"),
    "an escaped backslash": (b'"\\\\ud800\\udfff"', "\\ud800\ufffd"),
    "no UTF-8": (b'"a\xff\xfeb"', "a\ufffd\ufffdb"),
    "half a pair in bytes": (b'"\xed\xa0\x80"', "\ufffd\ufffd\ufffd"),
}


@pytest.mark.parametrize("name", REPAIRED)
def test_text_that_is_none_does_not_hide_a_model(name: str) -> None:
    """An author could else keep a model out of every listing by half a character in its card."""
    text, expected = REPAIRED[name]
    good, bad = decode_page(page(raw_row(b'"tags":[' + text + b'],"cardData":{"x":' + text + b"}"), GOOD))
    assert not bad
    found = facts_of(good[0])
    assert found.tags == (expected,)
    assert found.card_data == {"x": expected}
    assert found.tags[0].encode()  # can be stored


def test_the_last_of_repeated_keys_counts() -> None:
    assert decode_row(raw_row(b'"id":"acme/last","downloads":1,"downloads":2')).name == "acme/last"


# Pages that are none ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[",
        b"]",
        b"<!doctype html><h1>Checking</h1>",
        b'{"error":"no"}',
        b'"text"',
        b"null",
        b"[" + GOOD,
        b"[" + GOOD + b",",
        b"[" + GOOD[:-5],
        b"[" + GOOD + b'],"more"',
        b"[" + GOOD + b"}",
        b'["unterminated',
        b"[" * 100_000,
        b"{" * 100_000,
    ],
    ids=range(15),
)
def test_a_page_that_is_none(body: bytes) -> None:
    with pytest.raises(NotJson):
        decode_page(body)


@pytest.mark.parametrize("body", [b"[]", b" [ ] ", b"[\n]\n"])
def test_an_empty_page(body: bytes) -> None:
    assert decode_page(body) == ([], [])


def test_a_page_cut_anywhere_is_no_page() -> None:
    whole = page(row(cardData={"a": [1, "x]},{["]}), row(tags=["\\", '"', "\u2028"]))
    for at in range(len(whole)):
        with pytest.raises(NotJson):
            decode_page(whole[:at])


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=12,
)
NAMES = [
    "_id", "id", "sha", "createdAt", "lastModified", "downloads", "likes", "gated", "disabled", "private", "tags",
    "cardData", "baseModels", "config", "safetensors", "gguf", "siblings", "other",
]  # fmt: skip


@settings(max_examples=200, deadline=None)
@given(rows=st.lists(st.dictionaries(st.sampled_from(NAMES), JSON, max_size=8), max_size=4), broken=st.booleans())
def test_any_json_is_a_model_or_a_bad_row(rows: list[dict[str, Any]], broken: bool) -> None:
    bodies = [
        row(**{name: value for name, value in one.items() if broken or name not in {"_id", "id"}}) for one in rows
    ]
    bodies += [BAD["not a number"]] if broken else []
    good, bad = decode_page(page(*bodies))
    assert len(good) + len(bad) == len(bodies)
    for model in map(facts_of, good):
        # What was decoded can be stored and read back.
        assert msgspec.convert(json.loads(msgspec.json.encode(model)), ModelFacts).name == model.name


@settings(max_examples=200, deadline=None)
@given(body=st.binary(max_size=60) | st.text(alphabet='[]{}",:\\ud8 0a', max_size=60).map(str.encode))
def test_any_bytes_at_all_are_rows_or_no_page(body: bytes) -> None:
    with contextlib.suppress(NotJson):
        decode_page(body)


def test_the_listing_asks_for_known_fields_and_each_is_decoded() -> None:
    """A field that the Hub does not know is ignored without a word; one that nobody decodes is bytes for nothing."""
    from typing import get_args

    from huggingface_hub.hf_api import ExpandModelProperty_T

    from scanner.sources import rows

    assert set(rows.EXPAND) <= set(get_args(ExpandModelProperty_T))
    decoded = {field.encode_name for field in msgspec.structs.fields(rows.Row)}
    assert decoded == {*rows.EXPAND, "id", "_id"}
