"""Every measure that needs no weights keeps to the contract."""

from __future__ import annotations

from curator.measure.banding import Banding
from curator.measure.bars import Bars
from curator.measure.blockiness import Blockiness
from curator.measure.combing import Combing
from curator.measure.container import Container
from curator.measure.exposure import Exposure
from curator.measure.flicker import Flicker
from curator.measure.freeze import Freeze
from curator.measure.loudness import Loudness
from curator.measure.luma import Luma
from curator.measure.motion import Motion
from curator.measure.noise import Noise
from curator.measure.phash import Phash
from curator.measure.poster import Poster
from curator.measure.recut import Recut
from curator.measure.sharpness import Sharpness
from curator.measure.technical import Technical
from curator.measure.upscale import Upscale
from curator.testing.measure import MeasureTests


class TestBanding(MeasureTests):
    measure = Banding()


class TestBars(MeasureTests):
    measure = Bars()


class TestBlockiness(MeasureTests):
    measure = Blockiness()


class TestCombing(MeasureTests):
    measure = Combing()


class TestContainer(MeasureTests):
    measure = Container()


class TestExposure(MeasureTests):
    measure = Exposure()


class TestFlicker(MeasureTests):
    measure = Flicker()


class TestFreeze(MeasureTests):
    measure = Freeze()


class TestLoudness(MeasureTests):
    measure = Loudness()


class TestLuma(MeasureTests):
    measure = Luma()


class TestMotion(MeasureTests):
    measure = Motion()


class TestNoise(MeasureTests):
    measure = Noise()


class TestPhash(MeasureTests):
    measure = Phash()


class TestPoster(MeasureTests):
    measure = Poster()


class TestRecut(MeasureTests):
    measure = Recut()


class TestSharpness(MeasureTests):
    measure = Sharpness()


class TestTechnical(MeasureTests):
    measure = Technical()


class TestUpscale(MeasureTests):
    measure = Upscale()
