"""A model of a crowd as the listing shows it: plain values, made without making any file."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any, Literal

from scanner.samplehub.crowd import sizes
from scanner.samplehub.crowd.calendar import stamp
from scanner.samplehub.crowd.layout import layout
from scanner.samplehub.repository import FORMAT_TAGS

if TYPE_CHECKING:
    from collections.abc import Callable

    from scanner.samplehub.crowd.models import Model, Models

LICENCES = (
    "apache-2.0", "mit", "apache-2.0", "apache-2.0", "mit", "openrail", "cc-by-nc-4.0", "llama3.1",
    "creativeml-openrail-m", "cc-by-4.0", "gpl-3.0", "other", "afl-3.0", "gemma", "bsd-3-clause", "cc-by-sa-4.0",
)  # fmt: skip
LANGUAGES = ("en", "zh", "de", "fr", "es", "ja", "ko", "ru", "ar", "hi", "pt", "it", "vi", "id", "tr", "pl")
DATASETS = ("squad", "imdb", "glue", "wikitext", "common_voice_17_0", "openassistant/oasst1", "c4", "emotion")
LIBRARIES = {
    "decoder": "transformers", "encoder": "transformers", "vision": "timm", "pipeline": "diffusers",
    "gptq": "transformers", "mlx": "mlx", "gguf": "gguf", "lora": "peft", "onnx": "onnx", "keras": "keras",
    "rl": "stable-baselines3", "sklearn": "sklearn",
}  # fmt: skip
TASKS = {
    "decoder": ("text-generation",), "encoder": ("text-classification", "fill-mask", "token-classification"),
    "vision": ("image-classification", "automatic-speech-recognition"), "pipeline": ("text-to-image",),
    "gptq": ("text-generation",), "mlx": ("text-generation",), "gguf": ("text-generation",),
    "lora": ("text-generation",), "rl": ("reinforcement-learning",), "sklearn": ("tabular-classification",),
    "onnx": ("object-detection", "feature-extraction"), "keras": ("image-classification", "text-classification"),
}  # fmt: skip
CLASSES = {
    "decoder": ("LlamaForCausalLM", "llama"), "encoder": ("BertForSequenceClassification", "bert"),
    "vision": ("ViTForImageClassification", "vit"), "gptq": ("LlamaForCausalLM", "llama"),
    "mlx": ("LlamaForCausalLM", "llama"), "gguf": ("LlamaForCausalLM", "llama"), "onnx": ("BertModel", "bert"),
    "keras": ("TFBertModel", "bert"), "none": ("BertModel", "bert"),
}  # fmt: skip
PACKING: dict[str, dict[str, Any]] = {
    "gptq": {"bits": 4, "group_size": 128, "quant_method": "gptq", "sym": True},
    "mlx": {"bits": 4, "group_size": 64},
}
FORMAT_ENDINGS = (".safetensors", ".gguf", ".onnx", ".bin")  # of paths that may bring a tag
OVERRIDING_TOTAL = 333_312  # what an index of another model said
HEAVY_RESULTS = 560  # entries of a model-index of some 200 kB


def card(models: Models, model: Model) -> dict[str, Any] | None:
    """The front matter of the card; None where there is no card, or one without."""
    draws = model.draws
    if draws[0] <= 6_000 and model.heavy != "card":
        return None
    front: dict[str, Any] = {}
    if draws[7] < 45_000:
        licence = LICENCES[draws[7] & 15]
        front["license"] = licence
        if licence == "other":
            front |= {"license_name": f"{model.weights.form}-community-license", "license_link": "LICENSE"}
    if draws[8] < 30_000:
        front["language"] = [LANGUAGES[draws[8] & 15]] if draws[8] & 64 else LANGUAGES[draws[8] & 15]
    library = LIBRARIES.get(model.weights.form)
    if library and draws[9] < 50_000:
        front["library_name"] = library
    if draws[9] & 3 == 0:
        front["datasets"] = [DATASETS[draws[9] >> 2 & 7]]
    if model.base is not None:
        front["base_model"] = models.at_base(model.base).first_name
    if draws[10] < 16_000:
        front["tags"] = ["generated_from_trainer", *(["trl", "sft"] if draws[10] & 1 else [])]
        front["metrics"] = ["accuracy", "f1"] if draws[10] & 2 else ["bleu"]
        front["model-index"] = [{"name": model.stem, "results": []}]
    if draws[10] & 12 == 12:
        front["widget"] = [{"text": "The quick brown fox jumps over the lazy dog.", "example_title": "Example 1"}]
    if model.gated:
        front["extra_gated_prompt"] = "You agree to use this model for research and to cite its authors."
        front["extra_gated_fields"] = {"Name": "text", "Affiliation": "text", "Country": "country"}
    if model.heavy == "card":
        front["model-index"] = heavy_results()
    return front or None


@lru_cache(maxsize=1)
def heavy_results() -> list[dict[str, Any]]:
    """A benchmark of many tasks, as some authors write into the card of every model."""
    results = [
        {
            "task": {"type": "Classification"},
            "dataset": {"type": f"bench/task-{n:04}", "name": f"Bench task {n}", "config": "default", "split": "test"},
            "metrics": [
                {"type": name, "value": 40 + (n * 37 + at * 11) % 5900 / 100}
                for at, name in enumerate(("accuracy", "ap", "f1", "map", "mrr", "recall_at_10"))
            ],
        }
        for n in range(HEAVY_RESULTS)
    ]
    return [{"name": "bench", "results": results}]


def task(model: Model) -> str | None:
    """The pipeline tag."""
    tasks = TASKS.get(model.weights.form)
    return tasks[model.draws[11] % len(tasks)] if tasks and model.draws[11] < 60_000 else None


def config(model: Model, paths: list[str]) -> dict[str, Any] | None:
    """What the API shows of config.json."""
    form = model.weights.form
    if form not in CLASSES or "config.json" not in paths:
        return None
    architecture, kind = CLASSES[form]
    shown: dict[str, Any] = {"architectures": [architecture], "model_type": kind}
    if form in PACKING:
        shown["quantization_config"] = PACKING[form]
    return shown | {"tokenizer_config": {"eos_token": "</s>"}}


def declared(model: Model) -> dict[str, Any] | None:
    """The safetensors block."""
    if model.kind != "safetensors":
        return None
    parameters = sizes.by_dtype(model.weights)
    total = OVERRIDING_TOTAL if model.declared == "overridden" else sum(parameters.values())
    return {"parameters": parameters, "total": total}


def gguf(model: Model) -> dict[str, Any] | None:
    """The gguf block."""
    if model.kind != "gguf":
        return None
    return {"total": model.weights.count, "architecture": "llama", "context_length": 8192, "eos_token": "</s>"}


def tags(model: Model, front: dict[str, Any] | None, paths: list[str]) -> list[str]:
    """What `Repository.tags` gives, without a repository."""
    front = front or {}
    found = [library] if (library := LIBRARIES.get(model.weights.form)) else []
    telling = [path for path in paths if path.endswith(FORMAT_ENDINGS)]
    found += [tag for name, tag in FORMAT_TAGS if tag not in found and any(map(name.search, telling))]
    if (pipeline := task(model)) is not None:
        found.append(pipeline)
    found += front.get("tags", ())
    language = front.get("language", ())
    found += [language] if isinstance(language, str) else language
    found += [f"dataset:{name}" for name in front.get("datasets", ())]
    if (base := front.get("base_model")) is not None:
        found += [f"base_model:{base}", f"base_model:{model.relation}:{base}"]
    if "license" in front:
        found.append(f"license:{front['license']}")
    return [*dict.fromkeys(found), "region:us"]


def base_models(models: Models, model: Model, front: dict[str, Any] | None) -> dict[str, Any] | None:
    """The Hub's own resolution of the base model, under the name that it has now."""
    if model.base is None or front is None:
        return None
    base: Model | None = models.at_base(model.base)
    if base is not None and base.fate.deleted_in:
        base = models.find(base.first_name)  # somebody may have taken the name
    if base is None:
        return None
    return {"relation": model.relation, "models": [{"_id": base.key, "id": base.name}]}


