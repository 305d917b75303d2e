"""The site that the answers mean so far: its boards, bought sensors and water levels.

Rules of this file: what a board or a profile can measure comes from boards/; answers that were not given yet are left
out, never assumed.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache

from boards import Board, Profile, load_board, load_profile, names
from boards.chips import CHIPS
from boards.converters import QUANTITY
from gateway.amounts import amount
from tools.site.checks import NONE

Answers = Mapping[str, str]
BOARD, SENSOR = "board", "sensor"
GATEWAY = "gateway"
FITS = ("level", "gap", "rain", "tilt", "smoke")
HEIGHTS = ("head_mm", "gap_mm")
MARKS = ("guard", "warning", "guarantee", "record")
DATUMS = ("wusong", "cn1985", "huanghai", "local")


@dataclass(frozen=True)
class Device:
    """A board or a bought sensor. `number`: which of its kind, from 1."""

    kind: str
    number: int
    type: str  # the board's type, or the sensor's profile
    name: str
    address: int  # 0: on Wi-Fi
    fit: tuple[str, ...] = ()
    serial: str = ""  # of a board on Wi-Fi; "" = not known yet
    span: str = ""
    tip: str = ""

    @property
    def wifi(self) -> bool:
        return self.kind == BOARD and not self.address

    @property
    def board(self) -> Board:
        return board(self.type, self.fit)

    @property
    def profile(self) -> Profile:
        return profile(self.type)

    @property
    def columns(self) -> tuple[str, ...]:
        return self.board.columns if self.kind == BOARD else self.profile.columns

    @property
    def waiting(self) -> dict[str, int]:
        """{quantity: number of its converter port} of what no rule may judge before that port has a table."""
        if self.kind != BOARD or CHIPS[self.board.chip].adc_straight:
            return {}
        return {QUANTITY[one.driver]: one.settings.adc for one in self.board.sensors if one.driver in QUANTITY}


@dataclass(frozen=True)
class Level:
    """A water level: which quantity of which device, and what was said of it. Amounts as they were written."""

    number: int
    device: Device
    quantity: str
    channel: str
    datum: str = ""
    zero: str = ""
    offset: str = ""
    surveyed: str = ""
    marks: tuple[tuple[str, str], ...] = ()
    plan: str = ""

    @property
    def reach_mm(self) -> tuple[int, int]:
        """The lowest and the highest level that the sensor can measure, over its datum."""
        zero_mm = amount(self.zero, "length") + amount(self.offset, "length")
        low_mm, high_mm = self.span_mm
        if self.quantity == "gap_mm":
            return zero_mm - high_mm, zero_mm - low_mm
        return zero_mm + low_mm, zero_mm + high_mm

    @property
    def span_mm(self) -> tuple[int, int]:
        """What the sensor itself can measure: depths, or gaps."""
        if self.device.kind == SENSOR:
            point = next(point for point in self.device.profile.points if point.quantity == self.quantity)
            return point.valid_low, point.valid_high
        if self.quantity == "head_mm":
            return 0, amount(self.device.span, "length")
        settings = next(one.settings for one in self.device.board.sensors if "gap_mm" in one.channels)
        return settings.min_mm, settings.max_mm


@cache
def kinds(kind: str) -> tuple[str, ...]:
    """Names of the "board"s or "profile"s of boards/."""
    return names(kind)


@cache
def board(board_type: str, fit: tuple[str, ...]) -> Board:
    """A board of boards/ with its sensors. DefinitionError."""
    return load_board(board_type, fit)


@cache
def profile(name: str) -> Profile:
    return load_profile(name)


def devices(answers: Answers) -> list[Device]:
    """Those whose place is known: boards first, as they are asked."""
    found = []
    for number in range(1, int(answers.get("boards", "0")) + 1):
        said = _of(answers, f"board.{number}.")
        if "name" not in said or ("address" not in said and "serial" not in said):
            continue
        address = int(said.get("address", "0")) if board(said["type"], fit_of(said)).link == "rs485" else 0
        found.append(
            Device(
                BOARD,
                number,
                said["type"],
                said["name"],
                address,
                fit_of(said),
                given(said, "serial"),
                said.get("span", ""),
                said.get("tip", ""),
            )  # fmt: skip
        )
    for number in range(1, int(answers.get("sensors", "0")) + 1):
        said = _of(answers, f"sensor.{number}.")
        if {"profile", "name", "address"} <= said.keys():
            found.append(Device(SENSOR, number, said["profile"], said["name"], int(said["address"])))
    return found


def fit_of(said: Answers) -> tuple[str, ...]:
    return tuple(said["fit"].split())


def levels(answers: Answers) -> list[Level]:
    """The water levels of all devices, with what was said of each."""
    found: list[Level] = []
    for device in devices(answers):
        for quantity in HEIGHTS:
            if quantity in device.columns:
                found.append(_level(answers, device, quantity, found))
    return found


def _level(answers: Answers, device: Device, quantity: str, before: list[Level]) -> Level:
    number = len(before) + 1
    said = _of(answers, f"level.{number}.")
    own = Level(number, device, quantity, "river" if number == 1 else f"river{number}", offset=said.get("offset", ""))
    if before and said.get("same") == "y":
        first = before[0]
        return replace(
            own, datum=first.datum, zero=first.zero, surveyed=first.surveyed, marks=first.marks, plan=first.plan
        )
    return replace(
        own,
        datum=said.get("datum", ""),
        zero=said.get("zero", ""),
        surveyed=given(said, "surveyed"),
        marks=tuple((mark, said[mark]) for mark in MARKS if given(said, mark)),
        plan=given(said, "plan"),
    )


def given(said: Answers, name: str) -> str:
    """The answer, "" where there is none or where it says that there is none."""
    value = said.get(name, NONE)
    return "" if value == NONE else value


def on_line(answers: Answers) -> list[Device]:
    """The devices of the RS-485 line."""
    return [device for device in devices(answers) if not device.wifi]


def on_wifi(answers: Answers) -> list[Device]:
    return [device for device in devices(answers) if device.wifi]


def _of(answers: Answers, before: str) -> dict[str, str]:
    return {name.removeprefix(before): value for name, value in answers.items() if name.startswith(before)}


def metres(length_mm: int) -> str:
    return f"{length_mm / 1_000:.2f} m"
