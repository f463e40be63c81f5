"""A folder on this machine, as hostile as folders come: nothing of it runs, nothing hangs, nothing is overlooked."""

import json
import os
import socket
import struct
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from estimators.interface import Basis
from scanner.assess import Checker
from scanner.assessment import Assessment, dump, to_json
from scanner.errors import Refused, UsageError
from scanner.facts import ModelFacts
from scanner.scope import VerdictStatus
from scanner.sources import local
from scanner.sources.local import LocalFolder
from scanner.targets import parse_target
from tests.scanner.making import CN, MOMENT

IN, OUT, OPEN = VerdictStatus.IN_SCOPE, VerdictStatus.OUT_OF_SCOPE, VerdictStatus.UNDECIDED


def safetensors(elements: int) -> bytes:
    """A file of one float32 tensor."""
    header = json.dumps({"w": {"dtype": "F32", "shape": [elements], "data_offsets": [0, 4 * elements]}}).encode()
    return struct.pack("<Q", len(header)) + header + bytes(4 * elements)


def write(folder: Path, **files: bytes | str) -> Path:
    for name, content in files.items():
        path = folder / name.replace("__", "/").replace("_DOT_", ".")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
    return folder


def model(path: Path) -> ModelFacts:
    return LocalFolder(path).model()


def paths(path: Path) -> list[str]:
    return [entry.path for entry in model(path).files or ()]


def sizes(path: Path) -> dict[str, int | None]:
    return {entry.path: entry.size for entry in model(path).files or ()}


def check(path: Path, **more: Any) -> Assessment:
    return Checker([CN], None, now=lambda: MOMENT, **more).check(parse_target(str(path)))


def status(path: Path) -> VerdictStatus:
    return check(path).verdicts[0].status


# What a folder holds -------------------------------------------------------------------------------------------------


def test_a_folder_as_a_model(tmp_path: Path) -> None:
    config = {"model_type": "bert", "quantization_config": {"bits": 4}}
    write(tmp_path, config_DOT_json=json.dumps(config), unet__model_DOT_safetensors=b"12345678", b=b"")
    facts = model(tmp_path)
    assert (facts.name, facts.source, facts.sha) == (str(tmp_path), "local", None)
    assert facts.quantization == {"bits": 4}
    assert facts.described
    assert sizes(tmp_path) == {"b": 0, "config.json": len(json.dumps(config)), "unet/model.safetensors": 8}


def test_an_adapter_names_its_base(tmp_path: Path) -> None:
    write(tmp_path, adapter_config_DOT_json='{"base_model_name_or_path": "owner/base"}')
    assert model(tmp_path).base_model == "owner/base"
    write(tmp_path, adapter_config_DOT_json='{"base_model_name_or_path": 7}')
    assert model(tmp_path).base_model is None


def test_a_single_file_is_a_folder_with_only_that(tmp_path: Path) -> None:
    write(tmp_path, a_DOT_safetensors=safetensors(7), b_DOT_safetensors=safetensors(9))
    assert sizes(tmp_path / "a.safetensors") == {"a.safetensors": len(safetensors(7))}
    found = check(tmp_path / "a.safetensors", exact=True).estimate
    assert found is not None
    assert (found.point, found.exact) == (7, True)


def test_a_file_given_by_itself_is_opened_whatever_its_name_says(tmp_path: Path) -> None:
    for name in ("weights.dat", "notes.log", "tokenizer.json", "index.txt.weights"):
        (tmp_path / name).write_bytes(safetensors(5))
        estimate = check(tmp_path / name).estimate
        assert estimate is not None
        assert (estimate.point, estimate.exact, estimate.basis) == (5, True, Basis.SAFETENSORS_HEADER), name


