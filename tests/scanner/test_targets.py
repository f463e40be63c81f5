"""What a word on the command line names."""

from pathlib import Path

import pytest
from huggingface_hub.errors import HFValidationError
from huggingface_hub.utils._validators import validate_repo_id
from hypothesis import given
from hypothesis import strategies as st

from scanner.errors import UsageError
from scanner.targets import hub_name, parse_target


@pytest.fixture(autouse=True)
def _folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "gpt2").mkdir()
    (tmp_path / "owner" / "name").mkdir(parents=True)
    (tmp_path / "weights.gguf").write_bytes(b"")
    (tmp_path / "with space").mkdir()


@pytest.mark.parametrize(
    ("text", "name", "revision"),
    [
        ("owner/other", "owner/other", None),
        ("bert-base-uncased", "bert-base-uncased", None),
        ("owner/other@main", "owner/other", "main"),
        ("owner/other@refs/pr/1", "owner/other", "refs/pr/1"),
        ("owner/other@v1@2", "owner/other", "v1@2"),
        ("o_/n.m-1", "o_/n.m-1", None),
        ("modelscope/name", "modelscope/name", None),
    ],
)
def test_ids_of_the_hub(text: str, name: str, revision: str | None) -> None:
    target = parse_target(text)
    assert (target.kind, target.name, target.revision, target.path) == ("huggingface", name, revision, None)
    assert target.given == text


@pytest.mark.parametrize(
    "text", ["gpt2", "./gpt2", "owner/name", "weights.gguf", ".", "..", "~", "~/gpt2", "with space", "owner/../gpt2"]
)
def test_what_exists_here_is_local(text: str) -> None:
    target = parse_target(text)
    assert target.kind == "local"
    assert target.path is not None
    assert target.path.exists()
    assert target.given == text


@pytest.mark.parametrize(
    "text",
    [
        "./none",
        "../none/such",
        "/none/such",
        "~/none",
        "none.safetensors",
        "a/b/c.gguf",
        "README.md",
        "a\\b",
        "~nobody-here/x",
    ],
)
def test_a_path_that_is_not_there_is_a_mistake(text: str) -> None:
    with pytest.raises(UsageError, match="no such file or folder") as caught:
        parse_target(text)
    assert text in str(caught.value)


@pytest.mark.parametrize(
    "text",
    [
        "", " ", "other/", "a/b/c", "owner/name@", "@main", "own er/x", "a--b/c", "a..b", "-a/b", "a/b.", "a/b.git",
        "é/b", "a\nb", "a/b\n", "x" * 97, "a" * 5000, "a\x00b", "https://hub.example/a/b",
    ],
)  # fmt: skip
def test_what_is_neither_is_a_mistake(text: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_target(text)
    assert caught.value.exit_code == 2
    assert "\n" not in str(caught.value)


def test_the_empty_word_is_not_the_working_directory() -> None:
    with pytest.raises(UsageError, match="empty target"):
        parse_target("")


def test_modelscope_is_named_and_not_asked() -> None:
    with pytest.raises(UsageError, match="ModelScope cannot be asked"):
        parse_target("modelscope:owner/name")


def allowed(name: str) -> bool:
    try:
        validate_repo_id(name)
    except HFValidationError:
        return False
    return True


PARTS = st.text("ab1_-.é", min_size=1, max_size=8)


@given(st.one_of(PARTS, st.tuples(PARTS, PARTS).map("/".join), st.text(max_size=12)))
def test_names_are_those_that_the_hubs_own_client_takes(name: str) -> None:
    """Where ours is stricter, the name is not ASCII, which the Hub does not give."""
    if hub_name(name) is not None:
        assert allowed(name)
    elif name.isascii():
        assert not allowed(name)
