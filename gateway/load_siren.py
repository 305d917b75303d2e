"""[siren] of station.toml: where it is, from which level it sounds, when it tests itself.

Rules of this file: a siren is a pin or a file; a station without one says so by leaving the section out.
"""

import re
from pathlib import Path

from gateway.config import Siren
from gateway.load_steps import LEVELS
from gateway.toml_table import Table

DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_TIME = re.compile(rf"(?:({'|'.join(DAYS)}) )?([01]\d|2[0-3]):([0-5]\d)")


def read_siren(root: Table, folder: Path) -> Siren:
    """The siren; files are meant relative to `folder`."""
    table = root.table("siren")
    if not root.has("siren"):
        return Siren()
    pin = table.text("pin", "", "GPIO17")
    strobe = table.text("strobe", "", "GPIO27")
    file = table.text("file", "", "siren.txt")
    level = table.choice("from", LEVELS, "yellow")
    self_test = _self_test(table)
    in_exercise = table.flag("exercise_siren", True)
    if table.has("pin") and table.has("file"):
        table.problem("file", "there is a pin too, and a siren has one output; keep pin or file, not both")
    elif not table.has("pin") and not table.has("file"):
        table.problem("", 'has neither pin nor file; add pin = "GPIO17", or leave [siren] out')
    if strobe and not table.has("pin"):
        table.problem("strobe", "a strobe has a pin only where the siren has one; add pin, or leave strobe out")
    table.close()
    from_level = LEVELS.index(level) + 1 if level in LEVELS else 2
    place = str(folder / file) if file else ""
    return Siren(pin or "", strobe or "", place, from_level, self_test, in_exercise)


def _self_test(table: Table) -> tuple[int, int] | None:
    """ "08:30" is every day, "Mon 08:30" once a week; (day or -1, minute of the day)."""
    text = table.text("self_test", None, "08:30")
    if text is None:
        return None
    match = _TIME.fullmatch(text)
    if match is None:
        table.problem("self_test", f'"{text[:40]}" is not a time; write it like "08:30", or "Mon 08:30"')
        return None
    day, hour, minute = match.groups()
    return DAYS.index(day) if day else -1, int(hour) * 60 + int(minute)
