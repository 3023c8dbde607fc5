"""`curator publish` as people and programs meet it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from curator.cli import run
from curator.release.write import write
from tests.release_content import content, outcome


@pytest.fixture(scope="module")
def release(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("release")
    return write(folder / "out", content(folder / "media", [outcome(0), outcome(1)])).folder


def last_line(text: str) -> dict[str, object]:
    found = json.loads(text.splitlines()[-1])
    assert isinstance(found, dict)
    return found


def test_a_release_goes_into_a_folder_and_says_so(
    release: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["publish", str(release), f"publish.repo={tmp_path / 'to'}", "--json"]
    assert run([*words, "--dry-run"]) == 0
    told = last_line(capsys.readouterr().out)
    assert (told["outcome"], told["version"]) == ("dry-run", "1.0.0")
    assert not (tmp_path / "to").exists()
    assert run(words) == 0
    shown = capsys.readouterr()
    told = last_line(shown.out)
    assert (told["outcome"], told["version"], told["parent"]) == ("published", "1.0.0", None)
    assert "published" in shown.out.splitlines()[0]
    assert "stored README.md" in shown.err
    assert (tmp_path / "to" / "v1.0.0" / "README.md").is_file()
    assert run(words) == 0
    assert last_line(capsys.readouterr().out)["outcome"] == "nothing"


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        ([], "usage-no-repo"),
        (["publish.repo=a b"], "remote-name"),
        (["publish.repo=./x", "publish.version=1.x"], "publish-version"),
        (["publish.repos=./x"], "recipe-unknown-key"),
        (["publish.repo=./x", "publish.verify_files=many"], "recipe-wrong-type"),
    ],
)
def test_a_mistake_is_told(
    release: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    words: list[str],
    reason: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    assert run(["publish", str(release), *words, "--json"]) != 0
    [error] = last_line(capsys.readouterr().out)["errors"]  # type: ignore[misc]
    assert error["reason"] == reason


def test_neither_a_release_nor_a_recipe_is_a_mistake(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert run(["publish", "publish.repo=./x", "--json"]) == 2
    [error] = last_line(capsys.readouterr().out)["errors"]  # type: ignore[misc]
    assert error["reason"] == "usage-no-recipe"


def test_a_recipe_cannot_say_where_a_release_goes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.yaml").write_text(
        "name: mine\ntarget: mine\nsources: {films: {url: x/*.mp4, license: MIT}}\n"
        "publish: {repo: somebody/else}\n"
    )
    assert run(["publish", "./mine.yaml", "--json"]) == 1
    errors = last_line(capsys.readouterr().out)["errors"]
    assert isinstance(errors, list)
    assert "somebody/else" not in json.dumps(errors)
    assert any("publish" in error["message"] for error in errors)


def test_an_unexpected_error_is_shown_without_tokens() -> None:
    token = "hf_" + "x" * 34
    script = (
        "import sys, curator.cli as cli\n"
        f"def run(argv): raise KeyError('{token}')\n"
        "cli.run = run\n"
        "cli.main()\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.returncode == 1
    assert "KeyError: '***'" in done.stderr
    assert token not in done.stderr
