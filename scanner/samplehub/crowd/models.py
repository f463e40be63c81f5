"""One model of a crowd: what it is, drawn from its number alone.

What a listing row needs is worked out at once, cheaply; files get their bytes only when somebody asks (`contents`).
"""

from __future__ import annotations

import math
from bisect import bisect_right
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Literal

from scanner.samplehub.crowd import names
from scanner.samplehub.crowd.calendar import FLOOR, Calendar, Fate
from scanner.samplehub.crowd.downloads import Downloads
from scanner.samplehub.crowd.draws import hexadecimal, words
from scanner.samplehub.crowd.settings import KINDS, Settings

if TYPE_CHECKING:
    from collections.abc import Iterator

THRESHOLD = 1_000_000
LEAST_COUNT = 1_000
# Powers of ten between which counts are drawn, evenly in the exponent.
RANGES = {
    "decoder": (3, 12), "encoder": (5, 9.5), "vision": (3, 9), "pipeline": (8, 10.5), "gptq": (6, 11.5),
    "mlx": (6, 11.5), "gguf": (5, 12), "lora": (4, 9), "pth": (3, 8.9), "onnx": (3, 8.5), "keras": (3, 8.5),
    "rl": (3.2, 5.3), "sklearn": (3, 5), "none": (3, 9),
}  # fmt: skip
MOST_IN_ZIPS = 2 * 10**9  # parameters of a .bin model: each of its shards stays below the zip format's 4 GiB
# What each kind consists of, as upper ends of a draw of 16 bits.
FORMS: dict[str, tuple[tuple[int, ...], tuple[str, ...]]] = {
    "safetensors": ((36_000, 54_000, 61_000), ("decoder", "encoder", "vision", "pipeline")),
    "gguf": ((), ("gguf",)),
    "bin": ((26_000, 56_000), ("decoder", "encoder", "vision")),
    "adapter": ((), ("lora",)),
    "other": ((26_000, 54_000), ("pth", "rl", "sklearn")),
    "none": ((), ("none",)),
}
RELATIONS = {"lora": "adapter", "gguf": "quantized", "gptq": "quantized", "mlx": "quantized"}
BASE_TRIES = 6  # neighbours looked at for one with safetensors
COPY_TRIES = 12  # neighbours looked at for one whose weights can be copied
MACHINE = "9c2b7de41f"  # five bytes of an ObjectId that say which machine made it
PRECISIONS = ("BF16", "F16", "F32", "BF16")
Declared = Literal["right", "overridden", "packed", "absent"]


@dataclass(frozen=True, slots=True)
class Weights:
    """What determines a model's weight files; equal weights have equal bytes and digests.

    Attributes:
        content: Number and version of whose weights they are: a copy has those of the original.
        form: The kind of network.
        count: The true number of parameters.
        dtype: Of a safetensors or PyTorch file.
        draw: Sixteen bits for its smaller choices.
    """

    content: str
    form: str
    count: int
    dtype: str
    draw: int


@dataclass(frozen=True, slots=True)
class Model:
    """One model at one time.

    Attributes:
        number: Its place in the order of creation.
        key: `_id`.
        first_name: What it was called when it was made.
        name: What it is called now.
        former: Names it had in between, the first included; they redirect.
        draws: Sixteen draws of 16 bits for whatever does not matter.
        declared: Whether the listing's block tells the truth.
        base: The number of the model it was made from, if any.
    """

    number: int
    key: str
    first_name: str
    name: str
    former: tuple[str, ...]
    kind: str
    weights: Weights
    declared: Declared
    created: int
    fate: Fate
    downloads: int
    gated: Literal[False, "auto", "manual"]
    disabled: bool
    heavy: Literal["", "card", "files"]
    base: int | None
    relation: str
    draws: tuple[int, ...]

    @property
    def truth(self) -> int | None:
        """The true count; None where there is no model."""
        return None if self.kind == "none" else self.weights.count

    @property
    def sha(self) -> str:
        """The head of main."""
        return hexadecimal(f"{self.key} {self.fate.committed_in}", 40)

    @property
    def stem(self) -> str:
        """The name without its owner."""
        return self.name.partition("/")[2]

    def says(self) -> dict[str, object]:
        """What a benchmark must know of it: the truth, and which strata it belongs to."""
        truth = self.truth
        return {
            "_id": self.key,
            "id": self.name,
            "truth": truth,
            "kind": self.kind,
            "form": self.weights.form,
            "declared": self.declared,
            "over": truth is not None and truth > THRESHOLD,
            "content": self.weights.content if truth is not None else None,
            "gated": self.gated,
            "disabled": self.disabled,
            "heavy": self.heavy,
            "downloads": self.downloads,
            "year": 1970 + self.created // 31_556_952,
            "base": self.base,
        }


