from __future__ import annotations

import ast
import dataclasses
import re
from pathlib import Path

import pytest
import yaml
from huggingface_hub import DatasetCard

from curator.model.clip import Decision
from curator.model.outcome import Outcome, SignalInfo
from curator.model.signal import Signal
from curator.model.video import Rights
from curator.release import card as card_module
from curator.release.card import card
from curator.release.reasons import reasons
from curator.spec.compile import compile_recipe
from curator.spec.places import ConfigFile, places_of
from curator.spec.recipe import AlignSpec, Clips, LayoutName, PackSpec
from tests.release_content import NASTY, content, outcome


def made_card(folder: Path, outcomes: list[Outcome] | None = None) -> DatasetCard:
    text = card(content(folder, outcomes), version="0123456789ab", digest="d" * 64)
    return DatasetCard(text)


def licensed(index: int, license: str | None) -> Outcome:
    one = outcome(index)
    ref = dataclasses.replace(one.ref, rights=Rights(license=license))
    return dataclasses.replace(one, ref=ref)


def test_the_front_matter_names_the_files_of_every_split(tmp_path: Path) -> None:
    data = made_card(tmp_path / "blobs").data.to_dict()
    assert data["license"] == "cc-by-4.0"
    assert data["configs"][0] == {
        "config_name": "default",
        "default": True,
        "data_files": [
            {"split": "test", "path": "data/test-*.parquet"},
            {"split": "train", "path": "data/train-*.parquet"},
        ],
    }
    assert "video" in data["tags"]


@pytest.mark.parametrize(
    ("terms", "told"),
    [
        (["CC0-1.0"], "cc0-1.0"),
        (["CC-BY-4.0", "MIT"], ["cc-by-4.0", "mit"]),
        (["Ask Bob first: <b>"], "other"),
        (["MIT", "Ask Bob"], "other"),
        (["MIT", None], "unknown"),
    ],
)
def test_licenses_are_words_that_the_hub_knows(
    tmp_path: Path, terms: list[str | None], told: object
) -> None:
    outcomes = [licensed(index, one) for index, one in enumerate(terms)]
    data = made_card(tmp_path / "blobs", outcomes).data.to_dict()
    assert data["license"] == told
    assert ("license_name" in data) == (told == "other")


def test_the_card_tells_funnel_thresholds_rights_and_how_to_rebuild(tmp_path: Path) -> None:
    made = dataclasses.replace(
        content(tmp_path / "blobs"), reasons={"keep.voice": "half of it; NeMo Curator"}
    )
    text = card(made, version="0123456789ab", digest="d" * 64)
    assert "| keep.voice | speech.share &gt;= 0.5 &lt;b&gt; | 0.045 | 0.022 | 9 | 6 |" in text
    assert "| voice | `speech.share` | at least 0.5 |" in text
    assert "| half of it; NeMo Curator |" in text
    assert "A \\| B &lt;b&gt;Films&lt;/b&gt;" in text
    assert "curator-build==0.1.0" in text
    assert "d" * 64 in text
    assert "## Known limits" in text


def test_every_table_row_has_as_many_cells_as_its_head(tmp_path: Path) -> None:
    ref = outcome(0).ref
    nasty = dataclasses.replace(
        outcome(0), ref=dataclasses.replace(ref, source="a | b\n| c", rights=Rights(license=NASTY))
    )
    text = made_card(tmp_path / "blobs", [nasty]).text
    tables = 0
    for block in text.split("\n\n"):
        rows = [line for line in block.splitlines() if line.startswith("|")]
        if rows:
            tables += 1
            assert len({line.replace("\\|", "").count("|") for line in rows}) == 1, block
    assert tables >= 5


def test_no_markup_of_the_user_gets_through(tmp_path: Path) -> None:
    made = content(tmp_path / "blobs")
    recipe = dataclasses.replace(made.recipe, description="---\n# <img src=x> [a](http://b) `c`")
    text = card(dataclasses.replace(made, recipe=recipe), version="v", digest="d")
    assert "<img" not in text
    assert "[a](http" not in text
    assert DatasetCard(text).data.to_dict()["license"] == "cc-by-4.0"


