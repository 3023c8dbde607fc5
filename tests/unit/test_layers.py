"""The architecture as a test: imports point down, and each kind of work has one layer that may do it."""

import ast
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "curator"

LEVELS = (
    ("errors",),
    ("model",),
    ("abc",),
    ("registry",),
    ("infer", "media", "spec", "source", "store"),
    ("segment", "measure", "select", "pack"),
    ("align",),
    ("plan",),
    ("engine",),
    ("calibrate", "release"),
    ("hub",),
    ("convert", "loader"),
    ("cli", "testing"),
    ("__main__",),
)
LEVEL = {name: level for level, names in enumerate(LEVELS) for name in names}
HEAVY = ("ai_edge_litert", "datasets", "huggingface_hub", "hydra", "onnxruntime", "s3fs", "torch")

SPEAK_TORCH = ("curator.loader.arena", "curator.loader.dataset", "curator.loader.lending")
"""Modules that are classes of PyTorch; those that need it import them in functions."""

SPEAK_HYDRA = ("curator.spec.search", "curator.cli.")
"""Modules that are classes of Hydra, or its applications; all others import it in functions, or not at all."""

FILES = sorted(PACKAGE.rglob("*.py"))
PLUGINS = sorted(
    path for path in (ROOT / "plugins").glob("curator_*/**/*.py") if "tests" not in path.parts
)
FOR_PLUGINS = {"errors", "model", "abc", "infer", "measure"}


def part_of(path: Path) -> str:
    """``measure`` for ``curator/measure/luma.py``, ``errors`` for ``curator/errors.py``."""
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imports(source: str) -> Iterator[str]:
    """Every module that is imported anywhere: in functions and under TYPE_CHECKING too."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "relative imports hide the layer"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def offences(part: str, source: str) -> list[str]:
    """The imports of a file of `part` that do not point down."""
    bad = []
    for name in imports(source):
        words = name.split(".")
        if words[0] != "curator" or len(words) < 2 or words[1] == "__version__":
            continue
        other = words[1]
        if other == part:
            continue
        if LEVEL[other] >= LEVEL[part]:
            bad.append(name)
    return bad


def called(source: str) -> set[str]:
    """Dotted names of what is called, as far as they are plain names."""
    return {
        ast.unparse(node.func)
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name | ast.Attribute)
    }


def test_there_is_something_to_check():
    assert len(FILES) > 20
    assert {part_of(path) for path in FILES} - {"__init__"} <= set(LEVEL)


@pytest.mark.parametrize(
    ("part", "source"),
    [
        ("plan", "from curator.engine.pool import Pool"),
        ("media", "import curator.store.store"),
        ("model", "def f():\n    from curator.abc.measure import Measure"),
        ("spec", "if TYPE_CHECKING:\n    from curator.plan import logical"),
        ("registry", "from curator import cli"),
    ],
)
def test_an_import_that_points_up_or_sideways_is_found(part, source):
    assert offences(part, source)


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_imports_point_down(path):
    part = part_of(path)
    if part != "__init__":
        assert offences(part, path.read_text()) == []
    else:  # what the package offers is looked up in functions; the command line comes past here
        body = ast.parse(path.read_text()).body
        plain = [ast.unparse(n) for n in body if isinstance(n, ast.Import | ast.ImportFrom)]
        assert plain == ["from typing import TYPE_CHECKING"]


@pytest.mark.parametrize("path", PLUGINS, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_plugin_uses_what_a_third_party_may_use(path):
    used = [name.split(".") for name in imports(path.read_text())]
    own = path.relative_to(ROOT / "plugins").parts[0]
    assert {words[1] for words in used if words[0] == "curator"} <= FOR_PLUGINS
    assert not {words[0] for words in used if words[0].startswith("curator_")} - {own}


def operator_of(name: str) -> str:
    """``curator.measure.face`` for ``curator.measure.face.mesh.Mesh``: a folder is one operator."""
    return ".".join(name.split(":")[0].split(".")[:3])


def test_operators_do_not_import_each_other():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    groups = [project["entry-points"][f"curator.{kind}"].values() for kind in ("measures", "shots")]
    operators = {operator_of(point) for group in groups for point in group}
    assert len(operators) >= 14
    for path in FILES:
        if part_of(path) in {"measure", "segment"}:
            own = ".".join(path.relative_to(ROOT).with_suffix("").parts[:3])
            others = {operator_of(name) for name in imports(path.read_text())} & operators
            assert others <= {own}, path


@pytest.mark.parametrize(
    "path",
    # `testing` draws the footage that `media` is tested with, so it must not use `media` for it.
    [p for p in FILES if part_of(p) not in {"media", "testing"}],
    ids=lambda p: str(p.relative_to(ROOT)),
)
def test_only_media_touches_pyav(path):
    assert not [name for name in imports(path.read_text()) if name.split(".")[0] == "av"]


@pytest.mark.parametrize(
    "path",
    [p for p in FILES if part_of(p) not in {"cli", "__main__"}],
    ids=lambda p: str(p.relative_to(ROOT)),
)
def test_only_the_command_line_prints_or_exits(path):
    assert not called(path.read_text()) & {
        "print",
        "exit",
        "quit",
        "sys.exit",
        "sys.stdout.write",
        "sys.stderr.write",
    }


def importable() -> list[str]:
    """Names of every module that does not speak Hydra."""
    names = []
    for path in FILES:
        if path.name == "__main__.py":
            continue
        words = path.relative_to(ROOT).with_suffix("").parts
        names.append(".".join(words[:-1] if words[-1] == "__init__" else words))
    for path in PLUGINS:
        words = path.relative_to(ROOT / "plugins").with_suffix("").parts
        names.append(".".join(words[:-1] if words[-1] == "__init__" else words))
    return [name for name in names if not name.startswith((*SPEAK_HYDRA, *SPEAK_TORCH))]


def test_importing_any_module_loads_nothing_heavy():
    names = importable()
    assert "curator.cli" in names
    script = (
        "import importlib, sys\n"
        "for name in sys.argv[2:]:\n"
        "    importlib.import_module(name)\n"
        "    heavy = [h for h in sys.argv[1].split(',') if h in sys.modules]\n"
        "    assert not heavy, f'{name} imports {heavy}'\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, ",".join(HEAVY), *names], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr


def test_the_command_line_and_its_help_load_only_what_they_need():
    script = (
        "import sys, curator.cli\n"
        "loaded = [h for h in (*sys.argv[1].split(','), 'av', 'cv2', 'numpy', 'pyarrow')"
        " if h in sys.modules]\n"
        "assert not loaded, loaded\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, ",".join(HEAVY)], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
