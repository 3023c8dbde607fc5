"""Plain files, read by `datasets` as a folder of videos."""

from __future__ import annotations

from pathlib import Path

import pytest

from curator.convert.convert import convert
from tests.loading import Shape

datasets = pytest.importorskip("datasets")


@pytest.mark.parametrize("streaming", [True, False])
def test_datasets_reads_it_with_all_columns(
    make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, streaming: bool
) -> None:
    monkeypatch.setattr(datasets.config, "HF_HUB_OFFLINE", True)
    datasets.disable_progress_bars()
    shapes = [Shape(frames=10 + n, sound=n != 1, tracks=n != 2) for n in range(4)]
    folder = convert(make(shapes), tmp_path / "set", to="files").folder
    loaded = datasets.load_dataset(
        str(folder), streaming=streaming, cache_dir=str(tmp_path / "cache")
    )
    assert list(loaded) == ["train"]
    assert isinstance(loaded["train"].features["video"], datasets.Video)
    rows = list(loaded["train"].cast_column("video", datasets.Video(decode=False)))
    assert [row["id"][-1] for row in rows] == list("0123")
    for n, row in enumerate(rows):
        assert row["num_frames"] == 10 + n
        assert Path(row["video"]["path"]).read_bytes()[4:8] == b"ftyp"
        assert (row["audio_path"] is None) == (n == 1)
        assert (row["tracks.state"] is None) == (n == 2)
        assert (folder / "train" / row["video_path.wrist"]).is_file()
        if row["audio_path"]:
            assert (folder / "train" / row["audio_path"]).read_bytes()[:4] == b"fLaC"
    assert rows[0]["caption"] == "word 0 word 1/5"
