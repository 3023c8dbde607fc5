"""Releases as PyTorch data sets: random windows of samples, all tracks cut at the same instant."""

from __future__ import annotations

from curator.loader.collate import collate
from curator.loader.loading import load, resolve
from curator.loader.rgb import to_rgb

__all__ = ["collate", "load", "resolve", "to_rgb"]
