"""The command as people run it: its own process, real footage, a real shell."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.footage import own

RECIPE = """\
# Bright stretches, for tests.
name: bright
target: test
sources:
  films: {url: "???", license: "???"}
segment:
  seconds: {min: 1, max: 4}
keep:
  lit: {of: luma.mean.median, min: 20}
sample:
  video: {height: 64}
  audio: null
"""

# What a command may not pay for unless it needs it.
HYDRA = ("hydra", "omegaconf")
HEAVY = ("torch", "onnxruntime", "ai_edge_litert", "datasets", "rich")
ARRAYS = ("numpy", "av", "cv2", "pyarrow")


def curator(
    *words: str, cwd: Path, code: int = 0, **environment: str
) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        [sys.executable, "-m", "curator", *words],
        cwd=cwd,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == code, done.stdout + done.stderr
    return done


def facts(*words: str, cwd: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(curator(*words, "--json", cwd=cwd).stdout.splitlines()[-1])
    return found


def imported(cwd: Path, *words: str, **environment: str) -> set[str]:
    """Top-level modules after a command."""
    program = "import sys\nfrom curator.cli import run\nrun(sys.argv[1:])\nprint('\\n' + ' '.join(sys.modules))"
    done = subprocess.run(
        [sys.executable, "-c", program, *words],
        cwd=cwd,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=300,
        check=True,
    )
    return {name.partition(".")[0] for name in done.stdout.splitlines()[-1].split()}


@pytest.mark.parametrize(
    "words", [["--help"], ["build", "--help"], ["plan", "--help"], ["recipes"]]
)
def test_help_imports_neither_hydra_nor_arrays(words: list[str], tmp_path: Path) -> None:
    assert imported(tmp_path, *words).isdisjoint({*HYDRA, *HEAVY, *ARRAYS, "yaml"})


@pytest.mark.parametrize("line", ["curator ", "curator build av", "curator build recipe=av"])
def test_completing_commands_and_recipes_imports_neither(line: str, tmp_path: Path) -> None:
    found = imported(tmp_path, "-sc", "query=bash", COMP_LINE=line)
    assert found.isdisjoint({*HYDRA, *HEAVY, *ARRAYS, "yaml"})


def test_completing_keys_imports_no_model_runtime(tmp_path: Path) -> None:
    found = imported(tmp_path, "-sc", "query=bash", COMP_LINE="curator build avatar keep.")
    assert found.isdisjoint({*HEAVY, *ARRAYS})


def test_checking_a_recipe_imports_only_the_measures_that_it_names(tmp_path: Path) -> None:
    (tmp_path / "bright.yaml").write_text(RECIPE)
    program = "import sys\nfrom curator.cli import run\nrun(sys.argv[1:])\nprint('\\n' + ' '.join(sys.modules))"
    done = subprocess.run(
        [sys.executable, "-c", program, "recipes", "check", "bright.yaml"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=300,
        check=True,
    )
    names = done.stdout.splitlines()[-1].split()
    measures = {name for name in names if name.startswith("curator.measure.")}
    assert measures == {"curator.measure.luma"}
    assert {name.partition(".")[0] for name in names}.isdisjoint({*HEAVY, "av"})


def test_planning_imports_no_model_runtime(tmp_path: Path) -> None:
    own_film = str(own("talk_silent.mp4"))
    words = ["plan", "avatar", f"sources.films.url={own_film}", "sources.films.license=x"]
    assert imported(tmp_path, *words).isdisjoint(set(HEAVY) - {"rich"})


def test_a_build_is_planned_previewed_explained_and_compared(tmp_path: Path) -> None:
    (tmp_path / "bright.yaml").write_text(RECIPE)
    film = str(own("talk_silent.mp4"))
    words = ["./bright.yaml", f"sources.films.url={film}", "sources.films.license=CC0-1.0"]
    words += ["out=releases", "store.root=store", "engine.workers=1"]

    before = facts("plan", *words, cwd=tmp_path)
    assert not (tmp_path / "releases").exists()
    first = facts("build", *words, cwd=tmp_path)
    assert first["clips"]["kept"] > 0
    assert first["videos"] == {"ok": 1, "failed": 0}
    assert first["frames_decoded"] > 0
    assert Path(tmp_path, first["release"]).is_dir()
    assert facts("plan", *words, cwd=tmp_path) != before

    again = facts("build", *words, cwd=tmp_path)
    assert again["frames_decoded"] == 0
    assert again["digest"] == first["digest"]

    stricter = facts("preview", *words, "keep.lit.min=255", cwd=tmp_path)
    assert stricter["clips"]["kept"] == 0
    strict = facts("build", *words, "keep.lit.min=255", cwd=tmp_path)
    assert strict["clips"]["kept"] == 0
    swept = facts("preview", "-m", *words, "keep.lit.min=20,255", cwd=tmp_path)
    assert [one["clips"]["kept"] for one in swept["previews"]] == [first["clips"]["kept"], 0]

    for target in (film, f"{film}@1"):
        assert facts("explain", target, *words, cwd=tmp_path)
        assert facts("explain", target, "out=releases", "store.root=store", cwd=tmp_path)
    assert facts("diff", first["release"], strict["release"], cwd=tmp_path)
    assert facts("cache", "stats", "store.root=store", cwd=tmp_path)["facts"] > 0
    left = {path.name for path in tmp_path.iterdir()}
    assert left == {"bright.yaml", "releases", "store"}


def test_a_source_that_matches_nothing_is_a_mistake_of_the_recipe(tmp_path: Path) -> None:
    words = ["build", "avatar", "sources.films.url=nowhere/*.mp4", "sources.films.license=x"]
    done = curator(*words, "--json", cwd=tmp_path, code=1)
    assert "Traceback" not in done.stderr
    assert json.loads(done.stdout.splitlines()[-1])["errors"][0]["reason"] == "source-empty"


def test_mistakes_are_told_on_stderr_with_their_places(tmp_path: Path) -> None:
    (tmp_path / "bad.yaml").write_text(RECIPE.replace("luma.mean.median", "luma.maen.median"))
    done = curator("plan", "./bad.yaml", cwd=tmp_path, code=1)
    assert done.stdout == ""
    assert "--> bad.yaml:9:13" in done.stderr
    assert "did you mean 'luma.mean.median'?" in done.stderr


@pytest.mark.skipif(shutil.which("bash") is None, reason="bash is not installed")
@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["pl"], "plan"),
        (["build", "av"], "avatar"),
        (["build", "avatar", "keep.sharp.m"], "keep.sharp.min="),
    ],
)
def test_a_real_shell_completes(words: list[str], expected: str, tmp_path: Path) -> None:
    line = " ".join(["curator", *words])
    script = f"""
        shopt -s expand_aliases
        eval "$(curator -sc install=bash)"
        COMP_LINE={line!r} COMP_POINT={len(line)} COMP_WORDS=(curator {" ".join(words)}) COMP_CWORD={len(words)}
        hydra_bash_completion
        printf '%s\\n' "${{COMPREPLY[@]}}"
    """
    here = Path(sys.executable).parent
    if not (here / "curator").exists():
        pytest.skip("the command is not installed beside this Python")
    done = subprocess.run(
        ["bash", "-c", script],
        cwd=tmp_path,
        env={**os.environ, "PATH": f"{here}{os.pathsep}{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert expected in done.stdout.split(), done.stdout + done.stderr


def test_a_closed_pipe_is_no_error(tmp_path: Path) -> None:
    done = subprocess.run(
        ["bash", "-c", f"set -o pipefail; {sys.executable} -m curator recipes schema | head -1"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.stdout == "{\n"
    assert done.stderr == ""
