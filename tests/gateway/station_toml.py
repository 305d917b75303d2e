"""A good station.toml for tests, and what loads it."""

from pathlib import Path

import pytest

from gateway.config import ConfigError, Station
from gateway.load import load

CONVERTER = [[142_000, 150_000], [1_100_000, 1_100_000], [2_420_000, 2_450_000]]  # As below.
GOOD = """\
[station]
id = "CYB01"
name = "菜园坝"
name_en = "Caiyuanba"
time_zone = "Asia/Shanghai"
mode = "exercise"

[center]
host = "127.0.0.1"
mqtt = 311
live_batch = "1 min"

[spool]
path = "data/spool.db"
cap = "2 GiB"

[siren]
pin = "GPIO17"
from = "orange"

[[bus]]
name = "main"
port = "/dev/ttyAMA1"
baud = 9600
framing = "8E1"
scan = "1 s"

[[bus.board]]
name = "level"
address = 11
type = "esp32-rs485"
fit = ["level"]
serial = "0123456789abcdef"
calibration.adc.0 = [[142_000, 150_000], [1_100_000, 1_100_000], [2_420_000, 2_450_000]]

[[bus.board.channel]]
name = "river"
quantity = "head_mm"
gauge_zero = "160.00 m"
offset = "-0.25 m"
datum = "wusong"
surveyed = "2020-05-30"
low = "150 m"
high = "205.5 m"
rate = "0.3 m/5min"

[[bus.board]]
name = "rain"
address = 12
type = "esp32-rs485"
fit = ["rain"]

[[bus.board]]
name = "tilt"
address = 13
type = "esp32-rs485"
fit = ["tilt"]

[[bus.sensor]]
name = "radar"
address = 21
profile = "radar-60ghz"
row = "5 min"

[[threshold_set]]
id = "CYB-2020"
channel = "river"
datum = "wusong"
guard = "180.00 m"
warning = "182.00 m"
guarantee = "185.00 m"
record = "191.50 m"

[[rule]]
name = "flood"
kind = "high"
channel = "river"
thresholds = "CYB-2020"
deadband = "0.10 m"
off_delay = "60 s"

[[rule]]
name = "rain-1h"
kind = "rain_sum"
channel = "rain.rain"
window = "1 h"
blue = "20 mm"
red = "80.5 mm"

[[rule]]
name = "wall"
kind = "tilt"
channel = "tilt.tilt_x"
window = "60 s"
yellow = "0.1 deg"
baseline = "-0.25 deg"

[[rule]]
name = "blind"
kind = "lost"
channel = "river"
after = "15 s"
level = "orange"
"""


def station(tmp_path: Path, text: str = GOOD) -> Station:
    path = tmp_path / "station.toml"
    path.write_text(text)
    return load(path)


def problems(tmp_path: Path, text: str) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        station(tmp_path, text)
    return caught.value.problems


def line_of(text: str, what: str) -> int:
    return text[: text.index(what)].count("\n") + 1
