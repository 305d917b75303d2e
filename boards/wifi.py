"""What a board on Wi-Fi has beside its definition: who it is to the network and the station's broker; how it sleeps.

Rules of this file: a secret is never part of a hash, of an error's text or of anything that is printed. The hash of a
definition is told to everybody on the broker; a short key could be guessed from it, and a new key is no new board.
"""

from collections.abc import Mapping
from typing import Annotated, Any

from msgspec import Meta, Struct, to_builtins

from boards.records import Board
from boards.strict import Findings, nearest, record, tables
from wire.reading import VALUE_MAX, VALUE_MIN

REPORT_S_MAX = 86_400  # Whoever is heard less often than once a day is not missed when it is gone.
SCAN_MS_MAX = 2_000
# What happens in a moment is not seen by who sleeps through it.
MISSES_ASLEEP = {"tipping_bucket": "it counts tips", "smoke_photo": "smoke may come at any time"}


class Credentials(Struct, frozen=True):
    """The station's Wi-Fi, and the board's own name and password at the station's broker."""

    ssid: Annotated[str, Meta(min_length=1, max_length=32, description="the name of the station's Wi-Fi in quotes")]
    wifi_key: Annotated[
        str, Meta(pattern=r"^[ -~]{8,63}$", description="the Wi-Fi's key: 8 to 63 letters, digits and signs")
    ]
    username: Annotated[
        str, Meta(pattern=r"^[0-9a-f]{16}$", description="the board's serial, 16 hex digits: its name at the broker")
    ]
    password: Annotated[
        str, Meta(pattern=r"^[!-~]{16,64}$", description="16 to 64 letters, digits and signs, for this board alone")
    ]

    def __repr__(self) -> str:
        return f"Credentials(username={self.username!r})"


def credentials_for(settings: Mapping[str, Any]) -> dict[str, str]:
    """`settings` as they stand in the link of a board.json. DefinitionError, without a value in its text."""
    findings = Findings("credentials of a board")
    made = record(Credentials, dict(settings), "", findings)
    if made is not None and len(made.ssid.encode()) > 32:
        findings.add("ssid", "is longer than 32 bytes; no Wi-Fi has such a name")
    findings.stop_if_any()
    return to_builtins(made)


class AtOnce(Struct, frozen=True):
    """A value at or beyond a limit is told at the wake that sees it. In the quantity's sub-unit."""

    quantity: Annotated[str, Meta(min_length=1, description='a quantity of the board in quotes, e.g. "head_mm"')]
    above: Annotated[int, Meta(ge=VALUE_MIN, le=VALUE_MAX, description="a whole number")] | None = None
    below: Annotated[int, Meta(ge=VALUE_MIN, le=VALUE_MAX, description="a whole number")] | None = None


class Sleep(Struct, frozen=True):
    """When a board that sleeps wakes, and at which of its wakes it connects."""

    wake_s: Annotated[int, Meta(ge=60, le=86_400, description="seconds between wakes, 60 to 86400")]
    report_every: Annotated[int, Meta(ge=1, le=1_000, description="how many wakes make one connection, 1 to 1000")]
    at_once: tuple[AtOnce, ...] = ()

    @property
    def report_s(self) -> int:
        return self.wake_s * self.report_every


def sleep_of(settings: Mapping[str, Any], board: Board) -> dict[str, Any]:
    """`settings` as firmware/sleeper.py reads them. DefinitionError for a plan that would miss what happens asleep."""
    findings = Findings(f"sleep of {board.type}")
    limits = [
        one for _, table in tables(dict(settings), "at_once", findings) if (one := _at_once(table, board, findings))
    ]
    plain = {key: value for key, value in settings.items() if key != "at_once"}
    plan = record(Sleep, plain, "", findings)
    for sensor in board.sensors:
        if sensor.driver in MISSES_ASLEEP:
            reason = f"{MISSES_ASLEEP[sensor.driver]}, and a board that sleeps misses it"
            findings.add("fit", f"{reason}; take {sensor.enabled_by} out of fit, or sleep out of the board")
    if board.scan_ms > SCAN_MS_MAX:
        findings.add(
            "scan_ms", f"is {board.scan_ms}, too slow for a board that is awake for seconds; use {SCAN_MS_MAX}"
        )
    if plan is not None and plan.wake_s % board.row_s:
        findings.add(
            "wake_s", f"{plan.wake_s} is not a multiple of row_s = {board.row_s}; rows are made on full multiples"
        )
    if plan is not None and plan.report_s > REPORT_S_MAX:
        findings.add("report_every", f"it would be heard every {plan.report_s} s only; {REPORT_S_MAX} is the most")
    findings.stop_if_any()
    assert plan is not None
    return {"wake_s": plan.wake_s, "report_every": plan.report_every, "at_once": limits}


def _at_once(table: dict[str, Any], board: Board, findings: Findings) -> dict[str, Any] | None:
    one = record(AtOnce, table, "at_once", findings)
    if one is None:
        return None
    if one.quantity not in board.columns:
        findings.add(
            "at_once.quantity", f'the board measures no "{one.quantity}"; {nearest(one.quantity, board.columns)}'
        )
        return None
    if one.above is None and one.below is None:
        findings.add("at_once", "has no limit; write above, below or both")
        return None
    return {"column": board.columns.index(one.quantity), "above": one.above, "below": one.below}
