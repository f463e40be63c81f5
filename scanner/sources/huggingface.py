"""The Hugging Face Hub, or any server that speaks its API: listings, model pages, files.

The listing is asked for page by page, sorted by creation (an immutable key: rows do not move between pages), so that a
caller can store the address of the next page with the rows of this one and go on from there after a crash.

A page that is too much is asked for in smaller pieces: of one that passes `PAGE_BYTES` no more is read, of one that the
server fails to make, a smaller one is wanted after `TRIES_OF_A_SIZE`. One row that is larger than a whole page may be
is read on its own, up to `ROW_BYTES`. The header that names the next page comes before the rows, so the listing goes on
behind a row that nobody can read.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, urlencode, urlsplit

import httpx2

from estimators.errors import ReadFailed
from scanner.errors import Refused, Unanswered
from scanner.ranges import DEFAULT_BUDGET_BYTES, RemoteFile, url_path, url_segment
from scanner.sources.http import API, RESOLVERS, HubClient
from scanner.sources.replies import Oversized, Unusable, read_capped, sent_at
from scanner.sources.rows import EXPAND, BadRow, NotJson, Row, decode_page, decode_row, subject_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from scanner.facts import ModelFacts

PAGE_BYTES = 8 * 1024 * 1024  # eight times a usual page; a longer one is asked for in pieces
ROW_BYTES = 64 * 1024 * 1024  # of one row alone; a card of this size is nobody's
ROWS_LOST_IN_A_ROW = 3  # rows in succession that nobody can read; more, and it is the listing that is broken
MAX_MODEL_BYTES = 64 * 1024 * 1024
LISTING_PATH = "/api/models"
MISSES_IN_CACHE = 20  # of texts that the Hub's cache does not give; after them none is asked for there
MIN_PAGE_SIZE = 50  # of a page that the server fails to make; one that is too long gets down to a single row
TRIES_OF_A_SIZE = 2  # of a page that the server fails to make, before a smaller one is wanted
PAGES_UNTIL_LARGER = 10  # smaller pages that must succeed before a larger one is tried again
PAGE_SECONDS = 300.0  # of trying at one place in all; after them no further size is tried

_COMMIT = re.compile(r"[0-9a-f]{40}")


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


@dataclass(frozen=True, slots=True)
class Fetched:
    """One page as it came over the wire.

    Attributes:
        body: a JSON array by its looks; empty where the page is one row that nobody can read.
        next: path and query of the next page; None where this is the last.
        lost: that row.
        moment: the Hub's own time of the answer; None where it did not say.
    """

    body: bytes
    next: str | None
    lost: BadRow | None = None
    moment: datetime | None = None


class HuggingFace:
    """Facts from one endpoint."""

    name = "huggingface"

    def __init__(self, client: HubClient) -> None:
        self.client = client
        self._sizes = _PageSizes()
        self._lost_in_a_row = 0
        self._misses_in_cache = 0

    def first_page(self, listing: Listing) -> str:
        """Path and query of a listing's first page."""
        return f"{LISTING_PATH}?{urlencode(listing.params())}"

    def page(self, cursor: str) -> Page:
        """One page, by its path and query. A page that is too much is asked for in smaller pieces.

        The pages after it are small too, and grow again after a while; until they have, the fragment of their cursor,
        which no server sees, carries the size that was wanted.

        Raises:
            Refused: also for a next page on another host (code `foreign-address`).
            Unanswered, BudgetSpent: see `HubClient.ask`.
        """
        return self._decoded(cursor, self.fetch(cursor))

    def fetch(self, cursor: str, *, decodable: bool = False) -> Fetched:
        """One page, not yet decoded; raises what `page` raises.

        Args:
            cursor: path and query, with the fragment that `page` may have put to it.
            decodable: also try whether it can be decoded, and ask again where it cannot.
        """
        place, _, wanted = cursor.partition("#")
        started = self.client.gate.clock()
        while True:
            size = _page_size(place)
            smaller = (
                size // 2 if size // 2 >= MIN_PAGE_SIZE and self.client.gate.clock() - started < PAGE_SECONDS else None
            )
            try:
                fetched = self._ask(place, TRIES_OF_A_SIZE - 1 if smaller else None, decodable)
            except Unanswered as error:
                if smaller is None or error.code not in {"server-error", "bad-answer"}:
                    raise
                self.client.forgive()
                self._sizes.failed()
            else:
                if fetched is not None:
                    break
                smaller = size // 2
                self._sizes.overflowed(size)
            wanted = wanted or str(size)
            place = _resized(place, smaller)
        if fetched.next == place:
            raise Refused("bad-answer", "the listing names the same page as the one after it")
        if fetched.next is None or not wanted.isdigit():
            return fetched
        following = self._grown(fetched.next, int(wanted), len(fetched.body))
        return replace(fetched, next=following)

    def _ask(self, place: str, retries: int | None, decodable: bool) -> Fetched | None:
        """The page at a place; None where it is longer than a page may be, and can be asked for in smaller pieces."""
        size = _page_size(place)

        def consume(response: httpx2.Response) -> Fetched | None:
            following = self._following(response)
            try:
                body = read_capped(response, ROW_BYTES if size == 1 else PAGE_BYTES)
            except Oversized as error:
                if size > 1:
                    return None
                self._lost_in_a_row += 1
                if size == 0 or following is None or self._lost_in_a_row > ROWS_LOST_IN_A_ROW:
                    raise  # a server that knows no sizes, or a listing without end: there is nothing to go on behind
                return Fetched(b"", following, _lost(error), sent_at(response))
            _check(body, decodable=decodable)
            self._lost_in_a_row = 0
            return Fetched(body, following, moment=sent_at(response))

        return self.client.ask(place, bucket=API, consume=consume, retries=retries)

    def _decoded(self, cursor: str, fetched: Fetched) -> Page:
        """The rows of a page; one that only looks like JSON is asked for again."""
        if fetched.lost is not None:
            return Page([], [fetched.lost], fetched.next, fetched.moment)
        try:
            return Page(*decode_page(fetched.body), fetched.next, fetched.moment)
        except ValueError:
            again = self.fetch(cursor, decodable=True)
            return Page(*decode_page(again.body), again.next, again.moment)

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

    def text(self, model: str, revision: str, path: str, *, max_bytes: int, in_git: bool = True) -> bytes:
        """The first `max_bytes` of a small file.

        One in git itself is asked for where its address would redirect to, which spares the redirect's unit of quota.

        Raises:
            Refused: `file-not-found`, `gated` and kin.
            Unanswered, BudgetSpent: see `HubClient.ask`; also where reading on failed (code `read-failed`).
        """
        if in_git and self._misses_in_cache < MISSES_IN_CACHE and _COMMIT.fullmatch(revision):
            try:
                return _front(RemoteFile(self.client, model, revision, path, cached=True), max_bytes)
            except Refused as error:
                if error.code in {"gated", "disabled"}:
                    raise
            # A large file, a renamed model, or a Hub that has no such cache; unless the file is not there at all.
            text = _front(self.file(model, revision, path), max_bytes)
            self._misses_in_cache += 1
            return text
        return _front(self.file(model, revision, path), max_bytes)

    def _following(self, response: httpx2.Response) -> str | None:
        """Path and query of the page after this one; None where there is none."""
        following = response.links.get("next", {}).get("url")
        if following is None:
            return None
        # The link must lead to this very server and to its listing; only path and query are kept.
        try:
            url = str(response.request.url.join(following))
        except (httpx2.InvalidURL, ValueError) as error:
            raise Unusable("the listing's next page has an address that is none") from error
        parts = urlsplit(self.client.url(url))
        # A server behind a path prefix may or may not know of it.
        if parts.path.removeprefix(urlsplit(self.client.endpoint).path) != LISTING_PATH:
            raise Refused("foreign-address", f"the listing's next page is no page of a listing ({parts.path[:80]!r})")
        return f"{LISTING_PATH}?{parts.query}"

    def _grown(self, cursor: str, wanted: int, length: int) -> str:
        """The next cursor after a page of so many bytes that was smaller than wanted."""
        size = _page_size(cursor)
        grown = self._sizes.after_success(size, wanted, length)
        if grown != size:
            cursor = _resized(cursor, grown)
        return f"{cursor}#{wanted}" if grown < wanted else cursor