def test_an_empty_release_says_so(tmp_path: Path) -> None:
    made = made_card(tmp_path / "blobs", [])
    assert "**No clip was kept**" in made.text
    assert made.data.to_dict()["configs"][0]["data_files"][0]["split"] == "train"


def test_bars_show_what_was_kept_and_where_the_bounds_are(tmp_path: Path) -> None:
    text = made_card(tmp_path / "blobs").text
    [line] = [one for one in text.splitlines() if one.startswith("| `speech.share` | ratio")]
    cells = [cell.strip() for cell in line.strip("|").split("|")]
    assert cells[8].count("¦") == 1
    assert cells[8].count("█") == 2  # 0.47 and 0.7, three clips each
    assert cells[9].count("█") == 1


def test_sync_is_told_when_it_was_measured(tmp_path: Path) -> None:
    assert "## Sync" not in made_card(tmp_path / "a").text
    made = content(tmp_path / "b")
    names = (
        "sync.audio.offset_seconds",
        "sync.audio.offset_after_seconds",
        "sync.audio.shift_seconds",
    )
    values = iter([(0.08, 0.001, 0.08), (-0.2, -0.003, -0.2), (0.0, 0.0, 0.0)])
    outcomes = []
    for one in made.outcomes:
        rows = []
        for row in one.rows:
            held = dict(row.signals)
            if row.decision is Decision.kept:
                held |= {n: Signal(v) for n, v in zip(names, next(values), strict=True)}
            rows.append(dataclasses.replace(row, signals=held))
        outcomes.append(dataclasses.replace(one, rows=tuple(rows)))
    infos = {n: SignalInfo(name=n, unit="s", about="late", op="lips", version=1) for n in names}
    recipe = dataclasses.replace(
        made.recipe, align={"audio": AlignSpec(op="lips", max_offset_seconds=0.25)}
    )
    made = dataclasses.replace(
        made, outcomes=outcomes, signals={**made.signals, **infos}, recipe=recipe
    )
    text = card(made, version="v", digest="d")
    assert "| audio | 0.25 | 3 | 0 | -0.2 | 2 | 0 | -0.003 |" in text


def test_reasons_are_the_comments_behind_the_bounds(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(
        "name: mine\ntarget: avatar\nsources: {films: {url: a.mp4, license: MIT}}\n"
        "segment:\n  where:\n    bright: {of: luma.mean, min: 20, max: 210}  # OpenHumanVid\n"
        "keep:\n  sharp:\n    of: sharpness.laplacian.median\n    min: 15   # luma^2; # ours,\n"
        "              # and more\n    # of another column\n"
        "  plain: {of: luma.mean.median, min: 3}\n"
        "  codec: {of: container.codec, equals: 'h # 264'}\n"
    )
    places = places_of([ConfigFile(path)], [])
    recipe = compile_recipe(yaml.safe_load(path.read_text()), places, footage=False)
    assert reasons(recipe) == {
        "keep.sharp": "luma^2; # ours, and more",
        "where.bright": "OpenHumanVid",
    }


def test_every_task_is_one_that_the_hub_knows() -> None:
    # @huggingface/tasks 0.21: what may be said of a data set with videos.
    known = {
        "text-to-video",
        "image-to-video",
        "video-classification",
        "video-text-to-text",
        "robotics",
    }
    assert set(card_module._TASKS.values()) <= known


@pytest.mark.parametrize("layout", ["parquet", "files", "webdataset"])
@pytest.mark.parametrize("clips", ["encoded", "virtual"])
def test_the_card_says_how_each_layout_is_loaded(tmp_path: Path, layout: str, clips: str) -> None:
    made = content(tmp_path / "m")
    pack = PackSpec(layout=LayoutName[layout], clips=Clips[clips])
    text = card(
        dataclasses.replace(made, recipe=dataclasses.replace(made.recipe, pack=pack)),
        version="0" * 12,
        digest="0" * 64,
    )
    assert "\n\n\n" not in text[text.index("## How to load") : text.index("## Funnel")]
    assert ("curator materialize FOLDER" in text) == (clips == "virtual")
    assert ('load_dataset("FOLDER", "metrics")' in text) == (layout != "files")
    assert ("shards/train-*.tar" in text) == (layout == "webdataset")
    for block in re.findall(r"```python\n(.*?)```", text, re.DOTALL):
        ast.parse(block)
