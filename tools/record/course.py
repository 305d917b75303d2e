"""The course of a recording: listen, split, write, count, until it is over; then what there is.

Rules of this file: what was heard goes to the file before it is counted.
"""

import argparse
import shutil
import sys
from pathlib import Path
from typing import TextIO

from gateway import words
from gateway.amounts import AmountError, amount
from tools import image
from tools.bus_place import Place, read_place
from tools.failure import EXIT_DONE, EXIT_NOT_RIGHT, EXIT_STOPPED, LINE_MAX, wrapped
from tools.faults import fault
from tools.record.file import Writer
from tools.record.phrases import phrase
from tools.record.splitter import SILENCE_US, Splitter
from tools.record.tally import KINDS, Tally
from tools.scan.port import CannotSet, Port, PortLost, SerialPort
from tools.steps import live

SHOWN_S = 0.5
SHOWN_PLAIN_S = 10.0
WIDE = 70


def record(args: argparse.Namespace, lang: str) -> int:
    """See `run`. `Failure` where the port or the file cannot be had, or the adapter goes."""
    place = read_place(args, lang)
    limit_s = _limit_s(args.duration, lang)
    talk = sys.stderr if str(args.json) == "-" else sys.stdout
    _say(phrase("listens", lang, port=place.port, setting=place.setting, file=args.out), talk)
    if args.dry_run:
        _say(phrase("dry", lang), talk)
        return EXIT_DONE
    port = SerialPort(place.port, lang)
    try:
        port.use(place.setting)
        with _opened(args.out, args.yes, lang) as file:
            course = Course(place, port, Writer(file, place.port, place.setting), args.out, lang)
            stopped = course.run(limit_s)
    except CannotSet as error:
        raise fault("bus_setting", lang, seen=str(error), port=place.port, setting=str(place.setting)) from None
    except PortLost as error:
        raise fault("bus_lost", lang, seen=str(error), port=place.port) from None
    finally:
        port.close()
    return _end(args, course.tally, course.age_s, stopped, lang, talk)


def _say(text: str, talk: TextIO) -> None:
    room = shutil.get_terminal_size().columns if talk.isatty() else LINE_MAX
    print("\n".join(wrapped(text, room)), file=talk, flush=True)


def _limit_s(text: str | None, lang: str) -> float | None:
    if text is None:
        return None
    try:
        return amount(text, "time") / 1000
    except AmountError as error:
        raise fault("no_time", lang, seen=str(error), option="--for") from None


def _opened(path: Path, over: bool, lang: str) -> TextIO:
    """A new file, or an empty one. `Failure`."""
    try:
        return path.open("w" if over else "x", encoding="utf-8")
    except FileExistsError:
        raise fault("record_exists", lang, seen=f"{path}: {path.stat().st_size:,}", file=path) from None
    except OSError as error:
        raise fault("unwritable", lang, seen=error.strerror or str(error), file=path) from None


class Course:
    """One recording under way. `age_s`: how long it has lasted."""

    def __init__(self, place: Place, port: Port, writer: Writer, path: Path, lang: str) -> None:
        self.tally = Tally(place.setting)
        self.age_s = 0.0
        self._place = place
        self._port = port
        self._writer = writer
        self._path = path
        self._lang = lang
        self._splitter = Splitter()
        self._live = live(sys.stderr)
        self._full = False  # The file takes no more.

    def run(self, limit_s: float | None) -> bool:
        """Listen for `limit_s`, or for ever; was it stopped by hand? `Failure` when the adapter goes."""
        try:
            self._listen(limit_s)
            return False
        except KeyboardInterrupt:
            return True
        except PortLost as error:
            self._keep_rest()
            state = phrase("holds", self._lang, file=self._path, count=f"{self._writer.count:,}")
            raise fault("bus_lost", self._lang, seen=str(error), state=state, port=self._place.port) from None
        except OSError as error:
            self._full = True
            raise fault("unwritable", self._lang, seen=error.strerror or str(error), file=self._path) from None
        finally:
            self._keep_rest()
            self.tally.end()
            if self._live:
                sys.stderr.write("\r\033[K")

    def _listen(self, limit_s: float | None) -> None:
        begin_s = self._port.now_s()
        end_s = None if limit_s is None else begin_s + limit_s
        heard_s = shown_s = begin_s
        while (now_s := self._port.now_s()) < (end_s or now_s + 1):
            until_s = min(now_s + SILENCE_US / 1e6, end_s or now_s + 1)
            data = self._port.hear(until_s)
            now_s = self._port.now_s()
            self.age_s = now_s - begin_s
            us = round(self.age_s * 1e6)
            if data:
                heard_s = now_s
                self._keep(self._splitter.feed(data, us))
            elif now_s - heard_s >= SILENCE_US / 1e6:
                self._keep(self._splitter.silent())
            if now_s - shown_s >= (SHOWN_S if self._live else SHOWN_PLAIN_S):
                shown_s = now_s
                self._show()

    def _keep(self, pieces) -> None:
        for piece in pieces:
            self._writer.put(piece)
            self.tally.take(piece)

    def _keep_rest(self) -> None:
        if not self._full:
            self._keep(self._splitter.silent())

    def _show(self) -> None:
        width = shutil.get_terminal_size().columns
        key = "live" if width >= WIDE or not self._live else "live_narrow"
        text = phrase(key, self._lang, **counted(self.tally, self.age_s, self._lang))
        while words.columns(text) >= width and self._live:
            text = text[:-1]
        sys.stderr.write(f"\r{text}\033[K" if self._live else f"{text}\n")
        sys.stderr.flush()


def counted(tally: Tally, age_s: float, lang: str) -> dict[str, str]:
    """Facts for the phrases."""
    counts = {kind: f"{tally.counts[kind]:,}" for kind in KINDS}
    use = f"{tally.use_permil() / 10:.1f} %"
    return {**counts, "wrong": f"{tally.wrong:,}", "use": use, "age": words.age(round(age_s * 1000), lang)}


def _end(args: argparse.Namespace, tally: Tally, age_s: float, stopped: bool, lang: str, talk: TextIO) -> int:
    facts = counted(tally, age_s, lang)
    if args.json:
        addresses = {str(address): dict(counts) for address, counts in sorted(tally.by_address.items())}
        found = {"file": str(args.out), "seconds": round(age_s, 3), "bytes": tally.bytes, "counts": dict(tally.counts)}
        image.write_json(args.json, {**found, "use_permil": tally.use_permil(), "by_address": addresses}, lang)
    if not tally.bytes and not stopped:
        raise fault("record_silent", lang, seen=f"{facts['age']}: 0", file=args.out)
    _say(phrase("counts", lang, **facts), talk)
    for address, counts in sorted(tally.by_address.items()):
        each = {kind: f"{counts[kind]:,}" for kind in KINDS}
        _say(phrase("of_address", lang, address=address, **each), talk)
    if stopped:
        _say(phrase("stopped", lang, file=args.out), sys.stderr)
        return EXIT_STOPPED
    frames = sum(tally.counts[kind] for kind in ("requests", "answers", "unasked"))
    _say(phrase("next_replay" if frames else "only_garbage", lang, file=args.out), talk)
    return EXIT_DONE if frames else EXIT_NOT_RIGHT
