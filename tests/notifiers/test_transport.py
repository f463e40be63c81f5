import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from urllib.request import Request

import pytest

from notifiers.transport import NoAnswer, NotConnected, Transport, is_allowed, is_loopback


@contextmanager
def answering(*pieces: bytes, before_each: Callable[[], object] = lambda: None) -> Iterator[str]:
    """A server that reads one request, sends these bytes, and ends the connection."""
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        connection, _ = listener.accept()
        with connection:
            connection.recv(65_536)
            for piece in pieces:
                before_each()
                try:
                    connection.sendall(piece)
                except OSError:
                    return

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}/"
    finally:
        listener.close()
        thread.join()


def get(url: str, timeout: float = 5) -> tuple[int, str]:
    answer = Transport(timeout).send(Request(url))  # noqa: S310  # a server of this test
    return answer.status, answer.body


def test_an_answer_is_status_headers_and_text() -> None:
    with answering(b"HTTP/1.1 200 OK\r\nX-A: b\r\nContent-Length: 5\r\n\r\n\xe6\xa8\xa1\xff!") as url:
        answer = Transport(5).send(Request(url))  # noqa: S310  # a server of this test
    assert (answer.status, answer.headers["x-a"], answer.body) == (200, "b", "模\ufffd!")


@pytest.mark.parametrize("charset", ["utf-16", "no-such-thing", "\xe4"])
def test_what_a_server_says_of_its_charset_does_not_matter(charset: str) -> None:
    head = f"HTTP/1.1 200 OK\r\nContent-Type: text/plain; charset={charset}\r\nContent-Length: 2\r\n\r\n"
    with answering(head.encode() + b"ok") as url:
        assert get(url) == (200, "ok")


@pytest.mark.parametrize("status", [204, 301, 302, 307, 400, 401, 404, 407, 500, 599])
def test_every_status_is_an_answer(status: int) -> None:
    head = f"HTTP/1.1 {status} X\r\nLocation: http://127.0.0.1:9/\r\nContent-Length: 0\r\n\r\n"
    with answering(head.encode()) as url:
        assert get(url) == (status, "")


@pytest.mark.parametrize(
    "sent",
    [
        b"",
        b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nshort",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"SSH-2.0-OpenSSH\r\n",
        b"\x00\x01\x02\x03",
    ],
)
def test_half_an_answer_is_none(sent: bytes) -> None:
    with answering(sent) as url, pytest.raises(NoAnswer):
        get(url)


def test_an_answer_without_end_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("notifiers.transport.MAX_ANSWER_BYTES", 100_000)
    pieces = [b"HTTP/1.1 200 OK\r\n\r\n", *[b"x" * 50_000] * 10]
    with answering(*pieces) as url, pytest.raises(NoAnswer, match="longer than 100,000 bytes"):
        get(url)


def test_an_answer_that_drips_is_none() -> None:
    stopped = threading.Event()
    pieces = [b"HTTP/1.1 200 OK\r\n\r\n", *[b"x"] * 500]
    with answering(*pieces, before_each=lambda: stopped.wait(0.02)) as url:
        with pytest.raises(NoAnswer, match="not complete"):
            get(url, timeout=0.2)
        stopped.set()


def test_no_connection_is_told_apart() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    with pytest.raises(NotConnected, match="refused"):
        get(f"http://127.0.0.1:{port}/")


@pytest.mark.parametrize(
    ("url", "loopback", "allowed"),
    [
        ("https://slack.com/api/", False, True),
        ("http://slack.com/api/", False, False),
        ("http://127.0.0.1:8080/", True, True),
        ("http://127.8.9.1/", True, True),
        ("http://[::1]:80/", True, True),
        ("http://localhost/", True, True),
        ("http://localhost.example/", False, False),
        ("http://127.0.0.1.example/", False, False),
        ("http://127.0.0.1@evil.example/", False, False),
        ("http://10.0.0.1/", False, False),
        ("file:///etc/passwd", False, False),
        ("slack.com", False, False),
        ("", False, False),
        ("https://", False, False),
        ("https://h:0/", False, False),
        ("https://h:99999/", False, False),
    ],
)
def test_secrets_go_to_https_or_this_machine(url: str, loopback: bool, allowed: bool) -> None:
    assert is_loopback(url) is loopback
    assert is_allowed(url) is allowed
