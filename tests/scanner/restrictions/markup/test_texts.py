"""Bytes to characters, and names of licence-like files."""

import codecs
import gzip

import pytest

from scanner.restrictions.markup.texts import decode, is_licence_file

CHINESE = "本许可协议适用于模型权重。您不得在中国大陆地区使用本模型。\n"
TRADITIONAL = "本授權協議適用於模型權重。您不得在中國大陸地區使用本模型。\n"
JAPANESE = "このモデルは中国では利用できません。ライセンスを守ってください。\n"
KOREAN = "이 모델은 중국에서 사용할 수 없습니다. 라이선스를 확인해 주세요.\n"
RUSSIAN = "Модель нельзя использовать в Китае. Лицензия действует только в других странах.\n"
FRENCH = "Le modèle n'est pas disponible en Chine. L'accès est réservé à l'Europe.\n"


@pytest.mark.parametrize(
    ("data", "text", "encoding", "guessed"),
    [
        (b"plain", "plain", "utf-8", False),
        ("中国".encode(), "中国", "utf-8", False),
        (codecs.BOM_UTF8 + b"marked", "marked", "utf-8", False),
        (codecs.BOM_UTF16_LE + "中国".encode("utf-16-le"), "中国", "utf-16", False),
        (codecs.BOM_UTF16_BE + "中国".encode("utf-16-be"), "中国", "utf-16", False),
        (codecs.BOM_UTF32_LE + "中国".encode("utf-32-le"), "中国", "utf-32", False),
        (FRENCH.encode("utf-16-le"), FRENCH, "utf-16-le", True),
        (CHINESE.encode("utf-16-be"), CHINESE, "utf-16-be", True),
        (CHINESE.encode("gb18030"), CHINESE, "gb18030", True),
        (TRADITIONAL.encode("big5"), TRADITIONAL, "big5hkscs", True),
        (JAPANESE.encode("shift_jis"), JAPANESE, "cp932", True),
        (JAPANESE.encode("euc_jp"), JAPANESE, "euc_jp", True),
        (KOREAN.encode("euc_kr"), KOREAN, "cp949", True),
        (RUSSIAN.encode("cp1251"), RUSSIAN, "cp1251", True),
        (RUSSIAN.encode("koi8_r"), RUSSIAN, "koi8_r", True),
        (FRENCH.encode("cp1252"), FRENCH, "cp1252", True),
        (b"", "", "utf-8", False),
    ],
)
def test_a_file_is_decoded_and_says_how(data: bytes, text: str, encoding: str, guessed: bool) -> None:
    file = decode("README.md", data)
    assert (file.text, file.encoding, file.guessed, file.truncated) == (text, encoding, guessed, False)
    assert file.unreadable is None


def test_a_text_with_one_damaged_character_stays_what_it_is() -> None:
    data = CHINESE.encode()
    file = decode("README.md", data[:30] + b"\xff" + data[30:])
    assert file.encoding == "utf-8"
    assert "中国大陆" in file.text


@pytest.mark.parametrize("ending", ["", "é", "中国"])
@pytest.mark.parametrize("codec", ["utf-8", "gb18030"])
def test_one_zero_byte_makes_no_other_encoding(ending: str, codec: str) -> None:
    limit = "The model is not available in China."
    file = decode("README.md", b"\0" + b"a" * 3999 + b"\n" + f"{limit} {ending}\n".encode(codec))
    assert limit in file.text


def test_a_text_of_mostly_zero_bytes_among_letters_is_not_read() -> None:
    assert decode("LICENSE", b"a\0\0bcdefg" * 100).unreadable is not None


def test_a_text_of_which_much_is_damaged_is_not_read() -> None:
    data = codecs.BOM_UTF8 + b"Not in China. \xff\xff\xff" * 40
    assert "could not be told" in (decode("README.md", data).unreadable or "")


def test_bytes_that_look_like_no_writing_are_not_called_read() -> None:
    file = decode("LICENSE", bytes(range(0x80, 0x100)) * 4)
    assert file.guessed
    assert "could not be told" in (file.unreadable or "")


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (gzip.compress(b"The model is not available in China."), "gzip"),
        (b"%PDF-1.7 China", "PDF"),
        (b"PK\x03\x04China", "zip"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n", "pointer"),
    ],
)
def test_what_is_no_text_is_not_read_and_says_why(data: bytes, said: str) -> None:
    file = decode("LICENSE", data)
    assert file.text == ""
    assert said in (file.unreadable or "")


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
        "TENCENT_LICENSE",
        "Model_License.txt",
        "ModelLicense.md",
        "license_zh.md",
        "许可协议.txt",
        "模型授權.md",
        "利用規約.txt",
        "COPYING",
        "NOTICE",
        "Notice.txt",
        "EULA.html",
        "Legal.rst",
        "USE_POLICY.md",
        "use-policy.md",
        "ACCEPTABLE_USE_POLICY.txt",
        "TERMS.md",
        "terms_of_use.txt",
        "Community License Agreement.adoc",
        "unet/LICENSE",
        "LICENSES/model.txt",
        "LICENSE-2.0",
        "LICENSE.en",
    ],
)
def test_licence_like_files_are_known_by_name(path: str) -> None:
    assert is_licence_file(path)


@pytest.mark.parametrize(
    "path",
    [
        "README.md",
        "licensing_tests.py",
        "check_license.py",
        "terms.json",
        "LICENSE.pdf",
        "notice.png",
        "unlicensed.txt",
        "car_license_plate.md",
        "third_party_licenses.txt",
        "LICENSE/x.bin",
        "model.safetensors",
    ],
)
def test_other_files_are_not(path: str) -> None:
    assert not is_licence_file(path)
