"""What a station is, as frozen records; `gateway.load` makes them from station.toml and names every error.

Rules of this file: data only; integers in sub-units, units last in the name; a record that exists is valid.
"""

from pathlib import Path

from msgspec import Struct


class ConfigError(Exception):
    """station.toml (or a file it names) is wrong. `problems` are lines "file:line key: what is wrong; what to do"."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


class Level(Struct, frozen=True):
    """How a raw level becomes an elevation: zero_mm + head, or zero_mm - gap, in `datum`.

    `zero_mm` is gauge zero plus the surveyed offset of the sensor (transducer, or antenna of a radar).
    """

    gauge_zero_mm: int
    offset_mm: int
    datum: str  # wusong, cn1985, huanghai, local
    surveyed: str  # ISO date of the survey, "" = not given

    @property
    def zero_mm(self) -> int:
        return self.gauge_zero_mm + self.offset_mm


class Companion(Struct, frozen=True):
    """A quantity of the same instrument that shows when that is dying: it cannot be outside `low`..`high`."""

    quantity: str  # temp_cdeg or supply_mv
    low: int
    high: int


class DoubleCount(Struct, frozen=True):
    """When a rain gauge counts double: by its sum over a window against the median of its neighbours' sums."""

    permil: int  # more than this share of the median is suspect
    window_ms: int
    least_um: int  # of the median: a drizzle proves nothing


class Drift(Struct, frozen=True):
    """What warmth alone makes an inclinometer show: a calibration of this one, at its place."""

    channel: str  # the temperature, beside the sensor
    per_degc_milli: int  # 0.001 of the sub-unit of the sensor's channel, per degree
    reference_cdeg: int  # where the drift is none
    low_cdeg: int  # what it was fitted in
    high_cdeg: int


class Channel(Struct, frozen=True):
    """One quantity of one source, with the name by which rules, events and people call it."""

    name: str  # unique in the station, e.g. "river", "radar", "rain", "wall_x"
    source: str  # name of the board or bought sensor
    column: int  # position in the source's rows and now-slots
    quantity: str  # name in wire.reading.QUANTITIES
    level: Level | None = None  # only for gap_mm and head_mm: derived elevation (level_mm) is what rules judge
    low: int | None = None  # user span in the judged quantity's sub-unit: outside = suspect
    high: int | None = None
    rate_per_min: int | None = None  # a faster change asks for one confirming sample; None = any may be
    spike: int | None = None  # further than this from the median of itself and its two neighbours = suspect; None = off
    flat_after_ms: int = 0  # no change for so long = suspect; 0 = off
    flat_tolerance: int = 0  # what counts as no change: highest minus lowest
    flat_below: int | None = None  # base flow: at or below it a level may stand still
    gap_after_ms: int = 0  # longer without a usable sample = a gap; 0 = two cadences
    invalid: tuple[int, ...] = ()  # raw values that mean "no value", beside those of the profile
    companions: tuple[Companion, ...] = ()
    sound_cdeg: int | None = None  # gap_mm only: corrected by the source's temperature from the one the sensor assumes
    staff_limit_mm: int = 50  # a staff reading further off asks for calibration
    neighbours: tuple[str, ...] = ()  # channels of other rain gauges
    double_count: DoubleCount | None = None
    tip_um: int = 0  # rain_um of a board of ours: micrometres of a tip of its rows; 0 = its rows tell no tips
    drift: Drift | None = None  # taken off before a tilt is judged
    uncalibrated: str = ""  # the converter port of its board that has no table, "adc 0": no rule may judge it
    due_ms: int = 0  # unix ms from which its calibration is past its date; 0 = it has none


