"""What an answer must be: each check takes what was typed and gives it as it is kept, or raises `Wrong`.

Rules of this file: a check looks at one answer and at nothing outside of its arguments, but for where we are;
full-width letters of a Chinese keyboard mean what they look like.
"""

import re
import unicodedata
import zoneinfo
from collections.abc import Callable, Collection, Mapping
from datetime import date
from decimal import Decimal
from ipaddress import AddressValueError, IPv4Address
from itertools import pairwise
from pathlib import Path

from gateway.amounts import DIMENSIONS, AmountError, amount
from gateway.load_local import SSID_BYTES_MAX

Check = Callable[[str], str]

NONE = "-"  # The answer "there is none".
_NONES = ("-", "none", "no", "n", "无", "没有")
_YES, _NO = ("y", "yes", "是", "对", "true"), ("n", "no", "否", "不", "不是", "false")
_ID = re.compile(r"[A-Za-z0-9_-]{1,32}")
_NAME = re.compile(r"[^\s\"'\\/#+.]{1,32}")
_HOST = re.compile(r"[A-Za-z0-9]([A-Za-z0-9.:-]{0,250}[A-Za-z0-9])?")
_SERIAL = re.compile(r"[0-9a-f]{16}")
_PORT = re.compile(r"(/dev/|socket://|/)[^\s\"'\\]{1,200}")
_NUMBER = re.compile(r"[+-]?[0-9]{1,7}(\.[0-9]{1,6})?")
_PIN = re.compile(r"(?:GPIO)?([0-9]{1,2})")
_TIME = re.compile(r"(?:(Mon|Tue|Wed|Thu|Fri|Sat|Sun) )?([01][0-9]|2[0-3]):[0-5][0-9]")
UART_PINS = ("GPIO14", "GPIO15")
UART_PORTS = ("/dev/ttyAMA0", "/dev/ttyS0", "/dev/serial0", "/dev/serial1")


class Wrong(Exception):
    """An answer that cannot be taken: a sentence of questions.toml, [wrong], with its facts."""

    def __init__(self, key: str, **facts: object) -> None:
        super().__init__(key)
        self.key = key
        self.facts = facts


def plain(text: str) -> str:
    """`text` with the half-width letters that it means, without space around it."""
    return unicodedata.normalize("NFKC", text).strip()


def optional(check: Check) -> Check:
    """`check`, or "-" for none."""
    return lambda text: NONE if plain(text).lower() in _NONES else check(text)


def shown(most: int) -> Check:
    """A text that people read."""

    def check(text: str) -> str:
        text = text.strip()
        if not 0 < len(text) <= most or not text.isprintable():
            raise Wrong("text", most=most)
        return text

    return check


def station_id(text: str) -> str:
    return _matching(_ID, plain(text), "id")


def zone(text: str) -> str:
    name = plain(text)
    try:
        zoneinfo.ZoneInfo(name)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        raise Wrong("zone") from None
    return name


def host(text: str) -> str:
    return _matching(_HOST, plain(text), "host")


def ipv4(text: str) -> str:
    try:
        return str(IPv4Address(plain(text)))
    except AddressValueError:
        raise Wrong("ipv4") from None


def ssid(example: str) -> Check:
    """A Wi-Fi's name."""

    def check(text: str) -> str:
        text = text.strip()
        if not text.isprintable() or not 0 < len(text.encode()) <= SSID_BYTES_MAX:
            raise Wrong("ssid", example=example)
        return text

    return check


def number(low: int, high: int) -> Check:
    """A whole number."""

    def check(text: str) -> str:
        found = plain(text)
        if not found.isascii() or not found.isdigit() or len(found) > 9 or not low <= int(found) <= high:
            raise Wrong("number", low=low, high=high)
        return str(int(found))

    return check


def decimal(low: str, high: str) -> Check:
    """A number that may have decimals."""

    def check(text: str) -> str:
        found = plain(text)
        if not _NUMBER.fullmatch(found) or not Decimal(low) <= Decimal(found) <= Decimal(high):
            raise Wrong("decimal", low=low, high=high)
        return found

    return check


def choice(known: Collection[str]) -> Check:
    """One of `known`, or its place in the list."""

    def check(text: str) -> str:
        found = plain(text)
        listed = list(known)
        if found.isascii() and found.isdigit() and len(found) < 4 and 1 <= int(found) <= len(listed):
            return listed[int(found) - 1]
        if found not in listed:
            raise Wrong("choice", known=", ".join(listed))
        return found

    return check


def yes(text: str) -> str:
    found = plain(text).lower()
    if found not in _YES + _NO:
        raise Wrong("yes")
    return "y" if found in _YES else "n"


