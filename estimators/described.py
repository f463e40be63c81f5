"""Parameters from a configuration: layers and sizes added up. Weak evidence, never exact.

A `config.json` says what a model should hold, not what its files hold: vocabularies are padded, heads replaced, layers
cut out, matrices that are tied stored twice. So the answer is an interval around all of that, with the count of the
class that `architectures` names as its point. Families with a sum of their own are in `architectures/registry.py`;
other configurations that name a width and a depth get a wide interval, and the rest none at all.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from estimators.architectures import adapters, diffusers, generic
from estimators.architectures.interface import Config, Sum, Undescribed, certain
from estimators.architectures.layers import linear
from estimators.architectures.registry import FAMILIES, POINTLESS, SPOKEN, family_for
from estimators.interface import Basis, Estimate, Evidence

MAX_PARAMETERS = 10**15  # a thousand times the largest published model: such a configuration describes none
# One part in so many, either side of a family's sum: vocabularies that were padded, tokens added, heads of other makes.
MARGIN = 32
# Either side where the class's defaults stood in for a size of the first order: published sizes of one class differ so.
GUESS_FACTOR = 8
# timm's networks from the smallest that is no test (dla46x_c without its classifier) to the largest (ViT-22B's kin).
TIMM_LOW, TIMM_HIGH = 300_000, 10_000_000_000


def from_config(config: Mapping[str, Any], *, file: str = "config.json") -> Estimate | None:
    """The parameters that a configuration describes, or None where it describes no model that could be added up.

    Args:
        config: what the file holds: anything an author wrote.
        file: its path inside the repository.
    """
    if not isinstance(config, Mapping):
        return None
    try:
        read = Config(config)
        return _timm(read, file) or _dense(read, file) or _network(read, file)
    except Undescribed:
        return None


def from_adapter_config(
    adapter: Mapping[str, Any], base: Mapping[str, Any] | None, *, file: str = "adapter_config.json"
) -> Estimate | None:
    """The parameters of an adapter alone, or None where its configuration says nothing of use.

    Args:
        adapter: what `adapter_config.json` holds.
        base: the base model's configuration; without it a low-rank adapter has no upper bound.
        file: path of the adapter's configuration inside the repository.
    """
    if not isinstance(adapter, Mapping):
        return None
    try:
        read = Config(adapter)
        if not read.text("peft_type") and not read.has("r"):
            return None
        prompt = adapters.learnt_prompt(read)
        if prompt is not None:
            return _estimate(prompt.certain, None, prompt.high, file, "learnt prompts by their number and width")
        if not isinstance(base, Mapping):
            note = "an adapter whose base model's configuration is not known"
            return _evidenced(0, None, None, file, note)
        whole = Config(base)
        total = adapters.low_rank(read, whole.part("text_config", "llm_config", "language_config") or whole)
    except Undescribed:
        return None
    return _estimate(total.certain, total.point, total.high, file, "rank times the widths of the adapted matrices")


def _network(config: Config, file: str) -> Estimate | None:
    """A model by its family, by the class of its diffusion component, or by width and depth."""
    total, how, pointed = _sum_of(config)
    if not config.told:
        return None
    low, high = total.certain - total.certain // MARGIN, total.high + total.high // MARGIN + 1
    if config.guessed:
        note = f"{how}; sizes of the first order are missing"
        return _estimate(low // GUESS_FACTOR, None, high * GUESS_FACTOR, file, note)
    return _estimate(low, total.point if pointed else None, high, file, how)


def _sum_of(config: Config) -> tuple[Sum, str, bool]:
    """The sum of a configuration, one clause on how it came about, and whether its point is worth naming."""
    if config.text("_class_name"):
        return diffusers.component(config), f"main layers of {config.text('_class_name')}", False
    family = family_for(config)
    kind = config.text("model_type") or config.architecture
    if family is not None:
        return family(config), f"layers of {kind} added up", kind not in POINTLESS
    if kind in SPOKEN and config.has("hidden_size") and config.part("text_config") is None:
        rest = Sum(possible=generic.UNKNOWN_PART)
        return FAMILIES[SPOKEN[kind]](config) + rest, f"the language model of {kind} added up", False
    return generic.any_network(config, _part), "a network of that width and depth", False


def _part(config: Config) -> Sum:
    """A configuration inside another."""
    return _sum_of(config)[0]


def _timm(config: Config, file: str) -> Estimate | None:
    """Configurations of timm name an architecture and no sizes."""
    name = config.text("architecture")
    if not name or not (config.has("num_features") or config.has("pretrained_cfg") or config.has("num_classes")):
        return None
    low = 0 if name.startswith("test_") else TIMM_LOW
    return _estimate(low, None, TIMM_HIGH, file, f"timm's {name}, by name only")


def _dense(config: Config, file: str) -> Estimate | None:
    """A dense layer of sentence-transformers, in a module folder of its own."""
    if not (config.has("in_features") and config.has("out_features")):
        return None
    total = certain(linear(config.size("in_features"), config.size("out_features"), bias=False))
    bias = config.size("out_features") * config.flag("bias", default=True)
    return _estimate(total.certain, total.certain + bias, total.certain + 2 * bias, file, "one dense layer")


def _estimate(low: int, point: int | None, high: int, file: str, note: str) -> Estimate | None:
    """An estimate, unless its numbers are past belief."""
    return _evidenced(low, point, high, file, note) if 0 < high <= MAX_PARAMETERS else None


def _evidenced(low: int, point: int | None, high: int | None, file: str, note: str) -> Estimate:
    evidence = Evidence(Basis.CONFIG_ARITHMETIC, file, low, point, high, note=note)
    return Estimate(low, high, point, Basis.CONFIG_ARITHMETIC, evidence=(evidence,))
