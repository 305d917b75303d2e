"""From system calls to what they did: operations on the files of one folder, and bytes that left or came.

Rules of this file: a file is an inode, its names are kept apart; what it cannot follow it refuses. After each run the
files that were rebuilt must be those on the disk, byte for byte: a call that was overlooked cannot stay unseen.
"""

import itertools
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from tools.soak.crash import trace
from tools.soak.crash.trace import Call

WRITE, SIZE, NAMES, FLUSH, FLUSH_FOLDER = "write", "size", "names", "flush", "flush of the folder"
OUT, IN = "out", "in"
NOT_DURABLE = "-shm"  # SQLite's index of the WAL in shared memory: made anew by the first who opens.
_IGNORED = frozenset({"sync_file_range"})
_KEEP_SIZE = b"FALLOC_FL_KEEP_SIZE"


class RecordingError(ValueError):
    """The trace holds what this cannot follow, or the rebuilt files are not those on the disk."""


@dataclass(frozen=True, slots=True)
class Operation:
    """`grows`: a write beyond the file's end. `changes`: names with their inodes, None = gone."""

    what: str
    begin: int
    end: int
    inode: int = 0
    offset: int = 0
    data: bytes = b""
    grows: bool = False
    changes: tuple[tuple[str, int | None], ...] = ()

    def __str__(self) -> str:
        if self.what == WRITE:
            return f"write of {len(self.data)} B at {self.offset} of file {self.inode}"
        if self.what == NAMES:
            return "names " + ", ".join(f"{name}={inode}" for name, inode in self.changes)
        return f"{self.what} of file {self.inode}" + (f" to {self.offset}" if self.what == SIZE else "")


@dataclass(frozen=True, slots=True)
class Piece:
    """Bytes that went out to (from `begin` of the call on) or had come from (at its `end`) a terminal or socket."""

    moment: int
    way: str
    stream: int  # one number for each time that a socket or terminal was opened
    terminal: bool
    data: bytes


@dataclass
class Recording:
    """`first`: the files as they were; `ends`: the moment and the operations' count at the end of each run."""

    first: dict[str, bytes]
    operations: list[Operation] = field(default_factory=list)
    pieces: list[Piece] = field(default_factory=list)
    moments: int = 0


@dataclass
class _Open:
    inode: int = 0
    folder: bool = False
    terminal: bool = False
    append: bool = False
    position: int = 0
    stream: int = 0


