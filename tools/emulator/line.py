"""`python -m tools.emulator.line`: one RS-485 line as a process of its own.

A pseudo-terminal is the gateway's port, a file descriptor each is a board, bought sensors live in here. What the line
does is decided in wire_model.py; this file only moves bytes and time. It is told what to do by JSON lines on
`--control`, answers each with one line, and ends when that closes.
"""

import argparse
import ctypes
import errno
import fcntl
import json
import os
import select
import sys
import termios
import time
import tty
from collections import deque
from collections.abc import Callable
from typing import Any

from boards import load_profile
from tools.emulator import rtu
from tools.emulator.line_end import MasterEnd
from tools.emulator.sensors import TURN_NS, BoughtSensor
from tools.emulator.uart_model import Setting
from tools.emulator.wire_model import MASTER, Wire

READ_MAX = 4_096
CONTROL_LINE_MAX = 65_536
IDLE_S = 0.5
PORTS_MAX = 16  # tried in turn
ANSWERS_KEPT = 512  # of bought sensors, with their times, for whoever measures what follows from them
_PR_SET_TIMERSLACK = 29  # linux/prctl.h: how late, in nanoseconds, the kernel may wake us
_GONE = (errno.EIO, errno.EPIPE, errno.ECONNRESET)
_FULL = (errno.EAGAIN, errno.EWOULDBLOCK)


