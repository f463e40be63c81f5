"""Bytes to characters, and names of licence-like files."""

import codecs

import pytest

from scanner.restrictions.texts import decode, is_licence_file


@pytest.mark.parametrize(
    ("data", "text", "encoding", "guessed"),
    [
        (b"plain", "plain", "utf-8", False),
        ("中国".encode(), "中国", "utf-8", False),
        (codecs.BOM_UTF8 + b"marked", "marked", "utf-8", False),
        (codecs.BOM_UTF16_LE + "中国".encode("utf-16-le"), "中国", "utf-16", False),
        (codecs.BOM_UTF16_BE + "中国".encode("utf-16-be"), "中国", "utf-16", False),
        ("Fran\u00e7ais".encode("latin-1"), "Fran\u00e7ais", "latin-1", True),
        (b"", "", "utf-8", False),
    ],
)
def test_a_file_is_decoded_and_says_how(data: bytes, text: str, encoding: str, guessed: bool) -> None:
    file = decode("README.md", data)
    assert (file.text, file.encoding, file.guessed, file.truncated) == (text, encoding, guessed, False)


def test_the_cap_cuts_between_characters_and_is_told() -> None:
    file = decode("README.md", "中国中国".encode(), cap=7)
    assert (file.text, file.truncated, file.guessed) == ("中国", True, False)


@pytest.mark.parametrize(
    "path",
    [
        "LICENSE",
        "license.txt",
        "Licence.md",
        "LICENSE-MODEL",
        "LICENSE_TENCENT.txt",
        "COPYING",
        "NOTICE",
        "Notice.txt",
        "USE_POLICY.md",
        "use-policy.md",
        "ACCEPTABLE_USE_POLICY.txt",
        "TERMS.md",
        "terms_of_use.txt",
        "unet/LICENSE",
        "LICENSE-2.0",
        "LICENSE.en",
    ],
)
def test_licence_like_files_are_known_by_name(path: str) -> None:
    assert is_licence_file(path)


@pytest.mark.parametrize(
    "path",
    ["README.md", "licensing_tests.py", "terms.json", "LICENSE.pdf", "notice.png", "unlicensed.txt", "LICENSE/x.bin"],
)
def test_other_files_are_not(path: str) -> None:
    assert not is_licence_file(path)
