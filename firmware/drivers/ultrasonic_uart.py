"""Water level: an ultrasonic or radar sensor that sends frames FF H L SUM by itself (A02YYUW class, 9600 8N1).

SUM is the low byte of FF + H + L; the distance is H << 8 | L in mm, or in cm on long-range models.
L and SUM may be FF too, so a frame is found by sliding over the bytes until a sum fits, never by its first byte alone.
H = FF would be 65 m and more; it is refused, for FF 01 FF FF (511 mm) repeated holds the frame FF FF 01 FF as well, and
a reader that lost one byte would stay with that one.
A distance at or below `min_mm` or above `max_mm` is the sensor's way of saying "no echo": no number comes of it.
"""

from drivers.integers import checked_points, corrected, median
from wire.reading import GOOD, MISSING

FRAME_LENGTH = 4
FRAMES_MAX = 16  # Newest frames of a scan that the median sees; the sensor sends 4 to 10 a second.
READS_MAX = 8  # Pieces of CHUNK_LENGTH bytes taken in one scan: a babbling line must not hold the scan.
CHUNK_LENGTH = 64

_NOTHING: "tuple[int | None, int]" = (None, MISSING)


class UltrasonicUart:
    """Air gap in mm: the median of the frames since the last scan.

    `uart`: readinto(buffer) -> bytes read, 0 or None when there are none. `unit_mm`: 1, or 10 for a sensor in cm.
    A scan without any frame repeats the last gap, until `quiet_scans` such scans in a row: then nothing is known.
    `points`: [(gap as the sensor says, true gap)] in mm, from known distances; the range is judged before it.
    """

    quantities = ("gap_mm",)

    def __init__(
        self, uart, unit_mm: int = 1, min_mm: int = 30, max_mm: int = 7_500, quiet_scans: int = 3, points=()
    ) -> None:
        if unit_mm <= 0 or max_mm <= min_mm or quiet_scans < 1:
            raise ValueError("unit, range and scans until lost must be above 0")
        self._uart = uart
        self._unit_mm = unit_mm
        self._min_mm = min_mm
        self._max_mm = max_mm
        self._quiet_scans = quiet_scans
        self._points = checked_points(points)
        self._quiet = 0
        self._chunk = bytearray(CHUNK_LENGTH)
        self._window = bytearray(FRAME_LENGTH)  # The newest bytes that belong to no frame yet.
        self._held = 0
        self._gaps_mm = [0] * FRAMES_MAX
        self._frames = 0  # Since the last scan, with an echo or without.
        self._echoes = 0
        self._result = [_NOTHING]
        self.dropped = 0  # Bytes that belonged to no frame.
        self.errors = 0

    def read(self, now_ms: int) -> list:
        self._frames = 0
        self._echoes = 0
        for _ in range(READS_MAX):
            count = self._uart.readinto(self._chunk) or 0
            for i in range(count):
                self._take(self._chunk[i])
            if count < CHUNK_LENGTH:
                break
        self._judge()
        if self._result[0] is _NOTHING:
            self.errors += 1
        return self._result

    def _take(self, byte):
        """One more byte: shift it in; four that begin with FF and whose sum fits are a frame."""
        window = self._window
        if self._held == FRAME_LENGTH:
            window[0], window[1], window[2] = window[1], window[2], window[3]
            self._held = FRAME_LENGTH - 1
            self.dropped += 1
        window[self._held] = byte
        self._held += 1
        if self._held < FRAME_LENGTH or window[0] != 0xFF or window[1] == 0xFF:
            return
        if (window[0] + window[1] + window[2]) & 0xFF != window[3]:
            return
        self._held = 0
        self._frames += 1
        gap_mm = (window[1] << 8 | window[2]) * self._unit_mm
        if self._min_mm < gap_mm <= self._max_mm:
            self._gaps_mm[self._echoes % FRAMES_MAX] = gap_mm
            self._echoes += 1

    def _judge(self):
        if not self._frames:
            self._quiet += 1
            if self._quiet >= self._quiet_scans:
                self._result[0] = _NOTHING
            return
        self._quiet = 0
        # Mostly "no echo" with a stray echo between is foam or a spider, not a level.
        if 2 * self._echoes < self._frames:
            self._result[0] = _NOTHING
        else:
            gap_mm = median(self._gaps_mm[: min(self._echoes, FRAMES_MAX)])
            self._result[0] = (corrected(self._points, gap_mm), GOOD)


def make(config: dict, hal) -> UltrasonicUart:
    return UltrasonicUart(
        hal.uart(config["uart"]),
        config.get("unit_mm", 1),
        config.get("min_mm", 30),
        config.get("max_mm", 7_500),
        config.get("quiet_scans", 3),
        config.get("points", ()),
    )
