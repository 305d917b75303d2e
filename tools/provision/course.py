"""The provisioning of one board: what it should have, what it has, and the way from one to the other.

Rules of this file: the order. Keys are durable before a board has them; the board is written and reads back equal
before station.toml names it; access follows station.toml. So whatever ends it, the same command once more completes it,
and the board has its old settings or the new ones.
"""

import argparse
import json
import secrets
import tomllib
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from boards import load_board
from gateway.config import ConfigError, Source, Station
from gateway.load import build
from gateway.toml_lines import lines_of
from gateway.toml_table import Problems
from tools import self_test
from tools.console import NAMES, Console
from tools.faults import fault
from tools.flash.label import Label
from tools.image import called
from tools.image.config import Setting, boards_of, setting_of, source_of
from tools.provision.difference import Change, changes
from tools.provision.keys import SECRET, KeyStore, gateway_password, hashed
from tools.provision.phrases import phrase
from tools.station_edit import StationFile, known, placeholder
from tools.steps import Steps

RECORD = "provisioned.jsonl"
SAVE_LIMIT_S = 30
VOID_LIMIT_S = 60


class Course:
    """See the head of this file. `Failure` at once where station.toml is not right, or has no such board."""

    def __init__(self, args: argparse.Namespace, lang: str) -> None:
        self._args = args
        self._lang = lang
        self._keys = KeyStore(args.station, lang)
        self._station, self._source = self._meant("")
        self._before = known(self._source.serial)
        self._board = load_board(self._source.board_type)
        self._wifi = self._board.link == "wifi"
        if self._wifi and self._station.local is not None and not self._station.local.ssid:
            raise fault("no_ssid", lang, seen="[local]", file=args.station, station=self._station.id)
        self._salt = secrets.token_hex(8)
        self._setting: Setting | None = None
        self._new_keys = False
        self._found: dict[str, Any] = {}
        self._changes: list[Change] = []
        self._test: list[dict[str, Any]] = []
        self._serial = ""

    def meet(self, console: Console) -> None:
        """Stop the board and see that it is one for this place. `Failure`, with nothing written."""
        console.stop()
        if not console.application:
            board = self._source.board_type
            raise fault("not_ours", self._lang, seen=console.platform, board=board, port=console.port)
        if console.chip != self._board.chip:
            wanted = {"chip": self._board.chip.upper(), "board": self._source.board_type}
            raise fault("wrong_chip", self._lang, seen=console.chip.upper(), **wanted)
        if self._serial not in ("", console.serial):
            raise fault("unit_changed", self._lang, seen=f"{self._serial} → {console.serial}")
        self._serial = console.serial
        other = next((one.name for one in boards_of(self._station) if one.serial == console.serial), self._source.name)
        if other != self._source.name:
            facts = {"file": self._args.station, "other": other, "name": self._source.name}
            raise fault("unit_taken", self._lang, seen=console.serial, **facts)

    def look(self, console: Console) -> None:
        """Read what is on the board, and make what should be."""
        self._station, self._source = self._meant(self._serial)
        keys = self._keys.get(self._serial) if self._wifi else None
        self._new_keys = self._wifi and keys is None
        local = self._station.local
        own = keys.link(local.ssid) if keys and local else None
        self._setting = setting_of(self._station, self._source, own)
        console.send("look")
        blocks = self._setting.definition["log_blocks"]
        self._found = console.ask(f"look({NAMES!r}, {SECRET!r}, {self._salt!r}, {blocks})")
        wanted: dict[str, str] = hashed(own, self._salt) if own else {}
        if self._new_keys:
            wanted = dict.fromkeys(SECRET, "new")
        newest = self._newest
        meant = self._setting.definition
        if self._new_keys and local:  # What can be told of them before they are made.
            meant = {**meant, "link": {**meant["link"], "ssid": local.ssid, "username": self._serial}}
        self._changes = changes(newest.get("definition"), meant, newest.get("hidden", {}), wanted)

    @property
    def differs(self) -> bool:
        """Has the board other settings than it should?"""
        return bool(self._changes)

    @property
    def to_do(self) -> bool:
        """Is there anything to write, on the board or in station.toml?"""
        return self.differs or self._before != self._serial

    def check_rows(self) -> None:
        """A board that moves loses its log: `Failure` unless its rows are stored, or given up by their number."""
        unsent = self._found["log"]["unsent"]
        if self._moves and unsent and self._args.discard != unsent:
            seen = phrase("rows", self._lang, **self._found["log"]).partition("；" if self._lang == "zh" else ";")[0]
            raise fault("rows_move", self._lang, seen=seen, count=unsent, before=self._moved_from)

    def write(self, console: Console, steps: Steps) -> None:
        """Write, read back. `Failure` says what is left."""
        assert self._setting is not None, "look comes first"
        with steps.step("write"):
            if self._wifi and self._station.local is not None:
                own = self._keys.make(self._serial).link(self._station.local.ssid)
                self._setting = setting_of(self._station, self._source, own)
            console.send("settings")
            console.state = "settings_whole"
            if self._moves:
                console.ask(f"void_log({self._log_blocks})", VOID_LIMIT_S)
            saved = console.ask(f"save({NAMES!r}, {self._setting.packed!r})", SAVE_LIMIT_S)
        with steps.step("verify"):
            if saved["sha256"] != self._setting.sha256:
                raise fault("settings_differ", self._lang, seen=f"sha256 {saved['sha256'][:16]}")
            console.state = "settings_written"

    def test(self, console: Console, steps: Steps) -> None:
        """Run the self-test, with the settings that the board has now."""
        with steps.step("test"):
            self._test = self_test.run(console, self._board)

    def start(self, console: Console, steps: Steps) -> bool:
        """Restart it; does it say that it is ready?"""
        with steps.step("start"):
            return console.restart()

    def enter(self, console: Console) -> None:
        """The board's number goes into station.toml, its keys to broker and access point, and all into the record."""
        if self._before != self._serial:
            file = StationFile(self._args.station, self._lang)
            file.source(self._source.name)["serial"] = self._serial
            file.save()
        if self._before and self._before != self._serial and self._wifi:
            self._keys.forget(self._before)
        self.keep_access()
        said = {"t": datetime.now(UTC).isoformat(timespec="seconds"), "by": self._args.by, **self._identity()}
        _append(self._args.station.absolute().parent / RECORD, json.dumps(said, ensure_ascii=False), self._lang)

    def keep_access(self) -> None:
        """Broker and access point know the boards of station.toml."""
        if self._wifi:
            self._keys.write_access(self._station)

    def check_result(self, console: Console, ready: bool) -> None:
        """`Failure` where the board is written and not right."""
        if not ready:
            raise fault("not_ready", self._lang, seen=console.said() or "-", port=console.port)
        bad = self_test.failed(self._test)
        if bad:
            raise fault("self_test", self._lang, seen="\n".join(self_test.lines(bad, self._lang)))

    def print_test(self, talk: Any) -> None:
        print(*self_test.lines(self._test, self._lang), sep="\n", file=talk)

    def facts(self) -> list[tuple[str, str]]:
        """What a person has to know before saying yes."""
        lang, source = self._lang, self._source
        board = phrase("board", lang, name=source.name, type=called(self._board, lang))
        unit = {"": "new_unit", self._serial: "same_unit"}.get(self._before, "other_unit")
        name = self._station.name if lang == "zh" else self._station.name_en
        told = [
            ("Station", f"{name} ({self._station.id})"),
            ("Board", board),
            ("Serial", phrase(unit, lang, serial=self._serial, before=self._before)),
        ]
        told += [("Change", line) for line in self._changes_said()]
        if self._wifi:
            key = "keys_new" if self._new_keys else "keys_kept"
            told.append(("Keys", phrase(key, lang, folder=f"{self._keys.folder.name}/")))
            if self._before != self._serial and self._before in self._keys.serials():
                told.append(("Keys", phrase("keys_withdrawn", lang, serial=self._before)))
            if self._station.local is not None and not gateway_password(self._station.local, self._lang):
                told.append(("Keys", phrase("no_gateway", lang)))
        return [*told, ("Log", self._log_said())]

    def document(self) -> dict[str, Any]:
        """The same for a machine."""
        return {
            **self._identity(),
            "serial_before": self._before,
            "moved_from": self._moved_from if self._moves else None,
            "log": {key: self._found["log"].get(key, 0) for key in ("rows", "unsent")},
            "changes": [
                {"key": one.key, "secret": True}
                if one.secret
                else {"key": one.key, "before": one.before, "after": one.after}
                for one in self._changes
            ],
            "self_test": self._test,
            "label": self.label().code,
        }

    def label(self) -> Label:
        assert self._setting is not None, "look comes first"
        link = self._setting.definition["link"]
        return Label(
            board=self._source.board_type,
            station=self._station.id,
            name=self._source.name,
            address=str(link.get("address", "")),
            serial=self._serial,
            sha256="",
            definition=self._source.definition,
        )

    def next_step(self) -> str:
        if self._wifi:
            return phrase("next_wifi", self._lang, folder=f"{self._keys.folder.name}/{self._keys.broker.name}/")
        return phrase("next_rs485", self._lang)

    def _identity(self) -> dict[str, Any]:
        found = {"station": self._station.id, "name": self._source.name, "board": self._source.board_type}
        return {**found, "serial": self._serial, "definition": self._source.definition}

    @property
    def blank(self) -> bool:
        """Has the board no settings that can be read?"""
        return not self._newest.get("definition")

    @property
    def _newest(self) -> dict[str, Any]:
        return self._found["copies"][0] if self._found["copies"] else {}

    @property
    def _moved_from(self) -> str:
        """The station that the board's settings name."""
        link = (self._newest.get("definition") or {}).get("link", {})
        return str(link.get("station") or phrase("no_station", self._lang))

    @property
    def _moves(self) -> bool:
        """Are there rows on it of another station, or of one that nobody said?"""
        return bool(self._found["log"]["rows"]) and self._moved_from != self._station.id

    @property
    def _log_blocks(self) -> int:
        settings = self._newest.get("definition") or {}
        assert self._setting is not None
        return int(settings.get("log_blocks", self._setting.definition["log_blocks"]))

    def _log_said(self) -> str:
        log = self._found["log"]
        if "error" in log:
            return phrase("rows_bad", self._lang, error=log["error"])
        if self._moves:
            return phrase("rows_go", self._lang, before=self._moved_from, station=self._station.id, **log)
        return phrase("rows" if log["rows"] else "rows_blank", self._lang, **log)

    def _changes_said(self) -> list[str]:
        """Every key that changes; of a board without settings, how it is reached and what it measures."""
        if not self._changes:
            return [phrase("unchanged", self._lang)]
        if self.blank:
            link = [self._said(change) for change in self._changes if change.key.startswith("link.")]
            assert self._setting is not None
            fitted = ", ".join(sensor["driver"] for sensor in self._setting.definition["sensors"])
            return [phrase("blank", self._lang), *link, phrase("sensors", self._lang, fitted=fitted)]
        return [self._said(change) for change in self._changes]

    def _said(self, change: Change) -> str:
        key = "secret" if change.secret else "change" if change.before and change.after else ""
        key = key or ("added" if change.after else "removed")
        return phrase(key, self._lang, name=change.key, before=change.before, after=change.after)

    def _meant(self, serial: str) -> tuple[Station, Source]:
        """The station, and the board that it means, if the board's serial were `serial`; "": as the file says."""
        path = self._args.station
        file = StationFile(path, self._lang)
        try:
            table = file.source(self._args.name)
            if serial or not table.get("serial"):
                table["serial"] = serial or placeholder(0)
        except KeyError:
            pass  # source_of names those that there are.
        text = file.text()
        try:
            station = build(tomllib.loads(text), Problems(path.name, lines_of(text)), path.absolute().parent)
        except ConfigError as error:
            raise fault("bad_station", self._lang, seen="\n".join(error.problems), file=path) from None
        return station, source_of(station, self._args.name, path, self._lang)


def _append(path: Path, line: str, lang: str) -> None:
    """Add a line to the record."""
    try:
        with path.open("a", encoding="utf-8") as file:
            file.write(line + "\n")
    except OSError as error:
        raise fault("unwritable", lang, seen=error.strerror or str(error), file=path) from None
