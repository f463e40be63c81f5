"""/{id}/resolve/{rev}/{path}: 302 to the CDN for LFS files, 307 to the resolve cache for small ones; and that cache."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import quote, urlencode

from scanner.samplehub.wire import access, ranges
from scanner.samplehub.wire.messages import Refused, Response

if TYPE_CHECKING:
    from scanner.samplehub.files.blob import Blob
    from scanner.samplehub.repository import Commit, Repository
    from scanner.samplehub.state import State
    from scanner.samplehub.wire.messages import Request

EXPOSED = "X-Repo-Commit,X-Request-Id,X-Error-Code,X-Error-Message,X-Total-Count,ETag,Link,Accept-Ranges,Content-Range,\
X-Linked-Size,X-Linked-ETag,X-Xet-Hash"


def resolve(state: State, request: Request, name: str, revision: str, path: str) -> Response:
    """Where a file's content is to be had."""
    repository, commit, blob = _file(state, request, name, revision, path)
    headers = {"X-Repo-Commit": commit.sha, "Access-Control-Expose-Headers": EXPOSED, "Vary": "Origin, Accept"}
    if repository.in_lfs(path):
        return _to_cdn(state, repository, commit, path, blob, headers)
    name = quote(path, safe="/")
    query = urlencode([*request.params, ("etag", f'"{blob.git_oid}"')])
    location = f"/api/resolve-cache/models/{quote(repository.id, safe='/')}/{commit.sha}/{name}?{query}"
    headers |= {"ETag": f'"{blob.git_oid}"', "X-Linked-Size": str(blob.size), "Location": location}
    return _redirect(307, "Temporary Redirect", location, headers)


def resolve_cache(state: State, request: Request, name: str, sha: str, path: str) -> Response:
    """A small file's content, at a full sha."""
    repository, commit, blob = _file(state, request, name, sha, path)
    if repository.in_lfs(path):
        raise Refused(404, "Entry not found", "EntryNotFound", X_Repo_Commit=commit.sha)
    return ranges.serve(
        blob,
        request.headers.get("range"),
        {
            "ETag": f'"{blob.git_oid}"',
            "X-Repo-Commit": commit.sha,
            "Content-Type": "text/plain; charset=utf-8",
            "Cache-Control": "public, max-age=31536000, immutable",
            "Content-Disposition": "inline",
        },
    )


def raw(state: State, request: Request, name: str, revision: str, path: str) -> Response:
    """The web address of a file's text: the pointer for an LFS file."""
    repository, commit, blob = _file(state, request, name, revision, path)
    body = blob.pointer if repository.in_lfs(path) else blob.read(0, blob.size)
    return Response(200, {"Content-Type": "text/plain; charset=utf-8", "X-Repo-Commit": commit.sha}, body)


def _file(state: State, request: Request, name: str, revision: str, path: str) -> tuple[Repository, Commit, Blob]:
    repository = access.readable(state, request, name)
    access.check_gate(state, request, repository)
    commit = access.revision_of(repository, revision)
    blob = commit.files.get(path)
    if blob is None:
        raise Refused(404, "Entry not found", "EntryNotFound", X_Repo_Commit=commit.sha)
    return repository, commit, blob


def _to_cdn(
    state: State, repository: Repository, commit: Commit, path: str, blob: Blob, headers: dict[str, str]
) -> Response:
    location = state.sign(repository, blob, path)
    token = f"{state.endpoint}/api/models/{quote(repository.id, safe='/')}/xet-read-token/{commit.sha}"
    rebuild = f"{state.cdn_endpoint}/v1/reconstructions/{blob.xet_hash}"
    headers |= {
        "X-Linked-Size": str(blob.size),
        "X-Linked-ETag": f'"{blob.sha256}"',
        "X-Xet-Hash": blob.xet_hash,
        "Accept-Ranges": "bytes",
        "Link": f'<{token}>; rel="xet-auth", <{rebuild}>; rel="xet-reconstruction-info"',
        "Location": location,
    }
    return _redirect(302, "Found", location, headers)


def _redirect(status: int, phrase: str, location: str, headers: dict[str, str]) -> Response:
    headers["Content-Type"] = "text/plain; charset=utf-8"
    return Response(status, headers, f"{phrase}. Redirecting to {location}".encode())