@dataclass
class _PageSizes:
    """How many rows to ask for after a page that was too much.

    Attributes:
        small_pages: pages that came since the server failed to make one.
        rows_suspected: rows still to pass of a page that was too long; None where the server failed, or where nothing
            is known.
    """

    small_pages: int = 0
    rows_suspected: int | None = None

    def failed(self) -> None:
        """The server did not make a page: it may be overloaded, so larger ones are tried again only after a while."""
        self.small_pages, self.rows_suspected = 0, None

    def overflowed(self, size: int) -> None:
        """A page of that many rows was too long: some of them are, and those behind them need not be."""
        self.small_pages, self.rows_suspected = 0, size

    def after_success(self, size: int, wanted: int, length: int) -> int:
        """The size of the next page, after one of `size` rows and `length` bytes."""
        if not 0 < size < wanted:
            return size
        self.small_pages += 1
        if self.rows_suspected is None:
            if self.small_pages <= PAGES_UNTIL_LARGER:
                return size
            self.small_pages = 0
            return min(2 * size, wanted)
        self.rows_suspected -= size
        if self.rows_suspected > 0:
            # Of one long row by itself nothing follows for those behind it.
            larger = size + 1 if size > 1 and 2 * length > PAGE_BYTES else wanted
            return min(larger, self.rows_suspected, wanted)
        if 2 * length > PAGE_BYTES:
            return size  # all rows hereabouts are long
        return min(wanted, size * (PAGE_BYTES // max(length, 1)))


def _check(body: bytes, *, decodable: bool) -> None:
    """Refuse what is no page of a listing.

    Raises:
        Unusable: so that it is asked for again.
    """
    if not (body[:64].lstrip()[:1] == b"[" and body[-64:].rstrip()[-1:] == b"]"):
        raise Unusable("the listing answered with something else than a JSON array")
    if decodable:
        try:
            decode_page(body)
        except ValueError as error:
            raise Unusable(f"the listing answered with unusable JSON ({error})") from error


def _lost(error: Oversized) -> BadRow:
    """A row that is too long to be read, by the id that it begins with."""
    return BadRow(subject_of(error.begins.lstrip().removeprefix(b"["), 1), f"the row is too long: {error}")


def _front(file: RemoteFile, max_bytes: int) -> bytes:
    file.open()
    try:
        return file.read(0, max_bytes)
    except ReadFailed as error:
        raise Unanswered("read-failed", str(error)) from error


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
