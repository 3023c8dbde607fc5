from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
from huggingface_hub import DatasetCard

from curator.model.outcome import Outcome
from curator.model.video import Rights
from curator.release.card import card
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
    text = made_card(tmp_path / "blobs").text
    assert "| keep.voice | speech.share &gt;= 0.5 &lt;b&gt; | 0.045 | 0.022 | 9 | 6 |" in text
    assert "| voice | `speech.share` | at least 0.5 |" in text
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
