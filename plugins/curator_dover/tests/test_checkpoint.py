"""Files of weights: as published, wrapped, of another network, broken."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from curator_dover.checkpoint import load
from curator_dover.layout import Model, layout, unused
from curator_dover.tests.invented import weights

from curator.errors import MeasureError


def _same(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> bool:
    return set(one) == set(other) and all(torch.equal(one[name], other[name]) for name in one)


@pytest.mark.parametrize("model", Model)
def test_what_was_saved_is_loaded(model: Model, tmp_path: Path) -> None:
    made = weights(model)
    besides = {name: torch.zeros(shape) for name, shape in unused(model).items()}
    torch.save({**made, **besides}, tmp_path / "x")
    assert _same(load(tmp_path / "x", model), made)


def test_wrapping_by_training_is_undone(tmp_path: Path) -> None:
    made = weights(Model.mobile)
    wrapped = {"state_dict": {f"module.{name}": one for name, one in made.items()}, "epoch": 3}
    torch.save(wrapped, tmp_path / "x")
    assert _same(load(tmp_path / "x", Model.mobile), made)


def test_safetensors_are_read(tmp_path: Path) -> None:
    made, header, body = weights(Model.mobile), {}, b""
    for name, one in made.items():
        data = one.numpy().tobytes()
        place = [len(body), len(body) + len(data)]
        header[name] = {"dtype": "F32", "shape": list(one.shape), "data_offsets": place}
        body += data
    text = json.dumps({"__metadata__": {"format": "pt"}, **header}).encode()
    (tmp_path / "x").write_bytes(len(text).to_bytes(8, "little") + text + body)
    assert _same(load(tmp_path / "x", Model.mobile), made)


def test_half_precision_becomes_single(tmp_path: Path) -> None:
    torch.save({name: one.half() for name, one in weights(Model.mobile).items()}, tmp_path / "x")
    assert {one.dtype for one in load(tmp_path / "x", Model.mobile).values()} == {torch.float32}


def test_the_other_network_is_refused(tmp_path: Path) -> None:
    torch.save(weights(Model.mobile), tmp_path / "x")
    with pytest.raises(MeasureError) as error:
        load(tmp_path / "x", Model.dover)
    assert error.value.reason == "weights-mismatch"


def test_another_shape_is_refused(tmp_path: Path) -> None:
    made = weights(Model.mobile)
    name = next(iter(layout(Model.mobile)))
    torch.save({**made, name: made[name][1:]}, tmp_path / "x")
    with pytest.raises(MeasureError) as error:
        load(tmp_path / "x", Model.mobile)
    assert error.value.reason == "weights-mismatch"


class _Evil:
    def __reduce__(self) -> tuple[object, ...]:
        return (exec, ("raise SystemExit('executed')",))


@pytest.mark.parametrize("kind", ["text", "empty", "evil", "list", "cut"])
def test_what_is_no_checkpoint_is_refused_and_nothing_is_executed(
    kind: str, tmp_path: Path
) -> None:
    path = tmp_path / "x"
    if kind == "text":
        path.write_text("version https://git-lfs.github.com/spec/v1\n")
    elif kind == "empty":
        path.touch()
    elif kind == "cut":
        torch.save(weights(Model.mobile), path)
        path.write_bytes(path.read_bytes()[:100_000])
    else:
        torch.save(_Evil() if kind == "evil" else [1, 2], path)
    with pytest.raises(MeasureError) as error:
        load(path, Model.mobile)
    assert error.value.reason == "weights-unreadable"
