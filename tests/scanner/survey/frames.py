"""Small frames, made by hand, so that a case can be read."""

from collections.abc import Iterator
from typing import Any

from scanner.catalogue.frame import FrameRow

THRESHOLD = 1_000_000
OPEN, IN, OUT = ("undecided", "undecided"), ("in_scope", "in_scope"), ("out_of_scope", "out_of_scope")


def row(key: str, *statuses: tuple[str | None, str | None], **changes: Any) -> FrameRow:
    """A public model; open unless it is given statuses."""
    values: dict[str, Any] = {
        "key": key,
        "name": f"owner/{key}",
        "downloads": 10,
        "year": 2025,
        "basis": "none",
        "adapter": False,
        "base_model": None,
        "relation": None,
        "point": None,
        "public": True,
        "looked": False,
        "statuses": statuses or (OPEN,),
        **changes,
    }
    return FrameRow(**values)


def many(number: int = 3000) -> Iterator[FrameRow]:
    """A frame of several kinds, with downloads over many powers of ten, and its truth in the names."""
    for i in range(number):
        downloads = int(5 * 10 ** (6 * ((i * 7919) % number / number) ** 12)) - 5
        kind = i % 7
        more: dict[str, Any] = {"downloads": downloads, "year": 2022 + i % 5}
        if kind == 0:
            yield row(f"k{i}", IN, basis="hub-safetensors", **more)
        elif kind == 1:
            yield row(f"k{i}", OUT, basis="no-weights", **more)
        elif kind == 2:
            yield row(f"k{i}", name=f"owner/k{i}-gguf", base_model=f"owner/k{7 * (i // 21)}", **more)
        elif kind == 3:
            yield row(f"k{i}", adapter=True, base_model="owner/k0", **more)
        elif kind == 4:
            yield row(f"k{i}", basis="model-name", point=7_000_000_000, **more)
        elif kind == 5:
            yield row(f"k{i}", name=f"owner/ppo-{i}", **more)
        else:
            yield row(f"k{i}", **more)
