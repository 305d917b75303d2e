"""A station with every kind of rule, a clock that a test moves, and a sink that keeps what it was given, in order."""

from gateway import config
from gateway.clock import Clock
from gateway.siren import Siren
from gateway.station import NowValue, Station
from wire.reading import GOOD

SERIAL = bytes.fromhex("b0b0b0b0b0b0b0b0")
SCAN_MS = 1_000
FLOOD_MM = (180_000, 182_000, 185_000, 191_500)


class HandClock(Clock):
    """Stands until a test moves it."""

    def __init__(self, mono_ms: int = 700_000, unix_ms: int = 1_591_000_000_000) -> None:
        super().__init__()
        self.mono, self.unix = mono_ms, unix_ms
        self.run, self.since = "", 0  # of the machine; "" = not known

    def machine(self) -> tuple[str, int]:
        return self.run, self.since

    def mono_ms(self) -> int:
        return self.mono

    def unix_ms(self) -> int:
        return self.unix

    def advance(self, ms: int) -> None:
        self.mono += ms
        self.unix += ms
        self.since += ms


class RecordingSink:
    """`log` is the order of what happened, siren included; `kept` the newest state."""

    def __init__(self, log: list) -> None:
        self.log = log
        self.events: list[dict] = []
        self.kept: dict[str, bytes] = {}

    def event(self, event: dict[int, object]) -> None:
        self.events.append(event)
        self.log.append("event")

    def keep_state(self, name: str, data: bytes) -> None:
        self.kept[name] = data
        self.log.append("state")

    note_state = keep_state


class RecordingDriver:
    """A siren's output; `broken` makes it raise."""

    def __init__(self, log: list) -> None:
        self.log = log
        self.level = 0
        self.pattern = 0
        self.broken = False

    def show(self, level: int, pattern: tuple[int, float, float], unix_ms: int) -> None:
        self.log.append("tried")
        if self.broken:
            raise OSError("no such pin")
        self.level, self.pattern = level, pattern[0]
        self.log.append("siren")

    def close(self) -> None:
        self.log.append("closed")


def steps(*ats: int, first: int = 1, deadband: int = 0, on_ms: int = 0, off_ms: int = 0) -> tuple[config.Step, ...]:
    return tuple(config.Step(level, at, "", deadband, on_ms, off_ms) for level, at in enumerate(ats, start=first))


RULES = (
    config.Rule("flood", "high", "river", steps(*FLOOD_MM, deadband=100), threshold_set="CYB-2020", datum="wusong"),
    config.Rule("rise", "rise", "river", steps(1_000, first=3, deadband=100), window_ms=600_000),
    config.Rule("rain-1h", "rain_sum", "rain", steps(20_000, 30_000), window_ms=3_600_000),
    config.Rule("rain-10m", "rain_sum", "rain", steps(10_000, first=2), window_ms=600_000),
    config.Rule("wall", "tilt", "tilt_x", steps(500, 1_000, first=3, deadband=50)),
    config.Rule("smoke", "smoke", "smoke", (config.Step(2, 100, "", 20), config.Step(4, 200, "", 20))),
    config.Rule("lost-river", "lost", "river", (config.Step(3, 10_000),)),
    config.Rule("lost-rain", "lost", "rain-board", (config.Step(2, 10_000),), siren=False),
)


def channels(source: str, *columns: tuple[str, str]) -> tuple[config.Channel, ...]:
    return tuple(config.Channel(name, source, i, quantity) for i, (name, quantity) in enumerate(columns))


def station_config(rules: tuple[config.Rule, ...] = RULES, mode: str = "actual") -> config.Station:
    level = config.Level(160_000, 0, "wusong", "2020-05-30")
    river = config.Channel("river", "level", 0, "head_mm", level, 150_000, 205_000, 60)
    sources = (
        config.Source("level", "main", 11, serial=SERIAL.hex(), channels=(river,)),
        config.Source("rain-board", "main", 12, channels=channels("rain-board", ("rain", "rain_um"))),
        config.Source("tilt", "main", 13, channels=channels("tilt", ("tilt_x", "tilt_x_mdeg"))),
        config.Source(
            "smoke", "main", 14,
            channels=channels("smoke", ("smoke", "smoke_mdbm"), ("contact", "smoke_contact"), ("supply", "supply_mv")),
        ),
    )  # fmt: skip
    return config.Station(
        id="CYB01", name="菜园坝", name_en="Caiyuanba", time_zone="Asia/Shanghai", gateway_serial="01" * 8, mode=mode,
        buses=(config.Bus("main", "/dev/null", 9600, "8N1", SCAN_MS, sources),), rules=rules,
        siren=config.Siren(), spool=config.Spool("spool.db"), center=config.Center(),
    )  # fmt: skip


class Rig:
    """The station under test with everything around it."""

    def __init__(self, rules: tuple[config.Rule, ...] = RULES, mode: str = "actual") -> None:
        self.log: list[str] = []
        self.clock = HandClock()
        self.sink = RecordingSink(self.log)
        self.driver = RecordingDriver(self.log)
        self.config = station_config(rules, mode)
        self.start()

    def start(self) -> None:
        """A fresh process: nothing is known but the configuration."""
        self.siren = Siren(self.config.siren, self.clock, self.driver)
        self.station = Station(self.config, self.clock, self.siren, self.sink)

    def restart(self, down_ms: int = 0, rules: tuple[config.Rule, ...] | None = None, events=None) -> bool:
        """Killed without a word and started again, with the state that was kept last."""
        saved = self.sink.kept["alarms"]
        self.clock.advance(down_ms)
        self.clock.mono = 12_345  # The monotonic clock may begin anywhere.
        if rules is not None:
            self.config = station_config(rules)
        self.driver.level = self.driver.pattern = 0
        self.start()
        return self.station.restore(saved, events)

    def now(self, source: str, *values: int | None, quality: int = GOOD, age_ms: int = 0) -> None:
        """One answer of `source`, one scan later."""
        self.clock.advance(SCAN_MS)
        now = (self.clock.mono, self.clock.unix)
        words = [NowValue(i, value, 9 if value is None else quality, age_ms, *now) for i, value in enumerate(values)]
        self.station.on_now(source, words)

    def tick(self, ms: int = 0) -> None:
        self.clock.advance(ms)
        self.station.tick(self.clock.mono)

    def told(self, key: int = 0) -> list:
        return [event.get(key) for event in self.sink.events]

    def levels(self) -> dict[str, int]:
        return {str(alarm["rule"]): alarm["level"] for alarm in self.station.alarms()}  # pyright: ignore[reportReturnType]
