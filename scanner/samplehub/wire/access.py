"""Who may read what: tokens, and the refusals for missing, private, gated and disabled repositories."""

from __future__ import annotations

from typing import TYPE_CHECKING

from scanner.samplehub.wire.messages import Refused

if TYPE_CHECKING:
    from scanner.samplehub.repository import Commit, Repository
    from scanner.samplehub.state import State
    from scanner.samplehub.wire.messages import Request

BAD_TOKEN = "Invalid credentials in Authorization header"  # noqa: S105  a message
DISABLED = "Access to this resource is disabled."
RESTRICTED = "Access to model {} is restricted."


def has_valid_token(state: State, request: Request) -> bool:
    """Whether the request carries the one token that this Hub knows."""
    return state.token is not None and request.token == state.token


def check_token(state: State, request: Request) -> None:
    """Refuse a token that is not known, on public repositories too."""
    if request.token is not None and not has_valid_token(state, request):
        raise Refused(401, BAD_TOKEN)


def visible(state: State, request: Request, name: str) -> Repository:
    """The repository, if the caller may know that it exists; missing and private ones look alike."""
    repository = state.find(name)
    granted = has_valid_token(state, request)
    if repository is not None and (not repository.private or (granted and repository.id in state.granted)):
        return repository
    if granted:
        raise Refused(404, "Repository not found", "RepoNotFound")
    raise Refused(401, "Repository not found", "RepoNotFound")


def readable(state: State, request: Request, name: str) -> Repository:
    """The repository, if its metadata may be read: gating does not hide it, disabling does."""
    repository = visible(state, request, name)
    if repository.disabled:
        raise Refused(403, DISABLED)
    return repository


def check_gate(state: State, request: Request, repository: Repository) -> None:
    """Refuse file contents of a gated repository; an unknown token gets the same answer as none."""
    if repository.gated is False:
        return
    if not has_valid_token(state, request):
        message = RESTRICTED.format(repository.id) + " You must have access to it and be authenticated to access it."
        raise Refused(401, message, "GatedRepo")
    if repository.id not in state.granted:
        raise Refused(403, RESTRICTED.format(repository.id) + " Visit the page to ask for access.", "GatedRepo")


def revision_of(repository: Repository, revision: str) -> Commit:
    """The commit, or the Hub's answer for a revision that does not exist."""
    commit = repository.commit_of(revision)
    if commit is None:
        raise Refused(404, f"Invalid rev id: {revision}", "RevisionNotFound")
    return commit
