"""The station.toml of the station under test, from the names and addresses of its rig.

Rules of this file: {port}, {siren}, {spool}, {broker}, {local} and {local_password} stay as they are; WholeStation
fills them in.
Batches are short, so that a test need not wait for what nobody hurries.
"""

from collections.abc import Sequence

from tools.emulator.rig import GATEWAY, BoardSpec, SensorSpec

STATION_ID = "HIL01"
GATEWAY_SERIAL = "00000000a1100001"
RADAR_ZERO_MM = 12_000  # The radar hangs 12.00 m over gauge zero.
GAP_ZERO_MM = 7_000

_HEAD = f"""
[station]
id = "{STATION_ID}"
name = "试验站"
name_en = "Test station"
time_zone = "Asia/Shanghai"
mode = "test"
gateway_serial = "{GATEWAY_SERIAL}"

[center]
host = "127.0.0.1"
port = {{broker}}
live_batch = "60 s"

[spool]
path = "{{spool}}"
cap = "64 MiB"

[siren]
file = "{{siren}}"
from = "yellow"

[[bus]]
name = "main"
port = "{{port}}"
"""

# Sensor kind fitted -> its level channel. Both look at the same river.
_CHANNELS = {
    "level": """
[[bus.board.channel]]
name = "river"
quantity = "head_mm"
gauge_zero = "0.00 m"
offset = "0.00 m"
datum = "local"
""",
    "gap": f"""
[[bus.board.channel]]
name = "river_gap"
quantity = "gap_mm"
gauge_zero = "0.00 m"
offset = "{GAP_ZERO_MM / 1000:.2f} m"
datum = "local"
""",
}
_RADAR_CHANNEL = f"""
[[bus.sensor.channel]]
name = "river_radar"
quantity = "gap_mm"
gauge_zero = "0.00 m"
offset = "{RADAR_ZERO_MM / 1000:.2f} m"
datum = "local"
"""

# Sensor kind fitted -> rules that need it. Levels cross 4.20, 5.00, 6.00 and 7.40 m.
_RULES = {
    "level": """
[[threshold_set]]
id = "HIL-1"
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
thresholds = "HIL-1"
deadband = "0.10 m"
on_delay = "0 s"
off_delay = "10 s"
""",
    "rain": """
[[rule]]
name = "rain-1h"
kind = "rain_sum"
channel = "rain.rain"
window = "1 h"
blue = "1 mm"
yellow = "2 mm"
""",
    "tilt": """
[[rule]]
name = "wall"
kind = "tilt"
channel = "tilt.tilt_x"
window = "10 s"
yellow = "0.50 deg"
red = "1.00 deg"
deadband = "0.05 deg"
""",
    "smoke": """
[[rule]]
name = "smoke"
kind = "smoke"
channel = "smoke.smoke"
yellow = "0.10 dB/m"
red = "0.20 dB/m"
deadband = "0.02 dB/m"
""",
}


def station_text(
    boards: Sequence[BoardSpec],
    sensors: Sequence[SensorSpec],
    baud: int,
    framing: str,
    row_s: int = 60,
    update_key: str = "",
) -> str:
    """The text, with every rule whose sensor is fitted."""
    key = f'update_key = "{update_key}"\n' if update_key else ""
    text = _HEAD.replace("\n[center]", f"{key}\n[center]") + f'baud = {baud}\nframing = "{framing}"\nscan = "1 s"\n'
    for board in boards:
        if not board.wifi:
            text += _board_text(board, "bus") + f"address = {board.address}\n" + _channels_text(board, "bus")
    for sensor in sensors:
        text += f'\n[[bus.sensor]]\nname = "{sensor.name}"\naddress = {sensor.address}\nprofile = "{sensor.profile}"\n'
        text += f'row = "{row_s} s"\n' + _RADAR_CHANNEL
    if any(board.wifi for board in boards):
        text += '\n[local]\nhost = "127.0.0.1"\nport = {local}\n'
        text += f'username = "{GATEWAY}"\npassword_file = "{{local_password}}"\n'
    for board in boards:
        if board.wifi:
            text += _board_text(board, "local") + f'serial = "{board.serial.hex()}"\n'
            text += _sleep_text(board) + _channels_text(board, "local")
    fitted = {kind for board in boards for kind in board.fit}
    asleep = {kind for board in boards if board.sleep for kind in board.fit}
    rules = {kind: rule + ("siren = false\n" if kind in asleep else "") for kind, rule in _RULES.items()}
    return text + "".join(rule for kind, rule in rules.items() if kind in fitted)


def _board_text(board: BoardSpec, place: str) -> str:
    fit = ", ".join(f'"{kind}"' for kind in board.fit)
    return (
        f'\n[[{place}.board]]\nname = "{board.name}"\ntype = "{board.board_type}"\nfit = [{fit}]\n'
        + board.converter_toml
    )


def _sleep_text(board: BoardSpec) -> str:
    if not board.sleep:
        return ""
    text = f'[local.board.sleep]\nwake = "{board.sleep["wake_s"]} s"\nreport_every = {board.sleep["report_every"]}\n'
    for one in board.sleep["at_once"]:
        text += (
            f'[[local.board.sleep.at_once]]\nquantity = "{one["quantity"]}"\nabove = "{one["above"] / 1000:.3f} m"\n'
        )
    return text


def _channels_text(board: BoardSpec, place: str) -> str:
    return "".join(_CHANNELS.get(kind, "") for kind in board.fit).replace("bus.board", f"{place}.board")
