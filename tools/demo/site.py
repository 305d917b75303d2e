"""The demo's station: four boards and one bought sensor on one line, its thresholds, and what drives its sensors."""

from pathlib import Path

from tools.demo.play import Drive
from tools.emulator.rig import BoardSpec, Rig, SensorSpec

STATION_ID = "DEMO01"
SCAN_S = 1
RATE = 60.0
RADAR_ZERO_MM = 12_000  # The radar hangs 12.00 m over gauge zero; its range is 12 m.

BOARDS = (
    BoardSpec("level", ("level",), 11),
    BoardSpec("rain", ("rain",), 12),
    BoardSpec("tilt", ("tilt",), 13),
    BoardSpec("smoke", ("smoke",), 14),
)
SENSORS = (SensorSpec("radar", "radar-60ghz", 21),)
DRIVES = (
    Drive("level", "level", "head_mm"),
    Drive("level", "radar", "gap_mm", RADAR_ZERO_MM, -1),  # It looks at the same river from above.
    Drive("tilt", "tilt", "tilt_x_mdeg"),
    Drive("smoke", "smoke", "smoke_mdbm"),
)

CONVERTER = BOARDS[0].converter_toml  # Boards of one type have the same ports.

# Thresholds lie where the stretched flood crosses each of them on its way up (they are the demo's, not a river's).
STATION_TOML = f"""
[station]
id = "{STATION_ID}"
name = "演示站"
name_en = "Demo station"
time_zone = "Asia/Shanghai"
mode = "actual"
gateway_serial = "00000000de000001"

[center]
host = "127.0.0.1"
port = {{broker}}

[spool]
path = "{{spool}}"
cap = "256 MiB"

[siren]
file = "{{siren}}"
from = "yellow"

[[bus]]
name = "main"
port = "{{port}}"
baud = 9600
framing = "8N1"
scan = "{SCAN_S} s"

[[bus.board]]
name = "level"
address = 11
type = "esp32-rs485"
fit = ["level"]
{CONVERTER}
[[bus.board.channel]]
name = "river"
quantity = "head_mm"
gauge_zero = "0.00 m"
offset = "0.00 m"
datum = "local"

[[bus.board]]
name = "rain"
address = 12
type = "esp32-rs485"
fit = ["rain"]
{CONVERTER}
[[bus.board]]
name = "tilt"
address = 13
type = "esp32-rs485"
fit = ["tilt"]
{CONVERTER}
[[bus.board]]
name = "smoke"
address = 14
type = "esp32-rs485"
fit = ["smoke"]
{CONVERTER}
[[bus.sensor]]
name = "radar"
address = 21
profile = "radar-60ghz"
row = "60 s"

[[bus.sensor.channel]]
name = "river_radar"
quantity = "gap_mm"
gauge_zero = "0.00 m"
offset = "{RADAR_ZERO_MM / 1000:.2f} m"
datum = "local"

[[threshold_set]]
id = "DEMO-1"
channel = "river"
datum = "local"
guard = "4.20 m"
warning = "5.00 m"
guarantee = "6.00 m"
record = "7.40 m"

[[rule]]
name = "flood"
kind = "high"
channel = "river"
thresholds = "DEMO-1"
deadband = "0.10 m"
on_delay = "0 s"
off_delay = "60 s"

[[rule]]
name = "rain-1h"
kind = "rain_sum"
channel = "rain.rain"
window = "1 h"
blue = "10 mm"
yellow = "20 mm"

[[rule]]
name = "wall"
kind = "tilt"
channel = "tilt.tilt_x"
window = "60 s"
yellow = "0.50 deg"
red = "1.00 deg"
deadband = "0.05 deg"

[[rule]]
name = "smoke"
kind = "smoke"
channel = "smoke.smoke"
yellow = "0.10 dB/m"
red = "0.20 dB/m"
deadband = "0.02 dB/m"
"""


def make_rig(folder: Path, unix_s: int) -> Rig:
    """The demo's emulated hardware, at 1x; not started."""
    return Rig(folder, boards=list(BOARDS), sensors=list(SENSORS), baud=9600, framing="8N1", rate=1.0, unix_s=unix_s)
