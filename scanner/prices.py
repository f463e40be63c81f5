"""What a read of a repository's file costs: units of the Hub's file quota, and a download that its author will see.

Sources: the Hub's models-download-stats documentation, the default query files and the rule for GGUF; its rate-limits
documentation. A redirect costs one unit, and the ranges behind it nothing more; of API requests there are five times
fewer.
"""

from __future__ import annotations

PAGE = 1  # units for a model's page, which tells the sizes and digests of all its files
AT_ONCE = 3  # units that the headers of all shards are worth, and a page after them: two of the scarcer ones
QUERY_FILES = frozenset({"config.json", "config.yaml", "hyperparams.yaml", "params.json", "meta.yaml"})
QUERY_ENDING = ".gguf"


def counts_as_download(path: str) -> bool:
    """Whether the Hub counts a read of this file as a download of the model."""
    name = path.rsplit("/", 1)[-1].lower()
    return name.endswith(QUERY_ENDING) or name in QUERY_FILES


def price_of(path: str, *, opened: bool) -> int:
    """The price of one more read: nothing for a file that is open, else a unit, and one for a download that counts."""
    return 0 if opened else 1 + counts_as_download(path)
