"""The station whose parts are killed: four boards with a row every two seconds, one bought sensor, everything real."""

from pathlib import Path

from tools.emulator.rig import BoardSpec, Rig, SensorSpec
from tools.emulator.whole import WholeStation

STATION_ID = "KILL01"
RATE = 20.0
BAUD = 19_200
ROW_S = 2
FITS = {"level": 11, "rain": 12, "tilt": 13, "smoke": 14}  # board and sensor kind -> address

_HEAD = f"""
[station]
id = "{STATION_ID}"
name = "试验站"
name_en = "Station to be killed"
time_zone = "Asia/Shanghai"
mode = "test"
gateway_serial = "0000000000dead01"

[center]
host = "127.0.0.1"
port = {{broker}}
live_batch = "20 s"

[spool]
path = "{{spool}}"
cap = "64 MiB"

[siren]
file = "{{siren}}"
from = "yellow"

[[bus]]
name = "main"
port = "{{port}}"
baud = {BAUD}
framing = "8N1"
scan = "1 s"
"""
_RADAR = '\n[[bus.sensor]]\nname = "radar"\naddress = 21\nprofile = "radar-60ghz"\nrow = "5 s"\n'


def kill_station(folder: Path) -> WholeStation:
    """The station in `folder`, not started; its clock runs RATE times as fast as the world's."""
    specs = [BoardSpec(fit, (fit,), address) for fit, address in FITS.items()]
    rig = Rig(folder, specs, [SensorSpec("radar", "radar-60ghz", 21)], baud=BAUD, rate=RATE, row_s=ROW_S)
    text = _HEAD
    for spec in specs:
        text += f'\n[[bus.board]]\nname = "{spec.name}"\naddress = {spec.address}\ntype = "{spec.board_type}"\n'
        text += f'fit = ["{spec.name}"]\n'
    return WholeStation(folder, rig, text + _RADAR, station_id=STATION_ID)
