"""The wiring list of a site: what goes to which terminal, how the line ends, what protects it, what feeds it.

Rules of this file: terminals and pins come from boards/*.toml, figures from power.py; a thing that is not right says so
beside the value, with what to do.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field

from boards.chips import CHIPS
from gateway.amounts import amount
from tools.site.model import BOARD, GATEWAY, Answers, Device, devices, given, on_line
from tools.site.power import OTHER, Budget, budget, table
from tools.site.texts import said

DAYS_LEAST = 3
LENGTH_MM_MOST = 1_000_000
ESTIMATE = "estimate"  # So begins the source of a figure that nobody's data sheet stands behind.
BAUD_LONG = 9_600  # Up to here the whole length is good.


@dataclass
class Section:
    """A part of the list: rows of (name, text)."""

    title: str
    rows: list[tuple[str, str]] = field(default_factory=list)


class Wiring:
    """The list of one site in one language. `looks`: what is not right yet."""

    def __init__(self, answers: Answers, lang: str) -> None:
        self.answers = answers
        self.lang = lang
        self.budget: Budget = budget(answers)
        self.looks: list[str] = []
        self.sections = [section for section in self._sections() if section.rows]

    @property
    def title(self) -> str:
        english = self.lang == "en" and given(self.answers, "station.name_en")
        name = self.answers["station.name_en" if english else "station.name"]
        return self._title("list", id=self.answers["station.id"], name=name)

    def _sections(self) -> Iterator[Section]:
        if on_line(self.answers):
            yield Section(self._title("line"), list(self._line()))
        yield Section(self._title("gateway"), list(self._gateway()))
        for device in devices(self.answers):
            if device.kind == BOARD:
                key = "wifi" if device.wifi else "board"
                title = self._title(key, name=device.name, type=device.type, address=device.address)
                yield Section(title, list(self._board(device)))
            else:
                title = self._title("sensor", name=device.name, type=device.type, address=device.address)
                yield Section(title, list(self._sensor(device)))
        yield Section(self._title("surge"), list(self._surge()))
        yield Section(self._title("power", volts=self.budget.volts), list(self._power()))

    def _line(self) -> Iterator[tuple[str, str]]:
        answers = self.answers
        baud, length = answers["bus.baud"], answers["cable.length"]
        on_it = on_line(answers)
        yield self._row("settings", baud=baud, count=len(on_it), scan=answers["bus.scan"])
        yield self._row("cable", length=length, area=answers["cable.area"], baud=baud)
        if amount(length, "length") > LENGTH_MM_MOST:
            yield self._look("cable_long", length=length)
        if int(baud) > BAUD_LONG:
            yield self._look("cable_fast", baud=baud)
        first, second = answers["cable.ends"].split()
        between = [one.name for one in on_it if one.name not in (first, second)]
        if GATEWAY not in (first, second):
            between.insert(0, GATEWAY)
        yield self._row("order", order=" – ".join([first, *between, second]))
        yield self._row("ends", first=first, second=second)
        for key in ("bias", "stubs", "common", "shield", "swapped"):
            yield self._row(key)

    def _gateway(self) -> Iterator[tuple[str, str]]:
        answers = self.answers
        if "bus.port" in answers:
            yield self._name("port"), self._text("gateway_port", port=answers["bus.port"])
        pin = given(answers, "siren.pin")
        yield self._name("siren"), self._text("gateway_siren", pin=pin) if pin else self._text("no_siren")
        strobe = given(answers, "siren.strobe")
        if strobe:
            yield self._name("strobe"), self._text("gateway_siren", pin=strobe)
        model = table()["gateway"][answers["power.gateway"]]["title"]
        yield self._name("supply"), self._text("gateway_supply", title=model)

    def _board(self, device: Device) -> Iterator[tuple[str, str]]:
        """Each terminal that is used."""
        board = device.board
        ports = {port.key: port for port in board.ports}
        for port in board.ports:
            if port.kind == "bus":
                yield port.terminal, self._text("bus_de" if "de" in port.pins else "bus_auto", **port.pins)
        for sensor in board.sensors:
            settings = sensor.settings
            for kind in ("adc", "uart", "counter", "spi"):
                if hasattr(settings, kind):
                    port = ports[f"{kind} {getattr(settings, kind)}"]
                    facts = {**port.pins, "volts": self.budget.volts, "limit": f"{board.supply_limit_mv / 1_000:.1f}"}
                    facts["shunt"] = f"{getattr(settings, 'shunt_mohm', 0) / 1_000:g}"
                    top_mv = CHIPS[board.chip].adc_top_uv * getattr(settings, "ratio_permil", 0) // 1_000_000
                    facts["top"] = _volts(top_mv)
                    yield port.terminal, self._text(sensor.driver, **facts)
            if hasattr(settings, "contact"):
                port = ports[f"input {settings.contact}"]
                yield port.terminal, self._text(f"contact_{settings.contact_active}", **port.pins)

    def _sensor(self, device: Device) -> Iterator[tuple[str, str]]:
        kind, baud = device.profile, int(self.answers["bus.baud"])
        facts = {"address": device.address, "baud": baud, "delivered": kind.default_address}
        facts |= {"delivered_baud": kind.default_baud, "framing": kind.framing}
        as_delivered = (device.address, baud, "8N1") == (kind.default_address, kind.default_baud, kind.framing)
        key = "sensor_ready" if as_delivered else "sensor_before"
        yield self._name("before"), self._text(key, **facts)
        yield self._name("wires"), self._text("sensor_wires")

    def _surge(self) -> Iterator[tuple[str, str]]:
        on_it = on_line(self.answers)
        entry = self._name("entry")
        if on_it:
            names = [GATEWAY, *(one.name for one in on_it)]
            yield entry, self._text("surge_line", count=len(names), names=", ".join(names))
            yield entry, self._text("surge_supply", volts=self.budget.volts)
        for device in devices(self.answers):
            if "level" in device.fit:
                yield entry, self._text("surge_loop", name=device.name)
            if {"rain", "smoke"} & set(device.fit):
                yield entry, self._text("surge_contact", name=device.name)
        yield entry, self._text("surge_mains")
        yield self._row("earth")

    def _power(self) -> Iterator[tuple[str, str]]:
        found = self.budget
        names = list(dict.fromkeys(load.name for load in found.loads))
        for name in names:
            loads = [load for load in found.loads if load.name == name]
            ma = -(-sum(load.mw for load in loads) // found.volts)
            mark = " *" if any(load.source.startswith(ESTIMATE) for load in loads) else ""
            what = self._text("other") if name == OTHER else " + ".join(load.what for load in loads)
            yield "" if name == OTHER else name, self._text("load", ma=f"{ma:>5}", what=what) + mark
        yield self._row("total", ma=f"{found.ma:>5}", wh=_tenths(found.wh_day_tenths))
        if found.siren_mw:
            yield self._row("alarm", wh=_tenths(-(-found.siren_mw // 100)))
        yield from self._battery()
        yield from self._drop()
        yield self._name("sources"), self._text("estimates")

    def _battery(self) -> Iterator[tuple[str, str]]:
        found = self.budget
        if found.days_tenths is None:
            yield self._look("no_battery")
            return
        yield self._row("battery", wh=found.battery_wh, days=_tenths(found.days_tenths))
        if found.days_tenths < DAYS_LEAST * 10:
            yield self._look("battery_short")

    def _drop(self) -> Iterator[tuple[str, str]]:
        found = self.budget
        if not on_line(self.answers):
            return
        if found.end_mv:
            yield self._row("drop", source=_volts(found.source_mv), end=_volts(found.end_mv))
        else:
            yield self._look("drop_none")
        short = [need for need in found.needs if not need.met]
        for need in short:
            yield self._look("need", name=need.name, least=_volts(need.least_mv))
        if short and found.area:
            yield self._name("look"), self._text("area", area=found.area)
        elif short:
            yield self._name("look"), self._text("no_area")
        else:
            least_mv = max(need.least_mv for need in found.needs)
            names = ", ".join(need.name for need in found.needs)
            yield self._name("drop"), self._text("enough", names=names, least=_volts(least_mv))

    def _row(self, key: str, **facts: object) -> tuple[str, str]:
        return self._name(key), self._text(key, **facts)

    def _look(self, key: str, /, **facts: object) -> tuple[str, str]:
        text = self._text(key, **facts)
        self.looks.append(text)
        return self._name("look"), text

    def _name(self, key: str) -> str:
        return said("wiring", "name", key, self.lang)

    def _text(self, key: str, **facts: object) -> str:
        return said("wiring", "text", key, self.lang, **facts)

    def _title(self, key: str, **facts: object) -> str:
        return said("wiring", "title", key, self.lang, **facts)


def _tenths(value: int) -> str:
    return f"{value // 10}.{value % 10}"


def _volts(value_mv: int) -> str:
    return f"{value_mv / 1_000:.1f}"
