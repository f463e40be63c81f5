"""Write what has no history: models, work to be done, files read, problems. All in a transaction of the caller's."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from sqlalchemy import Connection, bindparam, delete, insert, update

from scanner.catalogue import records
from scanner.catalogue.core import BLOB, MODEL, PENDING, PROBLEM, chunks
from scanner.catalogue.records import Values

if TYPE_CHECKING:
    from scanner.assessment import Assessment
    from scanner.catalogue.store import Conditions, Known, Work
    from scanner.counting import Learned


def write_models(
    connection: Connection,
    run_id: int,
    judged: Mapping[str, Assessment],
    seen: Mapping[str, Assessment],
    known: Mapping[str, Known],
) -> None:
    """Add new models; bring the names and figures of the others up to date."""
    new: list[Values] = []
    moved: list[Values] = []
    for key, assessment in (*judged.items(), *seen.items()):
        before = known.get(key)
        sha = assessment.revision if key in judged else None
        values = {
            "name": records.printable(assessment.name),
            "last_modified": assessment.last_modified,
            "downloads": assessment.downloads,
            "likes": assessment.likes,
            "last_run": run_id,
        }
        if before is None:
            created = {"source": assessment.source, "created_at": assessment.created_at, "first_run": run_id}
            new.append({"key": key, "sha": sha, **created, **values})
        else:
            moved.append({"_key": key, "sha": sha or before.sha, **values})
    if new:
        connection.execute(insert(MODEL), new)
    if moved:
        connection.execute(update(MODEL).where(MODEL.c.key == bindparam("_key")), moved)


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
        rows = [{"_key": key, f"{column}_looked": mark} for key, one in looked if (mark := getattr(one, column))]
        if rows:
            connection.execute(update(MODEL).where(MODEL.c.key == bindparam("_key")), rows)


def write_pending(connection: Connection, run_id: int, pending: Sequence[Work], done: Sequence[str]) -> None:
    """Replace what is noted of models whose files are to be looked at; forget those that have been."""
    noted = {work.key: work for work in pending}
    gone = list({*done, *noted})
    for chunk in chunks(gone):
        connection.execute(delete(PENDING).where(PENDING.c.model_key.in_(chunk)))
    if noted:
        rows = [
            {
                "model_key": w.key,
                "run_id": run_id,
                "downloads": w.downloads,
                "count": w.count,
                "texts": w.texts,
                "work": dict(w.work),
            }
            for w in noted.values()
        ]
        connection.execute(insert(PENDING), rows)


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
    by_digest = {item.digest: item for item in learned}
    for chunk in chunks(list(by_digest)):
        connection.execute(delete(BLOB).where(BLOB.c.digest.in_(chunk)))
    if by_digest:
        rows = [
            {"digest": d, "size": item.size, "estimate": records.estimate_values(item.estimate)}
            for d, item in by_digest.items()
        ]
        connection.execute(insert(BLOB), rows)
