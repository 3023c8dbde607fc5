"""torchvision can be imported beside any build of torch, and keeps its own operators where it has them."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from numpy.fft import _pocketfft_umath

pytest.importorskip("torch", reason="needs the extra 'clip'")
pytest.importorskip("PIL", reason="needs the extra 'clip'")

PREPARE = "from curator.infer.torchvision_ops import make_importable; kept = make_importable()\n"


def python(script: str, *, path: Path | None = None) -> str:
    """What a fresh interpreter prints; warnings are errors there, too."""
    words = [sys.executable, "-W", "error"]
    first = f"import sys; sys.path.insert(0, {str(path)!r})\n" if path else ""
    done = subprocess.run([*words, "-c", first + script], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_pictures_can_be_prepared_with_torchvision() -> None:
    script = """
import numpy, torch
from PIL import Image
from torchvision import transforms
picture = Image.fromarray(numpy.full((40, 60, 3), 128, numpy.uint8))
steps = transforms.Compose([transforms.Resize(20), transforms.CenterCrop(20), transforms.ToTensor()])
print(tuple(steps(picture).shape))
"""
    assert python(PREPARE + script) == "(3, 20, 20)"


def test_a_declared_operator_says_that_it_is_missing_rather_than_being_wrong() -> None:
    script = """
import torch, torchvision
boxes, scores = torch.zeros(1, 4), torch.zeros(1)
try:
    print(len(torch.ops.torchvision.nms(boxes, scores, 0.5)))  # real ones
except NotImplementedError:
    assert kept is not None
    print(1)
"""
    assert python(PREPARE + script) == "1"


def test_it_may_be_called_again_and_after_the_import() -> None:
    script = (
        PREPARE + "import torchvision\nmake_importable.cache_clear()\n" + PREPARE + "print(kept)"
    )
    assert python(script) == "None"


def test_nothing_is_declared_where_the_compiled_operators_can_be_loaded(tmp_path: Path) -> None:
    # Any library that loads will do: what counts is that torchvision's own would.
    (tmp_path / "torchvision").mkdir()
    (tmp_path / "torchvision" / "__init__.py").touch()
    shutil.copy(_pocketfft_umath.__file__, tmp_path / "torchvision" / "_C.so")
    script = PREPARE + "import torch; print(kept, hasattr(torch.ops.torchvision, 'nms'))"
    assert python(script, path=tmp_path) == "None False"


def test_they_are_declared_where_the_compiled_operators_cannot_be_loaded(tmp_path: Path) -> None:
    (tmp_path / "torchvision").mkdir()
    (tmp_path / "torchvision" / "__init__.py").touch()
    (tmp_path / "torchvision" / "_C.so").write_bytes(b"no library")
    script = PREPARE + "import torch; print(hasattr(torch.ops.torchvision, 'nms'))"
    assert python(script, path=tmp_path) == "True"


def test_who_declared_them_before_is_left_alone() -> None:
    script = """
import torch
theirs = torch.library.Library("torchvision", "FRAGMENT")
theirs.define("nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
"""
    assert python(script + PREPARE + "import torchvision; print('fine')") == "fine"
