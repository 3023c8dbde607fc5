"""Recorded datasets as sources: their videos, with what was recorded beside them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from curator.abc.reader import Sidecar
from curator.align.read.lerobot import Dataset, Episode, VideoPart, open_dataset
from curator.errors import SourceError
from curator.model.video import Rights, VideoRef

__all__ = ["LEROBOT", "LEROBOT_INFO", "ROBOT", "is_lerobot", "lerobot_videos"]

LEROBOT = "lerobot"
"""The reader of LeRobot datasets."""
LEROBOT_INFO = "meta/info.json"
"""The file that makes a folder such a dataset."""
ROBOT = "robot"
"""Role of a LeRobot dataset's numbers and instructions: ``sidecar.robot.state``, ``.action``, ``.task``."""


def is_lerobot(folder: Path) -> bool:
    """Whether a folder is a dataset in LeRobot's format."""
    return (folder / LEROBOT_INFO).is_file()


def lerobot_videos(
    source: str,
    folder: Path,
    rights: Rights,
    *,
    camera: str | None = None,
    videos: str | None = None,
    pins: Mapping[str, str] | None = None,
) -> Iterator[VideoRef]:
    """The videos of one camera of a dataset; the other cameras and the numbers are their sidecars.

    Videos that hold several episodes say where each begins. Another camera is a sidecar of a video,
    by the last part of its name (``observation.images.wrist`` is ``wrist``), where it holds the same
    episodes at the same times.

    Args:
        camera: the main one, by its full name or its last part; the first of the dataset when None.
        videos: where the videos are, if `folder` has only what is said of them.
        pins: where those are read (`VideoRef.pins`).

    Raises:
        SourceError: ``sidecar-invalid`` when the dataset cannot be read or has no such camera.
    """
    dataset = open_dataset(Sidecar(path=folder, name=folder.name))
    main = _camera(dataset, folder, camera)

    def address(path: str) -> str:
        return str(folder / path) if videos is None else f"{videos.rstrip('/')}/{path}"

    shown: dict[str, list[Episode]] = {}
    for episode in dataset.episodes:
        if main in episode.videos:
            shown.setdefault(episode.videos[main].path, []).append(episode)
    for path, episodes in sorted(shown.items()):
        episodes.sort(key=lambda episode: episode.videos[main].start_seconds)
        parts = [episode.videos[main] for episode in episodes]
        yield VideoRef(
            url=address(path),
            source=source,
            rights=rights,
            sidecars={
                ROBOT: str(folder / episodes[0].data_path),
                **_others(address, main, episodes, parts),
            },
            readers={ROBOT: LEROBOT},
            pins=dict(pins or {}),
            cuts=tuple(part.start_seconds for part in parts if part.start_seconds > 0),
        )


def _others(
    address: Callable[[str], str], main: str, episodes: list[Episode], parts: list[VideoPart]
) -> dict[str, str]:
    """Cameras whose files hold just these episodes, at these times."""
    out = {}
    for name in sorted({camera for episode in episodes for camera in episode.videos} - {main}):
        own = [episode.videos.get(name) for episode in episodes]
        same = all(
            other is not None and other.start_seconds == part.start_seconds
            for other, part in zip(own, parts, strict=True)
        )
        files = {other.path for other in own if other is not None}
        if same and len(files) == 1:
            out[name.rpartition(".")[2]] = address(files.pop())
    return out


def _camera(dataset: Dataset, folder: Path, wanted: str | None) -> str:
    known = [name for name, told in dataset.features.items() if told["dtype"] == "video"]
    found = [name for name in known if wanted is None or wanted in (name, name.rpartition(".")[2])]
    if not found:
        what = f"camera '{wanted}'" if wanted is not None else "video"
        raise SourceError(
            f"dataset {folder} has no {what}",
            reason="sidecar-invalid",
            hint=f"its cameras: {', '.join(known) or 'none'}",
        )
    return found[0]
