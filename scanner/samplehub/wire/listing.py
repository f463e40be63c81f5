"""GET /api/models: filters, sort orders, pages, and the fields of a row."""

from __future__ import annotations

import re
from itertools import islice
from typing import TYPE_CHECKING, Any, TypeVar, cast
from urllib.parse import urlencode

import msgspec

from scanner.samplehub.crowd.orders import ORDERS
from scanner.samplehub.crowd.rows import Row
from scanner.samplehub.wire import cursor as cursors
from scanner.samplehub.wire.fields import EXPANDABLE, LIST_DEFAULT, LIST_FULL, collect
from scanner.samplehub.wire.messages import Refused, Response, as_json, encoded

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from scanner.samplehub.crowd import Crowd
    from scanner.samplehub.repository import Repository
    from scanner.samplehub.state import State
    from scanner.samplehub.wire.messages import Request

Listed = TypeVar("Listed", "Repository", Row)
DEFAULT_LIMIT = 1000
SUFFIXES = {"": 1, "K": 10**3, "M": 10**6, "B": 10**9, "T": 10**12}
LEGACY_SWITCHES = {"full": LIST_FULL, "cardData": ["cardData"], "config": ["config"]}


def list_models(state: State, request: Request) -> Response:
    """One page of the listing."""
    names = _fields(request)
    sort = request.one("sort", "trendingScore")
    if sort not in cursors.KEYS:
        raise Refused(400, f'Invalid sort: "{sort}"')
    descending = request.one("direction", "-1") != "1"
    limit = min(_whole(request, "limit", DEFAULT_LIMIT), state.page_size_ceiling)
    rows: Iterator[Repository | Row] = (_crowd if state.crowd else _population)(
        state, request, sort, descending=descending
    )
    skip = _whole(request, "skip", 0, least=0)
    page = list(islice(rows, skip, skip + limit))
    found = [listing_row(state, row, names) for row in page]
    # A page of a crowd is a megabyte, and what is in it is plain.
    response = as_json(found) if state.crowd is None else encoded(msgspec.json.encode(found))
    if next(rows, None) is not None:
        kept = [pair for pair in request.params if pair[0] not in ("cursor", "skip")]
        kept.append(("cursor", cursors.encode(page[-1], sort, descending=descending)))
        response.headers["Link"] = f'<{state.endpoint}/api/models?{urlencode(kept)}>; rel="next"'
    return response


def _population(state: State, request: Request, sort: str, *, descending: bool) -> Iterator[Repository]:
    """The repositories that are held in memory, from the cursor on."""
    rows = cursors.ordered(list(_select(state.listed(), request)), sort, descending=descending)
    if cursor := request.one("cursor"):
        rows = cursors.after(rows, cursor, sort, descending=descending)
    return iter(rows)


def _crowd(state: State, request: Request, sort: str, *, descending: bool) -> Iterator[Row]:
    """The same of a crowd, made as they are taken."""
    last = cursors.decode(cursor, sort)[1] if (cursor := request.one("cursor")) else None
    crowd = cast("Crowd", state.crowd)
    if sort not in ORDERS:
        raise Refused(400, f'Invalid sort: "{sort}"')
    if last is not None and crowd.models.of_key(last) is None:
        raise Refused(400, "Invalid cursor")
    return _select(crowd.listing(sort, last, descending=descending), request)


def listing_row(state: State, repository: Repository | Row, names: list[str]) -> dict[str, Any]:
    """The row as served, a malformed one included."""
    if isinstance(repository, Row):
        crowd = cast("Crowd", state.crowd)
        return crowd.row(repository, names) or collect(state, crowd.repository(repository), names)
    row = collect(state, repository, names)
    row |= {key: value for key, value in repository.row_changes.items() if key in row}
    return {key: value for key, value in row.items() if key not in repository.row_drops}


def expanded(request: Request) -> list[str]:
    """The fields asked for by `expand`, in either spelling."""
    names = request.all("expand", "expand[]")
    unknown = [name for name in names if name not in EXPANDABLE]
    if unknown:
        raise Refused(400, f'Invalid value for expand: "{unknown[0]}"')
    return list(dict.fromkeys(names))


def _fields(request: Request) -> list[str]:
    names = expanded(request)
    switches = [name for name in LEGACY_SWITCHES if request.flag(name)]
    if names and switches:
        raise Refused(400, f'"expand" cannot be combined with "{switches[0]}"')
    return names or LIST_DEFAULT + [name for switch in switches for name in LEGACY_SWITCHES[switch]]


def _whole(request: Request, name: str, default: int, *, least: int = 1) -> int:
    text = request.one(name)
    if not text:
        return default
    if not re.fullmatch(r"[0-9]{1,9}", text) or int(text) < least:
        raise Refused(400, f'Invalid value for {name}: "{text}"')
    return int(text)


def _select(repositories: Iterable[Listed], request: Request) -> Iterator[Listed]:
    """The repositories that pass every known filter; parameters that are not known filter nothing."""
    tags = set(request.all("filter", "filter[]"))
    tests = [(test, value) for name, test in FILTERS.items() for value in request.all(name)]
    for repository in repositories:
        if (not tags or tags <= set(repository.tags)) and all(test(repository, value) for test, value in tests):
            yield repository


def _in_range(repository: Repository | Row, text: str) -> bool:
    """`min:6B,max:128B` against the Hub's own total; a model without one is in no range."""
    declared = repository.declared or repository.gguf or {}
    total = declared.get("total")
    if not isinstance(total, int):
        return False
    for bound in text.split(","):
        found = re.fullmatch(r"(min|max):(\d+(?:\.\d+)?)([KMBT]?)", bound.strip(), re.IGNORECASE)
        if found is None:
            raise Refused(400, f'Invalid value for num_parameters: "{text}"')
        value = float(found[2]) * SUFFIXES[found[3].upper()]
        if (total < value) if found[1].lower() == "min" else (total > value):
            return False
    return True


FILTERS: dict[str, Callable[[Repository | Row, str], bool]] = {
    "author": lambda repository, value: repository.author == value,
    "search": lambda repository, value: value.lower() in repository.id.lower(),
    "pipeline_tag": lambda repository, value: repository.pipeline_tag == value,
    "gated": lambda repository, value: (repository.gated is not False) == (value.lower() == "true"),
    "num_parameters": _in_range,
}
