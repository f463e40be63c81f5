"""Parameters from a model's name. Weak evidence, never exact.

Sizes in names are rounded, leave out embeddings or the other networks of a pipeline, or are a product's name; so a size
gives an interval of a factor around it. Nothing is said where nothing is written: "large" and "base" are no sizes. What
the card says is read in `cards.py`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache

from estimators.cards import from_card
from estimators.interface import Basis, Estimate, Evidence

__all__ = ["from_card", "from_name"]

MAX_NAME = 400  # characters: the Hub allows 96 on either side of the slash, file names a little more
MAX_SIZE = 10**14  # a hundred times the largest published model: such a claim is no size
BILLION, MILLION = 10**9, 10**6

# Either side of a named size: Janus-Pro-1B holds 2.1 billion, Gemma 7B 8.5, and models that were cut or widened keep
# the name of what they were made from.
FACTOR = 3
# Below a hundred million, sizes often leave out embeddings that hold most of the model (TinyStories-8M: 19.7 million).
SMALL, SMALL_LOW, SMALL_HIGH = 100 * MILLION, 4, 6
# Ten million and less are more often examples, steps or a context; these round numbers are not believed.
DOUBTED = frozenset({1, 2, 3, 4, 5, 10})
_DOUBTED_SIZES = frozenset(count * MILLION for count in DOUBTED)
# What a pipeline holds beside the network that is named: text encoders of up to 11 billion, autoencoders.
PIPELINE_REST = 15 * BILLION
# "E4B" names what runs at once; with the embeddings on disk there is up to twice as much.
EFFECTIVE_FACTOR = 4

_CUT = re.compile(r"[^0-9A-Za-z.]+|\.(?!\d)|(?<!\d)\.")
_SIZE = re.compile(r"(\d{1,4}(?:\.\d{1,3})?)([mb])(?:params?|parameters?)?\Z", re.IGNORECASE)
_NO_POINT = re.compile(r"(\d)[pP](\d)[bB]\Z|(\d)[bB](\d)\Z")  # 1p5b, and BLOOM's 7b1
_UNDERSCORE = re.compile(r"(?<![0-9A-Za-z.])(\d)_(\d)([bB])(?![0-9A-Za-z])")  # 1_6b: 1.6 billion, or version 1 of 6
_EXPERTS = re.compile(r"(\d{1,3})x(\d{1,4}(?:\.\d{1,3})?)([mb])\Z", re.IGNORECASE)
_EXPERT_COUNT = re.compile(r"(\d{1,3})e\Z", re.IGNORECASE)  # Llama 4: 17B-128E names the active part, and the experts
_BEGINS_SIZES = frozenset("0123456789eE")  # and any digit of another script, which none of the patterns means
_EFFECTIVE = re.compile(r"e(\d{1,3}(?:\.\d{1,3})?)b\Z", re.IGNORECASE)
_SHAPES = (
    re.compile(r"(?<![0-9A-Za-z])L[-_]?(\d{1,3})[-_]H[-_]?(\d{2,5})(?![0-9A-Za-z])", re.IGNORECASE),
    re.compile(r"(?<![0-9A-Za-z])(\d{1,3})L[-_](\d{2,5})D(?![0-9A-Za-z])"),
)

# Every size is a number before one of these letters; most names hold none, and need no closer look.
_MAY_NAME_A_SIZE = re.compile(r"\d[mbl]|\d[-_]h", re.IGNORECASE)

# Words that make the number before them something else than a size.
COUNTED = frozenset({
    "token", "tokens", "tok", "toks", "step", "steps", "iter", "iters", "iterations", "sample", "samples", "image",
    "images", "pair", "pairs", "sentence", "sentences", "example", "examples", "hours", "context", "ctx", "epoch",
    "epochs", "words", "rows", "docs", "pixels", "px", "games", "frames", "timesteps", "vocab", "data", "dataset",
    "instances", "reviews", "tweets", "corpus", "seq", "bit", "bits", "bpw", "documents", "records", "molecules",
    "active", "activated",
})  # fmt: skip
# Words that do so for the number after them: data sets named by their length, and the like.
BEFORE_COUNTS = frozenset({
    "laion", "datacomp", "commonpool", "cc", "yfcc", "dfn", "redcaps", "webli", "coyo", "pubmed", "zinc", "step",
    "steps", "iter", "context", "ctx", "tokens", "vocab", "seed", "babylm", "ckpt", "checkpoint",
})  # fmt: skip
# Names of reinforcement learning, where a million is steps, and of made-up weights, whose size is another's.
NO_MODELS = frozenset({
    "ppo", "dqn", "a2c", "sac", "td3", "qrdqn", "trpo", "ddpg", "reinforce", "lunarlander", "cartpole", "random",
    "dummy", "babylm", "qtable",
})  # fmt: skip
# Words of repositories that hold a part of the named model, or something made for it: no lower bound follows.
PARTS = frozenset({
    "lora", "qlora", "dora", "loras", "adapter", "adapters", "peft", "ia3", "eagle", "eagle2", "eagle3", "medusa",
    "speculator", "draft", "mmproj", "projector", "sae", "saes", "transcoder", "lens", "probe", "imatrix", "vocab",
    "tokenizer", "pruned", "layers", "layer", "tiny", "mini", "test", "debug", "toy", "embeddings", "head", "heads",
    "control", "vector", "dflash", "mtp", "stub", "reduced", "trimmed", "hass",
})  # fmt: skip
PIPELINES = frozenset({
    "t2v", "i2v", "ti2v", "v2v", "s2v", "t2i", "flf2v", "vace", "diffusers", "diffusion", "cogvideox", "sana", "video",
    "pixart", "lumina", "kandinsky", "flux", "image", "animate",
})  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Size:
    """A size that a word names, with the interval around it."""

    low: int
    point: int
    high: int
    word: str


def from_name(name: str) -> Estimate | None:
    """What a model's or file's name says, or None where it names no size.

    Args:
        name: a repository's name, or a file's path.
    """
    sizes = _sizes(name) if isinstance(name, str) else []
    if not sizes:
        return None
    # Names with several sizes are of merges, of students beside their teachers, of drafts for a larger model.
    low, high = min(size.low for size in sizes), max(size.high for size in sizes)
    point = _point(sizes)
    note = "the name says " + ", ".join(size.word for size in sizes[:4])
    evidence = Evidence(Basis.MODEL_NAME, None, low, point, high, note=note)
    return Estimate(low, high, point, Basis.MODEL_NAME, evidence=(evidence,))


def point_of_name(name: str) -> int | None:
    """The best number of what `from_name` says; None where it says none."""
    sizes = _sizes(name)
    return _point(sizes) if sizes else None


def _sizes(name: str) -> list[_Size]:
    """The sizes that a name says; none where they are no sizes of a model."""
    last = name[-MAX_NAME:].rstrip("/").rpartition("/")[2]
    if not _MAY_NAME_A_SIZE.search(last):
        return []
    sizes = _of_shape(last) or _of_words(last)
    return sizes if sizes and 0 < max([size.high for size in sizes]) <= MAX_SIZE else []


def _point(sizes: list[_Size]) -> int | None:
    return sizes[0].point if len(sizes) == 1 or len({size.point for size in sizes}) == 1 else None


def _of_words(name: str) -> list[_Size]:
    """The sizes among the words of a name."""
    words = [word for word in _CUT.split(name) if word]
    parsed = [(place, size) for place, word in enumerate(words) if word[0] in _BEGINS_SIZES and (size := _parsed(word))]
    underscored = _UNDERSCORE.findall(name) if "_" in name else ()
    if not parsed and not underscored:
        return []
    lower = [word.lower() for word in words]
    if not NO_MODELS.isdisjoint(lower):
        return []
    sizes = [size for place, size in parsed if _counts_weights(lower, place)]
    sizes += [_around(Fraction(f"{a}.{b}") * BILLION, f"{a}_{b}{unit}") for a, b, unit in underscored]
    sizes = _without_asides(sizes)
    experts = [int(found.group(1)) for word in words if word[-1] in "eE" and (found := _EXPERT_COUNT.match(word))]
    more = PIPELINE_REST if not PIPELINES.isdisjoint(lower) else 0
    less = not PARTS.isdisjoint(lower)
    times = max([1, *experts])
    if not (less or more) and times == 1:
        return sizes
    return [
        _Size(0 if less else size.low, size.point, size.high * times + more, size.word)
        for size in sizes
    ]  # fmt: skip


def _without_asides(sizes: list[_Size]) -> list[_Size]:
    """Sizes without those of a few million beside one of billions: contexts and examples (Qwen2.5-7B-Instruct-1M)."""
    if any(size.point >= BILLION for size in sizes):
        return [size for size in sizes if size.point > 16 * MILLION]
    return [size for size in sizes if size.point not in _DOUBTED_SIZES]


def _counts_weights(words: list[str], place: int) -> bool:
    """Whether no neighbour of a size among the words of a name makes it something else."""
    following = words[place + 1] if place + 1 < len(words) else ""
    return following not in COUNTED and not (place and words[place - 1] in BEFORE_COUNTS)


@lru_cache(maxsize=4096)  # a few hundred sizes are in most names
def _parsed(word: str) -> _Size | None:
    """What a word by itself names."""
    if found := _EXPERTS.match(word):
        each = Fraction(found.group(2)) * (BILLION if found.group(3) in "bB" else MILLION)
        total = int(found.group(1)) * each
        # Experts share attention and embeddings: 8x7B holds 47 billion, 8x22B 141.
        return _Size(int(min(each, total / 3)), int(total * 5 / 6), int(total * 3 / 2), word)
    if found := _EFFECTIVE.match(word):
        size = Fraction(found.group(1)) * BILLION
        return _Size(int(size / 2), int(size), int(size * EFFECTIVE_FACTOR), word)
    if found := _SIZE.match(word):
        return _around(Fraction(found.group(1)) * (BILLION if found.group(2) in "bB" else MILLION), word)
    if found := _NO_POINT.match(word):
        whole, part = found.group(1) or found.group(3), found.group(2) or found.group(4)
        return _around(Fraction(f"{whole}.{part}") * BILLION, word)
    return None


def _around(size: Fraction, word: str) -> _Size:
    """The interval around a plain size."""
    if size < SMALL:
        return _Size(int(size / SMALL_LOW), int(size), int(size * SMALL_HIGH), word)
    return _Size(int(size / FACTOR), int(size), int(size * FACTOR), word)


def _of_shape(name: str) -> list[_Size]:
    """Layers and width, as small releases of BERT are named: L6-H384, L-12_H-768_A-12, 4L_312D."""
    for pattern in _SHAPES:
        found = pattern.search(name)
        if found is None:
            continue
        layers, width = int(found.group(1)), int(found.group(2))
        body = layers * 12 * width * width
        # Vocabularies from 10,000 entries to 300,000, and feed-forward networks of any usual width.
        low, high = body // 2 + 10_000 * width, body * 3 // 2 + 300_000 * width
        return [_Size(low, body + 31_000 * width, high, f"{layers} layers of width {width}")]
    return []
