"""The sockets: forms and JSON in, answers out, and the faults of sending."""

from __future__ import annotations

import contextlib
import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import parse_qsl, urlsplit

from tests.slackserver.faults import Fault, Faults, Kind
from tests.slackserver.methods import METHODS, Caller, Refused, checked_message, unknown_method
from tests.slackserver.workspace import ALL_SCOPES, Channel, Message, Recorded, Workspace

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

POLL_SECONDS = 0.02  # how long stopping may take
HOOK = "/services/T0SAMPLE/B0HOOK/sampleHookSecret"
TOKEN = "xoxb-sample-0000000000-secretsecretsecret"


class SlackServer:
    """A Slack with one bot, which is in the channels #general and #digests and not in #elsewhere.

    Args:
        clock: seconds since 1970 for the `ts` of messages.
        one_message_a_second: whether a channel takes only one message a second, as Slack's does.

    Attributes:
        faults: what shall go wrong.
        workspace: channels, people, files; may be changed at any time.
    """

    token = TOKEN

    def __init__(
        self, *, port: int = 0, clock: Callable[[], float] = time.time, one_message_a_second: bool = False
    ) -> None:
        self.workspace = Workspace(clock)
        self.faults = Faults()
        self.one_message_a_second = one_message_a_second
        self.stopping = threading.Event()
        self.workspace.tokens[TOKEN] = ALL_SCOPES
        self.workspace.add_channel("C0GENERAL", "general")
        self.workspace.add_channel("C0DIGESTS", "digests")
        self.workspace.add_channel("C0ELSEWHERE", "elsewhere", member=False)
        self.workspace.add_channel("C0PRIVATE", "private", private=True)
        self.workspace.hooks[HOOK] = "C0GENERAL"
        self._http = _Server(("127.0.0.1", port), self)
        self._thread = threading.Thread(target=self._http.serve_forever, args=(POLL_SECONDS,), daemon=True)

    def __enter__(self) -> SlackServer:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.stopping.set()
        self._http.shutdown()
        self._http.server_close()
        self._thread.join()

    @property
    def address(self) -> str:
        """Scheme, host and port."""
        return f"http://127.0.0.1:{self._http.server_address[1]}"

    @property
    def base_url(self) -> str:
        """Of the Web API, as slack_sdk's `base_url` takes it."""
        return f"{self.address}/api/"

    @property
    def webhook_url(self) -> str:
        """An incoming webhook of #general."""
        return self.address + HOOK

    @property
    def requests(self) -> list[Recorded]:
        """Every request so far, oldest first."""
        return self.workspace.requests

    def calls(self, method: str) -> list[Recorded]:
        """The requests to one method."""
        return [request for request in self.requests if request.method == method]

    def messages(self, channel: str, *, thread: str | None = None) -> list[Message]:
        """A channel's messages, oldest first: those in the channel itself, or the replies of one thread."""
        with self.workspace.lock:
            found = list(self.workspace.channels[channel].messages)
        if thread is not None:
            return [message for message in found if message.get("thread_ts") == thread != message["ts"]]
        return [message for message in found if message.get("thread_ts") in {None, message["ts"]}]

    def deliveries(self, channel: str) -> list[str]:
        """The deliveries that messages of a channel carry as metadata, threads included, oldest first."""
        with self.workspace.lock:
            found = [message.get("metadata") for message in self.workspace.channels[channel].messages]
        return [str(metadata["event_payload"].get("delivery")) for metadata in found if metadata]

    def file(self, name: str) -> bytes | None:
        """The content of the last file of that name; None where none was uploaded."""
        found = [file for file in self.workspace.files.values() if file.name == name and file.content is not None]
        return found[-1].content if found else None

    def revoke_token(self) -> None:
        """From now on the token is refused."""
        self.workspace.revoked.add(TOKEN)

    def restore_token(self) -> None:
        """The token is accepted again."""
        self.workspace.revoked.discard(TOKEN)

    def remove_scopes(self, *scopes: str) -> None:
        """The token may no longer do this."""
        self.workspace.tokens[TOKEN] -= set(scopes)

    def add_scopes(self, *scopes: str) -> None:
        """The token may do this too."""
        self.workspace.tokens[TOKEN] |= set(scopes)

    def archive(self, channel: str) -> None:
        """Nothing can be posted there any more."""
        self.workspace.channels[channel].archived = True

    def delete(self, channel: str) -> Channel:
        """There is no such channel any more."""
        with self.workspace.lock:
            return self.workspace.channels.pop(channel)


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False  # a stalled request must not hold up the end of a test

    def __init__(self, address: tuple[str, int], slack: SlackServer) -> None:
        self.slack = slack
        super().__init__(address, _Handler)

    def server_bind(self) -> None:
        """Bind without the reverse look-up of HTTPServer, which can take seconds."""
        self.socket.bind(self.server_address)
        self.server_address = self.socket.getsockname()

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that went away is no news."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    @property
    def slack(self) -> SlackServer:
        return cast(_Server, self.server).slack

    def do_GET(self) -> None:
        """Methods that only ask may be called so too."""
        self._serve()

    def do_POST(self) -> None:
        """Everything else."""
        self._serve()

    def date_time_string(self, timestamp: float | None = None) -> str:
        """The `Date` header: the workspace's own clock."""
        return super().date_time_string(self.slack.workspace.clock() if timestamp is None else timestamp)

    def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002  # the base class's own word
        """Requests are recorded, not printed."""

    def _serve(self) -> None:
        slack, parts = self.slack, urlsplit(self.path)
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        method = _method(parts.path)
        recorded = Recorded(method, parts.path, dict(self.headers.items()), self._arguments(parts.query, body), body)
        with slack.workspace.lock:
            slack.workspace.requests.append(recorded)
            fault = slack.faults.take(method)
        if fault is not None:
            recorded.fault = fault.kind
        if fault is None or fault.after:
            status, answer, headers = self._answer(recorded)
            recorded.status, recorded.answer = status, answer
            if fault is None:
                self._send(status, answer, headers)
                return
        self._fail(fault, recorded)

    def _fail(self, fault: Fault, recorded: Recorded) -> None:
        if fault.kind is Kind.STALL:
            self.slack.stopping.wait(fault.seconds)
        if fault.kind in {Kind.STALL, Kind.CUT_BEFORE, Kind.CUT_AFTER}:
            self.close_connection = True
            return
        headers = {"Content-Type": "text/html"}
        body = fault.body or f"<html><body>{fault.status}</body></html>"
        if fault.kind is Kind.ANSWER:
            headers = {"Content-Type": "text/plain" if recorded.method == "webhook" else "application/json"}
            body = fault.body
        if fault.kind is Kind.RATE_LIMIT:
            headers = {"Content-Type": "application/json"}
            headers |= {"Retry-After": fault.retry_after} if fault.retry_after is not None else {}
            body = json.dumps({"ok": False, "error": "ratelimited"})
        recorded.status = fault.status
        self._send(fault.status, body, headers)

    def _answer(self, recorded: Recorded) -> tuple[int, str, dict[str, str]]:
        with self.slack.workspace.lock:
            if recorded.method == "webhook":
                return self._hook(recorded)
            if recorded.method == "upload":
                return self._upload(recorded)
            return self._api(recorded)

    def _api(self, recorded: Recorded) -> tuple[int, str, dict[str, str]]:
        slack = self.slack
        headers = {"Content-Type": "application/json; charset=utf-8"}
        try:
            function = METHODS.get(recorded.method, unknown_method)
            caller = self._caller(recorded)
            headers["x-oauth-scopes"] = ",".join(sorted(caller.scopes))
            if slack.one_message_a_second and recorded.method == "chat.postMessage" and self._is_too_soon(recorded):
                return 429, json.dumps({"ok": False, "error": "ratelimited"}), {**headers, "Retry-After": "1"}
            answer: dict[str, Any] = {"ok": True, **function(caller, recorded.arguments)}
            recorded.accepted = True
        except Refused as refused:
            answer = {"ok": False, "error": refused.code, **refused.details}
        return 200, json.dumps(answer), headers

    def _caller(self, recorded: Recorded) -> Caller:
        workspace = self.slack.workspace
        header = self.headers.get("Authorization") or ""
        token = header.removeprefix("Bearer ") if header.startswith("Bearer ") else recorded.arguments.get("token")
        if not token:
            raise Refused("not_authed")
        if token in workspace.revoked:
            raise Refused("token_revoked")
        if token not in workspace.tokens:
            raise Refused("invalid_auth")
        return Caller(workspace, workspace.tokens[str(token)], self.slack.address)

    def _is_too_soon(self, recorded: Recorded) -> bool:
        workspace = self.slack.workspace
        address = str(recorded.arguments.get("channel", "")).removeprefix("#")
        channel = next((one for one in workspace.channels.values() if address in {one.id, one.name}), None)
        if channel is None or not channel.messages:
            return False
        return workspace.clock() - float(channel.messages[-1]["ts"]) < 1

    def _hook(self, recorded: Recorded) -> tuple[int, str, dict[str, str]]:
        """Incoming webhooks answer `ok`, or an HTTP error with a code as text."""
        workspace, headers = self.slack.workspace, {"Content-Type": "text/html; charset=utf-8"}
        place = workspace.hooks.get(recorded.path)
        if place is None:
            return 404, "no_service", headers
        channel = workspace.channels.get(place)
        if channel is None:
            return 404, "channel_not_found", headers
        if channel.archived:
            return 410, "channel_is_archived", headers
        if channel.refuses:
            return 403, "action_prohibited", headers
        if not recorded.arguments:
            return 400, "invalid_payload", headers
        try:
            message = checked_message(recorded.arguments)
        except Refused as refused:
            return 400, refused.code, headers
        metadata = recorded.arguments.get("metadata")
        workspace.store(channel, message | {"bot_id": "B0HOOK"} | ({"metadata": metadata} if metadata else {}))
        recorded.accepted = True
        return 200, "ok", headers

    def _upload(self, recorded: Recorded) -> tuple[int, str, dict[str, str]]:
        file = self.slack.workspace.files.get(recorded.path.rpartition("/")[2])
        if file is None or len(recorded.body) != file.length:
            return 400, "the length is not the one announced", {"Content-Type": "text/plain"}
        file.content = recorded.body
        recorded.accepted = True
        return 200, f"OK - {file.length}", {"Content-Type": "text/plain"}

    def _arguments(self, query: str, body: bytes) -> dict[str, Any]:
        """The query, then the form or JSON of the body; uploads are just bytes."""
        arguments: dict[str, Any] = dict(parse_qsl(query, keep_blank_values=True))
        kind = self.headers.get_content_type()
        with contextlib.suppress(ValueError):
            if kind == "application/json":
                decoded = json.loads(body)
                arguments |= decoded if isinstance(decoded, dict) else {}
            elif kind == "application/x-www-form-urlencoded":
                form: dict[str, Any] = dict(parse_qsl(body.decode(), keep_blank_values=True))
                arguments |= json.loads(form["payload"]) if "payload" in form else form
        return arguments

    def _send(self, status: int, body: str, headers: dict[str, str]) -> None:
        content = body.encode()
        with contextlib.suppress(OSError):
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)


def _method(path: str) -> str:
    if path.startswith("/services/"):
        return "webhook"
    return "upload" if path.startswith("/upload/") else path.removeprefix("/api/").strip("/")
