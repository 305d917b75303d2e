"""What every kind of calibration has in common: the call, the file, the gateway, questions and the last word.

Rules of this file: nothing is asked without a terminal; Enter is no; whoever stops it is told what the file holds.
"""

import argparse
import os
import shlex
import shutil
import sys
import time
import unicodedata
from collections.abc import Callable
from datetime import UTC, date, datetime
from typing import Any, TypeVar
from zoneinfo import ZoneInfo

from gateway import words
from gateway.amounts import AmountError, amount
from gateway.load_calibration import BY_MAX
from tools.calibrate.edit import Editor
from tools.calibrate.phrases import phrase
from tools.calibrate.readings import Collector, Readings, check_config
from tools.failure import ROOM_LEAST, Failure, wrapped
from tools.faults import fault
from tools.image import write_json
from tools.phrases import NAME_COLUMNS, named
from tools.phrases import phrase as common
from tools.station_edit import BEFORE, StationFile
from tools.station_now import StationNow, read_station, station_words
from tools.steps import Steps

ANSWER_COLUMNS = 10  # Left for what is typed.
TRIES = 3  # A slip of the finger is asked again.


T = TypeVar("T")


class Declined(Exception):
    """Whoever sits there said no; it has been told."""


class Session:
    """One call of `riverpost calibrate`. `config`: the station as the file has it now."""

    def __init__(self, args: argparse.Namespace) -> None:
        self.args = args
        self.lang = words.language(args.lang)
        self.config = read_station(args.station, self.lang)
        self.now = StationNow(self.config, args.status, self.lang)
        self.station = StationFile(args.station, self.lang)
        self.editor = Editor(self.station, self.lang)
        self._before = args.station.read_bytes()
        self._talk = sys.stderr if str(args.json) == "-" else sys.stdout
        self._unix_ms = 0

    def say(self, key: str, **facts: object) -> str:
        """The phrase `key` in the language of this call."""
        return phrase(key, self.lang, **facts)

    def fault(self, key: str, seen: str = "", **facts: str) -> Failure:
        """The failure `key` of tools/faults.toml."""
        return fault(key, self.lang, seen, **facts)

    def tell(self, text: str) -> None:
        print(text, file=self._talk, flush=True)

    def facts(self, *pairs: tuple[str, str]) -> None:
        """Names, by their keys, and values."""
        self.lines(*((self.say(key), value) for key, value in pairs))

    def lines(self, *pairs: tuple[str, str]) -> None:
        """Names and values; a command that is to be copied is never broken."""
        before = ""
        for name, value in pairs:
            told = "" if name == before else name
            before = name
            whole = value.startswith("riverpost ")
            self.tell(told + " " * (NAME_COLUMNS - words.columns(told)) + value if whole else named([(told, value)]))

    def json(self, found: dict[str, Any]) -> None:
        """Write the result where `--json` wants it."""
        if self.args.json:
            write_json(self.args.json, found, self.lang)

    def who(self) -> str:
        """Who calibrates. `Failure` where nobody says."""
        by = (self.args.by or "").strip()
        if not by or len(by) > BY_MAX or not by.isprintable():
            raise self.fault("calibrate_who", seen=f"--by {by[:40]!r}")
        return by

    def look(self) -> None:
        """See that the gateway runs, and this very station.toml. `Failure`."""
        document = self.now.read()
        check_config(self.now, document, self.lang)
        self._unix_ms = document["unix_ms"]

    def may_write(self) -> None:
        """`Failure` where the file could not be written in the end: better now than after a minute of readings."""
        file = self.args.station
        if not self.args.dry_run and not (os.access(file, os.W_OK) and os.access(file.absolute().parent, os.W_OK)):
            raise self.fault("unwritable", seen=f"{file.absolute().parent}", file=str(file))

    def due(self) -> date | None:
        """Until when it is to hold."""
        if self.args.due is None:
            return None
        try:
            due = date.fromisoformat(self.args.due)
        except ValueError:
            raise self.fault("calibrate_bad_date", seen=f"--due {self.args.due[:40]!r}") from None
        if due <= self.at().date():
            raise self.fault("calibrate_bad_date", seen=f"--due {due}: {self.at().date()}")
        return due

    def at(self) -> datetime:
        """Now, by the gateway's clock where it was looked at, in the station's zone."""
        unix_s = self._unix_ms / 1_000 if self._unix_ms else time.time()
        return datetime.fromtimestamp(int(unix_s), UTC).astimezone(ZoneInfo(self.config.time_zone))

    def collect(self, channel: str, steps: Steps | None = None, **how: Any) -> Readings:
        """`--readings` of `channel`, with a bar. `Failure` where they do not come."""
        collector = Collector(self.now, channel, self.lang, **how)
        steps = steps or Steps(1, self.lang, rate=False)
        with steps.step("readings"):
            found = collector.collect(self.args.readings, steps.show)
        self._unix_ms = collector.unix_ms
        return found

    def newest(self, channel: str, **how: Any) -> int:
        """The next good reading of `channel`. `Failure`."""
        collector = Collector(self.now, channel, self.lang, **how)
        found = collector.collect(1, lambda done, count: None).values[0]
        self._unix_ms = collector.unix_ms
        return found

    def ask(self, question: str, option: str, given: str | None, read: Callable[[str], T]) -> T:
        """What `read` makes of the text `given` by the `option`, else of what whoever sits there types.

        `read` raises AmountError. `Failure` where nobody sits there, or only slips come.
        """
        if given is not None:
            try:
                return read(_plain(given))
            except AmountError as error:
                raise self.fault("calibrate_bad_amount", seen=self._slip(given, error), option=option) from None
        self._needs_terminal(option)
        said = ""
        for _ in range(TRIES):
            text = self._line(question)
            try:
                return read(text)
            except AmountError as error:
                said = self._slip(text, error)
                print(*wrapped(said, max(_room() - 1, ROOM_LEAST)), sep="\n", file=sys.stderr, flush=True)
        raise self.fault("calibrate_bad_amount", seen=said, option=option)

    def ready(self, question: str, option: str) -> None:
        """Wait for Enter. `Failure` where nobody sits there: then `option` says what would have been read."""
        self._needs_terminal(option)
        self._line(question)

    def agree(self, question: str) -> bool:
        """Does whoever sits there say yes? `--yes` does. `Failure` where nobody sits there."""
        if self.args.yes:
            return True
        if not sys.stdin.isatty():
            raise self.fault("ask_first", seen="stdin: -")
        if self._line(question).lower() in ("y", "yes", "是"):
            return True
        self.tell(self.say("declined"))
        return False

    def written(self, what: str, following: str, *, undo: str = "", board: str = "") -> None:
        """The last lines: what was written, what has to be done with it, and how it is taken back."""
        file = self.args.station.name
        lines = [
            (common("ok", self.lang), self.say("written", file=file, what=what)),
            (self.say("Kept"), self.say("before_kept", file=f"{file}{BEFORE}")),
            (self.say("Then"), self.say("start_anew_board" if board else "start_anew", name=board)),
            (self.say("Next"), self.command(following)),
        ]
        self.lines(*lines, *([(self.say("Undo"), self.command(undo))] if undo else []))

    def command(self, words_of: str) -> str:
        """A command that a person may copy: `riverpost` and the options of this call that tell the station."""
        if words_of.startswith("calibrate"):
            return f"riverpost {words_of}{station_words(self.args)}"
        return f"riverpost {words_of} --station {shlex.quote(str(self.args.station))}"

    def stopped(self, *, order: bool) -> None:
        """Say what is left when somebody stops it by hand; `order`: it may be with the gateway already."""
        whole = self.args.station.read_bytes() == self._before
        key = "stopped_gateway" if order else "stopped_old" if whole else "stopped_new"
        print(f"\n{self.say(key, file=self.args.station.name)}", file=sys.stderr)

    def _slip(self, text: str, error: AmountError) -> str:
        """What is wrong with an amount; the reader of amounts says it in English, and more exactly."""
        return str(error) if self.lang == "en" else self.say("slip", text=text[:40])

    def _needs_terminal(self, option: str) -> None:
        if not sys.stdin.isatty():
            raise self.fault("calibrate_ask", seen="stdin: -", option=option)

    def _line(self, question: str) -> str:
        *before, last = wrapped(question, max(_room() - ANSWER_COLUMNS, ROOM_LEAST))
        print(*before, last.rstrip(), sep="\n", end=" ", file=sys.stderr, flush=True)
        line = sys.stdin.readline()
        if not line:  # The terminal went away.
            raise KeyboardInterrupt
        return _plain(line)


def _room() -> int:
    """Columns of the terminal that is asked on."""
    return shutil.get_terminal_size().columns


def amount_in(dimension: str, unit: str) -> Callable[[str], int]:
    """Reads an amount in the sub-unit of `dimension`; a bare number is meant in `unit`."""

    def read(text: str) -> int:
        bare = text.lstrip("+-").replace(".", "", 1).isdigit()
        return amount(f"{text} {unit}" if bare else text, dimension)

    return read


def _plain(text: str) -> str:
    """As typed on any keyboard: full-width digits and a true minus are meant as the plain ones."""
    return unicodedata.normalize("NFKC", text).strip().replace("−", "-")


def refused(session: Session, reason: str) -> Failure:
    """The gateway did not do it; in its own words."""
    return fault("calibrate_refused", session.lang, seen=reason, station=session.config.id)
