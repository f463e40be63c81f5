"""Which module answers which address, in which quota bucket, and where renamed repositories are found now."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import quote

from scanner.samplehub.wire import access, listing, model_info, resolve, tree
from scanner.samplehub.wire.messages import Refused, Response, as_json

if TYPE_CHECKING:
    from scanner.samplehub.state import State
    from scanner.samplehub.wire.messages import Request

PARTS = ("revision", "tree", "paths-info", "safetensors-metadata", "xet-read-token")
FILE_PARTS = ("resolve", "raw", "blob")


def bucket_of(path: str) -> str:
    """The quota that a request spends: api, resolvers or pages."""
    segments = path.split("/")[1:]
    if segments[0] == "api":
        return "resolvers" if segments[1:2] == ["resolve-cache"] else "api"
    return "resolvers" if "resolve" in segments[1:3] else "pages"


def answer(state: State, request: Request) -> Response:
    """The Hub's answer to one request."""
    try:
        with state.lock:
            return _route(state, request)
    except Refused as refused:
        return refused.response


def _route(state: State, request: Request) -> Response:
    segments = request.segments
    if request.method not in ("GET", "HEAD") and "paths-info" not in segments:
        raise Refused(405, "Method not allowed")
    if segments[:2] == ["api", "models"] and len([s for s in segments if s]) == 2:
        access.check_token(state, request)
        return listing.list_models(state, request)
    if segments[:2] == ["api", "models"]:
        return _model_api(state, request, segments[2:])
    if segments[:3] == ["api", "resolve-cache", "models"]:
        return _resolve_cache(state, request, segments[3:])
    if segments == ["api", "whoami-v2"]:
        return _whoami(state, request)
    if segments[0] == "api":
        raise Refused(404, "Sorry, we can't find the page you are looking for.")
    return _files(state, request, segments)


def split_id(state: State, segments: list[str], parts: tuple[str, ...]) -> tuple[str, list[str]]:
    """The repository id at the front, of two segments or (a legacy one) of one, and what follows."""
    if len(segments) == 1 or (segments[1] in parts and state.get("/".join(segments[:2])) is None):
        return segments[0], segments[1:]
    return "/".join(segments[:2]), segments[2:]


def _moved(state: State, request: Request, name: str, prefix: str) -> Response | None:
    """307 to a renamed repository: relative for a legacy id without owner, absolute for the others."""
    repository = state.find(name)
    if repository is None or repository.id == name or (repository.private and repository.id not in state.granted):
        return None
    depth = prefix.count("/") + 1 + name.count("/")
    rest = request.path.split("/")[depth + 1 :]
    location = "/".join([prefix + "/" + quote(repository.id, safe="/"), *rest])
    location += f"?{request.query}" if request.query else ""
    location = location if "/" not in name else state.endpoint + location
    body = f"Temporary Redirect. Redirecting to {location}".encode()
    return Response(307, {"Location": location, "Content-Type": "text/plain; charset=utf-8"}, body)


def _model_api(state: State, request: Request, segments: list[str]) -> Response:
    access.check_token(state, request)
    name, rest = split_id(state, segments, PARTS)
    if moved := _moved(state, request, name, "/api/models"):
        return moved
    if not rest or rest == [""]:
        return model_info.model_info(state, request, name)
    part, arguments = rest[0], rest[1:]
    revision = arguments[0] if arguments else "main"
    if part == "revision" and len(arguments) == 1:
        return model_info.model_info(state, request, name, revision)
    if part == "tree":
        return tree.tree(state, request, name, revision, "/".join(arguments[1:]))
    if part == "paths-info":
        return tree.paths_info(state, request, name, revision)
    if part == "safetensors-metadata":
        return model_info.shard_headers(state, request, name, "/".join(arguments))
    if part == "xet-read-token":
        return _xet_token(state, request, name)
    raise Refused(404, "Sorry, we can't find the page you are looking for.")


def _resolve_cache(state: State, request: Request, segments: list[str]) -> Response:
    for length in (2, 1):
        name, rest = "/".join(segments[:length]), segments[length:]
        if len(rest) >= 2 and state.get(name) is not None:
            _check_file_token(state, request, name)
            return resolve.resolve_cache(state, request, name, rest[0], "/".join(rest[1:]))
    raise Refused(404, "Sorry, we can't find the page you are looking for.")


def _files(state: State, request: Request, segments: list[str]) -> Response:
    name, rest = split_id(state, segments, FILE_PARTS)
    if len(rest) >= 3 and rest[0] in FILE_PARTS:
        _check_file_token(state, request, name)
        if moved := _moved(state, request, name, ""):
            return moved
        serve = resolve.resolve if rest[0] == "resolve" else resolve.raw
        return serve(state, request, name, rest[1], "/".join(rest[2:]))
    known = state.find("/".join(segments[:2])) is not None or segments == [""]
    page = "<!doctype html><html><head><title>Sample Hub</title></head><body></body></html>"
    return Response(200 if known else 404, {"Content-Type": "text/html; charset=utf-8"}, page.encode())


def _check_file_token(state: State, request: Request, name: str) -> None:
    """A bad token is refused, but a gated repository answers it as it answers none."""
    repository = state.find(name)
    if repository is None or repository.gated is False:
        access.check_token(state, request)


def _xet_token(state: State, request: Request, name: str) -> Response:
    """The read token of the Xet store; the sample Hub has no such store, so it is good for nothing."""
    access.check_gate(state, request, access.readable(state, request, name))
    expires = int(state.clock()) + 900
    return as_json(
        {"accessToken": "none", "casUrl": state.cdn_endpoint, "exp": expires},
        X_Xet_Cas_Url=state.cdn_endpoint,
        X_Xet_Access_Token="none",  # noqa: S106  there is nothing to open
        X_Xet_Token_Expiration=str(expires),
    )


def _whoami(state: State, request: Request) -> Response:
    if not access.has_valid_token(state, request):
        raise Refused(401, access.BAD_TOKEN)
    role = {"displayName": "sample", "role": "read", "createdAt": "2026-01-05T10:00:00.000Z"}
    user = {"type": "user", "id": "5f0c74a0a4d5e40001a1b2c3", "name": "sample-user", "fullname": "Sample User"}
    return as_json(user | {"isPro": False, "orgs": [], "auth": {"type": "access_token", "accessToken": role}})
