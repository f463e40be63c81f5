"""GET …/tree/{rev}[/{folder}] and POST …/paths-info/{rev}."""

from __future__ import annotations

import base64
import hashlib
import re
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, quote, urlencode

from scanner.samplehub.wire import access
from scanner.samplehub.wire.messages import Refused, Response, as_json

if TYPE_CHECKING:
    from scanner.samplehub.repository import Commit, Repository
    from scanner.samplehub.state import State
    from scanner.samplehub.wire.messages import Request

PAGE, PAGE_EXPANDED = 1000, 50


def tree(state: State, request: Request, name: str, revision: str, folder: str) -> Response:
    """One page of a folder's entries, or with `recursive` of everything below it."""
    repository = access.readable(state, request, name)
    commit = access.revision_of(repository, revision)
    entries = _entries(commit, folder.strip("/"), recursive=request.flag("recursive"))
    if folder.strip("/") and not entries:
        raise Refused(404, "Entry not found", "EntryNotFound", X_Repo_Commit=commit.sha)
    expand = request.flag("expand")
    size = PAGE_EXPANDED if expand else PAGE
    if re.fullmatch(r"[1-9][0-9]{0,8}", request.one("limit")):
        size = min(int(request.one("limit")), size)
    if cursor := request.one("cursor"):
        try:
            last = base64.b64decode(cursor, validate=True).decode("utf-8", "surrogatepass")
        except ValueError:
            raise Refused(400, "Invalid cursor") from None
        entries = [path for path in entries if path > last]
    page = entries[:size]
    response = as_json([_row(repository, commit, path, expand=expand) for path in page], X_Repo_Commit=commit.sha)
    if len(entries) > size:
        following = base64.b64encode(page[-1].encode("utf-8", "surrogatepass")).decode()
        kept = [pair for pair in request.params if pair[0] != "cursor"] + [("cursor", following)]
        path = f"{state.endpoint}{quote(request.path, safe='/%')}"
        response.headers["Link"] = f'<{path}?{urlencode(kept)}>; rel="next"'
    return response


def paths_info(state: State, request: Request, name: str, revision: str) -> Response:
    """The same rows for the paths in the form; those that do not exist are left out without a word."""
    repository = access.readable(state, request, name)
    commit = access.revision_of(repository, revision)
    form = parse_qsl(request.body.decode("utf-8", "replace"), keep_blank_values=True)
    expand = any(key == "expand" and value.lower() == "true" for key, value in form)
    wanted = [value for key, value in form if key == "paths"]
    if len(wanted) > PAGE:
        raise Refused(413, f"Too many paths: at most {PAGE}")
    present = set(commit.files) | {folder for path in commit.files for folder in _folders(path)}
    return as_json([_row(repository, commit, path, expand=expand) for path in wanted if path in present])


def _folders(path: str) -> list[str]:
    parts = path.split("/")
    return ["/".join(parts[:depth]) for depth in range(1, len(parts))]


def _entries(commit: Commit, folder: str, *, recursive: bool) -> list[str]:
    base = f"{folder}/" if folder else ""
    found: set[str] = set()
    for path in commit.files:
        if path.startswith(base):
            inside = [place for place in (*_folders(path), path) if place.startswith(base) and place != folder]
            found.update(inside if recursive else inside[:1])
    return sorted(found)


def _row(repository: Repository, commit: Commit, path: str, *, expand: bool) -> dict[str, Any]:
    blob = commit.files.get(path)
    if blob is None:
        oid = hashlib.sha1(f"{commit.sha}/{path}".encode("utf-8", "surrogatepass"), usedforsecurity=False).hexdigest()
        row: dict[str, Any] = {"type": "directory", "oid": oid, "size": 0, "path": path}
    else:
        size = None if path in repository.null_sizes else blob.size
        lfs = repository.in_lfs(path)
        row = {"type": "file", "oid": blob.pointer_oid if lfs else blob.git_oid, "size": size, "path": path}
        if lfs:
            row["lfs"] = {"oid": blob.sha256, "size": blob.size, "pointerSize": len(blob.pointer)}
            row["xetHash"] = blob.xet_hash
    if expand:
        row["lastCommit"] = {"id": commit.sha, "title": commit.title, "date": commit.date}
        if blob is not None:
            row["securityFileStatus"] = {"status": "safe", "avScan": None, "pickleImportScan": None}
    return row
