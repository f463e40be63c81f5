"""What Slack's answers mean for a delivery. Pure.

Slack answers 200 with `{"ok": false, "error": code}`; its documentation lists the codes beside each method. They fall
into three families: somebody has to mend something (Rejected), the same may be sent again later because nothing was
posted (Postponed), and the message may stand in the channel all the same (Uncertain). Of `internal_error` and
`fatal_error` Slack itself says that the operation may have succeeded in part. A code that is in no table is Rejected:
repeating what is not understood would not help.
"""

from collections.abc import Mapping
from math import isfinite
from typing import Any

from notifiers.errors import Postponed, Rejected, SendError, Uncertain
from notifiers.render.safe import visible

EVENT_TYPE = "hubscope_delivery"  # of the metadata that carries a delivery's id
LONGEST_WAIT = 86_400.0  # seconds; an answer that asks for more than a day is not believed
_TEXT_LENGTH = 200

_RENEW = "set SLACK_BOT_TOKEN to the app's current bot token (xoxb-…), from its page OAuth & Permissions"
_TOO_MUCH = "report this with the message as `hubscope notify --dry-run` shows it"
_ASK_ADMIN = "ask an administrator of the workspace"

ADVICE: Mapping[str, str] = {
    # the token
    "not_authed": _RENEW,
    "invalid_auth": _RENEW,
    "token_revoked": _RENEW,
    "token_expired": _RENEW,
    "account_inactive": f"the app was removed from the workspace: install it again and {_RENEW}",
    "not_allowed_token_type": f"this is no bot token: {_RENEW}",
    "missing_scope": "add the scope on the app's page OAuth & Permissions and install the app again",
    "no_permission": "add the scope chat:write on the app's page OAuth & Permissions and install the app again",
    "access_denied": _ASK_ADMIN,
    "org_login_required": "the workspace is being moved to an Enterprise organisation: wait until that is done",
    "team_access_not_granted": f"the app is not approved for this workspace: {_ASK_ADMIN}",
    "ekm_access_denied": f"the workspace's keys are suspended: {_ASK_ADMIN}",
    "enterprise_is_restricted": f"the app may not do this in an Enterprise organisation: {_ASK_ADMIN}",
    "two_factor_setup_required": f"the workspace asks for two-factor authentication: {_ASK_ADMIN}",
    "accesslimited": f"the workspace does not accept this machine's network: {_ASK_ADMIN}",
    # the channel
    "channel_not_found": "there is no such channel, or it is private and the bot is no member: check its name or id, "
    "and invite the bot with /invite",
    "not_in_channel": "invite the bot to the channel with /invite, or give it the scope chat:write.public",
    "is_archived": "the channel is archived: restore it or set another",
    "user_not_found": "there is no such user: check the id (U…)",
    "user_disabled": "the user's account is deactivated: set another",
    "users_not_found": "there is no such user: check the id (U…)",
    "cannot_dm_bot": "the id belongs to a bot, which takes no messages: set a person or a channel",
    "messages_tab_disabled": "turn on the Messages tab on the app's page App Home",
    "restricted_action": f"only some people may post there: {_ASK_ADMIN}, or set another channel",
    "restricted_action_read_only_channel": f"the channel is read-only: {_ASK_ADMIN}, or set another channel",
    "restricted_action_thread_only_channel": "the channel takes only replies in threads: set another channel",
    "restricted_action_non_threadable_channel": "the channel takes no threads: set another channel",
    "restricted_action_thread_locked": "the thread is locked: unlock it",
    "cannot_reply_to_message": "the message that this should reply to is gone or takes no replies",
    "thread_not_found": "the message that this should reply to is gone",
    "as_user_not_supported": _TOO_MUCH,
    # the message
    "no_text": _TOO_MUCH,
    "invalid_blocks": _TOO_MUCH,
    "invalid_blocks_format": _TOO_MUCH,
    "msg_too_long": _TOO_MUCH,
    "msg_blocks_too_long": _TOO_MUCH,
    "invalid_metadata_format": _TOO_MUCH,
    "metadata_too_large": _TOO_MUCH,
    "invalid_arguments": _TOO_MUCH,
    "invalid_arg_name": _TOO_MUCH,
    # files
    "file_uploads_disabled": f"file uploads are turned off in the workspace: {_ASK_ADMIN}, or set slack.csv_models = 0",
    "file_upload_size_restricted": f"the workspace limits the size of files: {_ASK_ADMIN}",
    "storage_limit_reached": "the workspace has no room for files: delete some",
    "file_not_found": "the file that was uploaded is gone; it will be uploaded anew",
    "blocked_file_type": f"the workspace does not accept this kind of file: {_ASK_ADMIN}",
    # the address
    "unknown_method": "the address is not Slack's: check slack.base_url",
}
"""What a person has to do, by Slack's code; the causes for Rejected that are known."""

