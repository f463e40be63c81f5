"""huggingface_hub over `requests`, so that `responses` sees what it asks for and can answer it.

    client = HubClient(..., session_factory=bridged_session)

Only for tests: the bridge knows neither streams of requests nor HTTP/2.
"""

from __future__ import annotations

from collections.abc import Iterator

import httpx2
import requests
import urllib3
from huggingface_hub.utils._http import hf_request_event_hook

from scanner.sources.http import Limits

CHUNK_BYTES = 16 * 1024


class RequestsTransport(httpx2.BaseTransport):
    """Sends the requests of an httpx2 client through a `requests.Session`, and translates answers and errors back."""

    def __init__(self, session: requests.Session | None = None) -> None:
        self._session = session or requests.Session()

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        try:
            # Prepared without the session, whose own headers, cookies and proxies have no say: httpx2 has set what it
            # wants to be sent.
            prepared = requests.Request(
                request.method, str(request.url), headers=dict(request.headers), data=request.read()
            ).prepare()
            timeout = request.extensions["timeout"]
            answer = self._session.send(
                prepared, allow_redirects=False, stream=True, timeout=(timeout["connect"], timeout["read"])
            )
        except requests.exceptions.ConnectTimeout as error:
            raise httpx2.ConnectTimeout(str(error), request=request) from error
        except requests.exceptions.Timeout as error:
            raise httpx2.ReadTimeout(str(error), request=request) from error
        except requests.exceptions.ConnectionError as error:
            raise httpx2.ConnectError(str(error), request=request) from error
        headers = [(name, value) for name, value in answer.raw.headers.items()]
        return httpx2.Response(answer.status_code, headers=headers, stream=_Body(answer))

    def close(self) -> None:
        self._session.close()


class _Body(httpx2.SyncByteStream):
    """The body as it came over the wire; httpx2 decompresses it itself."""

    def __init__(self, answer: requests.Response) -> None:
        self._answer = answer

    def __iter__(self) -> Iterator[bytes]:
        try:
            yield from self._answer.raw.stream(CHUNK_BYTES, decode_content=False)
        except urllib3.exceptions.ReadTimeoutError as error:
            raise httpx2.ReadTimeout(str(error)) from error
        except urllib3.exceptions.HTTPError as error:
            raise httpx2.RemoteProtocolError(str(error)) from error

    def close(self) -> None:
        self._answer.close()


def bridged_session(limits: Limits) -> httpx2.Client:
    """A session like our own, over the bridge; huggingface_hub gets it through its `set_client_factory`."""
    return httpx2.Client(
        transport=RequestsTransport(),
        event_hooks={"request": [hf_request_event_hook]},
        follow_redirects=False,
        timeout=limits.timeout,
        trust_env=False,
    )