class Source(Struct, frozen=True):
    """A board of ours (`board_type`) or a bought sensor (`profile`) on a bus; address 0 = on the station's Wi-Fi."""

    name: str
    bus: str
    address: int
    board_type: str = ""  # file name in boards/ without .toml
    profile: str = ""
    serial: str = ""  # hex; "" = accept whoever answers there
    channels: tuple[Channel, ...] = ()
    row_s: int = 60  # storage interval of a bought sensor's rows, cadence of a board's
    cadence_ms: int = 0  # a bought sensor that may be asked less often than its bus is scanned; 0 = each scan
    alarmed: bool = False  # a rule judges one of its channels: it is asked first
    definition: str = ""  # SHA-256 (hex) of the board.json that a board should run; "" = not compared
    report_s: int = 0  # a board that sleeps is heard so often; 0 = it is always awake
    board_json: bytes = b""  # that board.json, as it goes onto the board


class Bus(Struct, frozen=True):
    """One RS-485 line."""

    name: str
    port: str  # device path, or "socket://host:port" of a serial server
    baud: int
    framing: str  # 8N1, 8E1, 8N2, 8O1
    scan_ms: int
    sources: tuple[Source, ...]

    @property
    def char_bits(self) -> int:
        return 10 if self.framing == "8N1" else 11


class Local(Struct, frozen=True):
    """The station's own broker, and the boards on Wi-Fi that come over it."""

    host: str
    port: int
    username: str
    password_file: str
    board_host: str  # The broker's IPv4 address in the station's Wi-Fi, as boards call it.
    scan_ms: int  # the slowest board's
    sources: tuple[Source, ...]
    name: str = "local"
    ssid: str = ""  # The station's Wi-Fi, as boards on it are told when they are provisioned; "" = not given.


class Step(Struct, frozen=True):
    """One step of a rule: at or above `at` the alarm has `level` (1 blue, 2 yellow, 3 orange, 4 red)."""

    level: int
    at: int  # sub-unit of the judged quantity; a rate: sub-unit per day; a rain sum: micrometres
    name: str = ""  # guard, warning, guarantee, record, 100-year ...: what a person calls it
    deadband: int = 0  # the step is left when the value is below at - deadband
    on_delay_ms: int = 0
    off_delay_ms: int = 0
    or_level: int | None = None  # rise: at or above this elevation the step is reached too


class Rule(Struct, frozen=True):
    """One alarm object: a channel, what of it is judged, and its steps in ascending order."""

    name: str
    kind: str  # a key of gateway.kinds.KINDS
    channel: str  # channel name; for `lost` the channel or source name; for `storage` a name of its own
    steps: tuple[Step, ...]
    window_ms: int = 0  # rise, rain_sum, tilt_rate: length of the window; high, tilt: median over it, 0 = none
    siren: bool = True
    datum: str = ""
    threshold_set: str = ""
    latch: bool = False
    windows_ms: tuple[int, ...] = ()  # storm: length of the window of each step
    battery_mv: int = 0  # smoke: supply below which its battery is low; 0 = not looked at
    drift: bool = False  # smoke: follow a dirty chamber here, since the detector does not
    test: str = ""  # smoke: channel of a test button
    axes: tuple[str, ...] = ()  # tilt, tilt_rate: channels of one direction, `channel` first; () = only that one
    baseline: tuple[int, ...] = ()  # tilt: what a turn is measured from, a value an axis; () = the first that is still
    one_g: int | None = None  # tilt: the length of three accelerations at rest; None = not known
    same_hour: bool = False  # tilt_rate: compare only what lies whole days apart


class ThresholdSet(Struct, frozen=True):
    """The characteristic levels of one gauge as they were in force from a day on; a rule names it by its `label`."""

    id: str
    version: int
    channel: str
    datum: str
    steps: tuple[Step, ...]  # ascending; a later one is never of a lower level
    valid_from: str = ""  # ISO date, "" = not given
    source: str = ""  # who decided it, where it stands

    @property
    def label(self) -> str:
        return f"{self.id}@{self.version}"


class Fusion(Struct, frozen=True):
    """Two level channels over one datum, judged as one: below `from_mm` the low one, above `to_mm` the high one."""

    name: str  # of the channel that rules judge
    low: str
    high: str
    datum: str
    from_mm: int  # between the two both measure: the overlap
    to_mm: int
    disagreement_mm: int
    disagreement_ms: int  # so long further apart is a fault of its own
    hysteresis_mm: int  # which sensor is used is told after so much on the other side


