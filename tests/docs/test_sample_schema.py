"""The page about samples says what the shards have."""

from __future__ import annotations

import re
from pathlib import Path

from curator.pack.schema import MEDIA_TYPE, SCHEMA_VERSION, ShardSchema
from curator.plan.sync import SYNC_SIGNALS

PAGE = (Path(__file__).parents[2] / "docs/reference/sample-schema.md").read_text()


def table(heading: str) -> list[list[str]]:
    section = PAGE.split(f"\n## {heading}\n")[1].split("\n## ")[0]
    lines = [line for line in section.splitlines() if line.startswith("| `")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


def test_the_columns_that_are_always_there_are_documented_in_order_with_their_types() -> None:
    schema = ShardSchema(video=False, audio=False, numbers=()).arrow
    written = [(row[0].strip("`"), row[1]) for row in table("Columns that are always there")]
    assert written == [(field.name, str(field.type)) for field in schema]
    assert all(row[3] for row in table("Columns that are always there"))


def test_media_columns_are_documented() -> None:
    schema = ShardSchema(video=True, audio=True, numbers=(), cameras=["NAME"])
    written = [row[0].strip("`") for row in table("Media")]
    assert written == list(schema.media)
    for name in schema.media:
        assert schema.arrow.field(name).type == MEDIA_TYPE


def test_the_version_is_the_one_that_is_written() -> None:
    found = re.search(r"This is schema \*\*(\d+)\*\*", PAGE)
    assert found is not None
    assert int(found[1]) == SCHEMA_VERSION


def test_the_proof_of_synchrony_is_documented() -> None:
    for name in SYNC_SIGNALS:
        assert f"`{name}`" in PAGE
