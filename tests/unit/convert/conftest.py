"""Small releases to convert: samples that say in every track when they are (`tests.loading`)."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from curator.release.read import ReleaseFolder, open_release
from tests import loading
from tests.loading import Shape, release

Make = Callable[..., ReleaseFolder]


@pytest.fixture
def make(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Make:
    """A release with a sample for each shape; the other camera has the usual rate, too."""
    monkeypatch.setattr(loading, "CAMERA_FPS", Shape().fps)

    def made(shapes: Sequence[Shape], **options: object) -> ReleaseFolder:
        folder = release(tmp_path / "made", shapes, **options)  # type: ignore[arg-type]
        manifest = json.loads((folder / "manifest.json").read_text())
        manifest["files"] = {}
        manifest["samples"] = {
            row["id"]: {
                "split": row["split"],
                "shard": path.relative_to(folder).as_posix(),
                "fingerprint": row["fingerprint"],
                "start": "0",
                "end": "1",
            }
            for path in sorted((folder / "data").glob("*.parquet"))
            for row in pq.read_table(path, columns=["id", "split", "fingerprint"]).to_pylist()
        }
        (folder / "manifest.json").write_text(json.dumps(manifest))
        lock = {"recipe": {"description": "A grey\nramp."}}
        (folder / "build.lock.json").write_text(json.dumps(lock))
        return open_release(folder)

    return made
