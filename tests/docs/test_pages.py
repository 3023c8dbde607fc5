"""The pages say what is true: what they show runs, what they point at is there, nothing is left out."""

import dataclasses
import importlib.util
import os
import re
import shlex
import subprocess
import sys
import types
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

from curator.cli.verbs import VERBS
from curator.errors import RecipeErrors
from curator.registry import measures, shot_detectors
from curator.spec.compile import compile_recipe
from curator.spec.recipe import Condition, Recipe, SecondsSpec, SourceSpec, VideoSpec
from curator.spec.settings import EngineSpec, StoreSpec
from curator.testing.measure import MeasureTests

ROOT = Path(__file__).parents[2]
REFERENCE = ROOT / "docs/reference"
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
GENERATED = "<!-- Made by docs/generate.py"


@dataclass(frozen=True)
class Block:
    """A fenced block: ``bash``, ``yaml`` ... and a word that says how far it can be tried."""

    page: Path
    line: int
    language: str
    how: str
    text: str

    def __str__(self) -> str:
        return f"{self.page.relative_to(ROOT)}:{self.line}"


def blocks() -> Iterator[Block]:
    for page in PAGES:
        opened = None
        for number, line in enumerate(page.read_text().splitlines(), 1):
            if not line.startswith("```"):
                if opened:
                    opened[1].append(line)
            elif opened:
                language, _, how = opened[0][3:].partition(" ")
                start = number - len(opened[1]) - 1
                yield Block(page, start, language, how.strip(), "\n".join(opened[1]))
                opened = None
            else:
                opened = (line, [])
        assert opened is None, f"{page}: a fence is not closed"


BLOCKS = list(blocks())


def of(language: str) -> list[Block]:
    return [block for block in BLOCKS if block.language == language]


