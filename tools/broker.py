"""A real mosquitto of our own on a free loopback port, for the demo, rigs and tests.

Rules of this file: it listens on 127.0.0.1 only and keeps nothing (the system may not rely on a broker's memory); it
ends with the thread that started it, so none is left behind.
"""

import ctypes
import os
import shutil
import signal
import socket
import subprocess
import time
from pathlib import Path

from tools.failure import Failure

_PLACES = ("/usr/sbin/mosquitto", "/usr/local/sbin/mosquitto", "/opt/homebrew/sbin/mosquitto")
_READY_S = 10.0
_LOOK_S = 0.01
_STOP_S = 5.0
_PORT_TRIES = 5
ANYBODY = "allow_anonymous true\n"
_PR_SET_PDEATHSIG = 1  # linux/prctl.h
_CONFIG = """# Written by riverpost for one run; nothing outside this machine reaches it.
listener {port} 127.0.0.1
{access}persistence {persistence}
set_tcp_nodelay true
max_queued_messages 10000
log_dest stderr
log_type error
log_type warning
log_type notice
connection_messages false
{user}{extra}"""


def find_mosquitto() -> str:
    """Path of the mosquitto program. Failure if there is none."""
    found = shutil.which("mosquitto") or next((place for place in _PLACES if os.access(place, os.X_OK)), None)
    if found is None:
        raise Failure(
            "no mosquitto on this machine",
            seen="looked in PATH and in " + ", ".join(_PLACES),
            likely="the broker was never installed",
            do=["sudo apt-get install mosquitto", "give the same command again"],
        )
    return found


class Broker:
    """One mosquitto with its configuration and log in `folder`. `port` 0 = a free one, kept over restarts.

    `extra` lines go into the configuration at each start, and `access`: who may use it (tools/broker_access.py).
    start/stop/kill/restart are plain calls of some milliseconds.
    """

    host = "127.0.0.1"

    def __init__(self, folder: Path, port: int = 0, *, persistence: bool = False, extra: str = "") -> None:
        self.access = ANYBODY
        self.folder = Path(folder)
        self.port = port
        self._persistence = persistence
        self.extra = extra
        self._process: subprocess.Popen | None = None

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process and self._process.poll() is None else None

    def start(self) -> None:
        """Start it and return once it takes connections. Failure if it does not come up."""
        if self.pid is not None:
            return
        program = find_mosquitto()
        self.folder.mkdir(parents=True, exist_ok=True)
        fixed = self.port != 0
        for _ in range(1 if fixed else _PORT_TRIES):
            port = self.port or _free_port()
            if _is_free(port) and self._launch(program, port):
                self.port = port
                return
        log_file = self.folder / "mosquitto.log"
        log = log_file.read_text(errors="replace")[-500:] if log_file.exists() else ""
        raise Failure(
            "mosquitto does not start",
            seen=log or "no message from it",
            likely=f"port {self.port} is taken" if fixed else "its configuration or its rights",
            do=[f"look at {log_file}"],
        )

    def stop(self) -> None:
        """End it in order; clients see the connection close."""
        self._end(signal.SIGTERM)

    def kill(self) -> None:
        """End it as a power cut would, keeping nothing."""
        self._end(signal.SIGKILL)

    def reload(self) -> None:
        """Let it read passwords and rights again; nobody is disconnected."""
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(signal.SIGHUP)

    def restart(self) -> None:
        self.stop()
        self.start()

    def __enter__(self) -> "Broker":
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _launch(self, program: str, port: int) -> bool:
        config = self.folder / "mosquitto.conf"
        persistence = f"true\npersistence_location {self.folder}/" if self._persistence else "false"
        # A change of user would make the kernel forget that this child ends with its parent (prctl(2)).
        user = "user root\n" if os.geteuid() == 0 else ""
        text = _CONFIG.format(port=port, access=self.access, persistence=persistence, user=user, extra=self.extra)
        config.write_text(text)
        with (self.folder / "mosquitto.log").open("ab") as log:
            self._process = subprocess.Popen(
                [program, "-c", str(config)],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                preexec_fn=end_with_parent(),
            )
        deadline_s = time.monotonic() + _READY_S
        while time.monotonic() < deadline_s and self._process.poll() is None:
            try:
                socket.create_connection((self.host, port), timeout=_READY_S).close()
            except OSError:
                time.sleep(_LOOK_S)
            else:
                return self._process.poll() is None
        self._end(signal.SIGKILL)
        return False

    def _end(self, how: signal.Signals) -> None:
        if self._process is None:
            return
        if self._process.poll() is None:
            self._process.send_signal(how)
            try:
                self._process.wait(_STOP_S)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait(_STOP_S)
        self._process = None


def end_with_parent():
    """A preexec_fn: the child gets SIGKILL when the thread that started it is gone. None on a system without prctl."""
    try:
        prctl = ctypes.CDLL(None, use_errno=True).prctl
    except (OSError, AttributeError):
        return None  # Not Linux: an orderly stop is then all there is.
    parent = os.getpid()

    def ask() -> None:
        prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:  # It died between fork and prctl.
            os.kill(os.getpid(), signal.SIGKILL)

    return ask


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True
