"""HTTP/1.1 on a loopback socket: keep-alive, exact lengths, no body after HEAD, and the faults of sending."""

from __future__ import annotations

import contextlib
import gzip
import socket
import struct
import threading
import uuid
from dataclasses import dataclass
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, HTTPServer
from socketserver import ThreadingMixIn
from typing import TYPE_CHECKING, Any, cast

from scanner.samplehub.wire import distort
from scanner.samplehub.wire.messages import Request, Response

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from scanner.samplehub.faults import Fault, FaultPlan
    from scanner.samplehub.state import State
    from scanner.samplehub.tally import Tally

MOST_BODY = 4 << 20  # bytes of a request's body
POLL_SECONDS = 0.02  # how long stopping may take
ENDLESS_BLOCK = 1 << 16


@dataclass
class Recorded:
    """One request that a server got, and what it answered."""

    method: str
    server: str
    path: str
    query: str
    headers: Mapping[str, str]
    status: int = 0
    bucket: str | None = None
    bytes_sent: int = 0
    fault: str | None = None


class Server(ThreadingMixIn, HTTPServer):
    """One of the two servers. `application` answers; `spend` charges a quota and gives the headers for it."""

    request_queue_size = 128

    def __init__(
        self,
        name: str,
        address: tuple[str, int],
        application: Callable[[Request, Recorded], Response],
        state: State,
        faults: FaultPlan,
        requests: list[Recorded] | Tally,
        latency: float,
    ) -> None:
        super().__init__(address, Handler)
        self.name, self.application, self.state, self.faults = name, application, state, faults
        self.requests, self.latency = requests, latency
        self.stopping = threading.Event()
        self._open: dict[threading.Thread, socket.socket] = {}
        self._loop = threading.Thread(target=self.serve_forever, args=(POLL_SECONDS,), daemon=True)

    @property
    def endpoint(self) -> str:
        """Scheme, address and port."""
        return f"http://{self.server_address[0]!s}:{self.server_address[1]}"

    def server_bind(self) -> None:
        """Bind without the reverse look-up of HTTPServer, which can take seconds."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.socket.bind(self.server_address)
        self.server_address = self.socket.getsockname()

    def start(self) -> None:
        """Serve in the background."""
        self._loop.start()

    def stop(self) -> None:
        """Close every connection, wait for their threads, and free the port."""
        self.stopping.set()
        self.shutdown()
        self._loop.join()
        for thread, connection in list(self._open.items()):
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
            thread.join(timeout=5)
        self.server_close()

    def process_request(self, request: Any, client_address: Any) -> None:
        """A thread for each connection, known so that it can be ended."""
        thread = threading.Thread(target=self._connection, args=(request, client_address), daemon=True)
        self._open[thread] = request
        thread.start()

    def _connection(self, request: socket.socket, client_address: Any) -> None:
        try:
            self.process_request_thread(request, client_address)
        finally:
            self._open.pop(threading.current_thread(), None)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that hangs up is no error; anything else is told as usual."""
        import sys

        if not isinstance(sys.exception(), OSError):
            super().handle_error(request, client_address)


