"""The second server: file contents behind signed addresses that expire. It knows no tokens and no quotas."""

from __future__ import annotations

from typing import TYPE_CHECKING

from scanner.samplehub.wire import ranges
from scanner.samplehub.wire.messages import Response

if TYPE_CHECKING:
    from scanner.samplehub.state import State
    from scanner.samplehub.wire.messages import Request


def answer(state: State, request: Request) -> Response:
    """The file or a range of it; 403 for an address that was changed or is out of date."""
    if request.method not in ("GET", "HEAD"):
        return _refusal(405, "MethodNotAllowed")
    signed, _, _ = request.query.partition("&Signature=")
    if request.one("Signature") != state.signature(request.path, signed):
        return _refusal(403, "AccessDenied")
    if state.clock() >= int(request.one("Expires")):
        return _refusal(403, "AccessDenied", "Request has expired")
    blob = state.signed_blob(request.path)
    if blob is None:
        return _refusal(404, "NoSuchKey")
    headers = {"Content-Type": "application/octet-stream", "ETag": f'"{blob.sha256}"', "Cache-Control": "public"}
    return ranges.serve(blob, request.headers.get("range"), headers)


def _refusal(status: int, code: str, message: str = "Access Denied") -> Response:
    body = f'<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>{code}</Code><Message>{message}</Message></Error>'
    return Response(status, {"Content-Type": "application/xml"}, body.encode())