def likes(model: Model) -> int:
    """One for every fifty downloads."""
    return model.downloads // 50


class Row:
    """One row in the making: what several fields need is made once. Its attributes are those of a `Repository`."""

    __slots__ = ("card", "model", "models", "paths")

    def __init__(self, models: Models, model: Model) -> None:
        self.models, self.model = models, model
        self.card = card(models, model)
        self.paths = sorted([".gitattributes", *[path for path, _ in layout(model)]])

    @property
    def _id(self) -> str:
        return self.model.key

    @property
    def id(self) -> str:
        """The name."""
        return self.model.name

    @property
    def author(self) -> str:
        """The owner's name."""
        return self.model.name.partition("/")[0]

    @property
    def created_at(self) -> str:
        """As the listing shows it."""
        return stamp(self.model.created)

    @property
    def last_modified(self) -> str:
        """As the listing shows it."""
        return stamp(self.model.fate.modified)

    @property
    def downloads(self) -> int:
        """Of the last month."""
        return self.model.downloads

    @property
    def trending_score(self) -> int:
        """Nobody is talked about."""
        return 0

    @property
    def likes(self) -> int:
        """See `likes`."""
        return likes(self.model)

    @property
    def gated(self) -> Literal[False, "auto", "manual"]:
        """Whether files must be asked for."""
        return self.model.gated

    @property
    def pipeline_tag(self) -> str | None:
        """See `task`."""
        return task(self.model)

    @property
    def declared(self) -> dict[str, Any] | None:
        """See `declared`."""
        return declared(self.model)

    @property
    def gguf(self) -> dict[str, Any] | None:
        """See `gguf`."""
        return gguf(self.model)

    @property
    def tags(self) -> list[str]:
        """See `tags`."""
        return tags(self.model, self.card, self.paths)

    def fields(self, names: list[str]) -> dict[str, Any]:
        """`_id`, `id`, and those of the named fields that have a value."""
        row: dict[str, Any] = {"_id": self.model.key, "id": self.model.name}
        for name in names:
            value = FIELDS[name](self)
            if value is not None:
                row[name] = value
        return row


FIELDS: dict[str, Callable[[Row], Any]] = {
    "baseModels": lambda row: base_models(row.models, row.model, row.card),
    "cardData": lambda row: row.card,
    "config": lambda row: config(row.model, row.paths),
    "createdAt": lambda row: stamp(row.model.created),
    "disabled": lambda row: row.model.disabled,
    "downloads": lambda row: row.model.downloads,
    "gated": lambda row: row.model.gated,
    "gguf": lambda row: gguf(row.model),
    "lastModified": lambda row: stamp(row.model.fate.modified),
    "library_name": lambda row: LIBRARIES.get(row.model.weights.form),
    "likes": lambda row: likes(row.model),
    "modelId": lambda row: row.model.name,
    "pipeline_tag": lambda row: task(row.model),
    "private": lambda row: False,  # noqa: ARG005  a listing shows none that are
    "safetensors": lambda row: declared(row.model),
    "sha": lambda row: row.model.sha,
    "siblings": lambda row: [{"rfilename": path} for path in row.paths],
    "tags": lambda row: row.tags,
    "trendingScore": lambda row: 0,  # noqa: ARG005  nobody is talked about
}
"""The fields that rows are made of quickly; for the others a repository is built."""
