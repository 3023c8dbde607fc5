"""Small open_clip networks of random numbers in files, and recipes' settings for them."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from curator_clip.describe import open_clip

ARCHITECTURE: dict[str, Any] = {
    "embed_dim": 24,
    "vision_cfg": {"image_size": 32, "layers": 2, "width": 32, "head_width": 16, "patch_size": 8},
    "text_cfg": {"context_length": 16, "vocab_size": 49408, "width": 16, "heads": 2, "layers": 1},
}
"""A ViT like ViT-B-32 with 0.8 million numbers, nearly all of them words."""
PREPARED_BY: dict[str, Any] = {
    "mean": [0.4, 0.5, 0.6],
    "std": [0.2, 0.3, 0.25],
    "interpolation": "bicubic",
    "resize_mode": "shortest",
}


@dataclass(frozen=True)
class Tiny:
    """A network in a folder, as open_clip itself made and saved it."""

    folder: Path
    seed: int = 0
    format: str = "pt"

    @cached_property
    def settings(self) -> dict[str, Any]:
        """Of every measure that uses it."""
        checkpoint, config = self.checkpoint, self.config
        return {
            "config": config.as_uri(),
            "config_sha256": digest(config),
            "checkpoint": checkpoint.as_uri(),
            "sha256": digest(checkpoint),
            "license": "CC0-1.0",
            "max_side_px": 320,
        }

    @cached_property
    def files(self) -> dict[str, Path]:
        """What the store would hand out."""
        return {"checkpoint": self.checkpoint, "config": self.config}

    @cached_property
    def config(self) -> Path:
        path = self.folder / "config.json"
        path.write_text(json.dumps({"model_cfg": ARCHITECTURE, "preprocess_cfg": PREPARED_BY}))
        return path

    @cached_property
    def model(self) -> Any:
        """open_clip's own network."""
        package = open_clip()
        folder = self.folder / "local"
        folder.mkdir(exist_ok=True)
        (folder / "open_clip_config.json").write_text(self.config.read_text())
        torch.manual_seed(self.seed)
        model = package.create_model(f"local-dir:{folder}", load_weights=False)
        # As trained networks have it: prompts are told apart.
        model.logit_scale.data.fill_(100.0).log_()
        return model.eval()

    @cached_property
    def checkpoint(self) -> Path:
        """Named like the store's files: without a suffix."""
        path = self.folder / f"checkpoint-{self.seed}-{self.format}"
        if self.format == "safetensors":
            from safetensors.torch import save_file

            save_file(dict(self.model.state_dict()), path)
        else:
            torch.save(self.model.state_dict(), path)
        return path


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
