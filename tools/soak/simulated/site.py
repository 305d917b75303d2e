"""The station that is simulated: two boards and a bought radar on one line, a river that floods now and then.

Rules of this file: what the river does is a function of time and seed alone.
"""

import random
from pathlib import Path

from gateway import config
from wire.telemetry import topic

STATION = "SIM01"
GATEWAY = "5100000000000001"
LEVEL_ADDRESS, RAIN_ADDRESS, RADAR_ADDRESS = 11, 12, 21
ZERO_MM = 160_000
CALM_MM = 180_000
YELLOW_MM, RED_MM = 182_000, 185_000
DEADBAND_MM = 50
FLOOD_EVERY_S = 5 * 3_600
FLOOD_S = (1_200, 7_200)
RADAR_ROW_S = 300
LOST_MS = 30 * 60_000

CENTER_TOPIC = topic(STATION, "ack")


def station(folder: Path, scan_s: int) -> config.Station:
    """As gateway.load would make it from a station.toml."""
    level = config.Level(ZERO_MM, 0, "wusong", "2020-05-30")
    boards = [
        config.Source(
            name, "main", address, board_type="esp32-rs485", alarmed=name == "level", row_s=RADAR_ROW_S,
            channels=(
                config.Channel(first, name, 0, quantity, level if name == "level" else None),
                config.Channel(f"{name}.supply", name, 1, "supply_mv"),
            ),
        )
        for name, address, first, quantity in (
            ("level", LEVEL_ADDRESS, "river", "head_mm"), ("rain", RAIN_ADDRESS, "rain", "rain_um"),
        )
    ]  # fmt: skip
    radar = config.Source(
        "radar", "main", RADAR_ADDRESS, profile="radar-60ghz", row_s=RADAR_ROW_S,
        channels=(config.Channel("radar", "radar", 0, "gap_mm", level),),
    )  # fmt: skip
    steps = (config.Step(2, YELLOW_MM, "warning", DEADBAND_MM), config.Step(4, RED_MM, "record", DEADBAND_MM))
    rules = (
        config.Rule("flood", "high", "river", steps, datum="wusong", threshold_set="SIM-1"),
        config.Rule("rain-1h", "rain_sum", "rain", (config.Step(2, 20_000),), window_ms=3_600_000, siren=False),
        config.Rule("blind", "lost", "level", (config.Step(3, LOST_MS),), siren=False),
    )
    return config.Station(
        id=STATION, name="模拟站", name_en="Simulated", time_zone="Asia/Shanghai", gateway_serial=GATEWAY,
        mode="test", rules=rules, siren=config.Siren(),
        buses=(config.Bus("main", "/dev/simulated", 9600, "8N1", scan_s * 1_000, (*boards, radar)),),
        spool=config.Spool(str(folder / "spool.db"), cap_mib=64), center=config.Center(host="simulated"),
    )  # fmt: skip


class River:
    """`level_mm(t_s)` is calm or flooded, and steady while it is; `floods` are (begin, end, level), ascending."""

    def __init__(self, chance: random.Random, begin_s: float, end_s: float) -> None:
        self.floods: list[tuple[float, float, int]] = []
        at_s = begin_s
        while True:
            at_s += chance.uniform(0.3, 1.7) * FLOOD_EVERY_S
            until_s = at_s + chance.uniform(*FLOOD_S)
            if until_s >= end_s:
                break
            self.floods.append((at_s, until_s, chance.choice((YELLOW_MM, RED_MM)) + 500))
            at_s = until_s
        self._at = 0

    def flood(self, t_s: float) -> int:
        """Number of the flood at `t_s`, counted from 1; 0 = calm."""
        floods = self.floods
        while self._at < len(floods) and floods[self._at][1] <= t_s:
            self._at += 1
        while self._at > 0 and floods[self._at - 1][1] > t_s:
            self._at -= 1
        return self._at + 1 if self._at < len(floods) and floods[self._at][0] <= t_s else 0

    def head_mm(self, t_s: float) -> int:
        number = self.flood(t_s)
        level_mm = self.floods[number - 1][2] if number else CALM_MM
        return level_mm - ZERO_MM + int(t_s / 60) % 20

    @staticmethod
    def rain_um(t_s: float) -> int:
        return int(t_s / 300) * 200

    @staticmethod
    def gap_mm(t_s: float) -> int:
        """Other in every minute of a week, so that no two rows are alike."""
        return 1_000 + int(t_s / 60) % 10_000
