"""Errors, renames and gates. What each test shows is said in behaviours.toml, in the row of its name."""

from __future__ import annotations

import pytest
from huggingface_hub import HfApi
from huggingface_hub.errors import (
    DisabledRepoError,
    GatedRepoError,
    HfHubHTTPError,
    RemoteEntryNotFoundError,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)  # fmt: skip
from huggingface_hub.utils._http import hf_raise_for_status

from scanner.samplehub import TOKEN, Fault, Repository, SampleHub
from tests.conformance.conftest import ApiFor, Get

AURORA = "lumenforge/aurora-1.1b-base"
GATED = "dracosoft/draco-1b-medical"
PRIVATE = "dracosoft/draco-next-internal"
DISABLED = "redactedlab/voiceclone-xl"


def test_error_revision_not_found(api: HfApi, get: Get) -> None:
    for path in (f"/api/models/{AURORA}/revision/nope", f"/{AURORA}/resolve/nope/config.json"):
        response = get(path)
        assert (response.status_code, response.headers["x-error-code"]) == (404, "RevisionNotFound")
    with pytest.raises(RevisionNotFoundError):
        api.model_info(AURORA, revision="nope")


def test_error_entry_not_found(hub: SampleHub, api: HfApi, get: Get) -> None:
    response = get(f"/{AURORA}/resolve/main/nope.bin")
    assert (response.status_code, response.headers["x-error-code"]) == (404, "EntryNotFound")
    assert response.headers["x-repo-commit"] == hub.get(AURORA).sha
    with pytest.raises(RemoteEntryNotFoundError):
        hf_raise_for_status(response)
    assert not api.file_exists(AURORA, "nope.bin")
    assert api.file_exists(AURORA, "config.json")


def test_error_repository_not_found(hub: SampleHub, api: HfApi, api_for: ApiFor, get: Get) -> None:
    with_token = {"Authorization": f"Bearer {TOKEN}"}
    for path in ("/api/models/{}", "/{}/resolve/main/config.json", "/api/models/{}/tree/main"):
        missing = [get(path.format(name)) for name in ("nobody/nothing", PRIVATE)]
        assert {(r.status_code, r.headers["x-error-code"], r.text) for r in missing} == {
            (401, "RepoNotFound", missing[0].text)
        }
        missing = [get(path.format(name), **with_token) for name in ("nobody/nothing", PRIVATE)]
        assert {(r.status_code, r.headers["x-error-code"]) for r in missing} == {(404, "RepoNotFound")}
    for name in ("nobody/nothing", PRIVATE):
        with pytest.raises(RepositoryNotFoundError):
            api.model_info(name)
    assert PRIVATE not in {repository.id for repository in hub.repositories}
    hub.state.granted.add(PRIVATE)
    assert api_for(hub, TOKEN).model_info(PRIVATE).private is True


def test_error_code_is_needed_over_http(hub: SampleHub, api: HfApi) -> None:
    hub.inject(Fault(kind="status", status=401, path="nobody"))
    with pytest.raises(HfHubHTTPError) as without_code:
        api.model_info("nobody/nothing")
    assert not isinstance(without_code.value, RepositoryNotFoundError)
    with pytest.raises(RepositoryNotFoundError):
        api.model_info("nobody/nothing")


def test_error_disabled(api: HfApi, get: Get) -> None:
    for path in (
        f"/api/models/{DISABLED}",
        f"/{DISABLED}/resolve/main/config.json",
        f"/api/models/{DISABLED}/tree/main",
    ):
        response = get(path)
        assert response.status_code == 403
        assert response.headers["x-error-message"] == "Access to this resource is disabled."
        assert "x-error-code" not in response.headers
    with pytest.raises(DisabledRepoError):
        api.model_info(DISABLED)


