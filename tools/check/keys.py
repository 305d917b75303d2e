"""A person at a terminal: keys as they are pressed, while the values on the screen live on.

Rules of this file: the terminal is given back as it was, however the check ends; nothing is read that was typed before
it was asked for. Enter is the safe answer.
"""

import codecs
import contextlib
import os
import re
import select
import sys
import termios
import time
import tty
from collections.abc import Callable
from decimal import Decimal, InvalidOperation

from tools.check.person import DONE, OVER, POLL_S, TIME, Look, Person
from tools.check.said import said, tell
from tools.check.screen import Screen
from tools.check.step import Skipped, Step, Stopped, Text

ENTER, ERASE, END = "\r\n", "\x7f\b", "\x04"
ESCAPED = re.compile(r"\x1b(?:\[[0-9;]*[A-Za-z~]|O[A-Z])?")  # An arrow, or another key that writes nothing.
LETTERS_MAX = 100
METRES_MAX = 9_000
YES, NO = ("y", "Y", "是"), ("n", "N", "否")


class Terminal(Person):
    """Standard input, key by key."""

    asks = by_hand = True

    def __init__(self, screen: Screen, descriptor: int | None = None) -> None:
        super().__init__(screen)
        self._fd = sys.stdin.fileno() if descriptor is None else descriptor
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._typed = ""
        self._before = termios.tcgetattr(self._fd)
        tty.setcbreak(self._fd, termios.TCSANOW)

    def close(self) -> None:
        with contextlib.suppress(termios.error):  # It may be gone.
            termios.tcsetattr(self._fd, termios.TCSANOW, self._before)

    def skips(self, step: Step) -> Text:
        return ""

    def watch(self, step: Step, prompt: Text, look: Look, limit_s: float) -> str:
        hint = self._ask(step, prompt, "keys_watch")
        end_s = time.monotonic() + limit_s
        while True:
            live, left_s = look(), end_s - time.monotonic()
            if live.over or left_s <= 0:
                self.screen.clear()
                return OVER if live.over else TIME
            self.screen.draw(f"{left_s:3.0f} s  {tell(live.said, self.screen.lang)}  {hint}")
            key = self._key()
            if key and key in ENTER:
                self.screen.clear()
                return DONE
            self._leave(step, key)

    def number(self, step: Step, prompt: Text, look: Look, usual: int | None) -> int:
        hint = self._ask(step, prompt, "keys_number")
        wrong = typed = ""
        while True:
            live = look()
            told = wrong or f"{tell(live.said, self.screen.lang)}  {hint}"
            self.screen.draw(f"> {typed}_  {told}")
            key = self._key()
            if not key:
                continue
            if key in ENTER:
                value = usual if not typed and usual is not None else millimetres(typed)
                if value is not None:
                    self.screen.clear()
                    return value
                wrong, typed = tell(said("no_number"), self.screen.lang), ""
            elif key in ERASE:
                typed = typed[:-1]
            elif not typed and key in "sqSQ":
                self._leave(step, key)
            elif key.isprintable() and len(typed) < LETTERS_MAX:
                typed, wrong = typed + key, ""

    def yes(self, step: Step, prompt: Text, again: Callable[[], None]) -> bool:
        hint = self._ask(step, prompt, "keys_yes")
        while True:
            self.screen.draw(f"? {hint}")
            key = self._key()
            if key in YES or key in NO:
                self.screen.clear()
                return key in YES
            if key in ("r", "R"):
                again()
            self._leave(step, key)

    def repeat(self, step: Step) -> bool:
        while True:
            self.screen.draw(tell(said("keys_repeat"), self.screen.lang))
            key = self._key()
            if key and (key in ENTER or key in "rR"):
                self.screen.clear()
                return key not in ENTER
            if key in ("q", "Q", END):
                raise Stopped

    def _leave(self, step: Step, key: str) -> None:
        """s: skip, with a reason; q: stop."""
        if key in ("q", "Q", END):
            self.screen.clear()
            raise Stopped
        if key in ("s", "S"):
            reason = self._line(tell(said("why_skip"), self.screen.lang))
            if reason:
                raise Skipped(reason)

    def _line(self, prompt: str) -> str:
        """A line that is typed; "" = none."""
        typed = ""
        while True:
            self.screen.draw(f"{prompt} {typed}_")
            key = self._key()
            if key and key in ENTER:
                self.screen.clear()
                return typed.strip()
            if key and key in ERASE:
                typed = typed[:-1]
            elif key.isprintable() and len(typed) < LETTERS_MAX:
                typed += key

    def _ask(self, step: Step, prompt: Text, keys: str) -> str:
        """Ask, and say what the keys do: for the line that is drawn anew, or once where that is too short."""
        self._typed = ""
        with contextlib.suppress(termios.error):
            termios.tcflush(self._fd, termios.TCIFLUSH)
        self.screen.prompt(step, prompt)
        hint = tell(said(keys), self.screen.lang)
        if not self.screen.narrow:
            return hint
        self.screen.hint(hint)
        return ""

    def _key(self) -> str:
        """The next key, "" if none came within POLL_S."""
        if not self._typed:
            ready, _, _ = select.select([self._fd], [], [], POLL_S)
            if not ready:
                return ""
            try:
                content = os.read(self._fd, 1_024)
            except OSError:
                content = b""
            if not content:
                raise Stopped  # The terminal is gone.
            self._typed = ESCAPED.sub("", self._decoder.decode(content))
        key, self._typed = self._typed[:1], self._typed[1:]
        return key

    def _pause(self) -> None:
        """While nobody is asked: q stops."""
        if self._key() in ("q", "Q"):
            self.screen.clear()
            raise Stopped


def millimetres(text: str) -> int | None:
    """ "177.20" or "177,20 m" in millimetres; None for what is no height."""
    text = text.strip().replace(",", ".").replace("−", "-")
    for unit in ("m", "米"):
        text = text.removesuffix(unit).strip()
    try:
        metres = Decimal(text)
    except InvalidOperation:
        return None
    if not metres.is_finite() or abs(metres) > METRES_MAX:
        return None
    return round(metres * 1000)
