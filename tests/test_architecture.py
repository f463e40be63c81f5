"""The arrows between packages, and inside estimators and scanner, as docs/architecture.md draws them."""

import ast
from collections.abc import Iterator
from importlib.metadata import distributions
from pathlib import Path

import pytest

from scanner.doctor import packages

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = ("scanner", "estimators", "notifiers", "config")

ALLOWED = {
    "estimators": set(),
    "notifiers": set(),
    "config": set(),
    "scanner": {"estimators", "notifiers", "config"},
}
"""Which of our packages each may import."""

ONLY_IN = {
    "huggingface_hub": ("scanner/sources/", "scanner/ranges.py"),
    "httpx2": ("scanner/sources/", "scanner/ranges.py"),
    "sqlmodel": ("scanner/catalogue/",),
    "sqlalchemy": ("scanner/catalogue/",),
    "alembic": ("scanner/catalogue/",),
    "typer": ("scanner/cli/",),
    "rich": ("scanner/cli/", "notifiers/render/"),
    "jinja2": ("notifiers/render/",),
    "safetensors": ("scanner/samplehub/",),
    "apscheduler": ("scanner/schedule/",),
    "slack_sdk": ("notifiers/slack", "notifiers/webhook.py"),
    "psycopg": ("scanner/catalogue/",),
    "pyfive": ("estimators/formats/hdf5/",),
    "babel": ("config/cldr.py",),
    "pyarrow": ("notifiers/render/as_parquet.py", "scanner/sources/"),
}
"""Libraries that only some places may know."""

_ABOVE_FORMATS = tuple(f"estimators.{name}" for name in ("registry", "plan", "combine", "copies", "roles"))
_RESTRICTIONS = "scanner.restrictions"
_ABOVE_PROSE = tuple(f"{_RESTRICTIONS}.{name}" for name in ("card", "licence", "reader"))
FORBIDDEN = {
    "estimators/architectures/": ("estimators.formats", "estimators.reading", "estimators.packed", *_ABOVE_FORMATS),
    "estimators/packed/": ("estimators.formats", "estimators.reading", *_ABOVE_FORMATS),
    "estimators/reading/": ("estimators.packed", "estimators.packing", *_ABOVE_FORMATS),
    "estimators/roles.py": ("estimators.formats", "estimators.registry", "estimators.plan", "estimators.combine"),
    "estimators/combine.py": ("estimators.formats", "estimators.registry", "estimators.plan"),
    **dict.fromkeys(
        ("scanner/scope.py", "scanner/exemption.py", "scanner/verdict.py", "scanner/reasons.py"),
        ("scanner.sources", "scanner.catalogue", "scanner.cli", "notifiers"),
    ),
    "scanner/restrictions/": (
        "scanner.sources",
        "scanner.catalogue",
        "scanner.cli",
        "scanner.scope",
        "estimators",
        "notifiers",
    ),
    "scanner/restrictions/markup/": tuple(
        f"scanner.restrictions.{name}" for name in ("prose", "card", "licence", "reader")
    ),
    "scanner/restrictions/prose/": tuple(f"scanner.restrictions.{name}" for name in ("card", "licence", "reader")),
    "scanner/restrictions/licence/": ("scanner.restrictions.card", "scanner.restrictions.reader"),
    "scanner/restrictions/card/": ("scanner.restrictions.reader",),
    "scanner/sources/": ("scanner.catalogue", "scanner.cli", "scanner.restrictions.reader", "notifiers", "config"),
    "scanner/catalogue/": (
        "scanner.sources",
        "scanner.cli",
        "scanner.schedule",
        "scanner.outbox",
        "notifiers",
        "config",
    ),
    "scanner/run.py": ("scanner.cli", "scanner.schedule", "scanner.outbox", "notifiers"),
    "scanner/outbox/": ("scanner.cli", "scanner.schedule", "scanner.sources", "scanner.run"),
    "scanner/schedule/": ("scanner.cli", "notifiers"),
    "scanner/doctor/": ("scanner.cli",),
    **dict.fromkeys(
        (
            "scanner/subscriptions.py",
            "scanner/digest.py",
            "scanner/changes.py",
            "scanner/rescope.py",
            "scanner/difference.py",
        ),
        ("scanner.cli", "scanner.schedule", "scanner.doctor", "scanner.outbox", "scanner.sources", "scanner.run"),
    ),
    "scanner/survey/": (
        "scanner.cli",
        "scanner.schedule",
        "scanner.doctor",
        "scanner.outbox",
        "scanner.run",
        "notifiers",
    ),
    **dict.fromkeys(
        (
            "scanner/survey/cells.py",
            "scanner/survey/lineage.py",
            "scanner/survey/population.py",
            "scanner/survey/strata.py",
            "scanner/survey/sampling.py",
            "scanner/survey/estimates.py",
            "scanner/survey/quantiles.py",
            "scanner/survey/results.py",
        ),
        (
            "scanner.catalogue",
            "scanner.sources",
            "scanner.deepread",
            "scanner.survey.reading",
            "scanner.survey.conduct",
        ),
    ),
    "notifiers/render/": ("notifiers.slack", "notifiers.webhook", "notifiers.files"),
}
"""What some places inside estimators and scanner may not import, so that their arrows run one way."""


