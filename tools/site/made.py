"""All that comes of the answers: the station's file, its wiring list and the commands that follow.

Rules of this file: what a gateway would not take is never written; a station.toml that is there is never touched.
"""

import os
import tempfile
from pathlib import Path
from typing import Any

from gateway.amounts import amount
from gateway.config import ConfigError
from gateway.load import load
from tools.broker_access import new_password
from tools.faults import fault
from tools.site.commands import steps
from tools.site.model import Answers, levels, metres, on_wifi
from tools.site.station_file import PASSWORD_FILE, station_toml
from tools.site.texts import said
from tools.site.wiring import Wiring


class Made:
    """A site whose questions are all answered. `looks`: what its owner should know before it is built."""

    def __init__(self, answers: Answers, file: Path, lang: str) -> None:
        self.answers = answers
        self.file = file
        self.lang = lang
        self.text, self.waiting = station_toml(answers, file, lang)
        self.wiring = Wiring(answers, lang)
        self.steps = steps(answers, file, self.waiting, lang)
        self.looks = [*self._looks(), *self.wiring.looks]
        self._check()

    def prepare(self) -> None:
        """Make the site's folder. `Failure`."""
        try:
            self.file.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise fault("unwritable", self.lang, seen=error.strerror or str(error), file=self.file) from None

    def write(self) -> list[Path]:
        """Write the station's file, and the gateway's password where boards are on Wi-Fi; the files. `Failure`."""
        written = []
        try:
            if on_wifi(self.answers) and not self._password.exists():
                _create(self._password, new_password().encode(), 0o600)
                written.append(self._password)
            _create(self.file, self.text.encode(), 0o644)
        except FileExistsError:
            raise fault("site_exists", self.lang, seen=str(self.file), file=self.file) from None
        except OSError as error:
            raise fault("unwritable", self.lang, seen=error.strerror or str(error), file=self.file) from None
        return [self.file, *written]

    def document(self) -> dict[str, Any]:
        """The same for a machine."""
        budget = self.wiring.budget
        return {
            "station": self.answers["station.id"],
            "file": str(self.file),
            "answers": dict(self.answers),
            "look": self.looks,
            "waiting": [one._asdict() for one in self.waiting],
            "wiring": [{"title": one.title, "rows": [list(row) for row in one.rows]} for one in self.wiring.sections],
            "power": {
                "volts": budget.volts,
                "ma": budget.ma,
                "wh_day": budget.wh_day_tenths / 10,
                "battery_days": None if budget.days_tenths is None else budget.days_tenths / 10,
                "end_mv": budget.end_mv,
            },
            "steps": [one._asdict() for one in self.steps],
        }

    @property
    def _password(self) -> Path:
        return self.file.parent / PASSWORD_FILE

    def _looks(self) -> list[str]:
        found = []
        for level in levels(self.answers):
            if not level.marks:
                found.append(self._look("no_marks", channel=level.channel))
            _, high_mm = level.reach_mm
            beyond = [mark for mark, at in level.marks if amount(at, "length") > high_mm]
            if beyond:
                facts = {"channel": level.channel, "count": len(beyond), "high": metres(high_mm)}
                found.append(self._look("beyond", **facts))
        found += [self._look("serial", name=device.name) for device in on_wifi(self.answers) if not device.serial]
        if self.waiting:
            names = ", ".join(one.rule for one in self.waiting)
            found.append(self._look("waiting", count=len(self.waiting), names=names))
        return found

    def _look(self, key: str, **facts: object) -> str:
        return said("talk", "look", key, self.lang, **facts)

    def _check(self) -> None:
        """`Failure` where a gateway would not take the file: then the mistake is ours."""
        with tempfile.TemporaryDirectory() as folder:
            trial = Path(folder) / self.file.name
            trial.write_text(self.text, encoding="utf-8")
            (Path(folder) / PASSWORD_FILE).touch()
            try:
                load(trial)
            except ConfigError as error:
                raise fault("site_refused", self.lang, seen="\n".join(error.problems), file=self.file) from None


def _create(path: Path, content: bytes, mode: int) -> None:
    """A new file, whole or not at all. FileExistsError."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
    except BaseException:
        path.unlink()
        raise
