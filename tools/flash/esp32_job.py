"""Flash an ESP32: look, ask, erase, write, verify, start.

Rules of this file: the order; how is in esp32.py, in which pieces in plan.py.
"""

import argparse
import sys
from typing import Any

from tools.console import READY, UNSET
from tools.failure import Failure
from tools.faults import fault
from tools.flash import ports
from tools.flash.esp32 import Session
from tools.flash.label import Label
from tools.flash.plan import Plan, plan
from tools.flash.rows import Held, held
from tools.flash.work import SelfTest, Source, test_over
from tools.phrases import phrase
from tools.steps import Steps

WORDS_SHOWN = 200


class Esp32Job:
    """See work.Job."""

    def __init__(self, args: argparse.Namespace, source: Source, port: str, lang: str) -> None:
        self._args = args
        self._port_said = port if args.port else phrase("only_port", lang, port=port)
        self._source = source
        self._lang = lang
        self._steps = Steps(7, lang)
        self._session = Session(port, lang, self._steps.show)
        self._held = Held(False)
        self._plan: Plan | None = None

    @property
    def touched(self) -> bool:
        return self._session.touched

    @property
    def _erase_log(self) -> bool:
        return not self._args.keep_log

    def look(self, dry_run: bool) -> None:
        image, session = self._source.image, self._session
        with self._steps.step("connect"):
            session.connect(image.board, stub=not self._args.no_stub, baud=self._args.baud)
        with self._steps.step("compare"):
            if self._erase_log:
                self._held = held(session.read, session.md5, self._steps.show)
        self._plan = plan(image, self._erase_log)
        unsent = self._held.unsent
        if not dry_run and unsent and self._args.discard != unsent:
            seen = phrase("rows_held", self._lang, rows=self._held.rows, count=unsent)
            raise fault("rows_unsent", self._lang, seen=seen, count=unsent)

    def facts(self) -> list[tuple[str, str]]:
        lang, image, session = self._lang, self._source.image, self._session
        chip = f"ESP32, {session.flash_bytes >> 20} MiB, {phrase('serial', lang)} {session.serial}"
        told = [*self._source.facts(), ("Port", self._port_said), ("Chip", chip)]
        regions = [(piece.name, piece.offset, len(piece.data), piece.used_bytes) for piece in image.pieces]
        if self._erase_log:
            regions.append(("log", *image.log, 0))
        for name, at, size, used in regions:
            key = "region" if used else "erased"
            told.append(("Writes", phrase(key, lang, at=f"{at:#08x}", size=f"{size:,}", name=name)))
        told.append(("Lost", phrase("all_before", lang)))
        if self._erase_log:
            return [*told, ("Log", self._log_said())]
        return [*told, ("Kept", phrase("rows_kept", lang))]

    def _log_said(self) -> str:
        if not self._held.ours:
            return phrase("log_foreign", self._lang)
        if self._held.unsent:
            return phrase("rows_lost", self._lang, count=self._held.unsent)
        key = "rows_stored" if self._held.rows else "log_blank"
        return phrase(key, self._lang, count=self._held.rows)

    def document(self) -> dict[str, Any]:
        return {
            **self._source.document(),
            "port": self._session.port,
            "serial": self._session.serial,
            "flash_bytes": self._session.flash_bytes,
            "sent_bytes": self._plan.sent_bytes if self._plan else 0,
            "log": {"kept": self._args.keep_log, "rows": self._held.rows, "unsent": self._held.unsent},
        }

    def write(self) -> None:
        assert self._plan is not None, "look comes first"
        with self._steps.step("erase"):
            self._session.erase(self._plan)
        with self._steps.step("write"):
            self._session.write(self._plan)
        with self._steps.step("verify"):
            self._session.verify(self._source.image, self._erase_log)

    def start(self) -> bool:
        if not self._session.resets:
            print(phrase("reset_by_hand", self._lang), file=sys.stderr, flush=True)
        with self._steps.step("start"):
            return self._session.start(self._source.setting is not None)

    def test(self) -> SelfTest:
        self._session.close()
        with self._steps.step("test"):
            wanted = (READY,) if self._source.setting else UNSET
            return test_over(self._session.port, self._source.image.board, self._lang, wanted)

    def words(self) -> str:
        return self._session.words.decode(errors="replace")[-WORDS_SHOWN:].strip()

    def silent(self) -> Failure:
        return fault("silent_start", self._lang, seen=self.words() or "-", port=self._session.port)

    def label(self) -> Label:
        return self._source.label(self._session.serial)

    def close(self) -> None:
        if self._args.verbose:
            print(*self._session.told, sep="\n", file=sys.stderr)
        self._session.close()


def open_job(args: argparse.Namespace, lang: str) -> Esp32Job:
    """The job that the arguments mean. `Failure` for a port that cannot be used."""
    source = Source(args, lang)
    port = ports.choose(args.port, lang)
    ports.check(port, lang)
    return Esp32Job(args, source, port, lang)