def generator() -> types.ModuleType:
    spec = importlib.util.spec_from_file_location("docs_generate", ROOT / "docs/generate.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


# --- the reference


def test_generating_the_reference_again_changes_nothing():
    made = generator().pages()
    pages = {path.relative_to(REFERENCE): path.read_text() for path in REFERENCE.rglob("*.md")}
    there = {path: text for path, text in pages.items() if text.startswith(GENERATED)}
    assert sorted(made) == sorted(there), "run `make docs`"
    for path, text in made.items():
        assert there[path] == text, f"{path}: run `make docs`"


def test_every_measure_and_detector_has_a_page():
    ours = [
        op
        for points in (measures(), shot_detectors())
        for op, point in points.items()
        if point.dist is not None and point.dist.name == "curator-build"
    ]
    assert len(ours) >= 14
    for op in ours:
        assert (REFERENCE / "measures" / f"{op}.md").is_file(), op
        assert f"(measures/{op}.md)" in (REFERENCE / "measures.md").read_text()


def test_every_command_is_documented():
    text = (REFERENCE / "commands.md").read_text()
    assert len(VERBS) >= 9
    for verb in VERBS:
        assert f"\n## {verb}\n" in text


@pytest.mark.parametrize(
    "kind", [Recipe, SourceSpec, Condition, SecondsSpec, VideoSpec, EngineSpec, StoreSpec]
)
def test_every_setting_is_documented_with_a_meaning(kind):
    docs = generator()._field_docs(kind)
    rows = (REFERENCE / "settings.md").read_text().splitlines()
    plain = {"segment", "keep", "sources", "sample", "pack", "engine", "store"}
    for field in dataclasses.fields(kind):
        if not field.metadata.get("written", True) or field.name in plain:
            continue
        assert docs.get(field.name), f"{kind.__name__}.{field.name} has no docstring"
        assert any(f"{field.name}`" in row for row in rows), field.name


def test_every_recipe_composes_and_is_in_the_table_of_the_readme():
    recipes = sorted((ROOT / "recipes").glob("*.yaml"))
    assert recipes
    for path in recipes:
        text = path.read_text()
        assert text.startswith("# "), f"{path.name} begins with what it keeps"
        assert compile_recipe(yaml.safe_load(text), footage=False).name == path.stem
    table = re.findall(r"^\| `(\w+)` \|", (ROOT / "README.md").read_text(), re.M)
    assert sorted(table) == [path.stem for path in recipes]


# --- what pages show


def test_there_are_blocks_to_try():
    assert len(of("bash")) >= 8
    assert len(of("yaml")) >= 5
    assert len(of("python")) >= 2


def test_every_block_says_what_it_is():
    for block in BLOCKS:
        assert block.language in {"bash", "yaml", "python", "json", "toml", "text", "csv"}, block


@pytest.mark.parametrize("block", of("yaml"), ids=str)
def test_every_recipe_on_a_page_compiles(block):
    """``yaml`` is a whole recipe; ``yaml fragment`` is laid over a minimal one."""
    document = yaml.safe_load(block.text)
    if block.how == "fragment":
        base = {"name": "page", "target": "page", "sources": {"films": {"url": "x/*.mp4", "license": "CC0-1.0"}}}  # fmt: skip
        if "warmth" in block.text:  # the measure of the how-to is not installed
            with pytest.raises(RecipeErrors) as caught:
                compile_recipe(base | document)
            assert {error.where for error in caught.value.errors} == {None}
            return
        document = base | document
    else:
        assert block.how == "", f"{block}: {block.how}"
    assert compile_recipe(document).name


SAFE = {"curator", "make", "git", "pip", "python", "cat", "ls", "cp", "eval", "export", "cd", "hf"}


@pytest.mark.parametrize("block", of("bash"), ids=str)
def test_every_command_on_a_page_exists(block):
    """Every command line is at least well formed: a verb that exists, with ``key=value`` words."""
    lines = [line for line in block.text.replace("\\\n", " ").splitlines() if line.strip()]
    assert lines
    for line in lines:
        words = shlex.split(line, comments=True)
        if not words:
            continue
        assert words[0] in SAFE, f"{block}: {words[0]}"
        if words[0] == "curator":
            assert words[1] in VERBS, f"{block}: {line}"
        if words[0] == "make":
            assert re.search(rf"^{words[1]}:", (ROOT / "Makefile").read_text(), re.M), line


@pytest.fixture(scope="module")
def desk(tmp_path_factory):
    """A folder with two clips of footage, where the commands of pages are run one after the other."""
    folder = tmp_path_factory.mktemp("desk")
    (folder / "films").mkdir()
    footage = ROOT / "tests/data/footage"
    for name in ("talk_f_01_hdtf.mp4", "toy_frog.mp4"):
        (folder / "films" / name).write_bytes((footage / name).read_bytes())
    return folder


@pytest.mark.slow
@pytest.mark.parametrize("page", [p for p in PAGES if "tutorial" in p.parts], ids=lambda p: p.stem)
def test_the_commands_of_the_tutorial_run_in_order(page, desk):
    """Blocks run in one folder; ``bash norun: WHY`` is not run, ``yaml`` is saved as ``mine.yaml``."""
    shown = [b for b in BLOCKS if b.page == page and b.language in {"bash", "yaml"}]
    ran = 0
    environment = os.environ | {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    for block in shown:
        if block.language == "yaml":
            (desk / "mine.yaml").write_text(block.text)
            continue
        if block.how.startswith("norun"):
            assert ":" in block.how, f"{block}: say why"
            continue
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", block.text],
            cwd=desk,
            env=environment,
            capture_output=True,
            text=True,
            timeout=500,
        )
        assert done.returncode == 0, f"{block}\n{done.stdout}\n{done.stderr}"
        ran += 1
    assert ran >= 4


def test_the_measure_of_the_how_to_conforms():
    """Its code runs as it stands: the measure, its conformance class, its test with a known answer."""
    page = ROOT / "docs/how-to/add-a-measure.md"
    module = types.ModuleType("warmth_of_the_how_to")
    sys.modules[module.__name__] = module  # dataclasses and pickle look it up
    shown = [b for b in BLOCKS if b.page == page and b.language == "python"]
    assert len(shown) == 3
    for block in shown:
        exec(compile(block.text, str(block), "exec"), vars(module))
    suite = module.TestWarmth()
    assert isinstance(suite, MeasureTests)
    laws = [name for name in dir(suite) if name.startswith("test_")]
    assert len(laws) >= 8
    for law in laws:
        getattr(suite, law)()
    module.test_an_orange_picture_is_warm()


# --- links and words


def test_links_lead_somewhere():
    count = 0
    for page in PAGES:
        text = re.sub(r"```.*?```", "", page.read_text(), flags=re.S)
        for target in re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", text):
            if "://" in target:
                continue
            assert (page.parent / target).exists(), f"{page}: {target}"
            count += 1
    assert count >= 20


def test_a_word_of_the_glossary_has_one_entry():
    rows = re.findall(r"^\| ([^|]+?) \|", (ROOT / "docs/glossary.md").read_text(), re.M)
    words = [row for row in rows if row not in {"word", "---"} and not row.startswith("-")]
    assert len(words) > 40
    assert len(set(words)) == len(words)
    assert words == sorted(words, key=str.lower)


KINDS = {"feature", "bugfix", "removal", "perf", "result"}


def test_change_fragments_have_a_known_kind_and_one_idea():
    fragments = [p for p in (ROOT / "docs/changes").iterdir() if p.name != "README.md"]
    assert fragments
    for path in fragments:
        assert re.fullmatch(rf"\+?[\w-]+\.({'|'.join(KINDS)})\.md", path.name), path.name
        text = path.read_text()
        assert text.strip()
        assert text.endswith("\n")
        assert not text.startswith("#"), (
            "a fragment is a paragraph of the changelog, without a title"
        )
