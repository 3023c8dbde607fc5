"""`curator doctor`."""

from __future__ import annotations

import platform
import shutil
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from importlib import import_module
from importlib.metadata import PackageNotFoundError, distributions, packages_distributions, version
from importlib.util import find_spec
from pathlib import Path

from curator.cli.composed import settings_only
from curator.cli.extras import DISTRIBUTION, extras, missing_of
from curator.cli.output import Output

__all__ = ["HELP", "run"]

HELP = """
usage: curator doctor [store.root=DIR] [--json]

Check the installation: versions, FFmpeg inside PyAV, extras, other packages that claim the name
`curator`, disk space. Ends with 1 when something is broken.
"""

_LIBRARIES = (
    "av",
    "numpy",
    "opencv-python-headless",
    "pyarrow",
    "datasets",
    "hydra-core",
    "omegaconf",
)
_LEAST_FREE_GIB = 5.0


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at."""

    about: str
    state: str
    """``ok``, ``note`` (worth knowing) or ``broken``."""
    text: str


def run(words: list[str], output: Output) -> int:
    """Look at everything."""
    root = Path(settings_only(words).store.root)
    found = [
        Finding("python", "ok", f"{platform.python_version()} at {sys.executable}"),
        *_versions(),
        _ffmpeg(),
        *_extras(),
        *_clashes(),
        *_opencv(),
        _torchcodec(),
        _disk(root),
    ]
    output.say(f"{one.state:<7} {one.about:<12} {one.text}" for one in found)
    output.document({"findings": [asdict(one) for one in found]})
    return 1 if any(one.state == "broken" for one in found) else 0


def _versions() -> Iterator[Finding]:
    for name in (DISTRIBUTION, *_LIBRARIES):
        try:
            yield Finding(name, "ok", version(name))
        except PackageNotFoundError:
            yield Finding(name, "broken", "not installed")


def _ffmpeg() -> Finding:
    try:
        from curator.media.libraries import ffmpeg_versions
    except ImportError as error:
        return Finding("ffmpeg", "broken", f"PyAV cannot be imported: {error}")
    versions = ", ".join(f"{name} {number}" for name, number in ffmpeg_versions().items())
    return Finding("ffmpeg", "ok", f"inside PyAV: {versions}")


def _extras() -> Iterator[Finding]:
    for extra, names in extras().items():
        missing = missing_of(names)
        text = f"install with: pip install 'curator-build[{extra}]'" if missing else "installed"
        yield Finding(f"[{extra}]", "note" if missing else "ok", text)


def _clashes() -> Iterator[Finding]:
    """Two wheels that own ``curator/`` overwrite each other, and pip does not refuse."""
    owners = set(packages_distributions().get("curator", ())) - {DISTRIBUTION}
    owners |= {
        dist.name
        for dist in distributions()
        for point in dist.entry_points
        if point.group == "console_scripts" and point.name == "curator"
    } - {DISTRIBUTION}
    for owner in sorted(owners):
        text = f"'{owner}' also installs a package or command 'curator': uninstall one of the two"
        yield Finding("name", "broken", text)
    if not owners:
        yield Finding("name", "ok", "nobody else installs a package or command 'curator'")


def _opencv() -> Iterator[Finding]:
    """Several OpenCV wheels share one folder; the last one installed wins."""
    names = sorted({dist.name for dist in distributions() if dist.name.startswith("opencv-")})
    if len(names) > 1:
        text = f"{' and '.join(names)} overwrite each other: keep opencv-python-headless"
        yield Finding("opencv", "broken", text)


def _torchcodec() -> Finding:
    """`datasets` decodes video with torchcodec, which is often installed without the FFmpeg it needs."""
    if find_spec("torchcodec") is None:
        return Finding("torchcodec", "note", "not installed: `datasets` will not decode the videos")
    try:
        import_module("torchcodec.decoders")
    except (ImportError, OSError, RuntimeError) as error:
        first = str(error).strip().splitlines()[0]
        return Finding(
            "torchcodec", "note", f"installed but broken, releases load as paths: {first}"
        )
    return Finding("torchcodec", "ok", version("torchcodec"))


def _disk(root: Path) -> Finding:
    here = root if root.exists() else Path()
    free = shutil.disk_usage(here).free / 2**30
    state = "ok" if free >= _LEAST_FREE_GIB else "note"
    return Finding("disk", state, f"{free:.1f} GiB free at {here.resolve()}")
