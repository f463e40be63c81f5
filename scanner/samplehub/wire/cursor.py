"""Keyset pagination: the cursor is base64 of a Mongo-like filter on the sort key, ties broken by `_id` upwards.

No state lives on the server, so a cursor never expires, and a key that changes between two pages skips or repeats rows.
"""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING, Any

from scanner.samplehub.wire.messages import Refused

if TYPE_CHECKING:
    from scanner.samplehub.crowd import Row
    from scanner.samplehub.repository import Repository

KEYS = {
    "createdAt": "created_at", "downloads": "downloads", "lastModified": "last_modified", "likes": "likes",
    "trendingScore": "trending_score",
}  # fmt: skip


def key_of(repository: Repository | Row, sort: str) -> Any:
    """The value that rows are sorted by."""
    return getattr(repository, KEYS[sort])


def ordered(repositories: list[Repository], sort: str, *, descending: bool) -> list[Repository]:
    """Sorted by the key, and by `_id` upwards among equals."""
    by_id = sorted(repositories, key=lambda repository: repository._id)
    return sorted(by_id, key=lambda repository: key_of(repository, sort), reverse=descending)


def encode(last: Repository | Row, sort: str, *, descending: bool) -> str:
    """The cursor for the rows after this one."""
    key = key_of(last, sort)
    beyond: dict[str, Any] = {sort: {"$lt" if descending else "$gt": key}}
    clauses: list[dict[str, Any]] = [{sort: key, "_id": {"$gt": last._id}}, beyond]
    clauses += [{sort: None}] if descending else []
    return base64.b64encode(json.dumps({"$or": clauses}, separators=(",", ":")).encode()).decode()


def decode(cursor: str, sort: str) -> tuple[Any, str]:
    """The sort key and the `_id` of the last row before those that a cursor leaves."""
    try:
        tie = json.loads(base64.b64decode(cursor, validate=True))["$or"][0]
        return tie[sort], str(tie["_id"]["$gt"])
    except (ValueError, LookupError, TypeError):
        raise Refused(400, "Invalid cursor") from None


def after(repositories: list[Repository], cursor: str, sort: str, *, descending: bool) -> list[Repository]:
    """The rows that a cursor leaves, in the order given."""
    key, last_id = decode(cursor, sort)
    try:
        return [
            repository
            for repository in repositories
            if (key_of(repository, sort) == key and repository._id > last_id)
            or (key_of(repository, sort) < key if descending else key_of(repository, sort) > key)
        ]
    except TypeError:
        raise Refused(400, "Invalid cursor") from None
