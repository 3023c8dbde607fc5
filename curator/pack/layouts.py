"""The layouts by name, and which one a release has."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from curator.errors import StoreError
from curator.pack.files import FilesLayout
from curator.pack.layout import Layout
from curator.pack.parquet import ParquetLayout
from curator.pack.webdataset import WebDatasetLayout

__all__ = ["PARQUET", "layout_named", "layout_of", "media_of"]

PARQUET = ParquetLayout()
_LAYOUTS: Mapping[str, Layout] = {
    one.name: one for one in (PARQUET, FilesLayout(), WebDatasetLayout())
}


def layout_named(name: str) -> Layout:
    """A layout.

    Raises:
        StoreError: ``layout-unknown``.
    """
    if name not in _LAYOUTS:
        raise StoreError(
            f"the release has the layout '{name}', which this version does not know",
            reason="layout-unknown",
            hint=f"known: {', '.join(_LAYOUTS)}",
        )
    return _LAYOUTS[name]


def layout_of(manifest: Mapping[str, Any]) -> Layout:
    """The layout of a release."""
    return layout_named(manifest.get("layout", PARQUET.name))


def media_of(samples: Mapping[str, Mapping[str, Any]]) -> frozenset[str]:
    """Files besides the indices that hold media of samples of a manifest."""
    return frozenset(path for told in samples.values() for path in told.get("media", ()))
