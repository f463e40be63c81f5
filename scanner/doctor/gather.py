"""Facts for the checks, gathered at the same time from the Hub, from Slack and from the catalogue."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from multiprocessing.pool import ThreadPool
from typing import TYPE_CHECKING
from urllib.request import Request

from notifiers.errors import NotLookedUp, Postponed, Rejected, SendError
from notifiers.slack import ChannelInfo, Identity, SlackBot
from notifiers.transport import NoAnswer, NotConnected, Transport
from scanner.catalogue.database import DATABASE_ERRORS
from scanner.catalogue.inspection import inspected
from scanner.catalogue.subscribed import any_known
from scanner.doctor.interface import Gathered, Surroundings
from scanner.schedule.standing import Standing, standing
from scanner.sources.http import logged_in_token
from scanner.sources.probe import HubState, probe, seconds_ahead

if TYPE_CHECKING:
    from pathlib import Path

    from config.settings import Settings

HUB_SECONDS, SLACK_SECONDS, CATALOGUE_SECONDS = 30.0, 45.0, 30.0
"""How long each may take; Slack is asked for every channel."""
SLACK_TIMEOUT = 10  # seconds for a connection, and for an answer
SLACK_WAIT = 3.0  # seconds, for rate limits and between retries of one call
NO_DELIVERY = "hubscope-doctor"  # no message carries this id; looking for it shows whether one may look


@dataclass(frozen=True, slots=True)
class Place:
    """A channel, or a person, as the settings name it.

    Attributes:
        named_by: the settings that name it.
    """

    target: str
    named_by: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class PlaceState:
    """What Slack tells of a place.

    Attributes:
        info: what the bot can see of it, or why it cannot.
        unread: why what was said there cannot be looked at; None where it can, or was not tried.
    """

    place: Place
    info: ChannelInfo | SendError
    unread: NotLookedUp | None = None


@dataclass(frozen=True, slots=True)
class SlackState:
    """What Slack told.

    Attributes:
        identity: whose the bot token is, or why nobody knows.
        places: in the order of the settings; fewer than they name where Slack stopped answering.
        ahead: seconds that this machine's clock is ahead of Slack's; None where no answer named the time.
    """

    identity: Identity | SendError
    places: tuple[PlaceState, ...]
    ahead: float | None


@dataclass(frozen=True, slots=True)
class CatalogueState:
    """What was seen of the catalogue.

    Attributes:
        shown: its address, without any secret.
        path: of an SQLite file; None for a server.
        standing: where things stand, if it could be read.
        unreadable: why that could not be read.
        unheard: subscriptions about no model of the catalogue.
    """

    shown: str
    path: Path | None
    product: str
    driver: str
    revision: str | None
    is_current: bool
    standing: Standing | None
    unreadable: str = ""
    unheard: tuple[str, ...] = ()


@contextmanager
def surroundings(
    settings: Settings,
    source: str,
    version: str,
    *,
    offline: bool = False,
    now: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> Iterator[Surroundings]:
    """Start to gather; what is not there in time is left alone.

    Args:
        settings: what to look at.
        source: where they come from.
        version: of hubscope.
        now: the clock, for what is due and late.
        offline: ask neither the Hub nor Slack.

    Yields:
        what the checks look at.
    """
    token, token_source = _token(settings)
    bot_token = settings.slack_bot_token
    with ThreadPool(3) as pool:
        catalogue = Gathered(
            "the database", pool.apply_async(catalogue_state, (settings, now)), seconds=CATALOGUE_SECONDS
        )
        hub: Gathered[HubState] | None = None
        slack: Gathered[SlackState] | None = None
        if not offline:
            asked = pool.apply_async(probe, (settings.hf_endpoint, token, version))
            hub = Gathered("the Hub", asked, HUB_SECONDS)
        if not offline and bot_token is not None:
            asked_slack = pool.apply_async(slack_state, (settings, bot_token.get_secret_value(), now))
            slack = Gathered("Slack", asked_slack, SLACK_SECONDS)
        yield Surroundings(settings, source, version, now, token_source, catalogue, hub, slack)


def _token(settings: Settings) -> tuple[str | None, str]:
    """The Hub's token as every command takes it, and what it comes from."""
    if settings.hf_token is not None:
        return settings.hf_token.get_secret_value(), "HF_TOKEN"
    token = logged_in_token()
    return token, "what `hf auth login` stored" if token is not None else ""


def places(settings: Settings) -> list[Place]:
    """Every place in Slack that the settings name, each once."""
    slack = settings.slack
    named = [("slack.channel", slack.channel), ("slack.alarm_channel", slack.alarm_channel)]
    named += [(f"subscription {one.name}", one.slack) for one in settings.subscriptions]
    found: dict[str, tuple[str, ...]] = {}
    for who, target in named:
        if target is not None:
            found[target] = (*found.get(target, ()), who)
    return [Place(target, who) for target, who in found.items()]


def slack_state(settings: Settings, token: str, now: Callable[[], datetime]) -> SlackState:
    """Ask Slack; whatever goes wrong is part of the answer. Nothing is posted."""
    bot = SlackBot(token, settings.slack.base_url, timeout=SLACK_TIMEOUT, max_wait_seconds=SLACK_WAIT)
    ahead = _slack_ahead(settings.slack.base_url, now)
    try:
        identity = bot.identity()
    except SendError as error:
        return SlackState(error, (), ahead)
    found: list[PlaceState] = []
    for place in places(settings):
        found.append(_place_state(bot, place, now))
        if isinstance(found[-1].info, Postponed):
            break  # the next question would wait as long, for nothing
    return SlackState(identity, tuple(found), ahead)


def _place_state(bot: SlackBot, place: Place, now: Callable[[], datetime]) -> PlaceState:
    try:
        info = bot.channel_info(place.target)
        if info.is_member and not info.is_archived:
            bot.find(info.id, NO_DELIVERY, since=now())
    except NotLookedUp as error:
        return PlaceState(place, info, error)
    except (Rejected, Postponed) as error:
        return PlaceState(place, error)
    return PlaceState(place, info)


def _slack_ahead(base_url: str, now: Callable[[], datetime]) -> float | None:
    """How far this clock is ahead of Slack's: any answer tells, and no token is needed for one."""
    try:
        answer = Transport(SLACK_TIMEOUT).send(Request(base_url.rstrip("/") + "/api.test"))  # noqa: S310  # https or loopback, as the settings see to
    except (NotConnected, NoAnswer):
        return None
    return seconds_ahead(answer.headers.get("Date"), now(), answer.headers.get("Age"))


def catalogue_state(settings: Settings, now: Callable[[], datetime]) -> CatalogueState:
    """Look at the catalogue; changes nothing.

    Raises:
        UsageError: it cannot be used.
    """
    with inspected(settings.database_url) as found:
        stands, unreadable, unheard = None, "", list[str]()
        if found.engine is not None:
            try:
                stands = standing(found.engine, settings, now)
                unheard = [
                    one.name
                    for one in settings.subscriptions
                    if not any_known(found.engine, owners=one.owners, models=one.models)
                ]
            except (*DATABASE_ERRORS, ValueError) as error:  # ValueError: a column holds what it never should
                unreadable = (str(getattr(error, "orig", error)).strip().splitlines() or [type(error).__name__])[0]
        return CatalogueState(
            found.shown,
            found.path,
            found.product,
            found.driver,
            found.revision,
            found.is_current,
            stands,
            unreadable[:300],
            tuple(unheard),
        )
