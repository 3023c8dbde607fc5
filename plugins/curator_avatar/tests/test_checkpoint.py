"""Checkpoints: read as PyTorch reads them, and refused where they ask for more than numbers."""

from __future__ import annotations

import os
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from curator_avatar.checkpoint import read_checkpoint

from curator.errors import MeasureError


def saved(content: Any, path: Path) -> Path:
    torch = pytest.importorskip("torch")
    torch.save(content, path, _use_new_zipfile_serialization=False)
    return path


def refused(path: Path) -> str:
    with pytest.raises(MeasureError) as caught:
        read_checkpoint(path)
    assert caught.value.reason == "weights-unreadable"
    return str(caught.value)


def test_tensors_come_back_with_their_shapes_and_views(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    base = torch.arange(12, dtype=torch.float32).reshape(3, 4)
    path = saved(
        {"step": 7, "state": {"a": base, "b": base.T[1:], "c": base[0, 0]}}, tmp_path / "x"
    )
    found = read_checkpoint(path)
    assert found["step"] == 7
    assert found["state"]["a"].tolist() == base.tolist()
    assert found["state"]["b"].tolist() == base.T[1:].tolist()
    assert found["state"]["c"] == 0
    assert not found["state"]["a"].flags.writeable


def test_what_a_file_asks_to_be_called_is_not_called(tmp_path: Path) -> None:
    class Order:
        def __reduce__(self) -> tuple[Any, ...]:
            return os.mkdir, (str(tmp_path / "made"),)

    plain = saved({"a": 1}, tmp_path / "plain").read_bytes()
    for name, raw in (
        ("first", pickle.dumps(Order())),
        ("last", plain[: plain.index(pickle.dumps({"a": 1}, 2)[2:])] + pickle.dumps(Order())[2:]),
    ):
        (tmp_path / name).write_bytes(raw)
        assert "mkdir" in refused(tmp_path / name)
    assert not (tmp_path / "made").exists()


def test_other_numbers_than_float32_are_refused(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    refused(saved({"a": torch.zeros(3, dtype=torch.float64)}, tmp_path / "x"))


def test_a_file_cut_anywhere_is_refused(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    raw = saved({"a": torch.ones(5)}, tmp_path / "x").read_bytes()
    for length in range(len(raw)):
        (tmp_path / "cut").write_bytes(raw[:length])
        refused(tmp_path / "cut")


def test_a_file_of_another_kind_is_refused(tmp_path: Path) -> None:
    np.savez(tmp_path / "x.npz", a=np.zeros(3))
    refused(tmp_path / "x.npz")
