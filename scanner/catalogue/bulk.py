"""Write what has no history, in a transaction of the caller's: models that are new or the same, work, files, problems.

What a page of the listing costs is spent here, so rows go to the driver as they are.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from operator import itemgetter
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, delete, insert, update

from scanner.catalogue import driver, records
from scanner.catalogue.coding import SOURCES, key_bytes, seconds
from scanner.catalogue.core import MODEL, PENDING, PROBLEM, chunks

if TYPE_CHECKING:
    from scanner.catalogue.kinds import Kinds
    from scanner.catalogue.store import Conditions, Work
    from scanner.counting import Learned
    from scanner.listed import Listed

NEW_COLUMNS = (
    "key", "name", "source", "created_at", "last_modified", "sha", "downloads", "likes", "listed", "profile",
    "base_model", "license", "low", "point", "high", "stored_elements", "buffers", "declared_total", "declared_sum",
    "observed_at", "judgement", "detail",
)  # fmt: skip
RUN_COLUMNS = ("first_run", "last_run", "since_run", "judged_since")

PUT_PENDING = driver.replace_text(
    "pending_read", ("model_key", "run_id", "downloads", "count", "texts", "listed", "work"), "model_key"
)
PUT_BLOB = driver.replace_text("blob", ("digest", "size", "estimate"), "digest")


def write_new(
    connection: Connection, run_id: int, moment: datetime | None, listed: Sequence[Listed], kinds: Kinds
) -> None:
    """Add models that the catalogue did not hold.

    Args:
        connection: in a transaction.
        run_id: the run that listed them.
        moment: when it did.
        listed: the models; of a key that comes twice, the later one counts.
        kinds: profiles and judgements by number.
    """
    if not listed:
        return
    assert moment is not None  # noqa: S101 - whoever hands over new rows says when they were listed
    observed_at = seconds(moment)
    # The same few objects come again and again, so they are told apart by where they lie; all are kept by `listed`.
    profiles: dict[int, int] = {}
    judgements: dict[int, int | None] = {}
    sources = {source: place for place, source in enumerate(SOURCES)}
    rows: dict[bytes, tuple[Any, ...]] = {}
    for (
        key, name, source, created_at, last_modified, sha, downloads, likes, mark, profile, base_model, licence,
        low, point, high, stored, buffers, total, declared_sum, rulings, detail,
    ) in listed:  # fmt: skip
        if (number := profiles.get(id(profile))) is None:
            number = profiles[id(profile)] = kinds.profile(connection, profile)
        if id(rulings) not in judgements:
            judgements[id(rulings)] = kinds.judgement(connection, rulings)
        rows[key] = (
            key, name if name.isprintable() else records.printable(name), sources[source], created_at, last_modified,
            sha, downloads, likes, mark, number,
            base_model if base_model is None or base_model.isprintable() else records.printable(base_model),
            licence if licence is None or licence.isprintable() else records.printable(licence),
            low, point, high, stored, buffers, total, declared_sum, observed_at,
            judgements[id(rulings)], detail,
        )  # fmt: skip
    run = ", ".join([f"{run_id:d}"] * len(RUN_COLUMNS))
    marks = ", ".join("?" * len(NEW_COLUMNS))
    statement = f"INSERT INTO model ({', '.join((*NEW_COLUMNS, *RUN_COLUMNS))}) VALUES ({marks}, {run})"  # noqa: S608
    driver.run_many(connection, statement, [rows[key] for key in sorted(rows)])


def write_same(connection: Connection, run_id: int, same: Sequence[tuple[int, int, bytes]]) -> None:
    """Bring the figures of models up to date of which the listing says what it said before."""
    statement = f"UPDATE model SET downloads = ?, likes = ?, last_run = {run_id:d} WHERE key = ?"  # noqa: S608
    driver.run_many(connection, statement, sorted(same, key=itemgetter(2)))


def write_looked(connection: Connection, looked: Sequence[tuple[str, Conditions]], outdated: Sequence[str]) -> None:
    """Note under which conditions files of models were looked at; what was not looked at stays as it is.

    Args:
        connection: in a transaction.
        looked: the conditions by key.
        outdated: keys of models whose texts have not been looked at as they are now.
    """
    for chunk in chunks(outdated):
        connection.execute(update(MODEL).where(MODEL.c.key.in_(chunk)).values(texts_looked=None))
    for column in ("count", "texts"):
        rows = [(bytes.fromhex(mark), key_bytes(key)) for key, one in looked if (mark := getattr(one, column))]
        driver.run_many(connection, f"UPDATE model SET {column}_looked = ? WHERE key = ?", rows)  # noqa: S608


def write_pending(connection: Connection, run_id: int, pending: Sequence[Work], done: Sequence[str]) -> None:
    """Replace what is noted of models whose files are to be looked at; forget those that have been."""
    noted = {work.key: work for work in pending}
    for chunk in chunks([key for key in done if key not in noted]):
        connection.execute(delete(PENDING).where(PENDING.c.model_key.in_(chunk)))
    rows = [(key_bytes(w.key), run_id, w.downloads, w.count, w.texts, w.listed, w.work) for w in noted.values()]
    driver.run_many(connection, PUT_PENDING, sorted(rows))


def settle(connection: Connection, looked: Iterable[str], pending: Sequence[Work], done: Iterable[str]) -> None:
    """Give models of which all files have been looked at the fingerprint that was noted with their work.

    Args:
        connection: in a transaction that has not yet forgotten what was noted.
        looked: keys of models whose files were looked at.
        pending: work that is left.
        done: keys of which none is.
    """
    settled = set(looked).intersection(done).difference(work.key for work in pending)
    keys = [key_bytes(key) for key in settled]
    noted = driver.select_by_key(connection, "pending_read", ("listed", "model_key"), keys, key="model_key")
    driver.run_many(connection, "UPDATE model SET listed = ? WHERE key = ?", (tuple(row) for row in noted))


def write_problems(connection: Connection, run_id: int, problems: Sequence[tuple[str, str, str]]) -> None:
    """Add problems: subject, code, message."""
    rows = [
        {"run_id": run_id, **records.storable({"subject": subject, "code": code, "message": message})}
        for subject, code, message in problems
    ]
    if rows:
        connection.execute(insert(PROBLEM), rows)


def write_blobs(connection: Connection, learned: Sequence[Learned]) -> None:
    """Remember what files held, by their digests."""
    rows = {records.blob_key(item.digest): (item.size, records.packed_estimate(item.estimate)) for item in learned}
    driver.run_many(connection, PUT_BLOB, [(key, *row) for key, row in sorted(rows.items())])
