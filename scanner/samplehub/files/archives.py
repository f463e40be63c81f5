"""Zip files of small members, with fixed dates so that digests are the same in every run."""

from __future__ import annotations

import io
import zipfile
from typing import TYPE_CHECKING

from scanner.samplehub.files.blob import Blob

if TYPE_CHECKING:
    from collections.abc import Mapping

EPOCH = (1980, 1, 1, 0, 0, 0)


def write(members: Mapping[str, bytes | str | Blob]) -> Blob:
    """A stored zip, as stable-baselines3 and skops write theirs."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        for name, content in members.items():
            data = content.read(0, content.size) if isinstance(content, Blob) else content
            archive.writestr(zipfile.ZipInfo(name, EPOCH), data)
    return Blob.of(buffer.getvalue())