def test_a_file_given_by_itself_that_holds_no_weights_is_what_its_name_says(tmp_path: Path) -> None:
    (tmp_path / "tokenizer.json").write_text("{}" * 100_000)
    estimate = check(tmp_path / "tokenizer.json").estimate
    assert estimate is not None
    assert (estimate.high, estimate.exact, estimate.basis) == (0, True, Basis.NO_WEIGHTS)
    (tmp_path / "data.xyz").write_bytes(b"nobody knows" * 10_000)
    assert status(tmp_path / "data.xyz") is OPEN


def test_a_file_given_by_itself_is_unpacked_as_the_settings_beside_it_say(tmp_path: Path) -> None:
    table = {"a.qweight": {"dtype": "I32", "shape": [8, 8], "data_offsets": [0, 256]}}
    header = json.dumps(table).encode()
    write(tmp_path, q_DOT_safetensors=struct.pack("<Q", len(header)) + header + bytes(256))
    estimate = check(tmp_path / "q.safetensors").estimate
    assert estimate is not None
    assert not estimate.exact
    for name, settings in (
        ("quantize_config.json", {"bits": 4, "group_size": 128}),
        ("config.json", {"quantization_config": {"quant_method": "gptq", "bits": 8}}),
    ):
        (tmp_path / name).write_text(json.dumps(settings))
        estimate = check(tmp_path / "q.safetensors").estimate
        assert estimate is not None
        assert estimate.point == 64 * (8 if name.startswith("quantize") else 4)


def test_without_weights_a_description_is_what_is_told_of_the_model(tmp_path: Path) -> None:
    config = {"model_type": "bert", "hidden_size": 128, "num_hidden_layers": 2, "num_attention_heads": 2,
              "intermediate_size": 512, "vocab_size": 30522, "architectures": ["BertModel"]}  # fmt: skip
    write(tmp_path, config_DOT_json=json.dumps(config), README_DOT_md="A model with 7B parameters.")
    found = check(tmp_path)
    assert found.estimate is not None
    assert found.estimate.basis is Basis.NO_WEIGHTS
    assert found.estimate.low <= 4_385_920 <= (found.estimate.high or 0)
    assert not found.estimate.exact
    assert found.verdicts[0].status is OUT
    (tmp_path / "config.json").write_text('{"vocabulary": 5}')
    found = check(tmp_path)
    assert found.estimate is not None
    assert found.estimate.point == 7_000_000_000
    (tmp_path / "README.md").write_text("Nothing to see.")
    found = check(tmp_path)
    assert found.estimate is not None
    assert (found.estimate.high, found.estimate.exact) == (0, True)


def test_the_threshold_is_strict(tmp_path: Path) -> None:
    write(tmp_path, at__model_DOT_safetensors=safetensors(1_000_000))
    write(tmp_path, above__model_DOT_safetensors=safetensors(1_000_001))
    assert status(tmp_path / "at") is OUT
    assert status(tmp_path / "above") is IN


def test_what_is_never_distributed_is_left_out(tmp_path: Path) -> None:
    write(
        tmp_path,
        _DOT_git__lfs__objects__ab=safetensors(9),
        _DOT_cache__huggingface__download__x_DOT_incomplete=bytes(100_000),
        _DOT_cache__other__a_DOT_bin=b"kept",
        a_DOT_txt=b"",
    )
    (tmp_path / "__pycache__").mkdir()
    (tmp_path / "__pycache__" / "x.pyc").touch()
    assert paths(tmp_path) == ["a.txt", ".cache/other/a.bin"]


# Hostile content -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "content",
    ["[" * 200_000, "{" * 10, "[]", "null", "\xff\xfe", '{"model_type": NaN}', '{"a":' * 50_000, "1" * 10_000, ""],
)
def test_a_configuration_that_is_none(tmp_path: Path, content: str) -> None:
    write(tmp_path, config_DOT_json=content.encode("latin-1"), adapter_config_DOT_json=content.encode("latin-1"))
    write(tmp_path, model_DOT_safetensors=safetensors(9))
    facts = model(tmp_path)
    assert (facts.quantization, facts.base_model, facts.described) == (None, None, False)
    assert status(tmp_path) is OUT


