"""Integer arithmetic of the drivers: rounding, median, calibration lines, voltages. No floats: a board has 24 bits."""

from wire.reading import GOOD, NOT_EVALUATED


def rounded(numerator: int, denominator: int) -> int:
    """numerator / denominator to the nearest integer, halves up. `denominator` > 0."""
    return (2 * numerator + denominator) // (2 * denominator)


def median(values: list) -> int:
    """Median of a non-empty list of integers, which gets sorted; of an even count the middle two are averaged."""
    values.sort()
    half = len(values) // 2
    if len(values) & 1:
        return values[half]
    return rounded(values[half - 1] + values[half], 2)


def checked_points(points) -> tuple:
    """Calibration points [(measured, true)] as a tuple. ValueError unless `measured` ascends strictly."""
    checked = tuple((point[0], point[1]) for point in points)
    for i in range(1, len(checked)):
        if checked[i][0] <= checked[i - 1][0]:
            raise ValueError("calibration points must ascend")
    return checked


def corrected(points: tuple, measured: int) -> int:
    """`measured` carried along the line through `points`; beyond its ends the correction of the end stays."""
    if not points:
        return measured
    if measured <= points[0][0]:
        return measured + points[0][1] - points[0][0]
    for i in range(1, len(points)):
        x0, y0 = points[i - 1]
        x1, y1 = points[i]
        if measured <= x1:
            return y0 + rounded((measured - x0) * (y1 - y0), x1 - x0)
    return measured + points[-1][1] - points[-1][0]


class MeanVoltage:
    """A converter channel read several times: the mean in microvolts, straightened. `adc` has read_uv() -> int or None.

    `points`: [(what the converter shows, what is there)] in uV, as its calibration found them; None where it is
    straight by itself. Empty: nobody has looked. `quality` is the best that comes of it.
    """

    SAMPLES_MAX = 64

    def __init__(self, adc, samples: int, points=None) -> None:
        if not 1 <= samples <= self.SAMPLES_MAX:
            raise ValueError("1 to %d samples" % self.SAMPLES_MAX)
        self._adc = adc
        self._samples = samples
        self._points = checked_points(points or ())
        self.quality = GOOD if points or points is None else NOT_EVALUATED

    def read_uv(self) -> "int | None":
        """Microvolts, or None when the converter refused one of the samples."""
        total = 0
        for _ in range(self._samples):
            sample_uv = self._adc.read_uv()
            if sample_uv is None:
                return None
            total += sample_uv
        return corrected(self._points, rounded(total, self._samples))
