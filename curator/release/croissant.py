"""``croissant.json``: the release as Croissant 1.1 metadata, for `mlcroissant` and dataset search."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from curator.model.video import Rights
from curator.pack.layout import Layout
from curator.pack.layouts import PARQUET
from curator.release import words
from curator.release.content import ReleaseContent

__all__ = ["croissant", "croissant_records", "refreshed"]

_CONTEXT: Mapping[str, Any] = {
    "@language": "en",
    "@vocab": "https://schema.org/",
    "arrayShape": "cr:arrayShape",
    "citeAs": "cr:citeAs",
    "column": "cr:column",
    "conformsTo": "dct:conformsTo",
    "containedIn": "cr:containedIn",
    "cr": "http://mlcommons.org/croissant/",
    "rai": "http://mlcommons.org/croissant/RAI/",
    "data": {"@id": "cr:data", "@type": "@json"},
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    "dct": "http://purl.org/dc/terms/",
    "description": {"@container": "@language"},
    "equivalentProperty": "cr:equivalentProperty",
    "examples": {"@id": "cr:examples", "@type": "@json"},
    "extract": "cr:extract",
    "field": "cr:field",
    "fileProperty": "cr:fileProperty",
    "fileObject": "cr:fileObject",
    "fileSet": "cr:fileSet",
    "format": "cr:format",
    "includes": "cr:includes",
    "isArray": "cr:isArray",
    "isLiveDataset": "cr:isLiveDataset",
    "jsonPath": "cr:jsonPath",
    "key": "cr:key",
    "md5": "cr:md5",
    "name": {"@container": "@language"},
    "parentField": "cr:parentField",
    "path": "cr:path",
    "recordSet": "cr:recordSet",
    "references": "cr:references",
    "regex": "cr:regex",
    "repeated": "cr:repeated",
    "replace": "cr:replace",
    "samplingRate": "cr:samplingRate",
    "sc": "https://schema.org/",
    "separator": "cr:separator",
    "source": "cr:source",
    "subField": "cr:subField",
    "transform": "cr:transform",
}
_TYPES = {
    "binary": "sc:Text",
    "float32": "sc:Float",
    "float64": "sc:Float",
    "int32": "sc:Integer",
    "int64": "sc:Integer",
    "string": "sc:Text",
}
_MEDIA = {"video": "sc:VideoObject", "audio": "sc:AudioObject"}
_PARQUET = "application/x-parquet"
_SHARDS = "shards"


def croissant(
    content: ReleaseContent,
    features: Sequence[Mapping[str, Any]],
    files: Mapping[str, Mapping[str, Any]],
    *,
    version: str,
    layout: Layout = PARQUET,
) -> dict[str, Any]:
    """The document; paths in it are relative to its own folder.

    Args:
        content: The release.
        features: The columns of its shards.
        files: Size and sha256 of its content, by path.
        version: What it is called.
        layout: How its media lie.
    """
    rights = [one.ref.rights for one in content.outcomes]
    recipe = content.recipe
    document = {
        "@context": dict(_CONTEXT),
        "@type": "sc:Dataset",
        "conformsTo": "http://mlcommons.org/croissant/1.1",
        "name": _name(recipe.name),
        "description": words.clean(recipe.description or f"Clips for {recipe.target}."),
        "license": sorted({words.clean(one.license or "unknown") for one in rights}) or ["unknown"],
        "creditText": _credit(rights),
        "keywords": ["video", "curator", words.clean(recipe.target)],
        "recordSet": [_records(features)],
    }
    told = {k: v for k, v in document.items() if v}
    return refreshed(told, files, version=version, layout=layout)


def croissant_records(
    document: Mapping[str, Any], features: Sequence[Mapping[str, Any]]
) -> dict[str, Any]:
    """The document of a release that has other columns now."""
    return {**document, "recordSet": [_records(features)]}


def refreshed(
    document: Mapping[str, Any],
    files: Mapping[str, Mapping[str, Any]],
    *,
    version: str,
    url: str | None = None,
    layout: Layout = PARQUET,
) -> dict[str, Any]:
    """The document of a release whose files, name or place are other ones now; its columns are the same."""
    shards = sorted(path for path in files if layout.is_index(path))
    return {
        **document,
        "version": version,
        "citeAs": f"{document['name']}, version {version}",
        **({"url": url} if url else {}),
        "distribution": [
            *(_file(path, files[path]) for path in shards),
            {
                "@type": "cr:FileSet",
                "@id": _SHARDS,
                "name": _SHARDS,
                "description": "Samples of all splits.",
                "encodingFormat": _PARQUET,
                "includes": layout.glob,
            },
        ],
    }


def _file(path: str, told: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "@type": "cr:FileObject",
        "@id": path,
        "name": path,
        "contentUrl": path,
        "contentSize": f"{told['bytes']} B",
        "encodingFormat": _PARQUET,
        "sha256": told["sha256"],
    }


def _records(features: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    return {
        "@type": "cr:RecordSet",
        "@id": "default",
        "name": "default",
        "description": "One record for each sample.",
        "key": {"@id": "default/id"},
        "field": [field for one in features for field in _fields(one)],
    }


def _fields(feature: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """The fields of a column: one, or one for each part of a track, since readers know no maps of lists."""
    name, kind = feature["name"], feature.get("dtype")
    if kind in _MEDIA:
        yield _field(name, _MEDIA[kind], column=name, path="bytes")
    elif kind is not None:
        yield _field(name, _TYPES[kind], column=name)
    elif "struct" in feature:
        for part in feature["struct"]:
            if "list" not in part:  # where a medium lies
                yield _field(
                    f"{name}/{part['name']}", _TYPES[part["dtype"]], column=name, path=part["name"]
                )
                continue
            lists = {"isArray": True, "arrayShape": ",".join(["-1"] * _depth(part))}
            inner = f"{name}/{part['name']}"
            yield _field(inner, "sc:Float", column=name, path=part["name"]) | lists
    elif isinstance(
        feature["list"], str
    ):  # a list of names: what the numbers of a track are called
        lists = {"isArray": True, "arrayShape": "-1"}
        yield _field(name, _TYPES[feature["list"]], column=name) | lists
    else:  # a list of records: texts with their times; the times of single words are left to the files
        parts = [one for one in feature["list"] if "dtype" in one]
        yield {
            "@type": "cr:Field",
            "@id": f"default/{name}",
            "name": name,
            "isArray": True,
            "arrayShape": "-1",
            "subField": [
                _field(f"{name}/{p['name']}", _TYPES[p["dtype"]], column=name, path=p["name"])
                for p in parts
            ],
        }


def _depth(feature: Mapping[str, Any]) -> int:
    depth, inner = 0, feature
    while isinstance(inner, Mapping) and "list" in inner:
        depth, inner = depth + 1, inner["list"]
    return depth


def _field(name: str, kind: str, *, column: str, path: str | None = None) -> dict[str, Any]:
    source: dict[str, Any] = {"fileSet": {"@id": _SHARDS}, "extract": {"column": column}}
    if path is not None:
        source["transform"] = {"jsonPath": path}
    return {
        "@type": "cr:Field",
        "@id": f"default/{name}",
        "name": name,
        "dataType": kind,
        "source": source,
    }


def _credit(rights: Sequence[Rights]) -> str:
    return "; ".join(sorted({words.clean(one.attribution) for one in rights if one.attribution}))


def _name(text: str) -> str:
    return "".join(char if char.isalnum() or char in "-_" else "-" for char in words.clean(text))
