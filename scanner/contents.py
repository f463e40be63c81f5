"""Names of contents: whether bytes are what the digest of git, or of its large file storage, names.

Sources: git's hash-object documentation (a blob's id is the SHA-1 of "blob", its length and its bytes); the git LFS
specification (an object's id is the SHA-256 of its bytes).
"""

from __future__ import annotations

import hashlib

GIT_LENGTH, SHA256_LENGTH = 40, 64


def is_content(digest: str, content: bytes) -> bool:
    """Whether a digest, as the Hub tells it of a file, names exactly these bytes."""
    if len(digest) == GIT_LENGTH:
        framed = b"blob %d\x00" % len(content) + content
        return hashlib.sha1(framed, usedforsecurity=False).hexdigest() == digest
    return len(digest) == SHA256_LENGTH and hashlib.sha256(content).hexdigest() == digest