class Models:
    """Every model of a crowd, each made when asked for."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.calendar = Calendar(settings)
        self.downloads = Downloads(self.calendar)
        self._kinds = settings.thresholds()
        self._bases = lru_cache(maxsize=4096)(self.at)

    @property
    def total(self) -> int:
        """One more than the highest number; some of them are deleted by now."""
        return self.calendar.total

    def of_key(self, key: str) -> int | None:
        """The number of the model with this `_id`."""
        try:
            number = int(key[-6:], 16)
        except ValueError:
            return None
        return number if number < self.total and self.key(number) == key else None

    def key(self, number: int) -> str:
        """`_id`: the second of its creation, a machine, a counter; so it rises with the number."""
        return _key(number, self.calendar.born(number))

    def at(self, number: int) -> Model:
        """The model of this number, which may be deleted."""
        settings = self.settings
        draw = words(settings.seed, number, b"model")
        kind = self._kind_of(draw)
        born = self.calendar.born(number)
        fate = self.calendar.fate(number, born)
        weights = self._weights(number, kind, draw, fate.committed_in)
        declared = self._declared(kind, weights)
        uploaded = self._weights(number, kind, draw, ()) if fate.committed_in else weights
        first = self._first_name(number, draw, uploaded.count)
        name, former = first, tuple[str, ...]()
        for week in fate.renamed_in:
            former, name = (*former, name), names.renamed(first, week)
        derived = draw[8] < (62_000 if kind in ("adapter", "gguf") else 20_000) and number > 0
        rare = draw[3]
        heavy_end = round(settings.heavy_tail * (1 << 31))
        return Model(
            number=number,
            key=_key(number, born),
            first_name=first,
            name=name,
            former=former,
            kind=kind,
            weights=weights,
            declared=declared,
            created=max(born, FLOOR),
            fate=fate,
            downloads=self.downloads.of(number),
            gated=False if draw[4] >= settings.gated * (1 << 32) else ("auto", "manual")[draw[9] & 1],
            disabled=draw[5] < settings.disabled * (1 << 32),
            heavy="card" if rare < heavy_end else "files" if rare < 2 * heavy_end else "",
            base=self._base(number, draw[2]) if derived else None,
            relation=RELATIONS.get(weights.form, "finetune"),
            draws=draw[8:],
        )

    def _base(self, number: int, draw: int) -> int:
        """The model that another was made from: mostly one of the oldest, with safetensors if such a one is near."""
        first = int(number * (draw / (1 << 32)) ** 3)
        near = range(first, min(first + BASE_TRIES, number))
        kinds = (self._kind_of(words(self.settings.seed, other, b"model")) for other in near)
        return next((other for other, kind in zip(near, kinds, strict=True) if kind == "safetensors"), first)

    def _first_name(self, number: int, draw: tuple[int, ...], count: int) -> str:
        reused = self._reuses(number)
        if reused is not None:
            return self.at(reused).name
        label = names.size_label(count)
        subject, flavour = names.SUBJECTS[draw[10] & 15], names.FLAVOURS[draw[10] >> 4 & 15]
        return f"{names.owner(draw[11])}/{subject}-{label}-{flavour}-{names.letters(number)}"

    def _reuses(self, number: int) -> int | None:
        """The deleted model whose name this new one has taken: so does each tenth of those that go in a week."""
        for week in self.calendar.weeks:
            place = number - week.first_new
            if 0 <= place < min(week.born, week.deleted // 10):
                victim = week.shuffle.inverse(place)
                return victim if self.calendar.fate(victim).deleted_in == week.number else None
        return None

    def _form(self, kind: str, draw: tuple[int, ...]) -> str:
        if kind == "other" and draw[13] < self.settings.graphs * (1 << 16):
            return ("onnx", "keras")[draw[12] & 1]
        if kind == "safetensors" and draw[13] < self.settings.wrong * (1 << 16):
            return ("gptq", "mlx", "decoder", "decoder")[draw[12] & 3]
        ends, forms = FORMS[kind]
        return forms[bisect_right(ends, draw[12])]

    def _weights(self, number: int, kind: str, draw: tuple[int, ...], weeks: tuple[int, ...]) -> Weights:
        """The model's own weights, or those of the older one that it is a copy of."""
        version = sum(self._new_weights(number, week) for week in weeks)
        form = self._form(kind, draw)
        if version == 0 and self._is_copy(kind, draw):
            first = draw[15] * number >> 16
            for other in range(first, min(first + COPY_TRIES, number)):
                theirs = words(self.settings.seed, other, b"model")
                if (
                    self._kind_of(theirs) == kind
                    and self._form(kind, theirs) == form
                    and not self._is_copy(kind, theirs)
                ):
                    return self._own_weights(other, kind, form, theirs, 0)
        return self._own_weights(number, kind, form, draw, version)

    def _is_copy(self, kind: str, draw: tuple[int, ...]) -> bool:
        """Whether the weights were somebody else's, if there is a model near that they can be taken from."""
        return kind in ("safetensors", "bin") and draw[14] < self.settings.copies * (1 << 16)

    def _kind_of(self, draw: tuple[int, ...]) -> str:
        return KINDS[min(bisect_right(self._kinds, draw[0]), len(KINDS) - 1)]

    def _new_weights(self, number: int, week: int) -> bool:
        """Whether a commit brings other weights; four of five only touch the card."""
        return words(self.settings.seed, number, b"commit%d" % week)[0] % 5 == 0

    def _own_weights(self, number: int, kind: str, form: str, draw: tuple[int, ...], version: int) -> Weights:
        low, high = RANGES[form]
        if draw[16] < self.settings.near * (1 << 16) and low <= 6 <= high:
            # Within three percent; some exactly on the threshold or one beyond it.
            exact = draw[17] & 31
            count = THRESHOLD + exact if exact < 2 else THRESHOLD + (draw[1] % 60_001 - 30_000)
        else:
            count = max(int(10 ** (low + (high - low) * draw[1] / (1 << 32))), LEAST_COUNT)
        if version and draw[17] % 4 == version % 4:
            count += count // 5
        if kind == "bin":
            count = min(count, MOST_IN_ZIPS)
        dtype = PRECISIONS[draw[17] >> 5 & 3] if form in ("decoder", "pipeline") else "F32"
        return Weights(f"{number}.{version}", form, count, dtype, draw[18])

    def _declared(self, kind: str, weights: Weights) -> Declared:
        if kind not in ("safetensors", "gguf"):
            return "absent"
        if weights.form in ("gptq", "mlx"):
            return "packed"
        # Those of the wrong ones that are not packed: `_form` made them plain decoders.
        number = int(weights.content.partition(".")[0])
        draw = words(self.settings.seed, number, b"model")
        overridden = kind == "safetensors" and draw[13] < self.settings.wrong * (1 << 16)
        return "overridden" if overridden else "right"

    def at_base(self, number: int) -> Model:
        """A model as others name it: the same as `at`, remembered, since a few are the base of most."""
        return self._bases(number)

    def all(self) -> Iterator[Model]:
        """Every model that is there now, in the order of creation."""
        for number in range(self.total):
            model = self.at(number)
            if not model.fate.deleted_in:
                yield model

    def find(self, name: str) -> Model | None:
        """The model that has this name now, or had it before; the newer one where a name was taken again."""
        number = names.number_of(name)
        if number is None or number >= self.total:
            return None
        model = self.at(number)
        taker = self._taker(model) if model.fate.deleted_in else None
        model = taker or model
        return model if not model.fate.deleted_in and name in (model.name, *model.former) else None

    def _taker(self, model: Model) -> Model | None:
        """The new model that took a deleted one's name."""
        week = self.calendar.weeks[model.fate.deleted_in - 1]
        if model.fate.deleted_as >= min(week.born, week.deleted // 10):
            return None
        return self.at(week.first_new + model.fate.deleted_as)


def _key(number: int, born: int) -> str:
    return f"{born:08x}{MACHINE}{number:06x}"


def bytes_of(weights: Weights) -> int:
    """About how many bytes the weights take, for the number of shards."""
    if weights.form in ("gptq", "mlx"):
        return weights.count * 5 // 8  # four bits for most
    return weights.count * (4 if weights.dtype == "F32" else 2)


def shards(weights: Weights, most_bytes: float) -> int:
    """How many files the weights are spread over."""
    return min(max(math.ceil(bytes_of(weights) / most_bytes), 1), 400)
