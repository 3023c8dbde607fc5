"""Motion of SMPL bodies, as AMASS keeps it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from curator.abc.reader import Sidecar
from curator.align.read.arrays import read_arrays, scalar
from curator.align.read.bounded import invalid
from curator.align.read.joints import skeleton_of
from curator.align.read.lengths import UpAxis
from curator.align.read.rotations import Floats, forward, from_axis_angle
from curator.model.track import MotionTrack

__all__ = ["Amass"]

_RATES = ("mocap_framerate", "mocap_frame_rate", "fps")
_BODY = (
    "pelvis", "left_hip", "right_hip", "spine1", "left_knee", "right_knee", "spine2", "left_ankle",
    "right_ankle", "spine3", "left_foot", "right_foot", "neck", "left_collar", "right_collar", "head",
    "left_shoulder", "right_shoulder", "left_elbow", "right_elbow", "left_wrist", "right_wrist",
)  # fmt: skip
_BODY_PARENTS = (-1, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 9, 9, 12, 13, 14, 16, 17, 18, 19)
_FACE = ("jaw", "left_eye", "right_eye")
_FINGERS = ("index", "middle", "pinky", "ring", "thumb")
_HEAD, _LEFT_WRIST, _RIGHT_WRIST = 15, 20, 21


@dataclass(frozen=True, slots=True, kw_only=True)
class Amass:
    """AMASS NPZ: ``poses (n, 3 * joints)`` as rotation vectors, ``trans (n, 3)``, ``betas``, a frame rate.

    The number of joints tells the body: 22 (body alone), 24 (SMPL), 52 (SMPL-H), 55 (SMPL-X).
    Rotations are exact. Where the joints are depends on the body's shape, which only the licensed
    body model knows: with `model` positions are exact too; without it every joint but the pelvis is
    NaN, and the pelvis is ``trans``, off by its place in the rest pose (the same for all frames).

    Joints and their order: the smplx package's ``joint_names.py`` and the models' ``kintree_table``.
    Source: Mahmood et al., AMASS, ICCV 2019; Loper et al., SMPL, SIGGRAPH Asia 2015.
    """

    name: ClassVar[str] = "amass"
    version: ClassVar[int] = 1
    suffixes: ClassVar[tuple[str, ...]] = ()
    extra: ClassVar[str | None] = None

    model: str | None = None
    """Body model of the same kind, a local NPZ with v_template, shapedirs and J_regressor; none unless given."""
    fps: Fraction | None = field(default=None, metadata={"unit": "fps"})
    """Frames per second; as the file says unless given."""
    up: UpAxis = UpAxis.z
    """Which axis points up; z in AMASS."""

    def read(self, file: Sidecar) -> Mapping[str, MotionTrack]:
        """The file's one body; see `curator.abc.reader.TrackReader.read`."""
        arrays = read_arrays(file, {"poses", "trans", "betas", *_RATES})
        poses, trans = _frames(file, arrays, "poses"), _frames(file, arrays, "trans")
        names, parents = _body(file, poses.shape[1])
        if trans.shape != (len(poses), 3):
            raise invalid(file, f"{trans.shape} is not ({len(poses)}, 3)", at="array 'trans'")
        turns = from_axis_angle(poses.reshape(len(poses), -1, 3))
        return {
            "": MotionTrack(
                ticks=np.arange(len(poses), dtype=np.int64),
                time_base=1 / self._rate(file, arrays),
                skeleton=skeleton_of(file, names, parents, self.up),
                positions=self._positions(arrays, parents, turns, trans).astype(np.float32),
                rotations=turns.astype(np.float32),
            )
        }

    def _rate(self, file: Sidecar, arrays: Mapping[str, npt.NDArray[Any]]) -> Fraction:
        if self.fps is not None:
            return self.fps
        held = next((arrays[name] for name in _RATES if name in arrays), None)
        if held is None or held.size != 1 or held.dtype.kind not in "iuf":
            raise invalid(file, f"has no '{_RATES[0]}'", hint="say fps: ...")
        if not 0 < scalar(held) < 10**6:
            raise invalid(file, f"{scalar(held)} is no rate")
        return Fraction(str(scalar(held)))

    def _positions(
        self,
        arrays: Mapping[str, npt.NDArray[Any]],
        parents: Sequence[int],
        turns: Floats,
        trans: Floats,
    ) -> Floats:
        if self.model is None:
            unknown = np.full((*turns.shape[:2], 3), np.nan)
            unknown[:, 0] = trans
            return unknown
        rest = _rest_joints(Path(self.model), arrays.get("betas"), len(parents))
        offsets = np.broadcast_to(rest, (len(turns), *rest.shape)).copy()
        for joint, parent in enumerate(parents):
            if parent >= 0:
                offsets[:, joint] -= rest[parent]
        offsets[:, 0] += trans
        return forward(parents, offsets, turns)


def _frames(file: Sidecar, arrays: Mapping[str, npt.NDArray[Any]], name: str) -> Floats:
    held = arrays.get(name)
    if held is None or held.ndim != 2 or held.dtype.kind not in "iuf":
        raise invalid(file, f"has no array '{name}' of numbers by frame")
    return held.astype(np.float64)


def _body(file: Sidecar, width: int) -> tuple[tuple[str, ...], tuple[int, ...]]:
    """Names and parents of the joints."""
    if width == 66:
        return _BODY, _BODY_PARENTS
    if width == 72:
        hands = (_LEFT_WRIST, _RIGHT_WRIST)
        return (*_BODY, "left_hand", "right_hand"), (*_BODY_PARENTS, *hands)
    if width == 156:
        return _with_fingers(_BODY, _BODY_PARENTS)
    if width == 165:
        return _with_fingers((*_BODY, *_FACE), (*_BODY_PARENTS, _HEAD, _HEAD, _HEAD))
    message = f"{width} numbers by frame are none of 66, 72, 156 (SMPL-H) and 165 (SMPL-X)"
    raise invalid(file, message, at="array 'poses'")


def _with_fingers(
    names: tuple[str, ...], parents: tuple[int, ...]
) -> tuple[tuple[str, ...], tuple[int, ...]]:
    out, above = list(names), list(parents)
    for side, wrist in (("left", _LEFT_WRIST), ("right", _RIGHT_WRIST)):
        for finger in _FINGERS:
            for number in (1, 2, 3):
                above.append(wrist if number == 1 else len(out) - 1)
                out.append(f"{side}_{finger}{number}")
    return tuple(out), tuple(above)


def _rest_joints(path: Path, betas: npt.NDArray[Any] | None, joints: int) -> Floats:
    """``(joints, 3)`` of the body at rest, shaped by the betas."""
    file = Sidecar(path=path, name=path.name)
    held = read_arrays(file, {"v_template", "shapedirs", "J_regressor"})
    missing = {"v_template", "shapedirs", "J_regressor"} - set(held)
    if missing:
        message = f"has no array '{min(missing)}' that can be read without pickle"
        raise invalid(file, message, hint="take the model's NPZ, or save its arrays as dense ones")
    template, dirs, regressor = (held[n] for n in ("v_template", "shapedirs", "J_regressor"))
    if regressor.ndim != 2 or regressor.shape[0] < joints:
        raise invalid(file, f"{regressor.shape[:1]} joints, the file has {joints}")
    shape = np.zeros(0) if betas is None else betas.reshape(-1)
    used = min(len(shape), dirs.shape[-1])
    vertices = template + dirs[..., :used] @ shape[:used]
    rest: Floats = regressor[:joints].astype(np.float64) @ vertices.astype(np.float64)
    return rest
