"""The course of a watch: read the state, draw it, heed keys; in a pipe a line for each channel every second.

Rules of this file: the terminal is given back as it was, however it ends. A gateway that falls silent is told in place
of its values, and watched on: it may come back.
"""

import argparse
import codecs
import json
import os
import select
import shutil
import signal
import sys
import termios
import time
import tty
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from gateway.__main__ import STATUS_FOLDER
from gateway.config import Station, Step
from tools.failure import EXIT_DONE, EXIT_NOT_RIGHT, Failure
from tools.faults import fault
from tools.station_now import STALE_S, STATION, read_station, read_status
from tools.steps import live
from tools.watch import screen
from tools.watch.history import History
from tools.watch.rows import Errors
from tools.watch.screen import Look

RENEW_S = 0.5
PLAIN_S = 1.0
KEY_S = 0.1
KEYS_MAX = 64
RULE_KINDS = ("high", "low", "smoke")  # Their steps are values of the channel itself.
ENTER, LEAVE = "\033[?1049h\033[?25l", "\033[?25h\033[?1049l"
UP, DOWN = "\033[A", "\033[B"


class Source:
    """Where the state comes from, and what is known beside it."""

    def __init__(self, args: argparse.Namespace, lang: str) -> None:
        path = args.station or (STATION if STATION.is_file() and not args.status else None)
        self.config: Station | None = read_station(path, lang) if path else None
        self._station = self.config.id if self.config else ""
        self.path = args.status or self._usual(lang)
        self._lang = lang

    def _usual(self, lang: str) -> Path:
        if self.config is not None:
            return STATUS_FOLDER / f"{self.config.id}.json"
        found = sorted(STATUS_FOLDER.glob("*.json"))
        if len(found) == 1:
            return found[0]
        seen = "\n".join(map(str, found)) or f"{STATUS_FOLDER}: -"
        raise fault("watch_which", lang, seen=seen)

    def read(self) -> dict[str, Any]:
        """The state. `Failure` where nobody renews it."""
        found = read_status(self.path, self._station, self._lang)
        try:
            look = Look("en", ZoneInfo("UTC"))
            screen.document(found, Errors(), look)
            screen.picture(found, History(), Errors(), look, 80, 100, {})
        except (KeyError, TypeError, AttributeError, ValueError) as error:
            raise fault("bad_status", self._lang, seen=repr(error), file=self.path, station=self._station) from None
        return found

    @property
    def zone(self) -> ZoneInfo:
        return ZoneInfo(self.config.time_zone if self.config else "UTC")

    @property
    def steps(self) -> dict[str, list[tuple[Step, str]]]:
        """Thresholds by channel, with their rules."""
        found: dict[str, list[tuple[Step, str]]] = {}
        for rule in self.config.rules if self.config else ():
            if rule.kind in RULE_KINDS:
                found.setdefault(rule.channel, []).extend((step, rule.name) for step in rule.steps)
        return found

    def silent_ms(self) -> int:
        """Since when nobody renews it."""
        try:
            return round((time.time() - self.path.stat().st_mtime) * 1000)
        except OSError:
            return round(STALE_S * 1000)


def watch(args: argparse.Namespace, lang: str) -> int:
    """See `run`."""
    source = Source(args, lang)
    status = source.read()
    look = Look(lang, source.zone, plot=args.channel or "", file=str(source.path))
    names = [channel["name"] for channel in status["channels"]]
    if args.channel and args.channel not in names:
        raise fault("watch_channel", lang, seen=", ".join(names), name=args.channel)
    if args.once or (args.json and str(args.json) != "-"):
        return _once(args, source, status, look)
    if args.json or not live(sys.stdout):
        return _plain(args, source, status, look)
    signal.signal(signal.SIGTERM, _ended)
    return Watch(source, status, look).run()


def _ended(*_: object) -> None:
    raise SystemExit(128 + signal.SIGTERM)


def _once(args: argparse.Namespace, source: Source, status: dict[str, Any], look: Look) -> int:
    from tools import image

    errors, history = Errors(), History()
    errors.take(status)
    history.take(status)
    if args.json:
        image.write_json(args.json, screen.document(status, errors, look), look.lang)
    if str(args.json) != "-":
        if live(sys.stdout):
            size = shutil.get_terminal_size()
            for line, level in screen.picture(status, history, errors, look, size.columns, 1_000, source.steps):
                print(screen.painted(line, level))
        else:
            print("\n".join(screen.plain(status, errors, look)))
    return EXIT_DONE if screen.is_right(status, errors) else EXIT_NOT_RIGHT


