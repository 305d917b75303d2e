"""A disk after a power cut, as files in memory: changed as little as possible from one state to the next.

Rules of this file: an inode is a file in `inodes/`, what a program finds are links to them in `disk/`. Each image
knows a digest of its sectors that costs only what changed, so that equal states are known without reading them.
"""

import os
import shutil
from collections.abc import Mapping, Sequence
from functools import cache
from hashlib import blake2b
from pathlib import Path
from typing import NamedTuple

SECTOR_BYTES = 512
_DIGEST_BYTES = 16

Layout = tuple[tuple[str, tuple[int, int]], ...]  # names with the keys of their contents: equal for equal disks


class Patch(NamedTuple):
    """`data` put at `offset` of a file, or (data None) the file cut or filled with zeros to `offset` bytes."""

    inode: int
    offset: int
    data: bytes | None


class _Undo(NamedTuple):
    offset: int
    data: bytes | None  # None: there were only zeros
    size: int


class Image:
    """The content of one inode, in memory and in its file. Zeros at its end are only counted."""

    def __init__(self, path: Path, content: bytes = b"") -> None:
        self.path = path
        self.size = 0
        self._content = bytearray()  # What follows up to `size` is zeros.
        self._digest = 0
        self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_TRUNC, 0o644)
        self.write(0, content)

    @property
    def key(self) -> tuple[int, int]:
        """Equal for equal contents."""
        return self.size, self._digest

    def write(self, offset: int, data: bytes) -> _Undo:
        """Put `data` there; what lies between the end and `offset` becomes zeros."""
        begin = min(offset, self.size)
        fill = bytes(offset - begin) + data
        return self._put(begin, fill, max(self.size, offset + len(data)))

    def resize(self, size: int) -> _Undo:
        if size >= self.size:
            undo = _Undo(self.size, None, self.size)
            self._let_end_at(size)
            return undo
        self._fill(self.size)
        return self._put(size, b"", size)

    def undo(self, undo: _Undo) -> None:
        if undo.data is None:
            self._let_end_at(undo.size)
        else:
            self._put(undo.offset, undo.data, undo.size)

    def close(self) -> None:
        os.close(self._file)

    def _let_end_at(self, size: int) -> None:
        """Append zeros, or take them away: a file of some MiB with nothing in it shall cost nothing."""
        low, high = sorted((size, self.size))
        first = low - low % SECTOR_BYTES  # The sector in which the lower end lies may hold more.
        edge = first + SECTOR_BYTES if low % SECTOR_BYTES else low
        self._mix(first, edge)
        self._digest ^= _zeros(edge, high)
        del self._content[size:]
        self.size = size
        self._mix(first, edge)
        os.ftruncate(self._file, size)

    def _put(self, begin: int, data: bytes, size: int) -> _Undo:
        """Replace what is from `begin` on by `data`, and let the file end at `size`."""
        changed = max(begin + len(data), self.size if size < self.size else 0)
        first = begin - begin % SECTOR_BYTES
        self._fill(min(changed, self.size))
        before = bytes(self._content[begin:changed])
        self._mix(first, changed)
        undo = _Undo(begin, before, self.size)
        self._content[begin : begin + len(data)] = data
        del self._content[size:]
        if data:
            os.pwrite(self._file, data, begin)
        if size < self.size:
            os.ftruncate(self._file, size)
        self.size = size
        self._mix(first, changed)
        return undo

    def _fill(self, end: int) -> None:
        """Let the zeros up to `end` stand in memory, too."""
        self._content.extend(bytes(max(0, end - len(self._content))))

    def _mix(self, begin: int, end: int) -> None:
        """Take the sectors between into the digest, or out of it again."""
        digest = self._digest
        for at in range(begin, min(end, self.size), SECTOR_BYTES):
            length = min(SECTOR_BYTES, self.size - at)
            content = self._content[at : at + length]
            digest ^= _sector(at, content if len(content) == length else content.ljust(length, b"\0"))
        self._digest = digest


def _sector(at: int, content: bytes | bytearray) -> int:
    return int.from_bytes(blake2b(content, digest_size=_DIGEST_BYTES, salt=at.to_bytes(16, "big")).digest(), "big")


@cache
def _zeros(begin: int, end: int) -> int:
    """The digest of zeros from one place to another."""
    digest = 0
    for at in range(begin, end, SECTOR_BYTES):
        digest ^= _sector(at, bytes(min(SECTOR_BYTES, end - at)))
    return digest


class Bench:
    """The images of a disk and what of them is patched at present. `folder` must be new, and should lie in memory."""

    def __init__(self, folder: Path) -> None:
        self.disk = folder / "disk"
        self._inodes = folder / "inodes"
        self._scratch = folder / "scratch"
        self.disk.mkdir(parents=True)
        self._inodes.mkdir()
        self._images: dict[int, Image] = {}
        self._patched: list[tuple[Patch, _Undo]] = []
        self._names: dict[str, int] = {}

    def add(self, inode: int, content: bytes = b"") -> None:
        self._images[inode] = Image(self._inodes / str(inode), content)

    def __contains__(self, inode: int) -> bool:
        return inode in self._images

    def size(self, inode: int) -> int:
        return self._images[inode].size

    def keep(self, patch: Patch) -> None:
        """Make a patch part of the images for good."""
        self.patch([])
        self._apply(patch)

    def patch(self, patches: Sequence[Patch]) -> None:
        """Let the images be what was kept, with `patches` on it and no others."""
        same = 0
        while same < min(len(patches), len(self._patched)) and patches[same] == self._patched[same][0]:
            same += 1
        while len(self._patched) > same:
            patch, undo = self._patched.pop()
            self._images[patch.inode].undo(undo)
        for patch in patches[same:]:
            self._patched.append((patch, self._apply(patch)))

    def show(self, names: Mapping[str, int]) -> Layout:
        """Let the disk have these files."""
        if names != self._names:
            for name in self._names:
                (self.disk / name).unlink()
            for name, inode in names.items():
                os.link(self._images[inode].path, self.disk / name)
            self._names = dict(names)
        return tuple((name, self._images[names[name]].key) for name in sorted(names))

    def tidy(self) -> None:
        """Remove what a reader has left beside the disk's own files."""
        for file in self.disk.iterdir():
            if file.name not in self._names:
                file.unlink()

    def copy(self) -> Path:
        """A copy of the disk for a program that writes; gone with the next one."""
        shutil.rmtree(self._scratch, ignore_errors=True)
        self._scratch.mkdir()
        for name in self._names:
            shutil.copyfile(self.disk / name, self._scratch / name)
        return self._scratch

    def close(self) -> None:
        for image in self._images.values():
            image.close()
        self._images = {}

    def _apply(self, patch: Patch) -> _Undo:
        image = self._images[patch.inode]
        return image.resize(patch.offset) if patch.data is None else image.write(patch.offset, patch.data)
