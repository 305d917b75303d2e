"""Which questions a site needs, in their order, with what makes each answer a good one.

Rules of this file: a question looks only at the answers before it; Enter takes its default, which is the safe answer;
one without a default has no safe answer and must be known.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

from boards import DefinitionError
from gateway.amounts import amount
from gateway.load_buses import BAUDS
from gateway.load_local import SSID_BYTES_MAX
from gateway.load_steps import LEVELS
from tools.replay.site import DEFAULT_RULES
from tools.site import checks, line, power
from tools.site.checks import NONE, Check, Wrong, optional
from tools.site.model import (
    BOARD,
    DATUMS,
    FITS,
    GATEWAY,
    MARKS,
    SENSOR,
    Answers,
    Device,
    Level,
    board,
    devices,
    fit_of,
    given,
    kinds,
    levels,
    metres,
    on_line,
    on_wifi,
    profile,
)
from tools.site.texts import asked

BOARDS_MAX, SENSORS_MAX = 16, 12
LINE_MAX = 28  # Of 32 unit loads a line carries, bias takes four (MODBUS over Serial Line V1.02, 3.4.6).
ADDRESS_FIRST = 11
HEIGHT_LOW, HEIGHT_HIGH = "-500 m", "9000 m"
TURN_USUAL, RATE_USUAL, SMOKE_USUAL = (
    " ".join(str(rule[level]).split()[0] for level in LEVELS if level in rule)
    for rule in (*DEFAULT_RULES["tilt"], *DEFAULT_RULES["smoke"])
)  # The project's own proposals, as a replay without a site judges.


def _nothing_to_say(answer: str) -> Wrong | None:
    return None


@dataclass(frozen=True)
class Question:
    """`name`: of the answer. `default` None: there is no safe answer. `choices`: what may be answered by its number.
    `look`: what to think of in an answer that is taken.
    """

    name: str
    check: Check
    default: str | None = None
    choices: tuple[str, ...] = ()
    facts: Mapping[str, object] = field(default_factory=dict)
    look: Callable[[str], Wrong | None] = _nothing_to_say

    @property
    def key(self) -> str:
        """In questions.toml: the name without its numbers."""
        return ".".join(part for part in self.name.split(".") if not part.isdigit())

    @property
    def part(self) -> str:
        """The heading below which it stands."""
        first = "power" if self.name.endswith(".ma") else self.name.partition(".")[0]
        return {"board": "boards", "sensor": "sensors"}.get(first, first)

    def example(self, lang: str) -> str:
        return asked(self.key, "example", lang)


def questions(answers: Answers) -> Iterator[Question]:
    """All of them; each is made when those before it are answered in `answers`."""
    yield from _station()
    yield from _center(answers)
    yield from _boards(answers)
    yield from _sensors(answers)
    yield from _line(answers)
    for level in range(1, len(levels(answers)) + 1):
        yield from _level(answers, level)
    yield from _limits(answers)
    yield from _gateway(answers)
    yield from _cable(answers)
    yield from _power(answers)


def _station() -> Iterator[Question]:
    yield Question("station.id", checks.station_id)
    yield Question("station.name", checks.shown(64))
    yield Question("station.name_en", optional(checks.shown(64)), NONE)
    yield Question("station.zone", checks.zone, "Asia/Shanghai")


def _center(answers: Answers) -> Iterator[Question]:
    yield Question("center.host", optional(checks.host), NONE)
    if given(answers, "center.host"):
        yield Question("center.port", checks.number(1, 65_535), "1883")
        yield Question("center.user", optional(checks.shown(64)), NONE)


def _boards(answers: Answers) -> Iterator[Question]:
    yield Question("boards", checks.number(0, BOARDS_MAX), "1")
    for number in range(1, int(answers["boards"]) + 1):
        at, facts = f"board.{number}", {"n": number}
        yield Question(f"{at}.fit", _fit, "level" if number == 1 else None, facts=facts)
        fit = fit_of({"fit": answers[f"{at}.fit"]})
        known = kinds("board")
        usual = "rp2040-rs485" if {"level", "smoke"} & set(fit) else "esp32-rs485"
        yield Question(f"{at}.type", _board_type(fit, known), usual, known, facts)
        taken = _names(answers, at)
        free = next(name for name in _numbered(fit[0]) if name not in taken)
        yield Question(f"{at}.name", checks.name(taken), free, facts=facts)
        if board(answers[f"{at}.type"], fit).link == "rs485":
            yield _address(answers, at, facts, ADDRESS_FIRST)
        else:
            serials = {one.serial: one.name for one in _others(answers, at) if one.serial}
            yield Question(f"{at}.serial", optional(checks.serial(serials)), NONE, facts=facts)
        if "level" in fit:
            span = checks.measured("length", "m", "0.1 m", "60 m", "10 m")
            yield Question(f"{at}.span", span, "10 m", facts=facts)
        if "rain" in fit:
            tip = checks.measured("fine_length", "mm", "0.01 mm", "10 mm", "0.2 mm")
            yield Question(f"{at}.tip", tip, "0.2 mm", facts=facts)


def _sensors(answers: Answers) -> Iterator[Question]:
    none_yet = answers["boards"] == "0"
    yield Question("sensors", _sensor_count(none_yet), "1" if none_yet else "0")
    for number in range(1, int(answers["sensors"]) + 1):
        at, facts = f"sensor.{number}", {"n": number}
        known = kinds("profile")
        yield Question(f"{at}.profile", checks.choice(known), None, known, facts)
        kind = profile(answers[f"{at}.profile"])
        taken = _names(answers, at)
        usual = next(name for name in _numbered(kind.name.partition("-")[0]) if name not in taken)
        yield Question(f"{at}.name", checks.name(taken), usual, facts=facts)
        yield _address(answers, at, {**facts, "delivered": kind.default_address}, kind.default_address)


def _line(answers: Answers) -> Iterator[Question]:
    on_it = on_line(answers)
    if on_wifi(answers):
        yield Question("local.host", checks.ipv4, "192.168.4.1")
        usual = f"riverpost-{answers['station.id']}"[:SSID_BYTES_MAX]
        yield Question("local.ssid", checks.ssid(usual), usual)
    if not on_it:
        return
    yield Question("bus.port", checks.port, "/dev/ttyUSB0")
    rates = tuple(str(baud) for baud in BAUDS)
    facts = {"devices": len(on_it)}
    yield Question("bus.baud", _one_of(rates), str(line.usual_baud(on_it)), facts=facts)
    baud = int(answers["bus.baud"])
    least_ms = line.least_scan_ms(on_it, baud)
    usual_ms = max(line.SCAN_USUAL_MS, least_ms)
    yield Question("bus.scan", _scan(least_ms, len(on_it), baud), line.seconds(usual_ms), facts=facts)


def _level(answers: Answers, number: int) -> Iterator[Question]:
    level = levels(answers)[number - 1]
    first = levels(answers)[0]
    at = f"level.{number}"
    source = f"{level.device.name} ({level.channel})"
    facts: Mapping[str, object] = {"source": source, "first": f"{first.device.name} ({first.channel})"}
    if number > 1:
        yield Question(f"{at}.same", checks.yes, "y", facts=facts)
    own = answers.get(f"{at}.same", "n") == "n"
    if own:
        yield Question(f"{at}.datum", checks.choice(DATUMS), "wusong", DATUMS, facts)
        facts = {**facts, "datum": answers[f"{at}.datum"]}
        yield Question(f"{at}.zero", _height("160.00 m"), facts=facts)
    yield Question(f"{at}.offset", _offset(level), "0.00 m" if level.quantity == "head_mm" else None, facts=facts)
    if not own:
        return
    yield Question(f"{at}.surveyed", optional(checks.day), NONE, facts=facts)
    before, name_before = "", ""
    for mark in MARKS:
        check = checks.above(_height(asked(f"level.{mark}", "example", "en")), "length", before, name_before)
        yield Question(f"{at}.{mark}", optional(check), NONE, facts=facts, look=_beyond(levels(answers)[number - 1]))
        if given(answers, f"{at}.{mark}"):
            before, name_before = answers[f"{at}.{mark}"], mark
    if before:
        yield Question(f"{at}.plan", optional(checks.shown(120)), NONE, facts=facts)


def _limits(answers: Answers) -> Iterator[Question]:
    columns = {column for device in devices(answers) for column in device.columns}
    if "rain_um" in columns:
        hour = checks.measured("fine_length", "mm", "0.1 mm", "500 mm", "20 mm")
        yield Question("rain.hour", hour, "20 mm")
    if "tilt_x_mdeg" in columns:
        yield Question("tilt.turn", checks.rising(4, "0.01", "90", TURN_USUAL), TURN_USUAL)
        yield Question("tilt.rate", checks.rising(4, "0.005", "90", RATE_USUAL), RATE_USUAL)
    if "smoke_mdbm" in columns:
        yield Question("smoke.levels", checks.rising(2, "0.01", "10", SMOKE_USUAL), SMOKE_USUAL)


def _gateway(answers: Answers) -> Iterator[Question]:
    port = answers.get("bus.port", "")
    yield Question("siren.pin", optional(checks.pin(port)), "GPIO17")
    siren = given(answers, "siren.pin")
    if siren:
        yield Question("siren.strobe", optional(checks.pin(port, siren)), NONE)
        yield Question("siren.test", optional(checks.test_time), "Mon 10:00")
    yield Question("spool.path", checks.path("/var/lib/riverpost/spool.db"), "/var/lib/riverpost/spool.db")


def _cable(answers: Answers) -> Iterator[Question]:
    on_it = on_line(answers)
    if not on_it:
        return
    yield Question("cable.length", checks.measured("length", "m", "1 m", "1200 m", "120 m"))
    yield Question("cable.area", checks.decimal("0.2", "10"), "1.5")
    known = (GATEWAY, *(device.name for device in on_it))
    facts: Mapping[str, object] = {"names": ", ".join(known)}
    yield Question("cable.ends", checks.ends(known), f"{GATEWAY} {known[-1]}", facts=facts)


def _power(answers: Answers) -> Iterator[Question]:
    volts = ("12", "24")
    yield Question("power.volts", _one_of(volts), "24" if "head_mm" in _loops(answers) else "12")
    facts: Mapping[str, object] = {"volts": answers["power.volts"]}
    for device in devices(answers):
        if device.kind == SENSOR:
            at = f"sensor.{device.number}.ma"
            usual = str(power.sensor_ma(device.type))
            yield Question(at, checks.number(1, 5_000), usual, facts={**facts, "n": device.number})
    yield Question("power.battery", optional(checks.decimal("1", "2000")))
    if given(answers, "power.battery"):
        batteries = power.battery_kinds()
        yield Question("power.kind", checks.choice(batteries), batteries[0], batteries)
    models = power.gateways()
    yield Question("power.gateway", checks.choice(models), models[0], models)
    yield Question("power.other", checks.number(0, 20_000), "250", facts=facts)
    if given(answers, "siren.pin"):
        yield Question("power.siren", checks.number(1, 20_000), "1000", facts=facts)


def _loops(answers: Answers) -> set[str]:
    return {column for device in devices(answers) if device.kind == BOARD for column in device.columns}


def _address(answers: Answers, at: str, facts: Mapping[str, object], usual: int) -> Question:
    on_it = [device for device in _others(answers, at) if not device.wifi]
    taken = {str(device.address): device.name for device in on_it}

    def check(text: str) -> str:
        if len(on_it) >= LINE_MAX:
            raise Wrong("line_full", count=len(on_it) + 1)
        return checks.address(taken)(text)

    free = next(number for number in (usual, *range(ADDRESS_FIRST, 247), *range(1, 11)) if str(number) not in taken)
    return Question(f"{at}.address", check, str(free), facts=facts)


def _names(answers: Answers, at: str) -> dict[str, str]:
    """{name: whose} of the other devices; the gateway stands at an end of the cable by its own."""
    others = _others(answers, at)
    return {GATEWAY: GATEWAY, **{device.name: f"{device.kind} {device.number}" for device in others}}


def _others(answers: Answers, at: str) -> list[Device]:
    return [device for device in devices(answers) if f"{device.kind}.{device.number}" != at]


def _numbered(name: str) -> Iterator[str]:
    yield name
    yield from (f"{name}{number}" for number in range(2, 100))


def _fit(text: str) -> str:
    found = checks.plain(text).lower().replace(",", " ").replace("、", " ").replace("+", " ").split()
    fit = tuple(name for name in FITS if name in found)
    if not found or set(found) - set(FITS):
        raise Wrong("fit", known=" ".join(FITS))
    _board_type(fit, kinds("board"))("esp32-rs485")
    return " ".join(fit)


def _board_type(fit: tuple[str, ...], known: tuple[str, ...]) -> Check:
    def check(text: str) -> str:
        found = checks.choice(known)(text)
        try:
            board(found, fit)
        except DefinitionError as error:
            raise Wrong("too_much", reason=error.reason) from None
        return found

    return check


def _sensor_count(at_least_one: bool) -> Check:
    def check(text: str) -> str:
        found = checks.number(0, SENSORS_MAX)(text)
        if at_least_one and found == "0":
            raise Wrong("nothing")
        return found

    return check


def _one_of(known: tuple[str, ...]) -> Check:
    """One of some numbers: what is typed is the number itself, never its place."""

    def check(text: str) -> str:
        found = checks.plain(text)
        if found not in known:
            raise Wrong("one_of", known=", ".join(known))
        return found

    return check


def _scan(least_ms: int, count: int, baud: int) -> Check:
    check = checks.measured("time", "s", "0.1 s", "60 s", "1 s")

    def scan(text: str) -> str:
        found = check(text)
        if amount(found, "time") < least_ms:
            raise Wrong("scan", devices=count, baud=baud, scan=line.seconds(least_ms))
        return found

    return scan


def _height(example: str) -> Check:
    return checks.measured("length", "m", HEIGHT_LOW, HEIGHT_HIGH, example)


def _beyond(level: Level) -> Callable[[str], Wrong | None]:
    """A mark that the sensor cannot see is taken, and told: the plan is right, the sensor is short."""

    def look(answer: str) -> Wrong | None:
        _, high_mm = level.reach_mm
        return Wrong("beyond", high=metres(high_mm)) if answer != NONE and amount(answer, "length") > high_mm else None

    return look


def _offset(level: Level) -> Check:
    """A radar hangs over the zero by more than its blind zone; a probe may lie below it."""
    low_mm, _ = level.span_mm
    least = f"{low_mm} mm" if level.quantity == "gap_mm" else "-100 m"
    example = "18.20 m" if level.quantity == "gap_mm" else "0.35 m"
    return checks.measured("length", "m", least, "500 m", example)
