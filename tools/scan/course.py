"""The course of a scan: setting by setting with a bar, then rows, hints and the next step.

Rules of this file: stopped by hand, what was found so far is told.
"""

from pathlib import Path

from tools.bus_place import STATION
from tools.failure import Failure
from tools.faults import fault
from tools.flash import ports
from tools.scan.call import Call
from tools.scan.found import Look, Scan
from tools.scan.hints import Hint, hints
from tools.scan.judge import Row, is_twin, rows, unlooked
from tools.scan.phrases import phrase
from tools.scan.port import Port, PortLost, SerialPort
from tools.scan.settings import Setting, shown
from tools.scan.sweep import ForeignMaster, Sweep, merged
from tools.steps import Steps

FIRST_FRAMINGS = ("8N1", "8N2")  # A device that answered at the one is not asked at the other.
MINUTE_S = 90
NEXT = (
    "line",
    "setting",
    "readdress",
    "settings",
    "cable",
    "all",
    "provision",
)  # What has to be done first comes first.


def listed(call: Call, lang: str) -> list[str]:
    """Where and whom it asks, and what that takes."""
    many = phrase("all_settings", lang, count=len(call.settings)) if len(call.settings) > 1 else str(call.setting)
    lines = [phrase("bus", lang, port=call.port, setting=many, addresses=shown(call.addresses))]
    if call.bus is not None:
        lines.append(phrase("expects", lang, file=call.station, count=len(call.bus.sources)))
    return lines


def estimate(call: Call, lang: str) -> str:
    seconds = call.seconds
    unit, count = ("minutes", seconds / 60) if seconds > MINUTE_S else ("seconds", seconds)
    asks = len(call.settings) * len(call.addresses)
    return phrase("would_ask", lang, asks=f"{asks:,}", minutes=phrase(unit, lang, count=f"{count:.0f}"))


def look(call: Call, lang: str, port: Port | None = None) -> Scan:
    """Ask at every setting. `Failure` where the port fails, or somebody else talks on the line."""
    scan = Scan(call.port, call.addresses)
    steps = Steps(len(call.settings), lang, rate=False)
    port = port or SerialPort(call.port, lang)
    sweep = Sweep(port, call.wait_s, call.expected, call.profiles)
    try:
        for setting in call.settings:
            left = _left(call, scan, setting)
            scan.looks.append(Look(setting))
            with steps.step("", str(setting)):
                sweep.run(scan.looks[-1], left, steps.show, patient=setting == call.setting)
    except KeyboardInterrupt:
        scan.stopped = True
    except PortLost as error:
        raise fault("bus_lost", lang, seen=f"{call.port}: {error}", port=call.port) from None
    except ForeignMaster as error:
        raise _foreign(error, call, lang) from None
    finally:
        scan.users = [] if "://" in call.port else ports.users_of(Path(call.port))
        port.close()
    if len(scan.looks) == 1 and scan.looks[0].cannot:
        raise fault("bus_setting", lang, seen=scan.looks[0].cannot, port=call.port, setting=str(call.setting))
    return scan


def _left(call: Call, scan: Scan, setting: Setting) -> tuple[int, ...]:
    """Addresses that are asked at `setting`: not those that answered with one stop bit more or less."""
    alike = FIRST_FRAMINGS if setting.framing in FIRST_FRAMINGS else ()
    seen = {
        device.address
        for one in scan.looks
        if one.setting.baud == setting.baud and one.setting.framing in alike
        for device in one.whole
    }
    return tuple(address for address in call.addresses if address not in seen)


def _foreign(error: ForeignMaster, call: Call, lang: str) -> Failure:
    addresses = ", ".join(map(str, sorted({frame[0] for frame in error.frames})))
    count = len(error.frames)
    seen = phrase("heard_frames", lang, setting=str(error.setting), count=count, addresses=addresses)
    return fault("bus_foreign", lang, seen=seen, port=call.port)


def judged(call: Call, scan: Scan) -> tuple[list[Row], list[Hint]]:
    """A row for each device and each that is missing; what is to be said of the line."""
    noisy = any(one.noisy for one in scan.looks)
    found = rows(merged(scan.looks), call.bus, () if scan.stopped else call.addresses, call.setting, noisy)
    if scan.stopped:
        found += unlooked(scan.looks[-1].answering, call.bus)
    twins = [row.address for row in found if is_twin(row)]
    asked = [one for one in scan.looks if not one.cannot]
    kept = [row.device for row in found]
    told: list[Hint] = []
    for one in [one for one in asked if any(device in kept for device in one.devices.values())] or asked[:1]:
        told += [hint for hint in hints(one, twins) if hint not in told]
    cannot = [str(one.setting) for one in scan.looks if one.cannot]
    if cannot:
        told.append(Hint("cannot", "look", {"settings": ", ".join(cannot)}))
    if scan.users:
        told.append(Hint("shared", "ok", {"port": scan.port, "users": ", ".join(scan.users)}))
    return found, told


def following(call: Call, found: list[Row], told: list[Hint], lang: str) -> str:
    """What to do next, in words; "" = nothing that a command or a hand could do."""
    wanted = {row.next for row in found} | ({"line"} if any(hint.state == "FAIL" for hint in told) else set())
    right = all(one.state == "ok" for one in [*found, *told])
    key = next((key for key in NEXT if key in wanted), "check" if right else "")
    if not key:
        return ""
    named = [row.name for row in found if row.next == ("cable" if key == "settings" else key) and row.name]
    board = named[0] if len(named) == 1 or (named and key != "settings") else "NAME"
    return phrase(f"next_{key}", lang, board=board, file=call.station or STATION)


def nothing(scan: Scan, told: list[Hint], lang: str) -> Failure:
    """Nobody answers: what was seen, and what it may be."""
    seen = [_seen(one, lang) for one in scan.looks[:1]]
    seen += [phrase(hint.key, lang, **hint.facts) for hint in told if hint.state != "ok"]
    key = "bus_at_space" if any(hint.key == "at_space" for hint in told) else "bus_silent"
    return fault(key, lang, seen="\n".join(seen), port=scan.port)


def _seen(one: Look, lang: str) -> str:
    key = "asked_some" if one.counts["garbled"] or one.counts["at_rest"] or one.idle else "asked_nothing"
    return phrase(key, lang, setting=str(one.setting), asked=one.asked)
