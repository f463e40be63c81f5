"""A file's bytes without holding them: a few real pieces, and zeros everywhere else.

A checkpoint of 15 GB then costs its header's few kilobytes of memory. Digests are the true ones up to
`DIGEST_LIMIT`; above it they are made from the pieces and the size, still equal for equal contents.
"""

from __future__ import annotations

import hashlib
from bisect import bisect_right
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

DIGEST_LIMIT = 8 << 20  # bytes; hashing more zeros than this would slow down the start
BLOCK = 1 << 18  # bytes handed to a socket at a time
LFS_SIZE = 10 << 20  # bytes; larger files are stored with LFS whatever their name
LFS_SUFFIXES = [
    ".7z",
    ".bin",
    ".ckpt",
    ".data-00000-of-00001",
    ".gguf",
    ".h5",
    ".joblib",
    ".mlmodel",
    ".msgpack",
    ".npy",
    ".npz",
    ".onnx",
    ".onnx_data",
    ".ot",
    ".parquet",
    ".pb",
    ".pickle",
    ".pkl",
    ".pt",
    ".pth",
    ".rar",
    ".safetensors",
    ".skops",
    ".tar",
    ".tflite",
    ".tgz",
    ".zip",
    ".wasm",
]


@dataclass(frozen=True)
class Blob:
    """`size` bytes that are zero except for `pieces`, which are (offset, bytes) in order and do not overlap."""

    size: int
    pieces: tuple[tuple[int, bytes], ...]

    @classmethod
    def of(cls, content: bytes | str) -> Blob:
        """All of the content, held in memory."""
        data = content.encode() if isinstance(content, str) else content
        return cls(len(data), ((0, data),))

    def read(self, start: int, stop: int) -> bytes:
        """The bytes from `start` up to `stop`, which are clipped to the file."""
        start, stop = max(start, 0), min(stop, self.size)
        if stop <= start:
            return b""
        out = bytearray(stop - start)
        first = max(bisect_right([offset for offset, _ in self.pieces], start) - 1, 0)
        for offset, data in self.pieces[first:]:
            if offset >= stop:
                break
            low, high = max(offset, start), min(offset + len(data), stop)
            if low < high:
                out[low - start : high - start] = data[low - offset : high - offset]
        return bytes(out)

    def stream(self, start: int, stop: int) -> Iterator[bytes]:
        """The same bytes in blocks."""
        while start < stop:
            yield self.read(start, min(start + BLOCK, stop))
            start += BLOCK

    @cached_property
    def sha256(self) -> str:
        """SHA-256 of the content, or of what determines it when the content is too long to hash."""
        if self.size > DIGEST_LIMIT:
            return self.fingerprint.hex()
        digest = hashlib.sha256()
        for block in self.stream(0, self.size):
            digest.update(block)
        return digest.hexdigest()

    @cached_property
    def fingerprint(self) -> bytes:
        """What determines the content, digested without making it up; not its SHA-256."""
        digest = hashlib.sha256(b"sparse %d" % self.size)
        for offset, data in self.pieces:
            digest.update(b"%d:" % offset + data)
        return digest.digest()

    def salted(self, salt: str) -> Blob:
        """The same file with sixteen other bytes at its end, as weights of another training run would have."""
        mark = hashlib.md5(salt.encode("utf-8", "surrogatepass"), usedforsecurity=False).digest()
        end = self.pieces[-1][0] + len(self.pieces[-1][1]) if self.pieces else 0
        if end <= self.size - len(mark):
            return Blob(self.size, (*self.pieces, (self.size - len(mark), mark)))
        return Blob.of(self.read(0, self.size - len(mark)) + mark)

    @cached_property
    def pointer(self) -> bytes:
        """The text that git holds in place of an LFS file."""
        return f"version https://git-lfs.github.com/spec/v1\noid sha256:{self.sha256}\nsize {self.size}\n".encode()

    @cached_property
    def pointer_oid(self) -> str:
        """Git's name for the pointer, which is what the Hub gives as `oid` of an LFS file."""
        return git_blob_oid(self.pointer)

    @cached_property
    def git_oid(self) -> str:
        """Git's name for the content itself, for a file that is not in LFS."""
        return git_blob_oid(self.read(0, self.size))

    @cached_property
    def xet_hash(self) -> str:
        """The content's name in the Xet store (64 hex digits, another function than SHA-256)."""
        return hashlib.blake2b(self.sha256.encode(), digest_size=32).hexdigest()


def git_blob_oid(content: bytes) -> str:
    """SHA-1 of git's blob object with this content."""
    return hashlib.sha1(b"blob %d\x00" % len(content) + content, usedforsecurity=False).hexdigest()


def in_lfs(path: str, blob: Blob) -> bool:
    """Whether the Hub keeps this file in LFS (and so behind its CDN): by name, else by size."""
    return path.lower().endswith(tuple(LFS_SUFFIXES)) or blob.size > LFS_SIZE