class DatumOffset(Struct, frozen=True):
    """Surveyed at this station: a height over `datum` minus the same height over `minus` is `is_mm`."""

    datum: str
    minus: str
    is_mm: int
    surveyed: str


class Calibration(Struct, frozen=True):
    """Who calibrated what, and until when that holds; the values themselves stand where they always stood."""

    kind: str  # level, two-point, table
    thing: str  # what was calibrated: "river", "level pressure_420", "level adc 0"
    channels: tuple[str, ...]  # whose readings hang on it
    at_ms: int  # unix ms
    by: str
    due: str = ""  # ISO date, the last day on which it holds; "" = no end
    undoes_ms: int | None = None  # at_ms of the one of the same thing that it took back


class Siren(Struct, frozen=True):
    """Where the siren is: a gpiozero pin name ("GPIO17") or a file (for rigs: its content is the pattern)."""

    pin: str = ""
    strobe: str = ""  # a pin of its own for the light
    file: str = ""
    from_level: int = 2  # lowest alarm level that sounds; lower ones show only
    self_test: tuple[int, int] | None = None  # (day of the week from Monday = 0, -1 = every day; minute of the day)
    in_exercise: bool = True  # does it sound in an exercise or test of station.toml's own `mode`?


class Spool(Struct, frozen=True):
    path: str
    cap_mib: int = 1024
    commit_window_ms: int = 250


class Center(Struct, frozen=True):
    host: str = ""  # "" = no center: everything is kept
    port: int = 1883
    mqtt: int = 5  # 5 or 311
    ack: str = "center"  # or "broker"
    username: str = ""
    password_file: str = ""
    keepalive_s: int = 30
    live_batch_s: int = 300
    ack_timeout_s: int = 30  # real seconds until an unacknowledged message is sent again


class OperatingMode(Struct, frozen=True):
    """One [[mode]]: on which days of the station's zone it holds, and what is denser then (0 = as elsewhere)."""

    place: int  # in wire.telemetry.OPERATING
    ranges: tuple[tuple[tuple[int, int], tuple[int, int]], ...] = ()  # (month, day) to (month, day), both included
    days: tuple[tuple[int, int, int], ...] = ()  # (year, month, day); year 0 = every year
    scan_ms: int = 0
    row_s: int = 0  # of bought sensors' rows: a board's interval is part of its definition
    report_s: int = 0  # a live batch closes after so long


class Station(Struct, frozen=True):
    """A whole station."""

    id: str  # [A-Za-z0-9_-]{1,32}: part of every topic
    name: str
    name_en: str
    time_zone: str
    gateway_serial: str  # hex of 8 bytes
    mode: str  # actual, exercise, test
    buses: tuple[Bus, ...]
    rules: tuple[Rule, ...]
    siren: Siren
    spool: Spool
    center: Center
    local: Local | None = None
    modes: tuple[OperatingMode, ...] = ()
    version: int = 0  # CRC-32 of station.toml: a command may be meant for this one only
    threshold_sets: tuple[ThresholdSet, ...] = ()
    fusions: tuple[Fusion, ...] = ()
    datum_offsets: tuple[DatumOffset, ...] = ()
    update_key: str = ""  # public Ed25519 key of packages, hex; "" = only the boards check signatures
    calibrations: tuple[Calibration, ...] = ()  # oldest first; the last one of a thing is in force

    @property
    def update_folder(self) -> Path:
        """Where packages for boards are dropped."""
        return Path(self.spool.path).parent / "updates"

    @property
    def order_folder(self) -> Path:
        """Where a technician at the station leaves commands."""
        return Path(self.spool.path).parent / "orders"

    @property
    def places(self) -> tuple[Bus | Local, ...]:
        """Where sources are: the buses, and the station's own broker."""
        return self.buses if self.local is None else (*self.buses, self.local)

    @property
    def sources(self) -> tuple[Source, ...]:
        return tuple(source for place in self.places for source in place.sources)

    @property
    def channels(self) -> tuple[Channel, ...]:
        return tuple(channel for source in self.sources for channel in source.channels)
