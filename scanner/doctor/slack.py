"""Checks of Slack: which way messages take, what the bot may do, and whether it can post where it shall."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from notifiers.errors import Postponed, Rejected, SendError
from notifiers.slack_errors import ADVICE
from notifiers.transport import is_loopback
from scanner.doctor.gather import SlackState, places
from scanner.doctor.interface import Finding, fail, ok, warn
from scanner.errors import IncompleteError

if TYPE_CHECKING:
    from notifiers.slack import ChannelInfo, Identity
    from scanner.doctor.gather import Place, PlaceState
    from scanner.doctor.interface import Gathered, Surroundings

HOOK_HOSTS = ("hooks.slack.com", "hooks.slack-gov.com")
HOOK_PATH = re.compile(r"/services/[^/]+/[^/]+/[^/]+/?")  # team, hook, secret
SET_UP = "set SLACK_BOT_TOKEN and slack.channel, or SLACK_WEBHOOK_URL"
SET_TOKEN = "set SLACK_BOT_TOKEN to the bot token (xoxb-…) of the app's page OAuth & Permissions"  # noqa: S105
ADD_SCOPE = "add it on the app's page OAuth & Permissions and install the app again"
TOKEN_FIRST = "mend what `slack-token` says first"  # noqa: S105
WITHOUT_HISTORY = "a message whose sending broke off cannot be looked up, and comes again marked as a repeat"


def ways(around: Surroundings) -> Iterator[Finding]:
    """Everything that the settings want told has a way to go."""
    settings = around.settings
    token, webhook = settings.slack_bot_token is not None, settings.slack_webhook_url is not None
    named = places(settings)
    if not (token or webhook or named):
        yield warn("nothing is set, so no message goes out", SET_UP)
        return
    if not token:
        for place in named:
            if (lost := _without_token(place, webhook=webhook)) is not None:
                yield lost
    if token and not webhook and settings.slack.channel is None:
        yield warn("a bot token is set but no channel, so no digest goes out", "set slack.channel in the settings")
    elif token and settings.slack.channel is not None:
        unused = "; SLACK_WEBHOOK_URL is not used" if webhook else ""
        yield ok(f"the digest goes to {settings.slack.channel} by bot token{unused}")
    elif webhook:
        unused = f", and not to {settings.slack.channel}" if settings.slack.channel is not None else ""
        yield ok(f"the digest goes to the webhook's own channel{unused}, without thread and CSV")


def webhook(around: Surroundings) -> Iterator[Finding]:
    """A webhook's address looks like one; more cannot be seen without posting."""
    if around.settings.slack_webhook_url is None:
        return
    address = around.settings.slack_webhook_url.get_secret_value()
    parts = urlsplit(address)
    unseen = "whether it is accepted only a message can show (hubscope notify)"
    if is_loopback(address):
        yield ok(f"the address is on this machine ({parts.hostname}); {unseen}")
    elif parts.hostname not in HOOK_HOSTS:
        yield warn(
            f"SLACK_WEBHOOK_URL leads to {parts.hostname}, which is not Slack's; {unseen}",
            "take the address from the app's page Incoming Webhooks, unless this is a proxy of yours",
        )
    elif not HOOK_PATH.fullmatch(parts.path):
        yield fail(
            f"SLACK_WEBHOOK_URL leads to {parts.hostname}, but is no whole address of a webhook",
            "copy all of it (https://hooks.slack.com/services/T…/B…/…) from the app's page Incoming Webhooks",
        )
    else:
        yield ok(f"the address at {parts.hostname} looks right; {unseen}")


def token(around: Surroundings) -> Iterator[Finding]:
    """Slack accepts the bot token."""
    if around.slack is None:
        return
    identity = _answers(around.slack).identity
    if isinstance(identity, SendError):
        yield _no_identity(identity)
    elif identity.bot_id is None:
        found = f"the token is a person's ({identity.user} in {identity.team}), so messages go out in their name"
        yield warn(found, SET_TOKEN)
    else:
        yield ok(f"{identity.user} in {identity.team} ({identity.url})")


def scopes(around: Surroundings) -> Iterator[Finding]:
    """The bot may do what it is needed for."""
    if around.slack is None:
        return
    slack = _answers(around.slack)
    if isinstance(slack.identity, SendError):
        yield warn("what the bot may do could not be found out", TOKEN_FIRST)
        return
    held = slack.identity.scopes
    if held is None:
        yield ok("Slack does not say what this token may do")
        return
    lacking = list(_lacking(around, slack, held))
    yield from lacking
    if not lacking:
        yield ok(f"the bot may do all that is needed ({', '.join(sorted(held))})")


def channels(around: Surroundings) -> Iterator[Finding]:
    """The bot can post to every place that the settings name."""
    if around.slack is None:
        return
    slack, named = _answers(around.slack), places(around.settings)
    if not named:
        return
    if isinstance(slack.identity, SendError):
        yield warn(f"{', '.join(place.target for place in named)} could not be looked at", TOKEN_FIRST)
        return
    for state in slack.places:
        yield _place(state, slack.identity)
    unseen = [place.target for place in named[len(slack.places) :]]
    if unseen:
        yield warn(f"{', '.join(unseen)} could not be looked at, since Slack stopped answering", "try again later")


