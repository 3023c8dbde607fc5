"""Pictures and words in one space: what a frame shows, in a recipe's own words, by any open_clip network."""

from __future__ import annotations

from curator_clip.aesthetic import Aesthetic
from curator_clip.embedding import Embedding
from curator_clip.relevance import Relevance

__all__ = ["Aesthetic", "Embedding", "Relevance"]
