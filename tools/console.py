"""A board's console: its program is stopped, the board does something for us by what it runs itself, and is restarted.

    with Console(port, lang) as console:
        console.stop()
        console.send("look")
        found = console.ask("look(NAMES, [], '', 64)")
        console.restart()

Rules of this file: the only one that talks to a console, by mpremote's transport. Nothing is stored on a board but by
what is asked of it. A board that was stopped is restarted, whatever happens; where that fails its watchdog does it
within 8 s. What the board holds of secrets is never part of a text here.
"""

import ast
import contextlib
import io
import json
import struct
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from mpremote.transport import TransportError
from mpremote.transport_serial import SerialTransport

from tools.failure import Failure
from tools.faults import fault
from tools.flash import ports

BAUD = 115_200
SNIPPETS = Path(__file__).parent / "snippets"
MARK = "RP1 "  # As snippets/prelude.py has it.
NAMES = {"board": "/board", "boot": "/boot"}  # Where the firmware keeps them, in two copies (board_json.py, slots.py).
RESET = 1  # hal: a restart that was meant.
FAMILIES = {"esp32": "esp32", "rp2": "rp2040"}  # sys.platform -> chip, as boards/ calls it.
# As snippets/prelude.py would; where that has not come yet, at least what kept memory says of it is right.
RESTART = f"""
try:
    restart({RESET})
except NameError:
    import sys
    sys.path[:0] = ["/safe", "/safe/lib"]
    try:
        import hal
        hal.port().open_keep([]).end({RESET})
    except Exception as error:
        print(error)
    import machine
    machine.reset()
"""
INTERRUPT = b"\r\x03\x03"
STOP_TRIES = 4  # While a board starts it does not hear Ctrl-C.
STOP_LIMIT_S = 3
READ_LIMIT_S = 3
ASK_LIMIT_S = 30
QUIET_S = 0.3
START_LIMIT_S = 20.0
BACK_LIMIT_S = 10.0  # Until a port that went with its chip is there again.
LOOK_S = 0.1
READY, BAD = b"ready ", b"Traceback"  # What firmware/hal says on the console once its log is open; a failure.
UNSET = (READY, b"board.json", BAD)  # One of these says that a board without settings runs our start.
WORDS_MAX = 4_096
SEEN_CHARS = 200
DOWNLOAD = b"waiting for download"
DEAD = (TransportError, OSError, struct.error)  # serial.SerialException is an OSError.


