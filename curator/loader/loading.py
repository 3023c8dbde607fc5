"""`curator.load`: a release, by its folder, as a data set."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Sequence
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

from curator.errors import LoaderError, RemoteError
from curator.hub.address import open_remote, split_revision
from curator.hub.pull import cached
from curator.loader.clips import with_clips
from curator.loader.rows import Rows
from curator.loader.samples import Colours, Columns, Samples, Wanted, choose
from curator.loader.window import At, Window
from curator.media.clips import PictureSize
from curator.release.read import open_release

if TYPE_CHECKING:
    from curator.loader.dataset import ReleaseDataset

__all__ = ["load", "resolve"]

_NTSC_ROUNDING = Fraction(1, 200)
"""How far a rate may be from the one it is short for: 23.98 for 24000/1001."""
_LARGEST = 10**6


def load(
    release: str | Path,
    *,
    revision: str | None = None,
    split: str = "train",
    tracks: Sequence[str] | None = None,
    window_seconds: float | str | Fraction | None = None,
    frames: int | None = None,
    fps: float | str | Fraction | None = None,
    at: str = "random",
    short: str = "keep",
    size: int | tuple[int, int] | None = None,
    colours: str = "rgb",
    on_frames: Sequence[str] = (),
    signals: bool = True,
    transform: Callable[[dict[str, Any]], Any] | None = None,
    seed: int = 0,
    sources: str | Path | Sequence[str | Path] | None = None,
) -> ReleaseDataset:
    """The samples of a release, as windows of tensors.

    An item is a dict: ``video`` uint8 ``(frames, 3, height, width)`` with ``video_seconds``,
    ``audio`` float32 ``(channels, samples)`` with ``audio_rate_hz``, each other track as float32
    ``(n, ...)`` with its times ``NAME_seconds``, texts as lists of ``(start_seconds, end_seconds,
    text)``, ``id``, ``signals``, ``start_seconds`` of the window in the sample and ``seconds``, its length.
    Times in an item count from the window's start. A track that the sample does not have is None.

    Args:
        release: folder of one version, e.g. ``releases/0123456789ab``.
        revision: of a published release; a folder has none.
        split: which samples.
        tracks: what to read: ``video``, ``audio`` and the names of other tracks. None reads all.
        window_seconds: length of the windows. Neither this nor `frames` gives whole samples.
        frames: the same as a number of pictures.
        fps: pictures per second: at each instant the picture that is shown then. None keeps the
            sample's own pictures and times.
        at: where windows begin, always at a frame: ``random``, ``start`` or ``middle``.
        short: samples shorter than the window: ``keep`` gives them whole, ``drop`` leaves them out.
        size: height and width (one number for a square): pictures are scaled until they fill it,
            and what is over is cut off on both sides. None keeps the sample's.
        colours: ``rgb``, or ``yuv`` for pictures as they are coded, which is faster and half the bytes:
            ``video`` is then luma ``(frames, 1, height, width)``, ``video_chroma`` Cb and Cr at half
            the height and width, ``video_to_rgb`` the matrix that `curator.to_rgb` applies to them,
            on the GPU or wherever they are.
        on_frames: tracks of numbers to bring to the times of the pictures: the last value at or before each.
        signals: whether items come with ``signals``.
        transform: what to make of an item.
        seed: of the random windows.
        sources: where the footage of a virtual release is, whose clips are then cut once and kept in
            the cache: files, folders, globs, URLs.

    Raises:
        LoaderError: ``no-clips`` for a virtual release without `sources`, ``no-torch``, ``no-split``, ``track-unknown``, ``window-option``.
        StoreError: ``not-a-release`` ... when the folder is no release.
    """
    if importlib.util.find_spec("torch") is None:
        raise LoaderError(
            "the loader needs PyTorch",
            reason="no-torch",
            hint="pip install 'curator-build[loader]'",
        )
    from curator.loader.dataset import ReleaseDataset

    window = _window(window_seconds, frames, fps, at)
    if short not in ("keep", "drop"):
        raise _option(f"short must be keep or drop, not '{short}'")
    if colours not in Colours.__members__:
        raise _option(f"colours must be one of {', '.join(Colours.__members__)}, not '{colours}'")
    folder = open_release(with_clips(resolve(release, revision), sources))
    rows = Rows.of(folder, split)
    columns = Columns.of(rows.schema)
    wanted = Wanted(
        tracks=choose(columns, tracks),
        on_frames=frozenset(on_frames),
        window=window,
        size=_size(size),
        signals=signals,
        colours=Colours[colours],
    )
    unknown = sorted(wanted.on_frames - (set(columns.values) & set(wanted.tracks)))
    if unknown:
        raise _option(f"on_frames: '{unknown[0]}' is no track of numbers that is read")
    return ReleaseDataset(
        Samples(rows, columns, wanted, seed=seed),
        digest=folder.digest,
        split=split,
        transform=transform,
        drop_short=short == "drop",
    )


def resolve(release: str | Path, revision: str | None) -> Path:
    """Where a release lies on this machine; a published one is pulled into the cache first.

    Args:
        release: the folder of one version, or where versions are published: ``org/name`` on the Hub,
            ``./folder`` or a URL; ``@v1.2.0`` may be written behind it.
        revision: of a published one; the newest version when None.

    Raises:
        LoaderError: ``release-not-found``, or ``release-revision`` when one version is asked for a revision.
        RemoteError: when it cannot be pulled.
    """
    if (Path(release) / "manifest.json").is_file():
        if revision is not None:
            raise LoaderError(
                "a folder holds one version: it has no revisions",
                reason="release-revision",
                hint="name the folder of the version that you want",
            )
        return Path(release)
    name, written = split_revision(str(release))
    try:
        remote = open_remote(name)
        return cached(remote, revision or written)
    except RemoteError as error:
        if error.reason not in ("remote-name", "remote-empty", "remote-missing"):
            raise
        raise LoaderError(
            f"there is no release '{release}': {error.message}",
            reason="release-not-found",
            hint="name the folder of one version (releases/0123456789ab), or a published dataset (org/name)",
        ) from error


def _window(
    seconds: float | str | Fraction | None,
    frames: int | None,
    fps: float | str | Fraction | None,
    at: str,
) -> Window:
    if seconds is not None and frames is not None:
        raise _option("window_seconds and frames both say how long a window is")
    if frames is not None and frames < 1:
        raise _option(f"frames must be at least 1, not {frames}")
    if at not in At.__members__:
        raise _option(f"at must be one of {', '.join(At.__members__)}, not '{at}'")
    length, rate = _exact(seconds, "window_seconds"), _rate(fps)
    return Window(frames=frames, seconds=length, fps=rate, at=At[at])


def _rate(fps: float | str | Fraction | None) -> Fraction | None:
    """Frames per second; 29.97 and its kin mean 30000/1001 and its kin."""
    rate = _exact(fps, "fps")
    if rate is None or not isinstance(fps, float):
        return rate
    ntsc = Fraction(round(rate * Fraction(1001, 1000)) * 1000, 1001)
    return ntsc if abs(ntsc - rate) < _NTSC_ROUNDING else rate


def _exact(value: float | str | Fraction | None, name: str) -> Fraction | None:
    """0.1 is one tenth, ``30000/1001`` what it says."""
    if value is None:
        return None
    try:
        exact = Fraction(repr(value) if isinstance(value, float) else value)
    except (ValueError, ZeroDivisionError):
        exact = Fraction(0)
    if not 0 < exact < _LARGEST:
        raise _option(f"{name} must be a positive number, not {value}")
    return exact


def _size(size: int | tuple[int, int] | None) -> PictureSize | None:
    if size is None:
        return None
    height, width = (size, size) if isinstance(size, int) else size
    if height < 1 or width < 1:
        raise _option(f"size must be positive, not {size}")
    return PictureSize(height=height, width=width)


def _option(message: str) -> LoaderError:
    return LoaderError(message, reason="window-option", hint="see docs/how-to/load.md")
