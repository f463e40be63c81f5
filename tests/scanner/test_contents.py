"""Whether bytes are what a digest names."""

import pytest

from scanner.contents import is_content

SHA256 = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
BLOB = "30d74d258442c7c65512eafab474568dd706c430"  # `printf test | git hash-object --stdin`


@pytest.mark.parametrize("digest", [SHA256, BLOB])
def test_a_digest_names_its_bytes_and_no_others(digest: str) -> None:
    assert is_content(digest, b"test")
    assert not is_content(digest, b"text")


@pytest.mark.parametrize("digest", ["", "30d74d25", SHA256[:-1], SHA256 + "0", BLOB.upper()])
def test_what_is_no_digest_names_nothing(digest: str) -> None:
    assert not is_content(digest, b"test")