class Console:
    """The console at `port`, also "socket://HOST:PORT". `state`: what a failure says is left behind.

    After `stop`: `platform`, `serial` and `application` (the folder; "" = no program of ours). `words`: what it said
    when it started.
    """

    def __init__(self, port: str, lang: str) -> None:
        self.port = port
        self.state = ""
        self.platform = ""
        self.serial = ""
        self.application = ""
        self.words = b""
        self._lang = lang
        self._link: SerialTransport | None = None
        self._stopped = False

    def __enter__(self) -> "Console":
        self.open()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def open(self) -> None:
        """Take the port. `Failure` names what is in the way."""
        if "://" not in self.port:
            ports.check(self.port, self._lang)
        try:
            self._link = SerialTransport(self.port, BAUD, timeout=READ_LIMIT_S)
        except DEAD as error:
            raise ports.busy(self.port, str(error), self._lang) from error

    def close(self) -> None:
        """Let go of the port; a board that still stands is restarted first, as far as it can be reached."""
        if self._stopped:
            with contextlib.suppress(Failure, _NoRepl, *DEAD):
                self._interrupt()
                self._restart_now()
        link, self._link = self._link, None
        if link is not None:
            with contextlib.suppress(*DEAD):
                link.close()

    @property
    def chip(self) -> str:
        """As boards/ calls it; what the board itself says where that is none of ours."""
        return FAMILIES.get(self.platform, self.platform)

    def stop(self) -> None:
        """Stop the program and find out who is there. `Failure` where nobody is, or nobody of ours can be talked to."""
        link, heard = self._open_link(), b""
        for _ in range(STOP_TRIES):
            said = io.StringIO()  # mpremote prints what it did not understand.
            try:
                with contextlib.redirect_stdout(said), self._explained():
                    self._stopped = True
                    link.enter_raw_repl(timeout_overall=STOP_LIMIT_S)
                break
            except _NoRepl:
                heard += _printed(said.getvalue())
                with self._explained():
                    heard += self._overheard()
        else:
            self._stopped = False
            raise self._nobody(heard)
        self.send("prelude")
        found = self.ask(f"begin({NAMES!r})")
        self.platform, self.application = found["platform"], found["application"]
        self.serial = found.get("serial", "")

    def send(self, name: str) -> None:
        """Have the board learn what stands in the snippet `name`."""
        self._run((SNIPPETS / f"{name}.py").read_text(encoding="utf-8"), ASK_LIMIT_S)

    def ask(self, call: str, limit_s: int = ASK_LIMIT_S) -> Any:
        """What `call`, a call of something that was sent, gives."""
        out = self._run(f"tell({call})", limit_s)
        line = next((line for line in reversed(out.splitlines()) if line.startswith(MARK)), None)
        if line is None:
            raise self._failed(f"{len(out)} bytes")
        return json.loads(line[len(MARK) :])

    def restart(self, limit_s: float = START_LIMIT_S, wanted: tuple[bytes, ...] = (READY,)) -> bool:
        """Restart the board and wait until it says one of `wanted`; False where it does not. Its port may come back
        under its name meanwhile.
        """
        try:
            self._restart_now()
        except _NoRepl as reason:
            raise self._failed(str(reason)) from None
        self.words = b""
        limit_s += time.monotonic()
        gone = False
        while time.monotonic() < limit_s:
            if self._link is None:
                gone = True
                if not self._reopened():
                    time.sleep(LOOK_S)
                    continue
            if not self._listen():
                continue
            if any(word in self.words.rpartition(b"\n")[0] for word in wanted):
                return True
        return gone and self._link is not None and BAD not in self.words  # Its first words may be over by then.

    def said(self) -> str:
        """The end of `words`, for a person."""
        return self.words.decode(errors="replace")[-SEEN_CHARS:].strip()

    def _listen(self) -> bool:
        """Take what comes for a moment; False where the port has gone."""
        link = self._open_link()
        try:
            self.words = (self.words + self._read(link))[-WORDS_MAX:]
        except OSError:
            with contextlib.suppress(*DEAD):
                link.close()
            self._link = None
            return False
        return True

    def _read(self, link: SerialTransport) -> bytes:
        """What is there; waits LOOK_S for it."""
        port: Any = link.serial
        if not port.in_waiting:
            time.sleep(LOOK_S)
        count = port.in_waiting
        return port.read(count) if count else b""

    def _reopened(self) -> bool:
        try:
            self._link = SerialTransport(self.port, BAUD, timeout=READ_LIMIT_S)
        except DEAD:
            return False
        return True

    def _restart_now(self) -> None:
        """Send the restart; the board does not answer it."""
        link = self._open_link()
        self._stopped = False
        with self._explained():
            if not link.in_raw_repl:
                with contextlib.redirect_stdout(io.StringIO()):
                    link.enter_raw_repl(soft_reset=False, timeout_overall=STOP_LIMIT_S)
            link.exec_raw_no_follow(RESTART)

    def _interrupt(self) -> None:
        """Whatever is under way on the board ends; a command that came half is none."""
        link = self._open_link()
        with self._explained():
            link.serial.write(INTERRUPT)
            link.in_raw_repl = False

    def _run(self, code: str, limit_s: int) -> str:
        """What the board prints while it runs `code`."""
        link = self._open_link()
        try:
            with contextlib.redirect_stdout(io.StringIO()), self._explained():
                out, error = link.exec_raw(code, timeout=limit_s)
        except _NoRepl as reason:
            raise self._failed(str(reason)) from None
        if error:
            raise self._failed(error.decode(errors="replace").strip().rpartition("\n")[2])
        return out.decode(errors="replace")

    def _overheard(self) -> bytes:
        link, heard = self._open_link(), b""
        end_s = time.monotonic() + QUIET_S
        while time.monotonic() < end_s:
            heard += self._read(link)
        return heard

    def _open_link(self) -> SerialTransport:
        if self._link is None:
            raise fault("console_pulled", self._lang, seen=f"{self.port}: -", state=self.state)
        return self._link

    @contextlib.contextmanager
    def _explained(self) -> Iterator[None]:
        """A port that is gone is a `Failure`; a console that does not do what a MicroPython does is `_NoRepl`."""
        try:
            yield
        except OSError as error:
            self._stopped = False
            seen = f"{self.port}: {error.strerror or error}"
            raise fault("console_pulled", self._lang, seen=seen, state=self.state) from error
        except (TransportError, struct.error) as error:
            raise _NoRepl(str(error)) from None

    def _nobody(self, heard: bytes) -> Failure:
        seen = heard.decode(errors="replace").strip()[-SEEN_CHARS:]
        key = "console_foreign" if heard.strip() else "console_silent"
        if DOWNLOAD in heard:
            key = "console_download"
        return fault(key, self._lang, seen=f"{self.port}, {BAUD}: {seen or '-'}", state=self.state, port=self.port)

    def _failed(self, seen: str) -> Failure:
        return fault("console_failed", self._lang, seen=seen[-SEEN_CHARS:], state=self.state, port=self.port)


def _printed(text: str) -> bytes:
    """What mpremote printed of the bytes that it did not understand."""
    found = b""
    for line in text.splitlines():
        with contextlib.suppress(ValueError, SyntaxError):
            value = ast.literal_eval(line)
            found += value if isinstance(value, bytes) else b""
    return found


class _NoRepl(Exception):
    """The console did not answer as MicroPython's raw REPL does."""
