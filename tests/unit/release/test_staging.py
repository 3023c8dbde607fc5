from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from curator.release.staging import publish, staging

BUILDER = """
import os, sys, time
from pathlib import Path
from curator.release.staging import staging
with staging(Path(sys.argv[1])) as folder:
    (folder / "half").write_text("x")
    print(folder.name, flush=True)
    time.sleep(60)
"""


def start_builder(out: Path) -> tuple[subprocess.Popen[str], str]:
    process = subprocess.Popen(
        [sys.executable, "-c", BUILDER, str(out)], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    return process, process.stdout.readline().strip()


def test_a_published_folder_is_seen_whole_and_nothing_else_is(tmp_path: Path) -> None:
    with staging(tmp_path) as folder:
        (folder / "sub").mkdir()
        (folder / "sub" / "a").write_text("1")
        publish(folder, tmp_path / "v1")
    assert [path.name for path in tmp_path.iterdir()] == ["v1"]
    assert (tmp_path / "v1" / "sub" / "a").read_text() == "1"


def test_what_is_not_published_goes(tmp_path: Path) -> None:
    with pytest.raises(KeyError), staging(tmp_path):
        raise KeyError
    assert list(tmp_path.iterdir()) == []


def test_the_leftovers_of_a_killed_builder_go_with_the_next_build(tmp_path: Path) -> None:
    process, name = start_builder(tmp_path)
    process.kill()
    process.communicate()
    assert (tmp_path / name / "half").exists()
    with staging(tmp_path):
        assert not (tmp_path / name).exists()


def test_the_folder_of_a_builder_that_is_at_work_stays(tmp_path: Path) -> None:
    process, name = start_builder(tmp_path)
    try:
        with staging(tmp_path):
            pass
        assert (tmp_path / name / "half").exists()
    finally:
        process.kill()
        process.communicate()


def test_publishing_over_a_version_replaces_all_of_it(tmp_path: Path) -> None:
    (tmp_path / "v1").mkdir()
    (tmp_path / "v1" / "old").write_text("1")
    with staging(tmp_path) as folder:
        (folder / "new").write_text("2")
        publish(folder, tmp_path / "v1")
    assert [path.name for path in tmp_path.rglob("*")] == ["v1", "new"]
