"""The Hugging Face Hub, or any server that speaks its API: listings, model pages, files.

The listing is asked for page by page, sorted by creation (an immutable key: rows do not move between pages), so that a
caller can store the address of the next page with the rows of this one and go on from there after a crash.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, urlencode, urlsplit

import httpx2

from estimators.errors import ReadFailed
from scanner.errors import Refused, Unanswered
from scanner.ranges import DEFAULT_BUDGET_BYTES, RemoteFile, url_path, url_segment
from scanner.sources.http import API, RESOLVERS, HubClient
from scanner.sources.replies import Unusable, read_capped
from scanner.sources.rows import EXPAND, BadRow, NotJson, Row, decode_page, decode_row

if TYPE_CHECKING:
    from collections.abc import Sequence

    from scanner.facts import ModelFacts

MAX_PAGE_BYTES = 256 * 1024 * 1024  # 1,000 rows of 200 kB of card data and room; more is no listing
MAX_MODEL_BYTES = 64 * 1024 * 1024
LISTING_PATH = "/api/models"
MIN_PAGE_SIZE = 50
PAGES_UNTIL_LARGER = 10  # smaller pages that must succeed before a larger one is tried again


@dataclass(frozen=True, slots=True)
class Listing:
    """Which models to list.

    Attributes:
        author, search: as the Hub's parameters of the same names.
        filters: tags that all must be there.
        sort: "createdAt" for sweeps, "downloads" for the most used.
        page_size: rows asked for at once.
    """

    author: str | None = None
    search: str | None = None
    filters: tuple[str, ...] = ()
    sort: str = "createdAt"
    page_size: int = 1000

    def params(self) -> list[tuple[str, str]]:
        """The query, in a fixed order."""
        pairs = [("limit", str(self.page_size)), ("sort", self.sort)]  # descending is the only order documented
        pairs += [(name, value) for name in ("author", "search") if (value := getattr(self, name)) is not None]
        pairs += [("filter", tag) for tag in self.filters]
        return [*pairs, *(("expand", name) for name in EXPAND)]


@dataclass(frozen=True, slots=True)
class Page:
    """One page of the listing.

    Attributes:
        rows: the rows that could be decoded; of models asked for by name, their facts.
        bad: the others.
        next: path and query of the next page; None where this is the last.
        moment: the Hub's own time of the answer; None where it did not say.
    """

    rows: Sequence[Row | ModelFacts]
    bad: Sequence[BadRow]
    next: str | None
    moment: datetime | None = None

    def followed_by(self, place: str | None) -> Page:
        """The same page with another place behind it."""
        return replace(self, next=place)


class HuggingFace:
    """Facts from one endpoint."""

    name = "huggingface"

    def __init__(self, client: HubClient) -> None:
        self.client = client
        self._pages_since_halving = 0

    def first_page(self, listing: Listing) -> str:
        """Path and query of a listing's first page."""
        return f"{LISTING_PATH}?{urlencode(listing.params())}"

    def page(self, cursor: str) -> Page:
        """One page, by its path and query. A page that the server cannot make is asked for in smaller pieces.

        The pages after it are small too, and grow again after a while; until they have, the fragment of their cursor,
        which no server sees, carries the size that was wanted.

        Raises:
            Refused: also for a next page on another host (code `foreign-address`).
            Unanswered, BudgetSpent: see `HubClient.ask`.
        """
        place, _, wanted = cursor.partition("#")
        while True:
            try:
                page = self.client.ask(place, bucket=API, consume=self._page)
                break
            except Unanswered as error:
                size = _page_size(place)
                if size // 2 < MIN_PAGE_SIZE or error.code not in {"server-error", "bad-answer"}:
                    raise
                self.client.forgive()
                wanted = wanted or str(size)
                place = _resized(place, size // 2)
                self._pages_since_halving = 0
        if page.next == place:
            raise Refused("bad-answer", "the listing names the same page as the one after it")
        if page.next is None or not wanted.isdigit():
            return page
        return Page(page.rows, page.bad, self._grown(page.next, int(wanted)))

    def model(self, name: str, revision: str | None = None) -> ModelFacts:
        """One model's page with file sizes and digests; one request.

        Raises:
            Refused: `not-found`, `disabled`, `revision-not-found` and kin; `bad-row` where what the Hub tells of the
                model makes no sense.
            Unanswered, BudgetSpent: see `HubClient.ask`.
        """
        if not all(name.split("/")):
            raise Refused("not-found", f"{name!r} is no name of a model")
        path = f"{LISTING_PATH}/{url_path(name)}"
        if revision is not None:
            path += f"/revision/{url_segment(revision)}"
        return self.client.ask(path, bucket=API, params=[("blobs", "true")], consume=_model)

    def file(self, model: str, revision: str, path: str, *, budget: int = DEFAULT_BUDGET_BYTES) -> RemoteFile:
        """A file to be read in pieces; nothing is asked before it is opened."""
        return RemoteFile(self.client, model, revision, path, budget=budget)

    def text(self, model: str, revision: str, path: str, *, max_bytes: int) -> bytes:
        """The first `max_bytes` of a small file.

        Raises:
            Refused: `file-not-found`, `gated` and kin.
            Unanswered, BudgetSpent: see `HubClient.ask`; also where reading on failed (code `read-failed`).
        """
        file = self.file(model, revision, path)
        file.open()
        try:
            return file.read(0, max_bytes)
        except ReadFailed as error:
            raise Unanswered("read-failed", str(error)) from error

    def _page(self, response: httpx2.Response) -> Page:
        body = read_capped(response, MAX_PAGE_BYTES)
        try:
            rows, bad = decode_page(body)
        except ValueError as error:
            raise Unusable(f"the listing answered with unusable JSON ({error})") from error
        following = response.links.get("next", {}).get("url")
        if following is None:
            return Page(rows, bad, None)
        # The link must lead to this very server and to its listing; only path and query are kept.
        try:
            url = str(response.request.url.join(following))
        except (httpx2.InvalidURL, ValueError) as error:
            raise Unusable("the listing's next page has an address that is none") from error
        parts = urlsplit(self.client.url(url))
        # A server behind a path prefix may or may not know of it.
        if parts.path.removeprefix(urlsplit(self.client.endpoint).path) != LISTING_PATH:
            raise Refused("foreign-address", f"the listing's next page is no page of a listing ({parts.path[:80]!r})")
        return Page(rows, bad, f"{LISTING_PATH}?{parts.query}")

    def _grown(self, cursor: str, wanted: int) -> str:
        """The next cursor after a page that was smaller than wanted."""
        size = _page_size(cursor)
        self._pages_since_halving += 1
        if 0 < size < wanted and self._pages_since_halving > PAGES_UNTIL_LARGER:
            self._pages_since_halving = 0
            size = min(2 * size, wanted)
            cursor = _resized(cursor, size)
        return f"{cursor}#{wanted}" if size < wanted else cursor


def _model(response: httpx2.Response) -> ModelFacts:
    body = read_capped(response, MAX_MODEL_BYTES)
    try:
        return decode_row(body)
    except NotJson as error:
        raise Unusable(f"the model's page is no JSON ({error})") from error
    except ValueError as error:
        raise Refused("bad-row", f"the Hub's page of the model makes no sense ({error})") from error


def _page_size(cursor: str) -> int:
    """The `limit` in a cursor; 0 where there is none."""
    pairs = parse_qsl(urlsplit(cursor).query)
    return next((int(v) for name, v in pairs if name == "limit" and v.isascii() and v.isdigit() and len(v) < 7), 0)


def _resized(cursor: str, size: int) -> str:
    """The same place of the listing with another number of rows a page."""
    parts = urlsplit(cursor)
    pairs = parse_qsl(parts.query, keep_blank_values=True)
    pairs = [(name, str(size) if name == "limit" else value) for name, value in pairs]
    return f"{parts.path}?{urlencode(pairs)}"


__all__ = ["API", "RESOLVERS", "HuggingFace", "Listing", "Page"]