def test_a_configuration_of_the_wrong_types(tmp_path: Path) -> None:
    write(tmp_path, config_DOT_json='{"quantization_config": [1], "architectures": 5}')
    assert model(tmp_path).quantization is None
    assert model(tmp_path).described


def test_a_huge_configuration_is_not_read_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(local, "MAX_CONFIG_BYTES", 100)
    write(tmp_path, config_DOT_json='{"model_type": "x", "pad": "' + "x" * 200 + '"}')
    assert not model(tmp_path).described


MARK = "import pathlib; pathlib.Path('ran').touch()\nraise SystemExit('ran')\n"
MODULES = ("config", "scanner", "notifiers", "estimators", "json", "sitecustomize", "typer", "msgspec", "modeling_x")


@pytest.mark.parametrize("form", ["module", "package"])
def test_nothing_of_the_folder_is_imported(tmp_path: Path, form: str) -> None:
    for name in MODULES:
        path = tmp_path / (f"{name}.py" if form == "module" else f"{name}/__init__.py")
        path.parent.mkdir(exist_ok=True)
        path.write_text(MARK)
    write(tmp_path, model_DOT_safetensors=safetensors(7), config_DOT_json='{"auto_map": {"AutoModel": "modeling_x.X"}}')
    command = [sys.executable, "-P", "-m", "scanner", "check", ".", "--exact", "--format", "json"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert not (tmp_path / "ran").exists()
    (found,) = json.loads(done.stdout)
    assert found["parameters"]["point"] == 7


# Files that are none -------------------------------------------------------------------------------------------------


def test_what_a_pipe_or_a_device_holds_is_unknown_and_nothing_hangs(tmp_path: Path) -> None:
    write(tmp_path, model_DOT_safetensors=safetensors(7))
    os.mkfifo(tmp_path / "README.md")
    os.mkfifo(tmp_path / "LICENSE")
    os.mkfifo(tmp_path / "config.json")
    (tmp_path / "zero.bin").symlink_to("/dev/zero")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(tmp_path / "s.bin"))
    assert paths(tmp_path) == ["LICENSE", "README.md", "config.json", "model.safetensors", "s.bin", "zero.bin"]
    assert status(tmp_path) is OPEN  # nobody knows what a `.bin` that is a device holds


def test_weights_that_are_no_regular_file_are_not_no_weights(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "model.safetensors")
    assert status(tmp_path) is OPEN


@pytest.mark.parametrize("name", ["README.md", "model.safetensors", "weights.bin"])
def test_a_pipe_as_target_does_not_hang(tmp_path: Path, name: str) -> None:
    os.mkfifo(tmp_path / name)
    if name.endswith(".md"):
        found = check(tmp_path / name)
        assert [error.code for error in found.errors] == ["file-unreadable"]
        assert "no regular file" in found.errors[0].message
    else:
        with pytest.raises(UsageError, match="neither a file nor a folder"):
            check(tmp_path / name)


def test_a_device_as_target(tmp_path: Path) -> None:
    (tmp_path / "model.bin").symlink_to("/dev/zero")
    with pytest.raises(UsageError, match="neither a file nor a folder"):
        check(tmp_path / "model.bin")


# Links ---------------------------------------------------------------------------------------------------------------


def test_a_cache_of_links_is_read_as_what_it_shows(tmp_path: Path) -> None:
    write(tmp_path, blobs__abc=safetensors(7), blobs__def="{}")
    snapshot = tmp_path / "snapshots" / "main"
    (snapshot / "unet").mkdir(parents=True)
    (snapshot / "unet" / "model.safetensors").symlink_to("../../../blobs/abc")
    (snapshot / "config.json").symlink_to("../../blobs/def")
    assert sizes(snapshot) == {"config.json": 2, "unet/model.safetensors": len(safetensors(7))}
    found = check(snapshot, exact=True).estimate
    assert found is not None
    assert found.point == 7


