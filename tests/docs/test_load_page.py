"""The page on loading says what is true: its code runs in order, on a release of our own."""

import re
from pathlib import Path

import torch

from tests.loading import Shape, release

PAGE = Path(__file__).parents[2] / "docs/how-to/load.md"


def test_the_code_of_the_page_runs_in_order_and_gives_what_it_says(tmp_path, monkeypatch):
    made = release(tmp_path / "made", [Shape(frames=30 + k) for k in range(9)])
    (tmp_path / "releases").mkdir()
    made.rename(tmp_path / "releases/0123456789ab")
    monkeypatch.chdir(tmp_path)
    blocks = re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.S)
    assert len(blocks) == 4
    names: dict[str, object] = {}
    for block in blocks[:3]:
        exec(compile(block, str(PAGE), "exec"), names)
    sample, batch, checkpoint = names["sample"], names["batch"], names["checkpoint"]
    assert sample["video"].shape == (24, 3, 256, 256)
    assert sample["audio"].dtype == torch.float32
    assert batch["video_mask"].shape == (1, 24)  # of the last of nine samples in batches of four
    assert (checkpoint["epoch"], checkpoint["position"]) == (1, 9)
    exec(compile(blocks[3], str(PAGE), "exec"), names)
    assert (names["stream"].epoch, list(names["stream"])) == (1, [])
