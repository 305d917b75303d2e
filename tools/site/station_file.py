"""From the answers to the text of a station.toml: its sections in the order in which README explains them.

Rules of this file: every answer stands in the file once; what is not known is said to be missing, never filled in.
"""

import shlex
from pathlib import Path

from gateway.amounts import amount
from tools.site import line
from tools.site.answers import quoted
from tools.site.model import BOARD, Answers, Device, Level, given, levels, metres, on_line, on_wifi
from tools.site.rules_text import write_rules
from tools.site.station_text import Lines, Waiting
from tools.station_edit import placeholder

PASSWORD_FILE = "local-password"
CENTER_PASSWORD_FILE = "center-password"
GATEWAY_NAME = "gateway"  # at the station's own broker


def station_toml(answers: Answers, file: Path, lang: str) -> tuple[str, list[Waiting]]:
    """(text, rules that wait in it)."""
    lines = Lines(lang, shlex.quote(file.name))
    lines.note("head", id=answers["station.id"])
    waits_at = len(lines.text().splitlines())
    _station(lines, answers)
    _center(lines, answers)
    _spool(lines, answers)
    _siren(lines, answers)
    _bus(lines, answers)
    _local(lines, answers)
    write_rules(lines, answers)
    text = lines.text()
    if lines.waiting:
        head = Lines(lang, lines.file)
        head.note("waits_head")
        parts = text.splitlines()
        text = "\n".join([*parts[:waits_at], *head.text().splitlines(), *parts[waits_at:]]) + "\n"
    return text, lines.waiting


def _station(lines: Lines, answers: Answers) -> None:
    lines.blank()
    lines.table("[station]")
    lines.texted("id", answers["station.id"], "id")
    lines.texted("name", answers["station.name"], "name")
    if given(answers, "station.name_en"):
        lines.texted("name_en", answers["station.name_en"], "name_en")
    lines.texted("time_zone", answers["station.zone"], "zone")
    lines.texted("mode", "actual", "mode")
    lines.note("update_key")
    lines.plain('# update_key = "…"')


def _center(lines: Lines, answers: Answers) -> None:
    lines.blank()
    if not given(answers, "center.host"):
        lines.note("no_center")
        for text in ("[center]", 'host = "10.1.2.3"', "port = 1883"):
            lines.plain(f"# {text}")
        return
    lines.table("[center]")
    lines.texted("host", answers["center.host"], "center_host")
    lines.value("port", answers["center.port"], "center_port")
    lines.value("mqtt", "5", "mqtt")
    if given(answers, "center.user"):
        lines.texted("username", answers["center.user"], "center_user")
        lines.note("center_password")
        lines.plain(f"# password_file = {quoted(CENTER_PASSWORD_FILE)}")


def _spool(lines: Lines, answers: Answers) -> None:
    lines.blank()
    lines.table("[spool]")
    lines.texted("path", answers["spool.path"], "spool")
    lines.texted("cap", "1 GiB", "cap")


def _siren(lines: Lines, answers: Answers) -> None:
    lines.blank()
    if not given(answers, "siren.pin"):
        lines.note("no_siren")
        return
    lines.table("[siren]")
    lines.texted("pin", answers["siren.pin"], "pin")
    lines.texted("from", "yellow", "from")
    if given(answers, "siren.strobe"):
        lines.texted("strobe", answers["siren.strobe"], "strobe")
    if given(answers, "siren.test"):
        lines.texted("self_test", answers["siren.test"], "self_test")


def _bus(lines: Lines, answers: Answers) -> None:
    on_it = on_line(answers)
    if not on_it:
        return
    lines.blank()
    lines.note("bus")
    lines.table("[[bus]]")
    lines.plain('name = "main"')
    lines.texted("port", answers["bus.port"], "port")
    lines.value("baud", answers["bus.baud"], "baud")
    lines.texted("framing", "8N1", "framing")
    least_ms = line.least_scan_ms(on_it, int(answers["bus.baud"]))
    lines.texted("scan", answers["bus.scan"], "scan", least=line.seconds(least_ms))
    for device in on_it:
        if device.kind == BOARD:
            _board(lines, answers, device, "bus")
        else:
            _sensor(lines, answers, device)


def _local(lines: Lines, answers: Answers) -> None:
    if not on_wifi(answers):
        return
    lines.blank()
    lines.note("local", password=PASSWORD_FILE)
    lines.table("[local]")
    lines.texted("host", "127.0.0.1", "local_host")
    lines.texted("board_host", answers["local.host"], "board_host")
    lines.texted("ssid", answers["local.ssid"], "ssid")
    lines.texted("username", GATEWAY_NAME, "local_user")
    lines.plain(f"password_file = {quoted(PASSWORD_FILE)}")
    for device in on_wifi(answers):
        _board(lines, answers, device, "local")


def _board(lines: Lines, answers: Answers, device: Device, place: str) -> None:
    lines.blank()
    lines.table(f"[[{place}.board]]")
    lines.texted("name", device.name, "board_name")
    if device.wifi:
        lines.texted("serial", device.serial or placeholder(device.number), "serial")
    else:
        lines.value("address", str(device.address), "address")
    lines.texted("type", device.type, "type")
    lines.value("fit", f"[{', '.join(quoted(name) for name in device.fit)}]", "fit")
    if device.span:
        lines.value("calibration.pressure_420.full_scale_mm", str(amount(device.span, "length")), "span")
    if device.tip:
        lines.value("calibration.tipping_bucket.um_per_tip", str(amount(device.tip, "fine_length")), "tip")
    if "smoke" in device.fit:
        lines.note("smoke_fit")
    if device.waiting:
        ports = sorted(set(device.waiting.values()))
        lines.note(
            "no_table", ports=", ".join(f"adc {port}" for port in ports), board=shlex.quote(device.name), port=ports[0]
        )
        for port in ports:
            lines.note("no_table_row", port=port)
    if device.wifi and not {"rain", "smoke"} & set(device.fit):
        lines.note("sleep")
    _channels(lines, answers, device, f"{place}.board")


def _sensor(lines: Lines, answers: Answers, device: Device) -> None:
    kind = device.profile
    lines.blank()
    lines.table("[[bus.sensor]]")
    lines.texted("name", device.name, "sensor_name")
    lines.value("address", str(device.address), "address")
    delivered = {"address": kind.default_address, "baud": kind.default_baud, "framing": kind.framing}
    lines.texted("profile", device.type, "profile", **delivered)
    lines.texted("row", "60 s", "row")
    _channels(lines, answers, device, "bus.sensor")


def _channels(lines: Lines, answers: Answers, device: Device, place: str) -> None:
    """Heights have a channel of their own: only those need more than a default says."""
    for level in levels(answers):
        if level.device == device:
            _channel(lines, level, f"[[{place}.channel]]")


def _channel(lines: Lines, level: Level, head: str) -> None:
    lines.blank()
    lines.table(head)
    lines.texted("name", level.channel, "channel")
    lines.texted("quantity", level.quantity, level.quantity)
    lines.texted("gauge_zero", level.zero, "gauge_zero")
    lines.texted("offset", level.offset, "offset")
    lines.texted("datum", level.datum, "datum")
    if level.surveyed:
        lines.texted("surveyed", level.surveyed, "surveyed")
    low_mm, high_mm = level.reach_mm
    lines.note("reach", low=metres(low_mm), high=metres(high_mm))