def test_a_linked_folder_counts_inside_the_model_and_is_not_followed_out_of_it(tmp_path: Path) -> None:
    write(tmp_path, elsewhere__model_DOT_safetensors=safetensors(1_000_001))
    folder = tmp_path / "model"
    (folder / "shared").mkdir(parents=True)
    (folder / "unet").symlink_to("shared")
    (folder / "outside").symlink_to("../elsewhere")
    write(folder, shared__model_DOT_safetensors=safetensors(10))
    assert "outside/model.safetensors" not in paths(folder)
    assert "outside" in paths(folder)
    (folder / "shared" / "model.safetensors").unlink()
    assert status(folder) is OPEN  # what the link leads to may be weights


def test_circles_of_links_end(tmp_path: Path) -> None:
    write(tmp_path, a__model_DOT_safetensors=safetensors(7), b__x_DOT_txt="")
    (tmp_path / "a" / "up").symlink_to("..")
    (tmp_path / "a" / "self").symlink_to(".")
    (tmp_path / "b" / "other").symlink_to("../a")
    (tmp_path / "a" / "other").symlink_to("../b")
    assert [p.rsplit("/", 1)[-1] for p in paths(tmp_path)].count("model.safetensors") == 1
    assert status(tmp_path) is OUT


def test_a_folder_under_two_names_counts_once(tmp_path: Path) -> None:
    write(tmp_path, a__model_DOT_safetensors=safetensors(600_000))
    (tmp_path / "z").symlink_to("a")
    assert paths(tmp_path) == ["a/model.safetensors"]


@pytest.mark.parametrize("target", ["missing", "model.safetensors", "../../nowhere/x"])
def test_weights_whose_link_leads_nowhere_are_not_overlooked(tmp_path: Path, target: str) -> None:
    (tmp_path / "model.safetensors").symlink_to(target)
    assert sizes(tmp_path) == {"model.safetensors": None}
    found = check(tmp_path)
    assert found.verdicts[0].status is OPEN, "a download that broke off is not a model without weights"
    assert [(error.code, error.file) for error in found.errors] == [("file-unreadable", "model.safetensors")]


def test_a_card_whose_link_leads_nowhere_is_an_error_beside_the_count(tmp_path: Path) -> None:
    write(tmp_path, model_DOT_safetensors=safetensors(7))
    (tmp_path / "README.md").symlink_to("missing")
    found = check(tmp_path)
    assert found.verdicts[0].status is OUT
    assert [error.file for error in found.errors] == ["README.md"]


# What may not be read ------------------------------------------------------------------------------------------------


@pytest.fixture
def forbidden(monkeypatch: pytest.MonkeyPatch) -> set[str]:
    """Names that nobody may open or list; permissions alone would not stop the superuser."""
    names: set[str] = set()
    really_open, really_list = os.open, os.listdir

    def opened(path: Any, *more: Any, **named: Any) -> int:
        if Path(os.fsdecode(path)).name in names:
            raise PermissionError(13, "Permission denied", str(path))
        return really_open(path, *more, **named)

    def listed(path: Any = ".") -> Any:
        if Path(os.fsdecode(path)).name in names:
            raise PermissionError(13, "Permission denied", str(path))
        return really_list(path)

    monkeypatch.setattr(os, "open", opened)
    monkeypatch.setattr(os, "listdir", listed)
    return names


def test_weights_that_may_not_be_read_are_bounded_by_their_size(tmp_path: Path, forbidden: set[str]) -> None:
    write(tmp_path, model_DOT_safetensors=safetensors(1_000_001))
    forbidden.add("model.safetensors")
    found = check(tmp_path)
    assert found.estimate is not None
    assert found.estimate.basis is Basis.FILE_SIZE
    assert found.verdicts[0].status is OPEN
    assert "Permission denied" in found.errors[0].message


