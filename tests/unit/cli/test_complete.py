from __future__ import annotations

from pathlib import Path

import pytest

from curator.cli import run
from curator.cli.complete import answers
from curator.cli.verbs import VERBS


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("curator ", sorted(VERBS)),
        ("curator pl", ["plan"]),
        ("curator build av", ["avatar"]),
        ("curator build recipe=av", ["recipe=avatar"]),
        ("curator build -m recipe=avatar,av", ["recipe=avatar,avatar"]),
        ("curator build ./mi", []),
        ("curator explain film.mp4 av", ["avatar"]),
        ("curator recipes s", ["show", "schema"]),
        ("curator recipes show a", ["avatar"]),
        ("curator ops show lum", ["luma"]),
        ("curator cache p", ["prune"]),
        ("curator nonsense x", []),
    ],
)
def test_words_that_need_no_hydra(line: str, expected: list[str]) -> None:
    assert answers(line) == expected


@pytest.mark.parametrize(
    ("line", "word"),
    [
        ("curator build avatar keep.sha", "keep.sharp."),
        ("curator build avatar keep.sharp.", "keep.sharp.min="),
        ("curator plan -m recipe=avatar engine.wor", "engine.workers="),
        ("curator explain film.mp4 avatar store.r", "store.root="),
        ("curator build avatar sample.video.he", "sample.video.height="),
        ("curator build avatar engi", "engine="),
    ],
)
def test_keys_of_a_recipe_are_completed_by_hydra(
    line: str, word: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert answers(line) is None
    monkeypatch.setenv("COMP_LINE", line)
    monkeypatch.setenv("COMP_POINT", str(len(line)))
    assert run(["-sc", "query=bash"]) == 0
    assert word in capsys.readouterr().out.split()


def test_the_script_for_the_shell_names_the_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["-sc", "install=bash"]) == 0
    assert (
        "complete -o nospace -o default -F hydra_bash_completion curator" in capsys.readouterr().out
    )