def _answers(facts: Gathered[SlackState]) -> SlackState:
    """What Slack told; that it told nothing in time is its answer too."""
    try:
        return facts.get()
    except IncompleteError as error:
        return SlackState(Postponed("no-answer", str(error)), (), None)


def _without_token(place: Place, *, webhook: bool) -> Finding | None:
    """What becomes of a place that only a bot token can post to."""
    subscriptions = [who for who in place.named_by if who.startswith("subscription ")]
    if webhook and not subscriptions:
        return None
    who = ", ".join(subscriptions if webhook else place.named_by)
    if webhook:
        return fail(f"{who} goes to {place.target}, where a webhook cannot post", SET_TOKEN)
    return fail(f"{who} goes to {place.target}, but no bot token is set", SET_TOKEN)


def _no_identity(error: SendError) -> Finding:
    if isinstance(error, Rejected):
        return fail(_refusal(error), ADVICE.get(error.code, "look at HUBSCOPE_SLACK__BASE_URL"))
    return fail(str(error), "look at the network and the proxy (HTTPS_PROXY), and try again")


def _lacking(around: Surroundings, slack: SlackState, held: frozenset[str]) -> Iterator[Finding]:
    """Scopes that are missing, each with what it is for."""
    settings = around.settings
    if "chat:write" not in held:
        yield fail("the scope chat:write is missing, without which nothing can be posted", ADD_SCOPE)
    if "files:write" not in held and settings.slack.csv_models and settings.slack.channel is not None:
        yield warn(
            "the scope files:write is missing, without which no CSV is attached", f"{ADD_SCOPE}, or set csv_models = 0"
        )
    named = places(settings)
    if any(place.target.startswith("#") for place in named):
        for scope in ("channels:read", "groups:read"):
            if scope not in held:
                kind = "public" if scope == "channels:read" else "private"
                yield warn(f"the scope {scope} is missing, without which no {kind} channel is found by name", ADD_SCOPE)
    if any(place.target[0] in "UW" for place in named) and "im:write" not in held:
        yield warn("the scope im:write is missing, without which no conversation with a person is opened", ADD_SCOPE)
    for state in slack.places:
        if state.unread is not None and state.unread.code == "missing_scope":
            scope = _history_scope(state, held)
            yield warn(f"{scope} is missing for {_shown(state)}: {WITHOUT_HISTORY}", ADD_SCOPE)


def _history_scope(state: PlaceState, held: frozenset[str]) -> str:
    """Which scope reading a place takes, as far as its id and what the bot may do tell."""
    if isinstance(state.info, SendError) or state.info.id.startswith("D"):
        return "the scope im:history"
    lacking = [scope for scope in ("channels:history", "groups:history") if scope not in held]
    # What the bot could see of the channel tells its kind, where it may see only one kind.
    visible = [scope for scope in lacking if scope.replace("history", "read") in held] or lacking
    return f"the scope {' or '.join(visible) or 'to read messages'}"


def _place(state: PlaceState, identity: Identity) -> Finding:
    info, shown = state.info, _shown(state)
    if isinstance(info, SendError):
        return _not_seen(info, shown)
    if info.is_archived:
        return fail(f"{shown} is archived, so nothing can be posted there", "restore it, or name another channel")
    if not info.is_member:
        return _no_member(info, shown, identity)
    if state.unread is not None and state.unread.code != "missing_scope":
        code = state.unread.code
        return warn(f"{shown} cannot be read ({code}): {WITHOUT_HISTORY}", ADVICE.get(code, "try again later"))
    return ok(f"the bot can post to {shown}")


def _not_seen(error: SendError, shown: str) -> Finding:
    if not isinstance(error, Rejected):
        return warn(f"{shown} could not be looked at: {error}", "try again later")
    if error.code == "missing_scope":
        return warn(f"{shown} could not be looked at: {_refusal(error)}", ADD_SCOPE)
    if error.code in {"channel_not_found", "user_not_found", "users_not_found"}:
        return fail(
            f"{shown} is not there, or private and the bot is no member",
            "invite the bot with /invite, or correct the name or id in the settings",
        )
    return fail(f"{shown}: {_refusal(error)}", ADVICE.get(error.code, "name another channel"))


def _no_member(info: ChannelInfo, shown: str, identity: Identity) -> Finding:
    invite = f"invite the bot: /invite @{identity.user} in {f'#{info.name}' if info.name else info.id}"
    if "chat:write.public" in (identity.scopes or ()):
        return warn(f"the bot is not in {shown}: it can post, but attach no CSV and look nothing up", invite)
    return fail(f"the bot is not in {shown}, so it cannot post there", invite)


def _shown(state: PlaceState) -> str:
    place = state.place
    name = "" if isinstance(state.info, SendError) or not state.info.name else f"#{state.info.name}"
    known = f"{place.target} ({name})" if name and name != place.target else place.target
    return f"{known} of {', '.join(place.named_by)}"


def _refusal(error: SendError) -> str:
    """What was refused, without the advice, which is the fix."""
    return str(error).removesuffix(f"; {ADVICE.get(error.code)}")
