"""Releases as PyTorch data sets: random windows of samples, all tracks cut at the same instant."""

from __future__ import annotations

from curator.loader.collate import collate
from curator.loader.loading import load, resolve

__all__ = ["collate", "load", "resolve"]
