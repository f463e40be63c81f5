"""Licence texts that were read before, so that the thousand copies of one are asked for once.

What comes out is what its digest names, or nothing: a row that was damaged, or written for something else, is read
anew from the Hub. After a run, the texts that no run had a use for the longest go until the rest fits.
"""

from __future__ import annotations

import zlib
from collections.abc import Collection, Mapping

from sqlalchemy import Connection, delete, func, insert, select, update

from scanner.catalogue.core import LICENCE_TEXT, chunks
from scanner.contents import is_content

KEPT_BYTES = 64 * 1024 * 1024  # of packed texts; some 15,000 licences of 10 kB
MAX_TEXT_BYTES = 16 * 1024 * 1024  # no setting lets longer ones be read


def find_text(connection: Connection, digest: str) -> bytes | None:
    """The text that a digest names, where it is at hand."""
    packed = connection.execute(select(LICENCE_TEXT.c.packed).where(LICENCE_TEXT.c.digest == digest)).scalar()
    if packed is None:
        return None
    unpacker = zlib.decompressobj()
    try:
        text = unpacker.decompress(packed, MAX_TEXT_BYTES)
    except zlib.error:
        return None
    return text if unpacker.eof and is_content(digest, text) else None


def write_texts(connection: Connection, run_id: int, learned: Mapping[str, bytes], used: Collection[str]) -> None:
    """Store texts by their digests, and note which ones the run had a use for."""
    for chunk in chunks(list(learned)):
        connection.execute(delete(LICENCE_TEXT).where(LICENCE_TEXT.c.digest.in_(chunk)))
    if learned:
        rows = [{"digest": d, "packed": zlib.compress(text), "last_run": run_id} for d, text in learned.items()]
        connection.execute(insert(LICENCE_TEXT), rows)
    for chunk in chunks([digest for digest in used if digest not in learned]):
        stale = (LICENCE_TEXT.c.digest.in_(chunk), LICENCE_TEXT.c.last_run < run_id)
        connection.execute(update(LICENCE_TEXT).where(*stale).values(last_run=run_id))


def drop_oldest_texts(connection: Connection, room: int = KEPT_BYTES) -> None:
    """Forget texts until the rest fits, those first that were of use the longest ago."""
    size = func.length(LICENCE_TEXT.c.packed)
    excess = int(connection.execute(select(func.coalesce(func.sum(size), 0))).scalar_one()) - room
    if excess <= 0:
        return
    dropped: list[str] = []
    order = (LICENCE_TEXT.c.last_run, LICENCE_TEXT.c.digest)
    for row in connection.execute(select(LICENCE_TEXT.c.digest, size.label("size")).order_by(*order)):
        if excess <= 0:
            break
        dropped.append(row.digest)
        excess -= row.size
    for chunk in chunks(dropped):
        connection.execute(delete(LICENCE_TEXT).where(LICENCE_TEXT.c.digest.in_(chunk)))
