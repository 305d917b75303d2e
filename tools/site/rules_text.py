"""The rules of a new site: what stands for a fact of the flood plan, what is a proposal, and what has to wait.

Rules of this file: a rule that judges a number over a converter without a table waits (gateway.rule_table refuses it);
whether there is a number is judged from the first day.
"""

from gateway.amounts import amount
from gateway.load_steps import LEVELS
from tools.replay.site import DEFAULT_RULES
from tools.site.answers import quoted
from tools.site.model import Answers, Device, Level, devices, levels, metres
from tools.site.station_text import UNTIL, Lines, Waiting

DEADBAND, ON_DELAY, OFF_DELAY = "0.10 m", "0 s", "60 s"  # FIELD.md 9: 0.05 to 0.10 m for a large river.
SUPPLY_LOW = {"12": "11.50 V", "24": "23.00 V"}
STORE_FULL = "80 %"
TURN_WINDOW = "60 s"


def write_rules(lines: Lines, answers: Answers) -> None:
    """All rules of the site."""
    for level in levels(answers):
        _marks(lines, answers, level)
    for level in levels(answers):
        _flood(lines, answers, level)
        _fault(lines, level.channel, _numbered("fault", level.channel, level.number))
    several = devices(answers)
    for place, device in enumerate(_having(several, "rain_um"), start=1):
        _rain(lines, answers, device, place)
    for place, device in enumerate(_having(several, "tilt_x_mdeg"), start=1):
        _tilt(lines, answers, device, place)
    for place, device in enumerate(_having(several, "smoke_mdbm"), start=1):
        _smoke(lines, answers, device, place)
    for place, device in enumerate(_having(several, "supply_mv"), start=1):
        _supply(lines, answers, device, place)
    lines.rule("storage", "storage", "storage", "")
    lines.texted("yellow", STORE_FULL, "storage_step")
    lines.end()
    lines.blank()
    lines.note("lost")


def set_id(answers: Answers, level: Level) -> str:
    return f"{answers['station.id']}-{level.channel}"


def _marks(lines: Lines, answers: Answers, level: Level) -> None:
    """The characteristic levels of a gauge."""
    lines.blank()
    if not level.marks:
        lines.note("no_marks", channel=level.channel)
        return
    lines.note("set")
    lines.table("[[threshold_set]]")
    lines.texted("id", set_id(answers, level), "set_id", id=set_id(answers, level))
    lines.plain("version = 1")
    lines.plain(f"channel = {quoted(level.channel)}")
    lines.plain(f"datum = {quoted(level.datum)}")
    if level.plan:
        lines.texted("source", level.plan, "plan")
    _, high_mm = level.reach_mm
    for mark, at in level.marks:
        if amount(at, "length") > high_mm:
            lines.note("out_of_reach", high=metres(high_mm))
        lines.texted(mark, at, mark)


def _flood(lines: Lines, answers: Answers, level: Level) -> None:
    if not level.marks:
        return
    name = _numbered("flood", level.channel, level.number)
    waiting = _waiting(name, level.channel, level.device, level.quantity)
    lines.rule("flood", name, "high", level.channel, waiting)
    lines.plain(f"thresholds = {quoted(set_id(answers, level))}")
    lines.texted("deadband", DEADBAND, "deadband")
    lines.texted("on_delay", ON_DELAY, "on_delay")
    lines.texted("off_delay", OFF_DELAY, "off_delay")
    lines.end()


def _fault(lines: Lines, channel: str, name: str) -> None:
    lines.rule("fault", name, "fault", channel)
    lines.texted("level", "orange", "fault_level")
    lines.end()


def _rain(lines: Lines, answers: Answers, device: Device, place: int) -> None:
    channel = f"{device.name}.rain"
    lines.rule("storm", _numbered("storm", device.name, place), "storm", channel)
    lines.end()
    lines.rule("hour", _numbered("heavy-rain", device.name, place), "rain_sum", channel)
    lines.texted("window", "1 h", "window")
    lines.texted("orange", answers["rain.hour"], "hour_step")
    lines.end()


def _tilt(lines: Lines, answers: Answers, device: Device, place: int) -> None:
    channel = f"{device.name}.tilt_x"
    axes = f"[{quoted(channel)}, {quoted(f'{device.name}.tilt_y')}]"
    lines.rule("turn", _numbered("tilt", device.name, place), "tilt", channel)
    lines.value("axes", axes, "axes")
    lines.texted("window", TURN_WINDOW, "median")
    lines.texted("on_delay", "60 s", "on_delay")
    lines.steps(LEVELS, [f"{one} deg" for one in answers["tilt.turn"].split()], ["steps"] * 4)
    lines.end()
    lines.rule("rate", _numbered("creep", device.name, place), "tilt_rate", channel)
    lines.value("axes", axes, "axes")
    lines.texted("window", str(DEFAULT_RULES["tilt"][1]["window"]), "rate_window")
    lines.steps(LEVELS, [f"{one} deg/d" for one in answers["tilt.rate"].split()], ["steps"] * 4)
    lines.value("siren", "false", "silent")
    lines.end()


def _smoke(lines: Lines, answers: Answers, device: Device, place: int) -> None:
    name = _numbered("smoke", device.name, place)
    channel = f"{device.name}.smoke"
    waiting = _waiting(name, channel, device, "smoke_mdbm")
    lines.rule("smoke", name, "smoke", channel, waiting)
    lines.steps(
        ("yellow", "red"), [f"{one} dB/m" for one in answers["smoke.levels"].split()], ("smoke_pre", "smoke_alarm")
    )
    lines.end()
    _fault(lines, channel, f"fault-{name}")
    if waiting is None:
        return
    lines.blank()
    lines.plain(f"{UNTIL}{name}")
    lines.note("contact", rule=name)
    lines.table("[[rule]]")
    lines.plain(f"name = {quoted(_numbered('contact', device.name, place))}")
    lines.plain('kind = "high"')
    lines.plain(f"channel = {quoted(f'{device.name}.smoke_contact')}")
    lines.value("red", "1", "contact_step")


def _supply(lines: Lines, answers: Answers, device: Device, place: int) -> None:
    name = f"supply-{device.name}"
    channel = f"{device.name}.supply"
    lines.rule("supply", name, "low", channel, _waiting(name, channel, device, "supply_mv"))
    volts = answers["power.volts"]
    lines.texted("yellow", SUPPLY_LOW[volts], "supply_step", volts=volts)
    lines.texted("off_delay", "60 s", "off_delay")
    lines.value("siren", "false", "silent")
    lines.end()


def _having(several: list[Device], quantity: str) -> list[Device]:
    return [device for device in several if quantity in device.columns]


def _waiting(rule: str, channel: str, device: Device, quantity: str) -> Waiting | None:
    port = device.waiting.get(quantity)
    return None if port is None else Waiting(rule, channel, device.name, port)


def _numbered(rule: str, name: str, place: int) -> str:
    """ "flood" of the first, "flood-river2" of another."""
    return rule if place == 1 else f"{rule}-{name}"
