"""Answers that would never end, over sockets: each is left within its budget, whatever trickles and however."""

import gzip
import itertools
import socket
import threading
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from scanner.errors import Cancelled, Unanswered
from scanner.sources import patience
from scanner.sources.http import API, HubClient
from scanner.sources.replies import read_capped
from tests.scanner.helpers import make_client, restore_library

PATIENT = 300.0  # seconds without a byte: it is not this time-out that ends anything here
HEAD = b"HTTP/1.1 200 OK\r\n"


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(patience, "START_SECONDS", 0.3)
    monkeypatch.setattr(patience, "LOOKS_UP_SECONDS", 0.02)
    yield
    restore_library()


@contextmanager
def dripping(pieces: Callable[[], Iterator[bytes]]) -> Iterator[str]:
    """A server that sends a piece every 20 ms until the client has gone."""
    over = threading.Event()
    threads: list[threading.Thread] = []

    def answer(connection: socket.socket) -> None:
        with connection:
            connection.recv(65_536)
            for piece in pieces():
                try:
                    connection.sendall(piece)
                except OSError:
                    return
                if over.wait(0.02):
                    return

    def listen() -> None:
        while not over.is_set():
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            threads.append(threading.Thread(target=answer, args=(connection,), daemon=True))
            threads[-1].start()

    with socket.create_server(("127.0.0.1", 0)) as listener:
        listening = threading.Thread(target=listen, daemon=True)
        listening.start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        over.set()
        listener.shutdown(socket.SHUT_RDWR)
        listening.join()
    for thread in threads:
        thread.join()


def single(data: Iterator[int] | bytes) -> Iterator[bytes]:
    return (bytes([value]) for value in data)


def in_the_headers() -> Iterator[bytes]:
    return itertools.chain([HEAD, b"X-Slow: "], itertools.repeat(b"x"))


def before_the_headers() -> Iterator[bytes]:
    return single(itertools.chain(b"HTTP/1.1 ", itertools.cycle(b"2")))


def in_the_body() -> Iterator[bytes]:
    return itertools.chain([HEAD, b"Content-Length: 999999\r\n\r\n"], itertools.repeat(b"["))


def in_chunks() -> Iterator[bytes]:
    return itertools.chain([HEAD, b"Transfer-Encoding: chunked\r\n\r\n"], itertools.repeat(b"1\r\n[\r\n"))


def compressed() -> Iterator[bytes]:
    """What a reader of the decoded body sees nothing of: it comes out at the end only."""
    body = gzip.compress(bytes(range(256)) * 4000, 9, mtime=0)
    assert len(zlib.decompressobj(31).decompress(body[:40])) == 0
    head = [HEAD, b"Content-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(body)]
    return itertools.chain(head, single(body), itertools.repeat(b""))


DRIPS = (in_the_headers, before_the_headers, in_the_body, in_chunks, compressed)


def get(client: HubClient) -> bytes:
    return client.ask("/api/models", bucket=API, consume=lambda response: read_capped(response, 1 << 20))


@pytest.mark.parametrize("pieces", DRIPS, ids=lambda value: value.__name__)
def test_a_byte_now_and_then_is_no_answer(pieces: Callable[[], Iterator[bytes]]) -> None:
    with dripping(pieces) as endpoint:
        client = make_client(endpoint, read_timeout=PATIENT, max_retries=1)
        with pytest.raises(Unanswered, match=r"sent [0-9,]+ bytes in .* after 2 tries") as caught:
            get(client)
    assert caught.value.code == "server-error"
    assert (client.sent, client.asked, client.unanswered) == (2, 1, 1)


def test_an_answer_that_comes_fast_ends_in_any_case(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patience, "BYTES_A_SECOND", 1)
    monkeypatch.setattr(patience, "ANSWER_SECONDS", 0.5)
    with dripping(in_the_body) as endpoint:
        client = make_client(endpoint, read_timeout=PATIENT, max_retries=0)
        with pytest.raises(Unanswered, match="still sending after"):
            get(client)


@pytest.mark.parametrize("pieces", DRIPS, ids=lambda value: value.__name__)
def test_cancelling_ends_a_read(pieces: Callable[[], Iterator[bytes]], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patience, "START_SECONDS", PATIENT)
    with dripping(pieces) as endpoint:
        client = make_client(endpoint, read_timeout=PATIENT)
        threading.Timer(0.1, client.cancelled.set).start()
        with pytest.raises(Cancelled):
            get(client)


def test_a_silent_server_meets_the_read_time_out() -> None:
    with dripping(lambda: itertools.repeat(b"")) as endpoint:
        client = make_client(endpoint, read_timeout=0.1, max_retries=0)
        with pytest.raises(Unanswered, match="did not answer") as caught:
            get(client)
    assert caught.value.code == "server-error"