class Line:
    """The file descriptors of one `wire`: `master`, and each device's with its port number."""

    def __init__(self, wire: Wire, master: int, control: int | None) -> None:
        self.wire = wire
        self.sensors: dict[str, BoughtSensor] = {}
        self.answers: deque[tuple[str, int, str]] = deque(maxlen=ANSWERS_KEPT)  # sensor, end in real us, bytes in hex
        self.follows_port = False  # Is the master's port believed to be set as its user set it?
        self.bytes_not_taken = 0  # for somebody who does not read: dead, or not there
        self._control = control
        self._asked = b""
        self._port_of = {master: MASTER}
        self._file_of = {MASTER: master}
        self._sensor_ports: dict[str, int] = {}
        os.set_blocking(master, False)
        wire.quiet_listeners.append(self._quiet)

    def add_device(self, name: str, address: int, file: int) -> None:
        """Connect a board whose end of the line is the file descriptor `file`."""
        os.set_blocking(file, False)
        port = self.wire.join(name, address)
        self._port_of[file] = port
        self._file_of[port] = file

    def add_sensor(self, sensor: BoughtSensor) -> None:
        self.sensors[sensor.name] = sensor
        self._sensor_ports[sensor.name] = self.wire.join(sensor.name, sensor.address)

    def run(self) -> None:
        """Until the control channel closes; without one, for ever."""
        files = list(self._port_of) + ([] if self._control is None else [self._control])
        while True:
            self._hand_over(time.monotonic_ns())
            due_ns = self.wire.next_ns()
            wait_s = IDLE_S if due_ns is None else max(0, due_ns - time.monotonic_ns()) / 1e9
            ready, _, _ = select.select(files, [], [], min(wait_s, IDLE_S))
            for file in ready:
                if file == self._control:
                    if not self._obey():
                        return
                else:
                    self._listen(file)

    def _listen(self, file: int) -> None:
        try:
            data = os.read(file, READ_MAX)
        except OSError as error:
            if error.errno not in _GONE + _FULL:
                raise
            return
        if data:
            if self.follows_port and self._port_of[file] == MASTER:
                self.wire.end.setting = port_setting(file, self.wire.end.own)
            self.wire.talk(self._port_of[file], data, time.monotonic_ns())

    def _hand_over(self, now_ns: int) -> None:
        for heard in self.wire.advance(now_ns):
            for port, file in self._file_of.items():
                if port not in heard.deaf:
                    self._write(file, heard.data)

    def _write(self, file: int, data: bytes) -> None:
        try:
            taken = os.write(file, data)
        except OSError as error:
            if error.errno not in _GONE + _FULL:
                raise
            taken = 0
        self.bytes_not_taken += len(data) - taken

    def _quiet(self, frame: bytes, end_ns: int) -> None:
        begin_ns = self.wire.station_ns(end_ns)
        for name, sensor in self.sensors.items():
            answer = sensor.answer(frame, begin_ns)
            if answer:
                at_ns = end_ns + round((answer[0] - begin_ns) / self.wire.rate)
                self.wire.talk_at(self._sensor_ports[name], answer[1], at_ns)
                char_ns = rtu.char_ns(self.wire.baud, self.wire.char_bits, self.wire.rate)
                self.answers.append((name, (at_ns + len(answer[1]) * char_ns) // 1000, answer[1].hex()))

    def _obey(self) -> bool:
        """Do what came on the control channel; False when it has closed."""
        assert self._control is not None
        data = os.read(self._control, READ_MAX)
        if not data or len(self._asked) > CONTROL_LINE_MAX:
            return False
        *lines, self._asked = (self._asked + data).split(b"\n")
        for line in lines:
            try:
                told = {"ok": self.command(json.loads(line), time.monotonic_ns())}
            except (ValueError, KeyError, TypeError) as error:
                told = {"error": str(error)}
            os.write(self._control, json.dumps(told).encode() + b"\n")
        return True

    def command(self, asked: dict[str, Any], now_ns: int) -> Any:
        """Do every entry of `asked` (COMMANDS); the last one's result. ValueError, KeyError: not possible."""
        result = None
        for name, value in asked.items():
            if name not in COMMANDS:
                raise ValueError(f"the line knows no {name!r}")
            result = COMMANDS[name](self, value, now_ns)
        return result

    def take_answers(self) -> list[tuple[str, int, str]]:
        """What bought sensors answered since the last call: (name, end by time.monotonic() in us, bytes in hex)."""
        taken = list(self.answers)
        self.answers.clear()
        return taken

    def stats(self, now_ns: int) -> dict[str, Any]:
        spent = os.times()
        mine = {"bytes_not_taken": self.bytes_not_taken, "cpu_s": round(spent.user + spent.system, 3)}
        return {**self.wire.stats(now_ns), **mine}


def _limit_answers(line: Line, value: int | None, _: int) -> None:
    line.wire.faults.answer_bytes_max = value


def _echo(line: Line, value: bool, _: int) -> None:
    line.wire.faults.echo = value


def _follow(line: Line, value: bool, _: int) -> None:
    line.follows_port = value
    if not value:
        line.wire.end.setting = line.wire.end.own


def _swap(line: Line, biased: bool | None, _: int) -> None:
    line.wire.end.swapped, line.wire.end.biased = biased is not None, bool(biased)


def _reflect(line: Line, ring_us: float, _: int) -> None:
    line.wire.faults.ring_us = ring_us


def _clear(line: Line, value: object, now_ns: int) -> None:
    line.wire.faults.clear()
    _swap(line, None, now_ns)


def _chunk(line: Line, value: int, _: int) -> None:
    if value <= 0:
        raise ValueError("a piece lasts longer than 0 us")
    line.wire.chunk_ns = value * 1000


# Command -> what it does with (line, value, now). Addresses are added to those that have the fault already.
COMMANDS: dict[str, Callable[[Line, Any, int], Any]] = {
    "rate": lambda line, value, now_ns: line.wire.set_speed(now_ns, rate=value),
    "chunk_us": _chunk,  # frames come in pieces of so much real time
    "baud": lambda line, value, now_ns: line.wire.set_speed(now_ns, baud=value),
    "noise": lambda line, value, _: line.wire.faults.noise(*value),  # [wrong bits per mille, seed]
    "truncate": _limit_answers,  # bytes of an answer that come through
    "silence": lambda line, value, _: line.wire.faults.silent.add(value),
    "wrong_id": lambda line, value, _: line.wire.faults.wrong_ids.add(value),
    "duplicate": lambda line, value, _: line.wire.faults.twins.add(value),
    "garbage": lambda line, value, now_ns: line.wire.garbage(now_ns, *value),  # [seconds, seed, pause in characters]
    "echo": _echo,
    "follow_port": _follow,  # the master's rate is that of its port; else it is the line's, whatever the port says
    "swapped": _swap,  # the wires at the master's end, on a pair with bias (true) or without; null = as they should be
    "floating": lambda line, value, now_ns: line.wire.let_float(now_ns, value),  # bytes a second that nobody sent
    "reflections": _reflect,  # us in which an edge's echo falls to a third
    "clear": _clear,
    "sensor": lambda line, value, _: line.sensors[value[0]].set(value[1], value[2]),
    "sensor_fault": lambda line, value, _: line.sensors[value[0]].fault(value[1]),
    "answers": lambda line, _, __: line.take_answers(),
    "stats": lambda line, _, now_ns: line.stats(now_ns),
    "reset": lambda line, _, now_ns: line.wire.reset_counts(now_ns),
}


def open_port() -> tuple[int, int, str]:
    """(our end, the other end kept open, its path) of a new pseudo-terminal: raw, no echo, as a serial port is.

    A gateway that was left behind waits for its port to come back, and takes a new one that gets the old one's name.
    OSError where every port that could be had is taken.
    """
    taken: list[int] = []
    try:
        for _ in range(PORTS_MAX):
            master, slave = os.openpty()
            if _is_ours(slave):
                tty.setraw(slave, termios.TCSANOW)
                return master, slave, os.ttyname(slave)
            taken += [master, slave]
    finally:
        for file in taken:
            os.close(file)
    raise OSError(errno.EBUSY, f"{PORTS_MAX} new ports in turn were taken by somebody at once")


def port_setting(master: int, own: Setting) -> Setting:
    """How the other end of the pseudo-terminal `master` is set, as far as one can tell: `own` is the line's.

    Such a terminal keeps its rate and the bit for odd parity; that there is a parity at all it forgets.
    """
    _, _, control, _, _, speed, _ = termios.tcgetattr(master)
    bauds = {getattr(termios, name): int(name[1:]) for name in dir(termios) if name[0] == "B" and name[1:].isdigit()}
    if control & termios.PARODD:
        framing = "8O1"
    else:
        framing = own.framing if own.parity != "O" else "8N1"
    return Setting(bauds.get(speed, own.baud) or own.baud, framing)


def _is_ours(slave: int) -> bool:
    """Has nobody else locked it?"""
    try:
        fcntl.flock(slave, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    fcntl.flock(slave, fcntl.LOCK_UN)
    return True


def wake_exactly() -> None:
    """Ask the kernel to wake this process at the microsecond; without it a time-out comes 50 us late."""
    try:
        ctypes.CDLL(None).prctl(_PR_SET_TIMERSLACK, 1, 0, 0, 0)
    except (OSError, AttributeError) as error:
        print(f"no exact timers on this system: {error}", file=sys.stderr)


def arguments() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tools.emulator.line", description="One emulated RS-485 line.")
    parser.add_argument("--baud", type=int, default=9600)
    parser.add_argument("--framing", default="8N1", choices=("8N1", "8E1", "8O1", "8N2"))
    parser.add_argument("--rate", type=float, default=1.0, help="station seconds per real second")
    parser.add_argument(
        "--master", type=int, metavar="FD", help="the master's end; without it a port is made and named"
    )
    parser.add_argument("--control", type=int, metavar="FD", help="socket for commands")
    parser.add_argument("--device", action="append", default=[], metavar="NAME:ADDRESS:FD", help="a board")
    parser.add_argument("--sensor", action="append", default=[], metavar="NAME:ADDRESS:PROFILE", help="a bought sensor")
    parser.add_argument("--turn-us", type=int, default=TURN_NS // 1000, help="what a bought sensor takes to answer")
    return parser


def main(argv: list[str] | None = None) -> int:
    args = arguments().parse_args(argv)
    wake_exactly()
    kept_open = None
    if args.master is None:
        args.master, kept_open, path = open_port()
        print(json.dumps({"port": path}), flush=True)
    wire = Wire(baud=args.baud, char_bits=10 if args.framing == "8N1" else 11, rate=args.rate)
    wire.end = MasterEnd(Setting(args.baud, args.framing))
    line = Line(wire, args.master, args.control)
    for text in args.device:
        name, address, file = text.split(":")
        line.add_device(name, int(address), int(file))
    for text in args.sensor:
        name, address, profile = text.split(":", 2)
        line.add_sensor(BoughtSensor(name, load_profile(profile), int(address), turn_ns=args.turn_us * 1000))
    try:
        line.run()
    except KeyboardInterrupt:
        return 130
    finally:
        if kept_open is not None:
            os.close(kept_open)
    return 0


if __name__ == "__main__":
    sys.exit(main())
