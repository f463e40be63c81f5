"""What a Hub tells of itself, of a token, of the quota left and of the time, in a few small requests.

`GET /api/whoami-v2` names the owner and the role of a token (the Hub's OpenAPI description; huggingface_hub's `whoami`
asks the same). One row of the listing, asked for as a scan does, shows whether this is a Hub. Both, and one file of
that row, carry the `RateLimit` headers of their buckets and a `Date`, whatever else they answer.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from enum import StrEnum
from functools import partial

import httpx2
import msgspec
from huggingface_hub import is_offline_mode
from huggingface_hub.utils._http import RateLimitInfo

from scanner.errors import HubscopeError, Refused, UsageError
from scanner.ranges import url_path
from scanner.sources.http import API, RESOLVERS, HubClient, Limits, make_session
from scanner.sources.huggingface import HuggingFace, Listing, Page
from scanner.sources.replies import Unusable, rate_limit, read_capped

PATIENCE = Limits(connect_timeout=5.0, read_timeout=10.0, max_retries=1, max_wait_seconds=2.0)
"""How long a probe waits: somebody sits before it."""
WHOAMI_PATH = "/api/whoami-v2"
MAX_WHOAMI_BYTES = 1024 * 1024  # an account may be in hundreds of organisations
SAID: frozenset[int] = frozenset({200, 401})
"""Statuses by which the Hub says that it knows a token, or that it does not."""


class TokenState(StrEnum):
    """What the Hub makes of a token."""

    NONE = "none"
    ACCEPTED = "accepted"
    REFUSED = "refused"
    UNKNOWN = "unknown"  # the Hub gave no answer, or none that tells


@dataclass(frozen=True, slots=True)
class Account:
    """Whose a token is.

    Attributes:
        role: "read", "write", "fineGrained" or what else the Hub says; empty where it says nothing.
        may_write: the token may change repositories, as far as the Hub says.
    """

    name: str
    role: str
    may_write: bool


@dataclass(frozen=True, slots=True)
class HubState:
    """What a Hub told.

    Attributes:
        offline: the library was told to ask nobody (HF_HUB_OFFLINE), so nothing was asked.
        token: what it makes of the token.
        token_detail: one sentence where the token is refused or unknown.
        account: whose the token is, where it is accepted.
        listing: the page of one row, or why there is none; None where nothing was asked.
        seconds: how long that page took.
        quotas: the newest word on each bucket.
        ahead: seconds that this machine's clock is ahead of the Hub's; None where no answer named the time.
    """

    offline: bool = False
    token: TokenState = TokenState.UNKNOWN
    token_detail: str = ""
    account: Account | None = None
    listing: Page | HubscopeError | None = None
    seconds: float = 0.0
    quotas: Mapping[str, RateLimitInfo] = field(default_factory=dict)
    ahead: float | None = None

    @property
    def answered(self) -> bool:
        """Whether the listing is one."""
        return isinstance(self.listing, Page)


def probe(
    endpoint: str,
    token: str | None,
    library_version: str,
    limits: Limits = PATIENCE,
    session_factory: Callable[[Limits], httpx2.Client] = make_session,
) -> HubState:
    """Ask a Hub; whatever goes wrong is part of the answer.

    A token that the Hub refuses is not used for the rest, since it would be refused there too.
    """
    if is_offline_mode():
        return HubState(offline=True)
    heard = _Heard()
    connect = partial(HubClient, endpoint, library_version=library_version, limits=limits)
    listen = partial(heard.session, session_factory)
    state, detail, account = TokenState.NONE, "", None
    if token is not None:
        try:
            client = connect(token=token, session_factory=listen)
        except UsageError as error:
            state, detail = TokenState.REFUSED, str(error)
        else:
            state, detail, account = _whose(client)
    client = connect(token=None if state is TokenState.REFUSED else token, session_factory=listen)
    begun = time.monotonic()
    listing = _one_row(client)
    seconds = time.monotonic() - begun
    if isinstance(listing, Page) and listing.rows:
        _ask_for_a_file(client, listing.rows[0].name)
    return HubState(False, state, detail, account, listing, seconds, heard.quotas, heard.ahead)


def seconds_ahead(date: str | None, now: datetime, age: str | None = None) -> float | None:
    """How far a clock is ahead of a server's, whose answer has just come.

    Args:
        date: its `Date` header, in whole seconds (RFC 9110, 6.6.1).
        now: the clock.
        age: its `Age` header: how many seconds a cache has kept the answer.

    Returns:
        None where the headers tell no time.
    """
    try:
        moment = parsedate_to_datetime(date or "")
    except (ValueError, TypeError, OverflowError):
        return None
    kept = int(age) if age is not None and age.isascii() and age.isdigit() and len(age) < 10 else 0
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return (now - moment).total_seconds() - kept - 0.5  # the Date is half a second old on average


@dataclass
class _Heard:
    """What every answer says beside what was asked."""

    quotas: dict[str, RateLimitInfo] = field(default_factory=dict)
    ahead: float | None = None

    def session(self, make: Callable[[Limits], httpx2.Client], limits: Limits) -> httpx2.Client:
        """A session whose answers are noted."""
        session = make(limits)
        hooks = session.event_hooks
        session.event_hooks = {**hooks, "response": [*hooks.get("response", []), self._note]}
        return session

    def _note(self, response: httpx2.Response) -> None:
        info = rate_limit(response.headers)
        if info is not None:
            self.quotas[info.resource_type] = info
        told = seconds_ahead(response.headers.get("date"), datetime.now(UTC), response.headers.get("age"))
        self.ahead = self.ahead if told is None else told


def _whose(client: HubClient) -> tuple[TokenState, str, Account | None]:
    """What the Hub makes of the client's token."""
    try:
        account = client.ask(WHOAMI_PATH, bucket=API, consume=_account, accept=SAID)
    except HubscopeError as error:
        return TokenState.UNKNOWN, str(error), None
    if account is None:
        return TokenState.REFUSED, "the Hub does not accept the token", None
    return TokenState.ACCEPTED, "", account


