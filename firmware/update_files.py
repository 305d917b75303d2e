"""The files of a package in the slot that is being filled.

Rules of this file: while it is being filled a slot holds no application: its main comes under another name, and its
manifest tells by another name that it is not done. What was written of a file is flushed in whole blocks.
"""

import os
from hashlib import sha256

from slots import is_there

from wire.package import COMING, ENTRY, MANIFEST

ENTRY_COMING = "main.new"
FLUSH_BYTES = 4_096  # Of a file: what a power cut costs at most.
READ_BYTES = 512
_FOLDER = 0x4000


class Filling:
    """The files of `manifest` below `path`, written one behind the other; `have` bytes of them are there."""

    def __init__(self, path: str, manifest):
        self.have = 0
        self.size = manifest.files_bytes()
        self._path = path
        self._files = manifest.files
        self._file = None
        self._entry = ENTRY if is_there(path + "/" + ENTRY) else ENTRY_COMING
        self._begin(0)

    @property
    def whole(self) -> bool:
        return self.have == self.size

    def empty(self):
        """A generator that removes what is there, its main first; one thing a step."""
        self._entry = ENTRY_COMING
        for place in _inside(self._path):
            yield
            _remove(place)

    def begin(self, head) -> None:
        """Leave `head`, which is signed, in the empty slot: from now on a start goes on here."""
        if not is_there(self._path):
            os.mkdir(self._path)
        with open("%s/%s" % (self._path, COMING), "wb") as file:
            file.write(head)

    def write(self, data) -> bool:
        """Write `data`, which comes next; what is behind the last file is no part of the package.

        False if a file is not that of the manifest.
        """
        at = 0
        while at < len(data) and not self.whole:
            path, size, digest = self._files[self._index]
            count = min(len(data) - at, size - self._filled, FLUSH_BYTES - self._filled % FLUSH_BYTES)
            piece = data[at : at + count]
            if self._file is None:
                self._file = self._opened(path)
            self._file.write(piece)
            self._hash.update(piece)
            at += count
            self._filled += count
            self.have += count
            if self._filled == size:
                self.close()
                if self._hash.digest() != digest:
                    return False
                self._begin(self._index + 1)
            elif self._filled % FLUSH_BYTES == 0:
                self._file.flush()
        return True

    def close(self) -> None:
        file, self._file = self._file, None
        if file is not None:
            file.close()

    def find(self):
        """A generator that finds how far an earlier run came, and goes on there."""
        for path, size, digest in self._files:
            yield from self._read(path, size)
            if self._filled < size:
                break
            if self._hash.digest() != digest:
                self._begin(self._index)
                break
            self.have += size
            self._begin(self._index + 1)
        self.have += self._filled

    def read_back(self):
        """A generator that returns whether the flash gives back what was to be written."""
        for index, (path, size, digest) in enumerate(self._files):
            self._begin(index)
            yield from self._read(path, size)
            if self._filled != size or self._hash.digest() != digest:
                return False
        return True

    def complete(self) -> None:
        """Give main its name: the slot holds an application."""
        if self._entry != ENTRY:
            os.rename("%s/%s" % (self._path, self._entry), "%s/%s" % (self._path, ENTRY))
            self._entry = ENTRY

    def settle(self) -> None:
        """Give the manifest its name: a start finds nothing to go on with."""
        os.rename("%s/%s" % (self._path, COMING), "%s/%s" % (self._path, MANIFEST))

    def forget(self) -> None:
        """What is there is no application, and will not be gone on with."""
        self.close()
        for name in (ENTRY, COMING):
            place = "%s/%s" % (self._path, name)
            if is_there(place):
                os.remove(place)

    def _begin(self, index):
        self._index = index
        self._filled = 0
        self._hash = sha256()

    def _place(self, path):
        return "%s/%s" % (self._path, self._entry if path == ENTRY else path)

    def _opened(self, path):
        """The file of `path`, open for writing behind the `_filled` bytes that it has."""
        at = path.find("/")
        while at > 0:
            folder = "%s/%s" % (self._path, path[:at])
            if not is_there(folder):
                os.mkdir(folder)
            at = path.find("/", at + 1)
        return open(self._place(path), "ab" if self._filled else "wb")

    def _read(self, path, size):
        """Read the file of `path` into `_hash` and `_filled`; one that is not there, or too long, is empty."""
        place = self._place(path)
        if not is_there(place) or os.stat(place)[6] > size:
            return
        buffer = bytearray(READ_BYTES)
        view = memoryview(buffer)
        with open(place, "rb") as file:
            while True:
                count = file.readinto(buffer)
                if not count:
                    return
                self._hash.update(view[:count])
                self._filled += count
                yield


def head_in(path: str) -> bytearray:
    """What `begin` left below `path`; empty if nothing."""
    place = "%s/%s" % (path, COMING)
    if not is_there(place):
        return bytearray()
    with open(place, "rb") as file:
        return bytearray(file.read())


def _inside(path):
    """Places of all that lies below `path`, in the order in which it is to be removed."""
    if not is_there(path):
        return []
    files, folders = [], [path]
    for folder in folders:
        for name in os.listdir(folder):
            place = folder + "/" + name
            (folders if os.stat(place)[0] & _FOLDER else files).append(place)
    first = [path + "/" + ENTRY, path + "/" + COMING]
    return (
        [place for place in first if place in files] + [place for place in files if place not in first] + folders[:0:-1]
    )


def _remove(place):
    if os.stat(place)[0] & _FOLDER:
        os.rmdir(place)
    else:
        os.remove(place)
