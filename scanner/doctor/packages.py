"""Checks of the installation: our four packages are ours, and nobody else's.

`config` and `notifiers` are names that other distributions use too; where both lie in one folder the later one
installed has overwritten the other. Where a distribution lies is told by its record of files, for an editable one by
`direct_url.json` (PyPA specifications, "Recording installed projects" and "Direct URL Data Structure").
"""

from __future__ import annotations

import json
import platform
from collections.abc import Iterable, Iterator, Mapping
from importlib import metadata
from importlib.machinery import all_suffixes
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from scanner.doctor.interface import Finding, fail, ok, warn

if TYPE_CHECKING:
    from importlib.metadata import Distribution

    from scanner.doctor.interface import Surroundings

DISTRIBUTION = "hubscope"
PACKAGES = ("scanner", "estimators", "notifiers", "config")
SHOWN = ("huggingface_hub", "slack_sdk", "apscheduler")
OWN_ENVIRONMENT = "install hubscope into an environment of its own (python -m venv, pipx or uv)"


def packages(around: Surroundings) -> Iterator[Finding]:
    """The four packages come from hubscope, and no other distribution installs one of them."""
    found = list(_strangers(origins(), intruders(metadata.distributions())))
    yield from found
    if found:
        return
    versions = ", ".join(f"{name} {_version(name)}" for name in SHOWN)
    yield ok(f"all four come from hubscope {around.version}; Python {platform.python_version()}, {versions}")


def origins() -> Mapping[str, Path | None]:
    """The folder that holds each of our packages as it is imported; None where it cannot be."""
    return {name: _folder_of(name) for name in PACKAGES}


def intruders(installed: Iterable[Distribution]) -> Mapping[str, list[str]]:
    """Names of ours that other distributions install, by the distribution's name."""
    found: dict[str, list[str]] = {}
    for one in installed:
        name = _name(one)
        if name.lower() != DISTRIBUTION and (clash := sorted(_modules(one) & set(PACKAGES))):
            found[name] = clash
    return found


def home(distribution: Distribution) -> Path | None:
    """The folder that holds a distribution's packages; None where it does not say."""
    if (folder := _editable(distribution)) is not None:
        return folder
    for file in distribution.files or ():
        if file.parts == (PACKAGES[0], "__init__.py"):
            return Path(str(distribution.locate_file(file))).resolve().parent.parent
    return None


def _strangers(found: Mapping[str, Path | None], others: Mapping[str, list[str]]) -> Iterator[Finding]:
    for name, clash in others.items():
        yield fail(
            f"the distribution {name} installs {' and '.join(clash)} too, so either may be taken for the other",
            f"uninstall {name} here, or {OWN_ENVIRONMENT}",
        )
    try:
        ours = home(metadata.distribution(DISTRIBUTION))
    except metadata.PackageNotFoundError:
        yield warn(
            "hubscope runs without being installed, so nobody can tell whose packages these are", OWN_ENVIRONMENT
        )
        return
    if ours is None:
        yield warn("the installation of hubscope does not say which files are its own", f"{OWN_ENVIRONMENT} anew")
        return
    for name, folder in found.items():
        if folder != ours:
            yield fail(f"{name} comes from {folder or 'nowhere'}, and not from hubscope in {ours}", OWN_ENVIRONMENT)


def _folder_of(name: str) -> Path | None:
    spec = find_spec(name)
    return None if spec is None or spec.origin is None else Path(spec.origin).resolve().parent.parent


def _name(distribution: Distribution) -> str:
    named: str | None = distribution.metadata["Name"]  # a broken installation has none
    return named or "without a name"


def _modules(distribution: Distribution) -> set[str]:
    """What a distribution lets be imported at the top."""
    found: set[str] = set()
    for file in distribution.files or ():
        stem, _, rest = file.parts[0].partition(".")
        if (len(file.parts) > 1 and not rest) or (len(file.parts) == 1 and f".{rest}" in all_suffixes()):
            found.add(stem)
    return found


def _editable(distribution: Distribution) -> Path | None:
    """The folder of an editable installation; None where it is none."""
    try:
        told = json.loads(distribution.read_text("direct_url.json") or "{}")
        editable, url = told.get("dir_info", {}).get("editable", False), urlsplit(told.get("url", ""))
    except (ValueError, AttributeError):  # no JSON, or JSON of another shape
        return None
    return Path(unquote(url.path)).resolve() if editable and url.scheme == "file" else None


def _version(name: str) -> str:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return "(not installed)"