def _one_row(client: HubClient) -> Page | HubscopeError:
    source = HuggingFace(client)
    try:
        return source.page(source.first_page(Listing(page_size=1)))
    except HubscopeError as error:
        return error


def _ask_for_a_file(client: HubClient, model: str) -> None:
    """Make the Hub speak of its other bucket; whether there is such a file does not matter."""
    with suppress(HubscopeError):
        client.ask(f"/{url_path(model)}/resolve/main/README.md", bucket=RESOLVERS, consume=lambda _: None)


class _Scoped(msgspec.Struct):
    permissions: list[str] = []


class _FineGrained(msgspec.Struct):
    scoped: list[_Scoped] = []
    global_: list[str] = msgspec.field(name="global", default_factory=list)


class _AccessToken(msgspec.Struct):
    role: str = ""
    fine_grained: _FineGrained | None = msgspec.field(name="fineGrained", default=None)


class _Auth(msgspec.Struct):
    access_token: _AccessToken | None = msgspec.field(name="accessToken", default=None)


class _Whoami(msgspec.Struct):
    name: str
    auth: _Auth = msgspec.field(default_factory=_Auth)


def _account(response: httpx2.Response) -> Account | None:
    """Whose the token is; None where it is refused."""
    if response.status_code == 401:
        return None
    body = read_capped(response, MAX_WHOAMI_BYTES)
    try:
        told = msgspec.json.decode(body, type=_Whoami)
    except (ValueError, RecursionError) as error:
        if body.lstrip()[:1] != b"{":
            raise Unusable("the Hub says in no JSON whose the token is") from error
        raise Refused("bad-answer", f"the Hub does not say whose the token is ({error})") from error
    token = told.auth.access_token or _AccessToken()
    grants = token.fine_grained or _FineGrained()
    permissions = [name for scope in grants.scoped for name in scope.permissions]
    may_write = token.role == "write" or any(p.startswith("repo.") and p.endswith("write") for p in permissions)
    return Account(told.name, token.role, may_write)
