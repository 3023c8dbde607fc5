"""The network has the published arrays and computes what its layers say."""

from __future__ import annotations

from math import prod
from pathlib import Path

import numpy as np
import pytest
import torch
from curator_syncnet.checkpoint import load
from curator_syncnet.layout import layout
from curator_syncnet.network import Network
from curator_syncnet.tests.invented import weights
from curator_syncnet.tests.reference import Reference

from curator.errors import MeasureError


def test_names_and_shapes_are_the_published_ones() -> None:
    theirs = {
        name: tuple(one.shape)
        for name, one in Reference().state_dict().items()
        if not name.endswith("num_batches_tracked")
    }
    assert dict(layout()) == theirs
    # 12 convolutions and 4 matrices with their biases, 14 normalisations of four arrays each.
    assert len(layout()) == 2 * 16 + 4 * 14
    assert sum(map(prod, layout().values())) == 13_640_256
    # The published file has 54,573,114 bytes: these arrays in single precision, names and counters.
    assert 0 < 54_573_114 - 4 * 13_640_256 < 20_000


def test_vectors_are_those_of_the_layers_one_by_one() -> None:
    made = weights()
    reference = Reference().eval()
    reference.load_state_dict(made, strict=False)
    network = Network(made)
    rng = np.random.default_rng(0)
    pictures = rng.integers(0, 256, (7, 224, 224, 3), dtype=np.uint8)
    sounds = rng.normal(0, 10, (3, 13, 20)).astype(np.float32)
    with torch.inference_mode():
        shown = torch.from_numpy(pictures.transpose(3, 0, 1, 2).astype(np.float32))
        visual = reference.visual(torch.stack([shown[:, k : k + 5] for k in range(3)])).numpy()
        audio = reference.audio(torch.from_numpy(sounds)[:, None]).numpy()
    found = network.visual(pictures)
    assert found.shape == (3, 1024)
    assert np.abs(found - visual).max() < 1e-3 * np.abs(visual).max()
    assert np.abs(network.audio(sounds) - audio).max() < 1e-3 * np.abs(audio).max()
    assert np.abs(visual[0] - visual[1]).max() > 1e-2 * np.abs(visual).max()


def test_the_same_input_gives_the_same_bytes_whatever_is_with_it() -> None:
    network = Network(weights())
    pictures = np.random.default_rng(1).integers(0, 256, (6, 224, 224, 3), dtype=np.uint8)
    assert network.visual(pictures).tobytes() == network.visual(pictures).tobytes()
    assert network.visual(pictures[:4]).shape == (0, 1024)
    sounds = np.random.default_rng(2).normal(0, 10, (2, 13, 20)).astype(np.float32)
    assert network.audio(sounds).tobytes() == network.audio(sounds).tobytes()


def test_a_checkpoint_is_read_wrapped_or_not_and_without_its_counters(tmp_path: Path) -> None:
    made = weights()
    torch.save({**made, "netcnnaud.1.num_batches_tracked": torch.tensor(3)}, tmp_path / "x")
    assert set(load(tmp_path / "x")) == set(made)
    torch.save({"state_dict": {f"module.{k}": v for k, v in made.items()}}, tmp_path / "y")
    assert all(torch.equal(one, made[name]) for name, one in load(tmp_path / "y").items())


def test_other_networks_and_files_are_refused(tmp_path: Path) -> None:
    made = weights()
    torch.save({k: v for k, v in made.items() if "netfclip" not in k}, tmp_path / "part")
    torch.save({**made, "netcnnlip.0.bias": torch.zeros(95)}, tmp_path / "shape")
    torch.save([1, 2], tmp_path / "list")
    (tmp_path / "text").write_text("no checkpoint")
    for name, reason in (
        ("part", "weights-mismatch"),
        ("shape", "weights-mismatch"),
        ("list", "weights-unreadable"),
        ("text", "weights-unreadable"),
    ):
        with pytest.raises(MeasureError) as error:
            load(tmp_path / name)
        assert error.value.reason == reason
