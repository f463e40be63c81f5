"""Faults that change an answer, as opposed to how it is sent."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from typing import TYPE_CHECKING

from scanner.samplehub.wire.messages import Response, error

if TYPE_CHECKING:
    from scanner.samplehub.faults import Fault
    from scanner.samplehub.state import State
    from scanner.samplehub.wire.messages import Request

PAGE = b"<!doctype html><html><body><h1>Checking your browser</h1></body></html>"


def refusal(fault: Fault) -> Response:
    """The answer of a "status" fault."""
    response = error(fault.status, f"Sample fault {fault.status}", fault.error_code)
    if fault.retry_after is not None:
        response.headers["Retry-After"] = fault.retry_after
    return response


def prepare(fault: Fault | None, request: Request) -> Request:
    """The request as a server with this fault understands it."""
    if fault is None or not (fault.kind == "ignore-range" or gzips(fault, request)):
        return request
    return replace(request, headers={key: value for key, value in request.headers.items() if key != "range"})


def gzips(fault: Fault | None, request: Request) -> bool:
    """Whether the answer will be compressed."""
    return fault is not None and fault.kind == "gzip" and "gzip" in request.headers.get("accept-encoding", "")


def distort(fault: Fault, state: State, response: Response) -> Response:
    """The answer after the fault; kinds that concern the sending are left to the server."""
    if fault.kind == "expired-link" and "Location" in response.headers:
        return _expire(state, response)
    if response.status not in (200, 206):
        return response
    if fault.kind == "html":
        return Response(200, {"Content-Type": "text/html; charset=utf-8"}, PAGE)
    if fault.kind == "empty-206" and response.status == 206:
        return Response(206, response.headers, b"")
    if fault.kind == "broken-json":
        return replace(response, body=response.body[: len(response.body) * 2 // 3])
    if fault.kind == "repeat-rows":
        rows = json.loads(response.body)
        return replace(response, body=json.dumps(rows + rows[: max(len(rows) // 4, 1)]).encode())
    if fault.kind == "foreign-cursor" and "Link" in response.headers:
        response.headers["Link"] = response.headers["Link"].replace(state.endpoint, fault.host)
    return response


def _expire(state: State, response: Response) -> Response:
    """The same signed address, but out of date since a minute."""
    target, _, query = response.headers["Location"].removeprefix(state.cdn_endpoint).partition("?")
    signed = query.partition("&Signature=")[0]
    signed = re.sub(r"Expires=\d+", f"Expires={int(state.clock()) - 60}", signed)
    signature = state.signature(target, signed)
    response.headers["Location"] = f"{state.cdn_endpoint}{target}?{signed}&Signature={signature}&Key-Pair-Id=SAMPLE"
    return response
