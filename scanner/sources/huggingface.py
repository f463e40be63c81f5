"""The Hugging Face Hub, or any server that speaks its API: listings, model pages, files.

The listing is asked for page by page, sorted by creation (an immutable key: rows do not move between pages), so that a
caller can store the address of the next page with the rows of this one and go on from there after a crash.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, quote, urlencode, urlsplit

from scanner.errors import Refused, Unanswered
from scanner.ranges import DEFAULT_BUDGET_BYTES, RemoteFile
from scanner.sources.http import API, RESOLVERS, HubClient, Unusable, read_capped
from scanner.sources.rows import EXPAND, BadRow, decode_page, decode_row

if TYPE_CHECKING:
    from collections.abc import Sequence

    import httpx2

    from scanner.facts import ModelFacts

MAX_PAGE_BYTES = 256 * 1024 * 1024  # 1,000 rows of 200 kB of card data and room; more is no listing
MAX_MODEL_BYTES = 64 * 1024 * 1024
MIN_PAGE_SIZE = 50


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
        rows: the rows that could be decoded.
        bad: the others.
        next: path and query of the next page; None where this is the last.
    """

    rows: Sequence[ModelFacts]
    bad: Sequence[BadRow]
    next: str | None


class HuggingFace:
    """Facts from one endpoint."""

    name = "huggingface"

    def __init__(self, client: HubClient) -> None:
        self.client = client

    def first_page(self, listing: Listing) -> str:
        """Path and query of a listing's first page."""
        return f"/api/models?{urlencode(listing.params())}"

    def page(self, cursor: str) -> Page:
        """One page, by its path and query. A page that the server cannot make is asked for in smaller pieces.

        Raises:
            Refused: also for a next page on another host (code `foreign-address`).
            Unanswered, BudgetSpent: see `HubClient.ask`.
        """
        while True:
            try:
                return self.client.ask(cursor, bucket=API, consume=self._page)
            except Unanswered as error:
                smaller = _halved(cursor)
                if smaller is None or error.code not in {"server-error", "bad-answer"}:
                    raise
                self.client.forgive()
                cursor = smaller

    def model(self, name: str, revision: str | None = None) -> ModelFacts:
        """One model's page with file sizes and digests; one request.

        Raises:
            Refused: `not-found`, `disabled`, `revision-not-found` and kin.
            Unanswered, BudgetSpent: see `HubClient.ask`.
        """
        path = f"/api/models/{quote(name)}"
        if revision is not None:
            path += f"/revision/{quote(revision, safe='')}"
        return self.client.ask(path, bucket=API, params=[("blobs", "true")], consume=_model)

    def file(self, model: str, revision: str, path: str, *, budget: int = DEFAULT_BUDGET_BYTES) -> RemoteFile:
        """A file to be read in pieces; nothing is asked before it is opened."""
        return RemoteFile(self.client, model, revision, path, budget=budget)

    def text(self, model: str, revision: str, path: str, *, max_bytes: int) -> bytes:
        """The first `max_bytes` of a small file.

        Raises:
            Refused: `file-not-found`, `gated` and kin.
            Unanswered, BudgetSpent: see `HubClient.ask`.
        """
        file = self.file(model, revision, path)
        file.open()
        return file.read(0, max_bytes)

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
        parts = urlsplit(self.client.url(str(response.request.url.join(following))))
        if not parts.path.endswith("/api/models"):
            raise Refused("foreign-address", f"the listing's next page is no page of a listing ({parts.path[:80]})")
        base = urlsplit(self.client.endpoint).path
        return Page(rows, bad, f"{parts.path.removeprefix(base)}?{parts.query}")


def _model(response: httpx2.Response) -> ModelFacts:
    body = read_capped(response, MAX_MODEL_BYTES)
    try:
        return decode_row(body)
    except ValueError as error:
        raise Unusable(f"the model's page is unusable ({error})") from error


def _halved(cursor: str) -> str | None:
    """The same place of the listing with half the rows a page; None where they are few already."""
    parts = urlsplit(cursor)
    pairs = parse_qsl(parts.query, keep_blank_values=True)
    size = next((int(value) for name, value in pairs if name == "limit" and value.isdigit()), 0)
    if size // 2 < MIN_PAGE_SIZE:
        return None
    pairs = [(name, str(size // 2) if name == "limit" else value) for name, value in pairs]
    return f"{parts.path}?{urlencode(pairs)}"


__all__ = ["API", "RESOLVERS", "HuggingFace", "Listing", "Page"]
