from curator.testing.measure import MeasureTests
from curator.measure.luma import Luma
class TestLuma(MeasureTests):
    measure = Luma()
