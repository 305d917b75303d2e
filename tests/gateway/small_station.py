"""A small station for tests of the spool and the uplink: one board with two columns, one bought sensor, no buses."""

from pathlib import Path

from gateway import config
from gateway.clock import Clock
from wire.reading import SYNCED
from wire.row import Reading, Row, pack

GATEWAY = bytes.fromhex("0102030405060708")
BOARD = bytes.fromhex("b0b0b0b0b0b0b0b0")
EPOCH = 0xE0E0E0E0
START_S = 1_591_000_000


def small_station(folder: Path, cap_mib: int = 64, commit_window_ms: int = 250, **center) -> config.Station:
    level = config.Level(160_000, 0, "wusong", "2020-05-30")
    board = config.Source(
        "level", "main", 11, board_type="esp32-rs485",
        channels=(
            config.Channel("river", "level", 0, "head_mm", level),
            config.Channel("level.supply", "level", 1, "supply_mv"),
        ),
    )  # fmt: skip
    radar = config.Source(
        "radar", "main", 21, profile="radar-60ghz", channels=(config.Channel("radar", "radar", 0, "gap_mm", level),)
    )
    return config.Station(
        id="CYB01", name="菜园坝", name_en="Caiyuanba", time_zone="Asia/Shanghai", gateway_serial=GATEWAY.hex(),
        mode="actual", buses=(config.Bus("main", "/dev/null", 9600, "8N1", 1_000, (board, radar)),), rules=(),
        siren=config.Siren(), spool=config.Spool(str(folder / "spool.db"), cap_mib, commit_window_ms),
        center=config.Center(**center),
    )  # fmt: skip


class HandClock(Clock):
    """A clock that stands until a test moves it; sleeping on it is real, and short."""

    def __init__(self, unix_ms: int = START_S * 1000) -> None:
        super().__init__()
        self.now_ms = unix_ms

    def unix_ms(self) -> int:
        return self.now_ms

    def mono_ms(self) -> int:
        return self.now_ms

    @property
    def steady(self) -> bool:
        return False

    def rate(self) -> float:
        return 1.0


def packed_row(seq: int, value: int = 20_000, t_s: int = START_S, epoch: int = EPOCH) -> bytes:
    return pack(Row(seq, 1, SYNCED, t_s, 0, [Reading(0, value), Reading(1, 12_000)]), epoch)
