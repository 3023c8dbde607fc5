"""From a recipe to versions of a dataset with one command, a threshold at a time."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.footage import own
from tests.hub import HubServer
from tests.hub.server import environment

RECIPE = """\
# Bright stretches, for tests.
name: bright
target: test
sources:
  films: {url: "???", license: "???"}
segment:
  seconds: {min: 1, max: 2}
keep:
  lit: {of: luma.mean.median, min: 200}
sample:
  video: {height: 64}
  audio: null
"""


def curator(*words: str, cwd: Path, env: dict[str, str]) -> dict[str, Any]:
    done = subprocess.run(
        [sys.executable, "-m", "curator", *words, "--json"],
        cwd=cwd,
        env=env,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


@pytest.mark.slow
def test_a_recipe_is_built_and_published_and_a_lower_threshold_is_a_minor_version(
    tmp_path: Path,
) -> None:
    (tmp_path / "bright.yaml").write_text(RECIPE)
    words = [
        "publish",
        "./bright.yaml",
        f"sources.films.url={own('talk_silent.mp4')}",
        "sources.films.license=CC-BY-4.0",
        "publish.repo=ann/bright",
        "engine.workers=1",
    ]
    with HubServer() as hub:
        token = hub.user("ann")
        env = {**os.environ, **environment(hub, token, tmp_path / "home")}
        first = curator(*words, cwd=tmp_path, env=env)
        assert (first["outcome"], first["version"]) == ("published", "1.0.0")
        again = curator(*words, cwd=tmp_path, env=env)
        assert (again["outcome"], again["uploaded"]) == ("nothing", [])
        lower = [*words, "keep.lit.min=20"]
        shown = curator(*lower, "--dry-run", cwd=tmp_path, env=env)
        assert (shown["outcome"], shown["version"]) == ("dry-run", "1.1.0")
        assert shown["changes"]["added"] > 0
        second = curator(*lower, cwd=tmp_path, env=env)
        assert (second["outcome"], second["version"], second["parent"]) == (
            "published",
            "1.1.0",
            "1.0.0",
        )
        texts = [one["text"] for one in second["changes"]["reasons"]]
        assert any("keep.lit.min: 200.0 -> 20.0" in text for text in texts), texts
        repo = hub.hub.repos["ann/bright"]
        assert list(repo.tags) == ["v1.0.0", "v1.1.0"]
        assert repo.private
    written = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert written
    assert not [path for path in written if token.encode() in path.read_bytes()]