def test_a_card_that_may_not_be_read(tmp_path: Path, forbidden: set[str]) -> None:
    write(tmp_path, README_DOT_md="x", model_DOT_safetensors=safetensors(7))
    forbidden.add("README.md")
    with pytest.raises(Refused, match="Permission denied"):
        LocalFolder(tmp_path).text("README.md", max_bytes=5)
    assert check(tmp_path / "README.md").errors[0].code == "file-unreadable"
    assert not check(tmp_path / "README.md").readable


def test_a_subfolder_that_may_not_be_listed_leaves_the_count_open(tmp_path: Path, forbidden: set[str]) -> None:
    write(tmp_path, a_DOT_txt="", secret__model_DOT_safetensors=safetensors(7))
    forbidden.add("secret")
    assert sizes(tmp_path) == {"a.txt": 0, "secret/": None}
    assert status(tmp_path) is OPEN


def test_a_folder_that_may_not_be_listed_is_a_mistake(tmp_path: Path, forbidden: set[str]) -> None:
    forbidden.add(tmp_path.name)
    with pytest.raises(UsageError, match=r"cannot be listed \(Permission denied\)"):
        check(tmp_path)


def test_too_many_files_are_no_model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(local, "MAX_FILES", 3)
    write(tmp_path, a="", b="", c="")
    assert len(paths(tmp_path)) == 3
    write(tmp_path, d="")
    with pytest.raises(UsageError, match="more than 3 files"):
        model(tmp_path)


# Pointers ------------------------------------------------------------------------------------------------------------


def pointer(size: int) -> str:
    return f"version https://git-lfs.github.com/spec/v1\noid sha256:{'a' * 64}\nsize {size}\n"


@pytest.mark.parametrize(("size", "expected"), [(13_000_000_000, IN), (4_000, OUT), (4_000_000, OPEN)])
def test_a_pointer_stands_for_the_weights(tmp_path: Path, size: int, expected: VerdictStatus) -> None:
    """A clone without git-lfs holds a hundred bytes where the weights were: no reason to call the model small."""
    write(tmp_path, model_DOT_safetensors=pointer(size))
    assert sizes(tmp_path) == {"model.safetensors": size}
    found = check(tmp_path)
    assert found.verdicts[0].status is expected
    if expected is OPEN:
        assert [error.code for error in found.errors] == ["lfs-pointer"]
        assert "git lfs pull" in found.errors[0].message


@pytest.mark.parametrize(
    "text", ["version https://git-lfs.github.com/spec/v1\n", pointer(7) + "x" * 2000, "\n" + pointer(7), ""]
)
def test_what_only_looks_like_a_pointer(tmp_path: Path, text: str) -> None:
    write(tmp_path, a_DOT_bin=text)
    assert sizes(tmp_path) == {"a.bin": len(text)}


# Names ---------------------------------------------------------------------------------------------------------------


def test_names_that_are_no_text(tmp_path: Path) -> None:
    raw = os.fsencode(tmp_path) + b"/\xff\xfe.safetensors"
    try:
        with open(raw, "wb") as file:  # noqa: PTH123 - no Path holds it
            file.write(safetensors(7))
    except OSError:
        pytest.skip("this file system takes only UTF-8")
    found = check(tmp_path, exact=True)
    assert found.estimate is not None
    assert found.estimate.point == 7
    written = json.loads(dump(to_json(found)))
    assert written["parameters"]["evidence"][0]["file"] == "??.safetensors"


@pytest.mark.parametrize(
    "name", ["a b.safetensors", "a\nb.safetensors", "模型.safetensors", "-rf.safetensors", "a\\b.safetensors"]
)
def test_names_that_are_unusual(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(safetensors(7))
    assert paths(tmp_path) == [name]
    found = check(tmp_path, exact=True).estimate
    assert found is not None
    assert found.point == 7
