"""A plugin as a third party would ship it: a package, metadata with entry points, and a recipe folder."""

from __future__ import annotations

import importlib
import textwrap
from collections.abc import Iterator
from pathlib import Path

import pytest

from curator import registry

_MEASURE = '''
"""A measure with every kind of setting."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import ClassVar

from curator.model.series import Series
from curator.model.signal import SeriesSpec, SignalSpec


class Mode(enum.Enum):
    fast = "fast"
    exact = "exact"


@dataclass(frozen=True, slots=True, kw_only=True)
class Demo:
    """Counts nothing."""

    name: ClassVar[str] = "demo"
    version: ClassVar[int] = 1
    extra: ClassVar[str | None] = None
    cost: ClassVar[float] = 0.0
    series: ClassVar[tuple[SeriesSpec, ...]] = (
        SeriesSpec(name="height_px", unit="px", about="a height"),
        SeriesSpec(name="points", unit="share", about="not a number", shape=(3, 2)),
    )
    signals: ClassVar[tuple[SignalSpec, ...]] = (
        SignalSpec(name="codec", unit="text", about="a name"),
        SignalSpec(name="level", unit="LUFS", about="a level"),
        SignalSpec(name="long_seconds", unit="s", about="a time"),
    )

    window_seconds: float = 1.0
    """How far it looks."""
    count: int = 3
    mode: Mode = Mode.fast
    """How hard it tries."""
    strict: bool = False
    fps: Fraction = Fraction(8)
    model: str | None = None
    most_gib: float = 1.0

    def __post_init__(self) -> None:
        if not 1 <= self.count <= 9:
            raise ValueError(f"count must lie between 1 and 9, got {self.count}")

    @property
    def needs(self) -> Mapping[str, object]:
        return {}

    @property
    def weights(self) -> tuple[object, ...]:
        return ()
'''

_ENTRY_POINTS = """
[curator.measures]
demo = demo_plugin.measure:Demo
broken = demo_plugin.nowhere:Nothing
[curator.conf]
demo = demo_plugin.conf
"""


@pytest.fixture
def plugin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The installed plugin's folder."""
    site = tmp_path / "site"
    files = {
        "demo_plugin/__init__.py": "",
        "demo_plugin/measure.py": _MEASURE,
        "demo_plugin/conf/__init__.py": "",
        "demo_plugin/conf/engine/big.yaml": "workers: 99\n",
        "demo_plugin/conf/recipes/dubbing.yaml": "# Dubbing.\ndefaults: [avatar, _self_]\nname: dubbing\n",
        "demo_plugin-1.dist-info/METADATA": "Metadata-Version: 2.1\nName: demo-plugin\nVersion: 1\n",
        "demo_plugin-1.dist-info/entry_points.txt": _ENTRY_POINTS,
    }
    for name, text in files.items():
        (site / name).parent.mkdir(parents=True, exist_ok=True)
        (site / name).write_text(textwrap.dedent(text))
    monkeypatch.syspath_prepend(site)
    importlib.invalidate_caches()
    _forget()
    yield site
    _forget()


def _forget() -> None:
    registry.measures.cache_clear()
    registry.shot_detectors.cache_clear()