LATER = frozenset({"ratelimited", "rate_limited", "message_limit_exceeded", "team_added_to_org"})
"""Codes that say that nothing was done, and that the same may be sent again."""

UNSURE = frozenset({"internal_error", "fatal_error", "request_timeout", "service_unavailable"})
"""Codes after which the operation may have been done all the same."""

AUTHENTICATION = frozenset(
    {
        "not_authed",
        "invalid_auth",
        "token_revoked",
        "token_expired",
        "account_inactive",
        "not_allowed_token_type",
        "ekm_access_denied",
        "org_login_required",
        "team_access_not_granted",
        "accesslimited",
    }
)
"""Codes that are about the token or the workspace, so that every other call would get them too."""

NO_JSON = "no_json"  # our own code for bodies that are no JSON object


def from_answer(
    method: str, status: int, data: Mapping[str, Any], retry_after: float | None, *, posts: bool
) -> SendError:
    """The error that an unsuccessful answer of the Web API stands for.

    Args:
        method: of the Web API, such as "chat.postMessage".
        status: of HTTP.
        data: the answer; NO_JSON as `error` where it was no JSON object.
        retry_after: seconds, from its header; None where it names none.
        posts: whether the method makes something visible; where it only asks, no failure is Uncertain.
    """
    code = visible(str(data.get("error") or "no_error_given"), _TEXT_LENGTH)
    if status == 429 or code in LATER:
        return Postponed(code if code != NO_JSON else "ratelimited", _later(method, retry_after), retry_after)
    if status >= 500 or status == 408:
        return _unclear(f"http-{status}", f"Slack answered {method} with HTTP {status}", posts=posts)
    if code == NO_JSON:
        if 300 <= status < 500:
            return Rejected(
                f"http-{status}",
                f"{method} was answered with HTTP {status} by something that is not Slack: check slack.base_url and "
                "the proxy",
            )
        return _unclear(NO_JSON, f"{method} was answered with something that is not JSON", posts=posts)
    if code in UNSURE:
        return _unclear(code, f"Slack answered {method} with {code}", posts=posts)
    return Rejected(code, _refusal(method, code, data))


def no_answer(method: str, reason: str, *, posts: bool) -> SendError:
    """The error for a request that was sent and got no answer."""
    return _unclear("no-answer", f"Slack gave no answer to {method} ({reason})", posts=posts)


def not_connected(host: str, reason: str) -> Postponed:
    """The error for a connection that never came about."""
    return Postponed("no-connection", f"no connection to {visible(host, _TEXT_LENGTH)} ({reason}); nothing was sent")


def seconds(header: str | None) -> float | None:
    """What a Retry-After header asks for, in seconds, at most a day; None where it is no such number."""
    try:
        wanted = float(header) if header else -1.0
    except ValueError:
        return None
    return min(wanted, LONGEST_WAIT) if isfinite(wanted) and wanted >= 0 else None


def _unclear(code: str, what: str, *, posts: bool) -> SendError:
    if posts:
        return Uncertain(code, f"{what}; the message may have arrived all the same")
    return Postponed(code, f"{what}; nothing was sent")


def _later(method: str, retry_after: float | None) -> str:
    wait = f" and asks to wait {retry_after:g} seconds" if retry_after is not None else ""
    return f"Slack takes no more {method} for now{wait}"


def _refusal(method: str, code: str, data: Mapping[str, Any]) -> str:
    sentence = f"Slack refused {method}: {code}"
    details = _details(data)
    if details:
        sentence += f" ({details})"
    return f"{sentence}; {ADVICE[code]}" if code in ADVICE else sentence


def _details(data: Mapping[str, Any]) -> str:
    """Which scope is needed, or what about the blocks was wrong."""
    parts = [f"{name}: {visible(str(data[name]), _TEXT_LENGTH)}" for name in ("needed", "provided") if data.get(name)]
    metadata = data.get("response_metadata")
    messages = metadata.get("messages") if isinstance(metadata, dict) else None
    if isinstance(messages, list) and messages:
        parts.append(visible(str(messages[0]), _TEXT_LENGTH))
    return "; ".join(parts)
