"""Licence texts by digest: what comes out is what the digest names, or nothing."""

import hashlib
import zlib
from collections.abc import Mapping

import pytest
from sqlalchemy import Engine, select, update

from scanner.catalogue.core import LICENCE_TEXT
from scanner.catalogue.licence_texts import drop_oldest_texts
from scanner.catalogue.store import Batch, Store
from scanner.samplehub import Blob
from tests.scanner.making import begin

TEXT = "Use it as you like, but not on Mondays. 不得用于周一。".encode()
DIGEST = Blob.of(TEXT).git_oid


@pytest.fixture
def store(engine: Engine) -> Store:
    return Store(engine)


def keep(store: Store, texts: Mapping[str, bytes], used: tuple[str, ...] = ()) -> int:
    run = begin(store)
    store.save(run, Batch(texts=texts, texts_used={*texts, *used}))
    return run


def kept(engine: Engine) -> dict[str, int]:
    with engine.connect() as connection:
        rows = connection.execute(select(LICENCE_TEXT.c.digest, LICENCE_TEXT.c.last_run)).all()
    return {row.digest: row.last_run for row in rows}


@pytest.mark.parametrize("digest", [DIGEST, hashlib.sha256(TEXT).hexdigest()])
def test_a_text_comes_out_by_either_kind_of_digest(store: Store, digest: str) -> None:
    keep(store, {digest: TEXT})
    assert store.remembered_text(digest) == TEXT


def test_a_text_that_is_not_there(store: Store) -> None:
    assert store.remembered_text(DIGEST) is None


@pytest.mark.parametrize(
    "packed",
    [b"", b"\x00", zlib.compress(TEXT)[:-1], zlib.compress(TEXT + b"."), zlib.compress(b"\x00" * (1 << 25))],
    ids=["empty", "no-zlib", "cut-off", "another-text", "too-long"],
)
def test_a_damaged_row_is_as_good_as_none_and_is_replaced(store: Store, packed: bytes) -> None:
    keep(store, {DIGEST: TEXT})
    with store.engine.begin() as connection:
        connection.execute(update(LICENCE_TEXT).values(packed=packed))
    assert store.remembered_text(DIGEST) is None
    keep(store, {DIGEST: TEXT})
    assert store.remembered_text(DIGEST) == TEXT


def test_the_texts_that_were_of_no_use_the_longest_go_first(store: Store) -> None:
    texts = {name: name.encode() * 100 for name in ("a", "b", "c")}
    first = keep(store, texts)
    second = keep(store, {}, used=("a",))
    assert kept(store.engine) == {"a": second, "b": first, "c": first}
    size = len(zlib.compress(texts["a"]))
    with store.engine.begin() as connection:
        drop_oldest_texts(connection, 2 * size)
    assert set(kept(store.engine)) == {"a", "c"}
    with store.engine.begin() as connection:
        drop_oldest_texts(connection, 2 * size)
    assert set(kept(store.engine)) == {"a", "c"}
