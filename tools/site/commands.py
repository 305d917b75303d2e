"""What follows when the file is written: each step in its order, with the command that does it.

Rules of this file: a command can be copied as it stands: names, addresses and files are those of the site.
"""

import shlex
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from tools.broker_access import PASSWORDS, RIGHTS
from tools.image import store
from tools.provision.keys import BROKER, CONF, WIFI_KEYS
from tools.provision.keys import FOLDER as KEYS
from tools.site.model import BOARD, Answers, devices, given, levels, on_line, on_wifi
from tools.site.station_file import CENTER_PASSWORD_FILE
from tools.site.station_text import Waiting
from tools.site.texts import said

MOSQUITTO = "/etc/mosquitto/riverpost"
BY = '--by "$USER"'


class Step(NamedTuple):
    """What is done, and the command; "" where hands do it."""

    text: str
    command: str = ""


Make = Callable[..., Step]


def steps(answers: Answers, file: Path, waiting: Sequence[Waiting], lang: str) -> list[Step]:
    """All steps from the empty board to the accepted site."""

    def step(key: str, command: str = "", /, **facts: object) -> Step:
        return Step(said("wiring", "step", key, lang, **facts), command)

    return [*_before(answers, file, step), *_boards(answers, file, step), *_after(answers, file, waiting, step)]


def _before(answers: Answers, file: Path, step: Make) -> Iterator[Step]:
    yield step("verify", f"riverpost gateway {_quoted(file)} --check")
    folder = file.parent / Path(answers["spool.path"]).parent  # As the gateway takes it.
    if folder != file.parent:
        yield step("folder", f'sudo install -d -o "$USER" -m 700 {_quoted(folder)}')
    if given(answers, "center.host") and given(answers, "center.user"):
        yield step("password", f"install -m 600 /dev/stdin {_quoted(file.parent / CENTER_PASSWORD_FILE)}")


def _boards(answers: Answers, file: Path, step: Make) -> Iterator[Step]:
    ours = [device for device in devices(answers) if device.kind == BOARD]
    images = sorted({device.board.image for device in ours})
    if images:
        yield step("images", images=", ".join(images), folder=store.folder())
    for device in ours:
        name, station = _quoted(device.name), f"--station {_quoted(file)}"
        key = "hold" if device.board.chip == "rp2040" else "flash"
        yield step(key, f"riverpost flash {device.type} {station} --name {name}", name=device.name, type=device.type)
        label = _quoted(f"{device.name}.svg")
        yield step("provision", f"{_provision(device.name, file)} --label {label}", name=device.name)
    if on_wifi(answers):
        yield from _broker(file.parent / KEYS / BROKER, step)


def _broker(made: Path, step: Make) -> Iterator[Step]:
    """What provision made for the boards on Wi-Fi goes where mosquitto and the access point may read it."""
    install = f"sudo install -D -m 600 -o mosquitto -t {MOSQUITTO}"
    yield step("broker", f"{install} {_quoted(made / PASSWORDS)} {_quoted(made / RIGHTS)}")
    lines = f'{{ echo "listener 1883"; sed "s#_file .*/#_file {MOSQUITTO}/#" {_quoted(made / CONF)}; }}'
    conf = "/etc/mosquitto/conf.d/riverpost.conf"
    yield step("listen", f"{lines} | sudo tee {conf} && sudo systemctl restart mosquitto")
    air = f"sudo install -m 600 {_quoted(made / WIFI_KEYS)} /etc/hostapd/wpa_psk"
    yield step("air", f"{air} && sudo systemctl reload hostapd")


def _after(answers: Answers, file: Path, waiting: Sequence[Waiting], step: Make) -> Iterator[Step]:
    yield step("wire")
    if on_line(answers):
        yield step("scan", f"riverpost scan --station {_quoted(file)}")
    yield step("gateway", f"riverpost gateway {_quoted(file)}")
    boards = {device.name: device.board for device in devices(answers) if device.kind == BOARD}
    for board, port in dict.fromkeys((one.board, one.port) for one in waiting):
        terminal = next(one.terminal for one in boards[board].ports if one.key == f"adc {port}")
        command = f"riverpost calibrate table {_quoted(board)} --adc {port} --station {_quoted(file)} {BY}"
        yield step("table", command, board=board, port=port, terminal=terminal)
    for board in dict.fromkeys(one.board for one in waiting):
        yield step("again", _provision(board, file), name=board)
    if waiting:
        yield step("enable", f"riverpost site enable {_quoted(file)}")
    for level in levels(answers):
        command = f"riverpost calibrate level {_quoted(level.channel)} --station {_quoted(file)} {BY}"
        yield step("level", command, channel=level.channel)
    yield step("check", f"riverpost check --station {_quoted(file)}")


def _provision(name: str, file: Path) -> str:
    return f"riverpost provision {_quoted(name)} --station {_quoted(file)} {BY}"


def _quoted(text: object) -> str:
    return shlex.quote(str(text))