class Recorder:
    """Follows the runs of a program whose durable files lie in `folder`, flat. `terminal`: the line's serial port."""

    def __init__(self, folder: Path, terminal: str = "") -> None:
        self._folder = str(folder).encode()
        self._terminal = terminal.encode()
        self._number = itertools.count(1)
        self._names: dict[str, int] = {}
        self._files: dict[int, bytearray] = {}
        self._open: dict[int, _Open] = {}
        self.recording = Recording(_files_of(folder))
        for name, content in self.recording.first.items():
            self._names[name] = next(self._number)
            self._files[self._names[name]] = bytearray(content)

    def add_run(self, trace_file: Path, folder: Path) -> None:
        """Take in the trace of a process that has ended. RecordingError, TraceError."""
        self._open = {}
        doubtful = []
        calls = 0
        for call in trace.read(trace_file, self.recording.moments):
            calls = max(calls, call.end)
            if call.result is None:
                doubtful.append(call)
            elif call.result >= 0:
                self._take(call)
        self.recording.moments = calls + 1
        self._settle(doubtful, _files_of(folder))

    def _settle(self, doubtful: list[Call], found: dict[str, bytes]) -> None:
        """Killed in the middle of a call: what is on the disk says whether it was done."""
        for call in doubtful:
            if self._rebuilt() == found:
                return
            if call.name in ("write", "pwrite64"):
                self._take(call._replace(result=len(trace.text(call.arguments[1]))))
            elif call.name.startswith(("unlink", "rename", "ftruncate")):
                self._take(call._replace(result=0))
        rebuilt = self._rebuilt()
        wrong = [name for name in rebuilt | found if rebuilt.get(name) != found.get(name)]
        if wrong:
            raise RecordingError(f"rebuilt from the trace, {', '.join(wrong)} differs from the file on the disk")

    def _rebuilt(self) -> dict[str, bytes]:
        return {name: bytes(self._files[inode]) for name, inode in self._names.items()}

    def _take(self, call: Call) -> None:
        handler = _HANDLERS.get(call.name)
        if handler is not None:
            handler(self, call)

    # Names

    def _opened(self, call: Call) -> None:
        path, flags = call.arguments[1], call.arguments[2]
        where = trace.text(path)
        number = call.result or 0
        name = self._name(where)
        if where == self._folder:
            self._open[number] = _Open(folder=True)
        elif self._terminal and where == self._terminal:
            self._open[number] = _Open(terminal=True, stream=next(self._number))
        elif name is None or b"O_DIRECTORY" in flags:  # A folder in it, as of updates: no part of the store.
            self._open.pop(number, None)
        else:
            if name not in self._names:
                if b"O_CREAT" not in flags:
                    raise RecordingError(f"{name} was opened, but nobody made it")
                inode = next(self._number)
                self._files[inode] = bytearray()
                self._rename(call, ((name, inode),))
            inode = self._names[name]
            self._open[number] = _Open(inode, append=b"O_APPEND" in flags)
            if b"O_TRUNC" in flags and self._files[inode]:
                self._resize(call, inode, 0)

    def _renamed(self, call: Call) -> None:
        old, new = (self._name(trace.text(argument)) for argument in _paths(call))
        if old is None and new is None:
            return
        if old is None or new is None:
            if (old or new or "").endswith(NOT_DURABLE):
                return
            raise RecordingError(f"a file went into or out of the folder: {call.arguments}")
        self._rename(call, ((old, None), (new, self._names[old])))

    def _unlinked(self, call: Call) -> None:
        name = self._name(trace.text(_paths(call)[0]))
        if name is not None:
            self._rename(call, ((name, None),))

    def _linked(self, call: Call) -> None:
        old, new = (self._name(trace.text(argument)) for argument in _paths(call))
        if old is not None and new is not None:
            self._rename(call, ((new, self._names[old]),))

    def _rename(self, call: Call, changes: tuple[tuple[str, int | None], ...]) -> None:
        for name, inode in changes:
            if inode is None:
                del self._names[name]
            else:
                self._names[name] = inode
        self.recording.operations.append(Operation(NAMES, call.begin, call.end, changes=changes))

    def _name(self, path: bytes) -> str | None:
        """The name in the folder, or None for a path elsewhere."""
        if not path.startswith(self._folder + b"/"):
            return None
        name = path[len(self._folder) + 1 :].decode()
        if "/" in name:
            raise RecordingError(f"{name} lies deeper than this follows")
        return None if name.endswith(NOT_DURABLE) else name

    # Content

    def _wrote(self, call: Call) -> None:
        file = self._open.get(_number(call))
        data = trace.text(b", ".join(call.arguments[1:]))[: call.result]
        if file is None or not file.inode:
            self._talked(call, OUT, data)
            return
        if call.name.startswith("p"):
            offset = int(call.arguments[-1] if call.name != "pwritev2" else call.arguments[-2])
        else:
            offset = len(self._files[file.inode]) if file.append else file.position
            file.position = offset + len(data)
        content = self._files[file.inode]
        grows = offset + len(data) > len(content)
        content.extend(bytes(max(0, offset - len(content))))
        content[offset : offset + len(data)] = data
        self.recording.operations.append(Operation(WRITE, call.begin, call.end, file.inode, offset, data, grows))

    def _truncated(self, call: Call) -> None:
        file = self._open.get(_number(call))
        if file is not None and file.inode:
            self._resize(call, file.inode, int(call.arguments[1]))

    def _allocated(self, call: Call) -> None:
        file = self._open.get(_number(call))
        if file is None or not file.inode or _KEEP_SIZE in call.arguments[1]:
            return
        end = int(call.arguments[2]) + int(call.arguments[3])
        if end > len(self._files[file.inode]):
            self._resize(call, file.inode, end)

    def _resize(self, call: Call, inode: int, size: int) -> None:
        content = self._files[inode]
        del content[size:]
        content.extend(bytes(size - len(content)))
        self.recording.operations.append(Operation(SIZE, call.begin, call.end, inode, size))

    def _flushed(self, call: Call) -> None:
        file = self._open.get(_number(call))
        if file is not None and (file.inode or file.folder):
            what = FLUSH_FOLDER if file.folder else FLUSH
            self.recording.operations.append(Operation(what, call.begin, call.end, file.inode))

    # File descriptors and talk

    def _closed(self, call: Call) -> None:
        self._open.pop(_number(call), None)

    def _doubled(self, call: Call) -> None:
        file = self._open.get(_number(call))
        if file is not None and call.result is not None:
            self._open[call.result] = file

    def _sent(self, call: Call) -> None:
        self._talked(call, OUT, trace.text(call.arguments[1])[: call.result])

    def _received(self, call: Call) -> None:
        self._talked(call, IN, trace.text(call.arguments[1])[: call.result])

    def _talked(self, call: Call, way: str, data: bytes) -> None:
        file = self._open.setdefault(_number(call), _Open(terminal=False, stream=next(self._number)))
        if file.stream and data:
            moment = call.begin if way == OUT else call.end
            self.recording.pieces.append(Piece(moment, way, file.stream, file.terminal, data))

    def _refused(self, call: Call) -> None:
        """Calls that neither SQLite nor the gateway makes on these files; if that changes, this must learn them."""
        if any(self._open.get(_int(argument), _Open()).inode for argument in call.arguments):
            raise RecordingError(f"{call.name} on a file of the folder")