def name(taken: Mapping[str, str]) -> Check:
    """A name that nobody has. `taken`: {name: who has it}."""

    def check(text: str) -> str:
        found = unicodedata.normalize("NFC", text.strip())
        if not _NAME.fullmatch(found) or not found.isprintable():
            raise Wrong("name")
        return free(found, taken)

    return check


def address(taken: Mapping[str, str]) -> Check:
    """An address on the line that nobody has."""

    def check(text: str) -> str:
        if plain(text) == "247":
            raise Wrong("reserved")
        return free(number(1, 246)(text), taken)

    return check


def free(found: str, taken: Mapping[str, str]) -> str:
    if found in taken:
        raise Wrong("taken", text=found, owner=taken[found])
    return found


def serial(taken: Mapping[str, str]) -> Check:
    return lambda text: free(_matching(_SERIAL, plain(text).lower(), "serial"), taken)


def measured(dimension: str, unit: str, low: str, high: str, example: str) -> Check:
    """An amount of `dimension` from `low` to `high`; a bare number is in `unit`."""

    def check(text: str) -> str:
        found = plain(text)
        found = f"{found} {unit}" if _NUMBER.fullmatch(found) else found
        try:
            value = amount(found, dimension)
        except AmountError:
            raise Wrong("amount", example=example, low=low, high=high) from None
        if not amount(low, dimension) <= value <= amount(high, dimension):
            raise Wrong("amount", example=example, low=low, high=high)
        return spaced(found, dimension)

    return check


def spaced(text: str, dimension: str) -> str:
    """An amount with one space before its unit."""
    digits = re.match(r"[+-]?[0-9.]+", text)
    assert digits is not None
    unit = text[digits.end() :].strip()
    assert unit in DIMENSIONS[dimension][1]
    return f"{digits[0]} {unit}"


def above(check: Check, dimension: str, before: str, name_before: str) -> Check:
    """`check`, and above the amount `before`."""

    def checked(text: str) -> str:
        found = check(text)
        if before and amount(found, dimension) <= amount(before, dimension):
            raise Wrong("rising", before=name_before, value=before)
        return found

    return checked


def rising(count: int, low: str, high: str, example: str) -> Check:
    """So many rising numbers, with spaces or commas between."""

    def check(text: str) -> str:
        found = plain(text).replace(",", " ").replace("、", " ").split()
        if len(found) != count or not all(_NUMBER.fullmatch(one) for one in found):
            raise Wrong("numbers", count=count, example=example)
        values = [Decimal(one) for one in found]
        if values[0] < Decimal(low) or values[-1] > Decimal(high) or any(b <= a for a, b in pairwise(values)):
            raise Wrong("numbers", count=count, example=example)
        if any(value != value.quantize(Decimal("0.001")) for value in values):
            raise Wrong("numbers", count=count, example=example)
        return " ".join(found)

    return check


def port(text: str) -> str:
    """One beside us is kept with its whole path: the gateway may be started anywhere."""
    found = plain(text)
    beside = "/" in found and "://" not in found and not found.startswith("/")
    return _matching(_PORT, str(Path(found).absolute()) if beside else found, "port")


def path(example: str) -> Check:
    def check(text: str) -> str:
        found = text.strip()
        if not 0 < len(found) <= 200 or not found.isprintable() or found.endswith("/"):
            raise Wrong("path", example=example)
        return found

    return check


def day(text: str) -> str:
    try:
        return date.fromisoformat(plain(text)).isoformat()
    except ValueError:
        raise Wrong("date") from None


def pin(port_name: str, siren: str = "") -> Check:
    """A pin of the gateway that neither its serial port nor the siren has."""

    def check(text: str) -> str:
        match = _PIN.fullmatch(plain(text).upper())
        if match is None or not 2 <= int(match[1]) <= 27:
            raise Wrong("pin")
        found = f"GPIO{int(match[1])}"
        if found in UART_PINS and port_name in UART_PORTS:
            raise Wrong("uart_pin", text=found, port=port_name)
        if found == siren:
            raise Wrong("same_pin", text=found)
        return found

    return check


def test_time(text: str) -> str:
    found = plain(text)
    return _matching(_TIME, found[:1].upper() + found[1:], "time")


def ends(known: Collection[str]) -> Check:
    """The two ends of a cable."""

    def check(text: str) -> str:
        found = text.replace(",", " ").replace("，", " ").replace("、", " ").split()
        if len(found) != 2 or found[0] == found[1] or not set(found) <= set(known):
            raise Wrong("ends", known=", ".join(known))
        return " ".join(found)

    return check


def _matching(pattern: re.Pattern[str], text: str, key: str) -> str:
    if not pattern.fullmatch(text) or not text.isprintable():
        raise Wrong(key)
    return text
