from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from curator.spec import recipe as spec
from curator.spec import settings
from curator.spec.defaults import is_written
from curator.spec.schema import field_docs, recipe_schema

RECORDS = [
    getattr(module, name)
    for module in (spec, settings)
    for name in module.__all__
    if dataclasses.is_dataclass(getattr(module, name))
]


def test_docstrings_of_fields_are_found() -> None:
    assert field_docs(spec.Condition)["abs_max"] == "Highest absolute value that passes."


@pytest.mark.parametrize("record", RECORDS, ids=lambda record: record.__name__)
def test_every_record_has_fields_in_the_schema_or_a_docstring(record: Any) -> None:
    assert set(field_docs(record)) <= {field.name for field in dataclasses.fields(record)}
    assert record.__doc__


def test_inherited_settings_are_documented_where_they_are_written() -> None:
    @dataclasses.dataclass
    class Parent:
        old: int = 1
        """Of the parent."""
        changed: int = 1
        """As it was."""

    @dataclasses.dataclass
    class Child(Parent):
        changed: int = 2
        """As it is."""
        new: int = 3

    assert field_docs(Child) == {"old": "Of the parent.", "changed": "As it is."}


def test_the_schema_has_every_field_of_a_recipe_with_its_meaning() -> None:
    schema = recipe_schema()
    written = {field.name for field in dataclasses.fields(spec.Recipe) if is_written(field)}
    assert set(schema["properties"]) == written | {"defaults"}
    condition = schema["properties"]["keep"]["additionalProperties"]
    assert condition["required"] == ["of"]
    assert condition["additionalProperties"] is False
    assert condition["properties"]["absent"]["enum"] == ["drop", "keep", "unscored"]
    assert condition["properties"]["absent"]["default"] == "drop"
    assert {"type": "string"} in condition["properties"]["min"]["anyOf"]
    seconds = schema["properties"]["segment"]["properties"]["seconds"]["properties"]["min"]
    assert seconds["description"].endswith("Unit: s.")
    shots = schema["properties"]["segment"]["properties"]["shots"]
    assert "cuts" in shots["properties"]["op"]["enum"]


def test_what_may_be_written_in_one_word_is_in_the_schema_so() -> None:
    schema = recipe_schema()["properties"]
    assert schema["pack"]["anyOf"][0] == {"enum": ["parquet", "files", "webdataset"]}
    assert schema["pack"]["anyOf"][1]["properties"].keys() == {"layout", "clips", "shard_mib"}
    assert schema["segment"]["properties"]["snap"]["anyOf"][0] == {"type": "string"}