def _plain(args: argparse.Namespace, source: Source, status: dict[str, Any], look: Look) -> int:
    """Line by line until it is stopped."""
    errors = Errors()
    while True:
        errors.take(status)
        if args.json:
            print(json.dumps(screen.document(status, errors, look), ensure_ascii=False), flush=True)
        else:
            print("\n".join(screen.plain(status, errors, look)), flush=True)
        time.sleep(PLAIN_S)
        try:
            status = source.read()
            look.frozen_ms = None
        except Failure:
            look.frozen_ms = source.silent_ms()


class Watch:
    """The live picture."""

    def __init__(self, source: Source, status: dict[str, Any], look: Look) -> None:
        self._source = source
        self._status = status
        self._look = look
        self._history = History()
        self._errors = Errors()
        self._shown: list[str] = []
        self._size = os.terminal_size((0, 0))
        self._keys = sys.stdin.fileno() if sys.stdin.isatty() else None
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._take(status)
        if not look.plot:
            look.plot = self._first_plot()

    def run(self) -> int:
        """Until q. The terminal is as it was afterwards."""
        before = termios.tcgetattr(self._keys) if self._keys is not None else None
        stopped = signal.signal(signal.SIGTSTP, signal.SIG_IGN)  # A stopped picture would leave the terminal as it is.
        try:
            if self._keys is not None:
                tty.setcbreak(self._keys, termios.TCSANOW)
            sys.stdout.write(ENTER)
            self._loop()
        finally:
            sys.stdout.write(LEAVE)
            sys.stdout.flush()
            signal.signal(signal.SIGTSTP, stopped)
            if self._keys is not None and before is not None:
                termios.tcsetattr(self._keys, termios.TCSANOW, before)
        return EXIT_DONE

    def _loop(self) -> None:
        due_s = 0.0
        while True:
            now_s = time.monotonic()
            if now_s >= due_s:
                due_s = now_s + RENEW_S
                self._renew()
                self._draw()
            keys = self._pressed(min(KEY_S, due_s - now_s))
            if any(self._heed(key) for key in keys):
                return
            if keys or shutil.get_terminal_size() != self._size:
                self._draw()

    def _renew(self) -> None:
        if self._look.paused:
            return
        try:
            self._take(self._source.read())
            self._look.frozen_ms = None
        except Failure:
            self._look.frozen_ms = self._source.silent_ms()

    def _take(self, status: dict[str, Any]) -> None:
        self._status = status
        self._history.take(status)
        self._errors.take(status)

    def _draw(self) -> None:
        """Only lines that changed are written."""
        size = shutil.get_terminal_size()
        if size != self._size:
            self._size, self._shown = size, []
            sys.stdout.write("\033[2J")
        lines = [
            screen.painted(line, level)
            for line, level in screen.picture(
                self._status, self._history, self._errors, self._look, size.columns, size.lines, self._source.steps
            )
        ]
        for place in range(max(len(lines), len(self._shown))):
            line = lines[place] if place < len(lines) else ""
            if place >= len(self._shown) or self._shown[place] != line:
                sys.stdout.write(f"\033[{place + 1};1H{line}\033[K")
        self._shown = lines
        sys.stdout.flush()

    def _pressed(self, wait_s: float) -> list[str]:
        """The keys that came within `wait_s`."""
        if self._keys is None:
            time.sleep(max(0.0, wait_s))
            return []
        ready, _, _ = select.select([self._keys], [], [], max(0.0, wait_s))
        if not ready:
            return []
        data = os.read(self._keys, KEYS_MAX)
        if not data:
            return ["q"]  # The terminal is gone.
        text = self._decoder.decode(data)
        return [text] if text in (UP, DOWN) else [] if text.startswith("\033") else list(text)

    def _heed(self, key: str) -> bool:
        """True: it ends."""
        look = self._look
        if key in ("q", "Q", "\x04"):
            return True
        if key in ("p", "P", " "):
            look.paused = not look.paused
        elif key in ("z", "Z"):
            look.lang = "en" if look.lang == "zh" else "zh"
        elif key in ("g", "G"):
            look.plot = "" if look.plot else self._first_plot()
        elif key in ("j", DOWN):
            self._next_plot(1)
        elif key in ("k", UP):
            self._next_plot(-1)
        return False

    def _first_plot(self) -> str:
        """The channel whose alarm is the worst, a level before others."""
        order = sorted(self._status["channels"], key=lambda one: (-one["level"], one["quantity"] != "level_mm"))
        return order[0]["name"] if order else ""

    def _next_plot(self, step: int) -> None:
        names = [channel["name"] for channel in self._status["channels"]]
        if names:
            place = names.index(self._look.plot) if self._look.plot in names else -step
            self._look.plot = names[(place + step) % len(names)]
