"""A process as shipped, under strace: which system calls it made, and in which order.

Rules of this file: nothing of the process is changed or replaced. A line of the trace is a moment; a call has two of
them, its begin and its end, because other threads go on in between.
"""

import re
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from tools.failure import Failure

# What changes a file or its name, flushes it, or passes bytes to somebody; `?` = not on every machine.
FILE_CALLS = (
    "open openat creat close dup dup2 dup3 write pwrite64 writev pwritev pwritev2 truncate ftruncate fallocate rename "
    "renameat renameat2 unlink unlinkat link linkat symlink symlinkat fsync fdatasync sync syncfs msync "
    "copy_file_range sendfile"
)
TALK_CALLS = "sendto sendmsg recvfrom recvmsg"
STRING_BYTES_MAX = 16 * 1024 * 1024
END_LIMIT_S = 30.0
LOOK_S = 0.01

_WHOLE = re.compile(rb"(\d+) +(\w+)\((.*)\) += (-?\d+|\?)", re.DOTALL)
_BEGUN = re.compile(rb"(\d+) +(\w+)\((.*?),? *<unfinished \.\.\.>", re.DOTALL)
_RESUMED = re.compile(rb"(\d+) +<\.\.\. (\w+) resumed>,? ?(.*)\) += (-?\d+|\?)", re.DOTALL)
_ENDED = re.compile(rb"\d+ +\+\+\+ (?:exited|killed)")
_STRING = re.compile(rb'"((?:\\x[0-9a-f]{2})*)"')


class Call(NamedTuple):
    """A system call. `result` None = the process was killed in it: done or not, nobody was told."""

    begin: int
    end: int
    name: str
    arguments: list[bytes]
    result: int | None


class TraceError(ValueError):
    """A line that strace does not write."""


def command(trace_file: Path, program: list[str]) -> list[str]:
    """The command that runs `program` as the process that was asked for, with strace beside it. Failure without it."""
    strace = shutil.which("strace")
    if strace is None:
        raise Failure(
            "strace is missing",
            seen="no strace in PATH",
            likely="the set-up of level test has not run on this machine",
            do=["./riverpost setup --level test", "sudo apt-get install strace"],
        )
    calls = ",".join(f"?{name}" for name in f"{FILE_CALLS} {TALK_CALLS}".split())
    options = ["-D", "-f", "-q", "--seccomp-bpf", "-xx", "-s", str(STRING_BYTES_MAX), "-e", "signal=SIGKILL"]
    return [strace, *options, "-e", f"trace={calls}", "-o", str(trace_file), *program]


def wait_for_end(trace_file: Path, pid: int) -> None:
    """strace writes on for a moment after its process has ended. TimeoutError."""
    said = re.compile(rb"^%d +\+\+\+ " % pid, re.MULTILINE)
    end_s = time.monotonic() + END_LIMIT_S
    while time.monotonic() < end_s:
        with trace_file.open("rb") as file:
            file.seek(max(0, trace_file.stat().st_size - 4_096))
            if said.search(file.read()):
                return
        time.sleep(LOOK_S)
    raise TimeoutError(f"strace does not finish {trace_file}")


def read(trace_file: Path, begin: int = 0) -> Iterator[Call]:
    """The calls in the order in which they ended. `begin`: the moment of the first line. TraceError."""
    waiting: dict[bytes, tuple[int, bytes, bytes]] = {}
    with trace_file.open("rb") as lines:
        moment = begin
        for moment, line in enumerate(lines, begin):
            if found := _WHOLE.match(line):
                _, name, arguments, result = found.groups()
                yield _call(moment, moment, name, arguments, result)
            elif found := _RESUMED.match(line):
                pid, name, rest, result = found.groups()
                at, begun, arguments = waiting.pop(pid)
                if name == b"close":
                    continue
                if begun != name:
                    raise TraceError(f"{trace_file}:{moment}: another call resumes")
                both = b", ".join(part for part in (arguments, rest) if part)
                yield _call(at, moment, name, both, result)
            elif found := _BEGUN.match(line):
                pid, name, arguments = found.groups()
                waiting[pid] = (moment, name, arguments)
                if name == b"close":  # Its number is free for others before the call ends.
                    yield _call(moment, moment, name, arguments, b"0")
            elif not _ENDED.match(line):
                raise TraceError(f"{trace_file}, line {moment - begin + 1}: {line[:80]!r}")
    for at, name, arguments in waiting.values():
        if name != b"close":
            yield _call(at, moment, name, arguments, b"?")


def text(argument: bytes) -> bytes:
    """The bytes of a string argument; of several, as in writev, one behind the other."""
    return b"".join(bytes.fromhex(found.replace(b"\\x", b"").decode()) for found in _STRING.findall(argument))


def _call(begin: int, end: int, name: bytes, arguments: bytes, result: bytes) -> Call:
    return Call(begin, end, name.decode(), arguments.split(b", "), None if result == b"?" else int(result))