def modules(under: str = "") -> list[Path]:
    found = [path for package in PACKAGES for path in sorted((ROOT / package).rglob("*.py"))]
    return [path for path in found if relative(path).startswith(under)]


def relative(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def imports(path: Path, *, at_run_time: bool = False) -> Iterator[str]:
    """Every module that a file imports anywhere; with `at_run_time`, without those for the type checker only."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    skipped: set[ast.AST] = set()
    if at_run_time:
        for node in ast.walk(tree):
            if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test):
                skipped.update(inner for part in node.body for inner in ast.walk(part))
    for node in ast.walk(tree):
        if node in skipped:
            continue
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{relative(path)}: relative import"
            assert node.module is not None
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def within(module: str, package: str) -> bool:
    return module == package or module.startswith(f"{package}.")


@pytest.mark.parametrize("package", PACKAGES)
def test_packages_import_only_what_the_plan_allows(package: str) -> None:
    for path in modules(f"{package}/"):
        for module in imports(path):
            top = module.split(".")[0]
            if top in PACKAGES and top != package:
                assert top in ALLOWED[package], f"{relative(path)} imports {module}"


@pytest.mark.parametrize("library", ONLY_IN)
def test_a_library_is_known_only_where_it_belongs(library: str) -> None:
    for path in modules():
        if any(within(module, library) for module in imports(path, at_run_time=True)):
            assert relative(path).startswith(ONLY_IN[library]), f"{relative(path)} imports {library}"


@pytest.mark.parametrize("place", FORBIDDEN)
def test_inside_a_package_the_arrows_run_one_way(place: str) -> None:
    assert modules(place)
    for path in modules(place):
        for module in imports(path, at_run_time=True):
            for forbidden in FORBIDDEN[place]:
                assert not within(module, forbidden), f"{relative(path)} imports {module}"


def test_the_sample_hub_imports_nothing_of_ours() -> None:
    for path in modules("scanner/samplehub/"):
        for module in imports(path):
            ours = module.split(".")[0] in PACKAGES
            assert not ours or within(module, "scanner.samplehub"), f"{relative(path)} imports {module}"


def test_nothing_unpickles_evaluates_or_runs_what_it_reads() -> None:
    banned = {"pickle", "marshal", "shelve", "dill", "joblib", "torch", "subprocess", "runpy"}
    for path in modules():
        if relative(path).startswith("scanner/samplehub/"):
            continue  # it writes such files
        tops = {module.split(".")[0] for module in imports(path)}
        assert not tops & banned, f"{relative(path)} imports {sorted(tops & banned)}"
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
                assert node.func.id not in {"eval", "exec", "__import__"}, f"{relative(path)} calls {node.func.id}"


def test_our_four_packages_come_from_one_place_and_no_dependency_installs_one() -> None:
    """`config` and `notifiers` are names that other distributions use too; the later one installed would win."""
    (folder,) = set(packages.origins().values())
    assert folder is not None
    assert packages.intruders(distributions()) == {}