def test_error_bad_token(hub: SampleHub, api_for: ApiFor, get: Get) -> None:
    message = "Invalid credentials in Authorization header"
    for path in ("/api/models", f"/api/models/{AURORA}", f"/{AURORA}/resolve/main/config.json"):
        response = get(path, Authorization="Bearer hf_wrong")
        assert (response.status_code, response.headers["x-error-message"]) == (401, message)
        assert "x-error-code" not in response.headers
    with pytest.raises(HfHubHTTPError) as caught:
        api_for(hub, "hf_wrong").model_info(AURORA)
    assert not isinstance(caught.value, RepositoryNotFoundError)
    assert api_for(hub, TOKEN).model_info(AURORA).id == AURORA


def test_error_body_and_headers(get: Get) -> None:
    for response in (get("/api/models/nobody/nothing"), get(f"/api/models/{DISABLED}"), get("/api/nonsense")):
        assert response.json() == {"error": response.headers["x-error-message"]}


def test_renamed_repository(hub: SampleHub, api: HfApi, get: Get) -> None:
    legacy = get("/api/models/bert-base-sw-cased/tree/main?recursive=true")
    assert legacy.status_code == 307
    assert legacy.headers["location"] == "/api/models/harborlight/bert-base-sw-cased/tree/main?recursive=true"
    moved = get("/greenhouse-ai/resnet-leafspots/resolve/main/config.json")
    assert moved.status_code == 307
    assert moved.headers["location"] == f"{hub.endpoint}/fernvale/resnet-leafspots/resolve/main/config.json"
    assert api.model_info("bert-base-sw-cased").id == "harborlight/bert-base-sw-cased"
    assert api.model_info("greenhouse-ai/resnet-leafspots", revision="main").id == "fernvale/resnet-leafspots"
    assert api.parse_safetensors_file_metadata("bert-base-sw-cased", "model.safetensors").parameter_count
    assert api.get_paths_info("greenhouse-ai/resnet-leafspots", "config.json")


def test_renamed_then_registered_again(api_for: ApiFor) -> None:
    with SampleHub([Repository(id="old/name")]) as hub:
        first = hub.get("old/name")._id
        hub.rename("old/name", "new/name")
        api = api_for(hub)
        assert api.model_info("old/name").id == "new/name"
        hub.add(Repository(id="old/name", created_at="2026-10-01T00:00:00.000Z"))
        assert api.model_info("old/name").id == "old/name"
        assert hub.get("new/name")._id == first != hub.get("old/name")._id


def test_gated_metadata_is_readable(api: HfApi) -> None:
    info = api.model_info(GATED, files_metadata=True)
    assert info.gated == "manual"
    assert info.card_data is not None
    assert info.card_data["extra_gated_fields"]["Country"] == "country"
    assert info.safetensors is not None
    weights = next(file for file in info.siblings or [] if file.rfilename == "model.safetensors")
    assert weights.size
    assert weights.lfs is not None
    assert any(row.path == "README.md" for row in api.list_repo_tree(GATED))


def test_gated_files_are_not(api: HfApi, get: Get) -> None:
    for path in ("config.json", ".gitattributes", "README.md", "model.safetensors"):
        response = get(f"/{GATED}/resolve/main/{path}")
        assert (response.status_code, response.headers["x-error-code"]) == (401, "GatedRepo")
    with pytest.raises(GatedRepoError):
        api.parse_safetensors_file_metadata(GATED, "model.safetensors")


def test_gated_with_a_token(hub: SampleHub, api_for: ApiFor) -> None:
    api = api_for(hub, TOKEN)
    with pytest.raises(GatedRepoError) as caught:
        api.parse_safetensors_file_metadata(GATED, "model.safetensors")
    assert caught.value.response.status_code == 403
    hub.state.granted.add(GATED)
    assert api.parse_safetensors_file_metadata(GATED, "model.safetensors").parameter_count


def test_gated_with_a_garbage_token(get: Get) -> None:
    none = get(f"/{GATED}/resolve/main/config.json")
    garbage = get(f"/{GATED}/resolve/main/config.json", Authorization="Bearer hf_garbage")
    assert (none.status_code, none.headers["x-error-code"], none.text) == (
        garbage.status_code, garbage.headers["x-error-code"], garbage.text,
    )  # fmt: skip
