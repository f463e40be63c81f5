"""The fields of a model as the API names them: what `expand` may ask for, and the two fixed sets without it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from scanner.samplehub.repository import strings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from scanner.samplehub.repository import Repository
    from scanner.samplehub.state import State

EXPANDABLE = [
    "author",
    "baseModels",
    "cardData",
    "childrenModelCount",
    "config",
    "createdAt",
    "disabled",
    "downloads",
    "downloadsAllTime",
    "evalResults",
    "gated",
    "gguf",
    "gitalyUid",
    "inference",
    "inferenceProviderMapping",
    "lastModified",
    "library_name",
    "likes",
    "mask_token",
    "model-index",
    "pipeline_tag",
    "private",
    "resourceGroup",
    "safetensors",
    "sha",
    "siblings",
    "spaces",
    "tags",
    "transformersInfo",
    "trendingScore",
    "usedStorage",
    "widgetData",
    "xetEnabled",
]
LIST_DEFAULT = [
    "likes",
    "trendingScore",
    "private",
    "downloads",
    "tags",
    "pipeline_tag",
    "library_name",
    "createdAt",
    "modelId",
]
LIST_FULL = ["author", "sha", "lastModified", "gated", "disabled", "siblings"]
INFO_DEFAULT = [
    "private",
    "pipeline_tag",
    "library_name",
    "tags",
    "downloads",
    "likes",
    "modelId",
    "author",
    "sha",
    "lastModified",
    "gated",
    "disabled",
    "model-index",
    "config",
    "cardData",
    "transformersInfo",
    "gguf",
    "safetensors",
    "siblings",
    "spaces",
    "createdAt",
    "usedStorage",
    "widgetData",
]


def siblings(repository: Repository, sha: str | None = None, *, blobs: bool = False) -> list[dict[str, Any]]:
    """File names; with sizes, git ids and LFS digests only where they were asked for."""
    files = repository.history[sha or repository.sha].files
    rows: list[dict[str, Any]] = []
    for path in sorted(files):
        row: dict[str, Any] = {"rfilename": path}
        if blobs:
            blob, lfs = files[path], repository.in_lfs(path)
            row["blobId"] = blob.pointer_oid if lfs else blob.git_oid
            row["size"] = None if path in repository.null_sizes else blob.size
            if lfs:
                row["lfs"] = {"sha256": blob.sha256, "size": blob.size, "pointerSize": len(blob.pointer)}
        rows.append(row)
    return rows


def base_models(state: State, repository: Repository) -> dict[str, Any] | None:
    """The relation and the base models that exist on this Hub."""
    bases = [base for name in strings((repository.card or {}).get("base_model")) if (base := state.find(name))]
    if not bases or repository.base_relation is None:
        return None
    return {"relation": repository.base_relation, "models": [{"_id": base._id, "id": base.id} for base in bases]}


def transformers_info(repository: Repository) -> dict[str, Any] | None:
    """Which class loads the model, where the library is transformers."""
    if repository.library_name != "transformers":
        return None
    info = {"auto_model": "AutoModelForCausalLM" if repository.pipeline_tag == "text-generation" else "AutoModel"}
    return info | ({"pipeline_tag": repository.pipeline_tag} if repository.pipeline_tag else {})


# Values that need no more than the repository; None means that the field is left out.
SIMPLE: dict[str, Callable[[Repository], Any]] = {
    "author": lambda r: r.author,
    "cardData": lambda r: r.card,
    "config": lambda r: r.config,
    "createdAt": lambda r: r.created_at,
    "disabled": lambda r: r.disabled,
    "downloads": lambda r: r.downloads,
    "downloadsAllTime": lambda r: r.downloads_all_time,
    "gated": lambda r: r.gated,
    "gguf": lambda r: r.gguf,
    "gitalyUid": lambda r: r._id + r._id,
    "inferenceProviderMapping": lambda r: [],  # noqa: ARG005  a list here, an object in model info
    "lastModified": lambda r: r.last_modified,
    "library_name": lambda r: r.library_name,
    "likes": lambda r: r.likes,
    "model-index": lambda r: (r.card or {}).get("model-index"),
    "modelId": lambda r: r.id,
    "pipeline_tag": lambda r: r.pipeline_tag,
    "private": lambda r: r.private,
    "safetensors": lambda r: r.declared,
    "sha": lambda r: r.sha,
    "siblings": siblings,
    "spaces": lambda r: [],  # noqa: ARG005  no Spaces here
    "tags": lambda r: r.tags,
    "transformersInfo": transformers_info,
    "trendingScore": lambda r: r.trending_score,
    "usedStorage": lambda r: r.used_storage,
    "xetEnabled": lambda r: True,  # noqa: ARG005  new repositories all are
}


def collect(state: State, repository: Repository, names: Iterable[str]) -> dict[str, Any]:
    """`_id`, `id` and those of the named fields that have a value."""
    row: dict[str, Any] = {"_id": repository._id, "id": repository.id}
    for name in names:
        value: Any
        if name == "baseModels":
            value = base_models(state, repository)
        elif name == "childrenModelCount":
            value = state.children_of(repository)
        else:
            value = SIMPLE[name](repository) if name in SIMPLE else None
        if value is not None:
            row[name] = value
    return row
