"""GET /api/models/{id}[/revision/{rev}], and the endpoint that gives all shard headers at once."""

from __future__ import annotations

import base64
import hashlib
import json
from typing import TYPE_CHECKING, Any

from scanner.samplehub.files import safetensors
from scanner.samplehub.wire import access
from scanner.samplehub.wire.fields import INFO_DEFAULT, collect, siblings
from scanner.samplehub.wire.listing import expanded
from scanner.samplehub.wire.messages import Refused, Response, as_json

if TYPE_CHECKING:
    from scanner.samplehub.repository import Repository
    from scanner.samplehub.state import State
    from scanner.samplehub.wire.messages import Request


def model_info(state: State, request: Request, name: str, revision: str = "main") -> Response:
    """Everything the Hub says of one model, or the fields asked for."""
    repository = access.readable(state, request, name)
    commit = access.revision_of(repository, revision)
    names, blobs, security = expanded(request), request.flag("blobs"), request.flag("securityStatus")
    if names and (blobs or security):
        raise Refused(400, '"expand" cannot be combined with "blobs" or "securityStatus"')
    row = collect(state, repository, names or INFO_DEFAULT)
    if "sha" in row:
        row["sha"] = commit.sha
    if "siblings" in row:
        row["siblings"] = siblings(repository, commit.sha, blobs=blobs)
    if "inferenceProviderMapping" in row:
        row["inferenceProviderMapping"] = {}
    if security:
        row["securityRepoStatus"] = {"scansDone": True, "filesWithIssues": []}
    return with_weak_etag(as_json(row), request)


def with_weak_etag(response: Response, request: Request) -> Response:
    """Express's default: W/"length-digest", and 304 to a request that already has it."""
    digest = base64.b64encode(hashlib.sha1(response.body, usedforsecurity=False).digest()).decode().rstrip("=")
    etag = f'W/"{len(response.body):x}-{digest}"'
    if request.headers.get("if-none-match") == etag:
        return Response(304, {"ETag": etag})
    response.headers["ETag"] = etag
    return response


def shard_headers(state: State, request: Request, name: str, index_path: str) -> Response:
    """Every shard's header by one request, on main; the index without its weight map."""
    repository = access.readable(state, request, name)
    access.check_gate(state, request, repository)
    index = _index(repository, index_path)
    headers = {}
    for shard in dict.fromkeys(index.get("weight_map", {}).values()):
        blob = repository.files.get(shard)
        entries = safetensors.read_header(blob) if blob is not None else None
        if entries is None:
            raise Refused(400, f"Cannot read the header of {shard}")
        headers[shard] = entries
    return as_json({"index": {"metadata": index.get("metadata", {})}, "headers": headers})


def _index(repository: Repository, path: str) -> dict[str, Any]:
    blob = repository.files.get(path)
    if blob is None:
        raise Refused(404, "Entry not found", "EntryNotFound", X_Repo_Commit=repository.sha)
    try:
        index = json.loads(blob.read(0, blob.size))
    except ValueError:
        index = None
    if not isinstance(index, dict):
        raise Refused(400, f"{path} is not an index")
    return index