def _files_of(folder: Path) -> dict[str, bytes]:
    files = [file for file in folder.iterdir() if file.is_file() and not file.name.endswith(NOT_DURABLE)]
    return {file.name: file.read_bytes() for file in files}


def _number(call: Call) -> int:
    return int(call.arguments[0])


def _int(argument: bytes) -> int:
    return int(argument) if argument.isdigit() else -1


def _paths(call: Call) -> list[bytes]:
    return [argument for argument in call.arguments if argument.startswith(b'"')]


def _with_folder(call: Call) -> Call:
    """open() and creat() in the form of openat()."""
    flags = b"O_CREAT|O_TRUNC" if call.name == "creat" else call.arguments[1]
    return call._replace(arguments=[b"AT_FDCWD", call.arguments[0], flags])


def _names(names: str, handler) -> dict:
    return dict.fromkeys(names.split(), handler)


_HANDLERS = {
    **_names("openat", Recorder._opened),
    **_names("open creat", lambda recorder, call: Recorder._opened(recorder, _with_folder(call))),
    **_names("close", Recorder._closed),
    **_names("dup dup2 dup3", Recorder._doubled),
    **_names("write pwrite64 writev pwritev pwritev2", Recorder._wrote),
    **_names("ftruncate", Recorder._truncated),
    **_names("fallocate", Recorder._allocated),
    **_names("rename renameat renameat2", Recorder._renamed),
    **_names("unlink unlinkat", Recorder._unlinked),
    **_names("link linkat", Recorder._linked),
    **_names("fsync fdatasync", Recorder._flushed),
    **_names("sendto", Recorder._sent),
    **_names("recvfrom", Recorder._received),
    **_names("copy_file_range sendfile sendmsg recvmsg", Recorder._refused),
}


def moment(operation: Operation) -> int:
    """From when on it counts: a write may reach the disk once it has begun, a flush holds when it has ended."""
    return operation.end if operation.what in (FLUSH, FLUSH_FOLDER) else operation.begin


def in_order(operations: Iterable[Operation]) -> list[Operation]:
    return sorted(operations, key=moment)