class Handler(BaseHTTPRequestHandler):
    """Reads requests off one connection and writes their answers."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    timeout = 120

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  the base class's name
        """Nothing: `SampleHub.requests` is the log."""

    def _handle(self) -> None:
        server = cast("Server", self.server)
        body = self._body()
        if body is None:
            return
        path, _, query = self.path.partition("?")
        headers = {key.lower(): value for key, value in self.headers.items()}
        recorded = Recorded(self.command, server.name, path, query, headers)
        request = Request(self.command, path, query, headers, body, self.client_address[0])
        fault = server.faults.pick(server.name, self.command, self.path)
        recorded.fault = fault.kind if fault else None
        server.stopping.wait(server.latency) if server.latency else None
        if fault is not None and fault.kind == "stall" and fault.after_bytes is None:
            server.stopping.wait(fault.seconds)
        if fault is not None and fault.kind == "reset":
            server.requests.append(recorded)
            self._reset()
            return
        response = self._response(server, request, recorded, fault)
        recorded.status = response.status
        server.requests.append(recorded)
        self._send(request, response, recorded, fault)

    do_GET = do_HEAD = do_POST = do_PUT = do_DELETE = do_PATCH = do_OPTIONS = _handle  # noqa: N815  the base class's names

    def _response(self, server: Server, request: Request, recorded: Recorded, fault: Fault | None) -> Response:
        response = server.application(distort.prepare(fault, request), recorded)
        if fault is not None:
            kept = {key: value for key, value in response.headers.items() if key.startswith("RateLimit")}
            if fault.kind == "status":
                response = distort.refusal(fault)
            response = distort.distort(fault, server.state, response)
            response.headers |= kept
            if fault.rate_limit is not None:
                response.headers["RateLimit"] = fault.rate_limit
                if not fault.rate_limit:
                    del response.headers["RateLimit"]
                    response.headers.pop("RateLimit-Policy", None)
        return response

    def _body(self) -> bytes | None:
        """The request's body; None if it was refused."""
        length = self.headers.get("Content-Length", "0")
        if "Transfer-Encoding" in self.headers or not length.isdigit() or int(length) > MOST_BODY:
            self.close_connection = True
            self.wfile.write(b"HTTP/1.1 411 Length Required\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
            return None
        return self.rfile.read(int(length))

    def _send(self, request: Request, response: Response, recorded: Recorded, fault: Fault | None) -> None:
        kind = fault.kind if fault is not None and response.status < 300 else None
        headers = {"Date": self.date_time_string(), "X-Request-Id": f"Root=1-{uuid.uuid4()}"} | response.headers
        blocks = self._blocks(response)
        chunked = kind == "endless" or (response.status < 300 and distort.gzips(fault, request))
        if kind == "endless":
            blocks = _endless(response)
        elif chunked:
            blocks = iter([gzip.compress(b"".join(blocks))])
            headers["Content-Encoding"] = "gzip"
        if chunked:
            headers["Transfer-Encoding"] = "chunked"
        elif response.status != HTTPStatus.NOT_MODIFIED:
            headers["Content-Length"] = str(response.length)
        if self.close_connection:
            headers["Connection"] = "close"
        status = HTTPStatus(response.status)
        lines = [f"HTTP/1.1 {status.value} {status.phrase}", *(f"{key}: {value}" for key, value in headers.items())]
        head = "\r\n".join(lines).encode("latin-1", "replace") + b"\r\n\r\n"
        if request.method == "HEAD" or response.status == HTTPStatus.NOT_MODIFIED:
            self.wfile.write(head)
            return
        breaks = kind in ("cut", "reset-mid-body") or (
            kind == "stall" and fault is not None and fault.after_bytes is not None
        )
        if breaks and fault is not None:
            self.wfile.write(head)
            self._send_broken(fault, response, recorded)
        elif chunked:
            self.wfile.write(head)
            self._send_chunks(blocks, recorded)
        else:
            self._send_blocks(head, blocks, recorded)

    def _blocks(self, response: Response) -> Iterator[bytes]:
        if response.file is not None:
            return response.file.stream(response.start, response.stop)
        return iter([response.body] if response.body else [])

    def _send_blocks(self, head: bytes, blocks: Iterator[bytes], recorded: Recorded) -> None:
        first = next(blocks, b"")
        recorded.bytes_sent += len(first)
        self.wfile.write(head + first)
        for block in blocks:
            self.wfile.write(block)
            recorded.bytes_sent += len(block)

    def _send_chunks(self, blocks: Iterator[bytes], recorded: Recorded) -> None:
        server = cast("Server", self.server)
        for block in blocks:
            if server.stopping.is_set():
                self.close_connection = True
                return
            self.wfile.write(b"%x\r\n%s\r\n" % (len(block), block))
            recorded.bytes_sent += len(block)
        self.wfile.write(b"0\r\n\r\n")

    def _send_broken(self, fault: Fault, response: Response, recorded: Recorded) -> None:
        """Part of the body, and then silence, a reset, or the end of the connection."""
        at = response.length // 2 if fault.after_bytes is None else min(fault.after_bytes, response.length)
        sent = 0
        for block in self._blocks(response):
            part = block[: max(at - sent, 0)] if fault.kind != "stall" else block
            if fault.kind == "stall" and sent <= at < sent + len(block):
                self.wfile.write(block[: at - sent])
                cast("Server", self.server).stopping.wait(fault.seconds)
                part = block[at - sent :]
            self.wfile.write(part)
            sent += len(block)
            if fault.kind != "stall" and sent >= at:
                break
        recorded.bytes_sent += min(sent, at) if fault.kind != "stall" else sent
        if fault.kind == "reset-mid-body":
            self._reset()
        self.close_connection = self.close_connection or fault.kind != "stall"

    def _reset(self) -> None:
        """End the connection with RST instead of FIN."""
        self.close_connection = True
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.connection.close()


def _endless(response: Response) -> Iterator[bytes]:
    """Rows without end for a list, zeros without end for anything else."""
    if response.body.startswith(b"["):
        row = response.body[1:-1].rstrip() or b"{}"
        yield b"[" + row
        while True:
            yield b"," + row
    if response.body:  # an empty chunk would end a chunked body
        yield response.body
    while True:
        yield bytes(ENDLESS_BLOCK)
