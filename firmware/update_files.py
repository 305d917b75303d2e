"""The files of a package in the slot that is being filled.

Rules of this file: while it is being filled a slot holds no application: its main comes under another name, and its
manifest tells by another name that it is not done. What was written of a file is flushed in whole blocks.
"""

import os
from hashlib import sha256

from slots import is_there

from wire.cbor import DecodeError, value_at
from wire.package import COMING, ENTRY, MANIFEST
from wire.package_rules import PATH_LENGTH_MAX

ENTRY_COMING = "main.new"
FLUSH_BYTES = 4_096  # Of a file: what a power cut costs at most.
READ_BYTES = 512
ENTRY_BYTES_MAX = 1 + 2 + PATH_LENGTH_MAX + 5 + 2 + 32  # Of a file in the manifest: path, bytes, sha256.
_FOLDER = 0x4000


class Filling:
    """The files that a proved head names, `count` of them from its byte `first` on, written below `path` one behind the
    other. `have` of their `size` bytes are there. The head lies there too, and is read a file at a time.
    """

    def __init__(self, path: str, first: int, count: int, size: int):
        self.have = 0
        self.size = size
        self._path = path
        self._first = first
        self._count = count
        self._file = None
        self._now: tuple = ()  # Path, bytes and sha256 of the file that is being written.
        self._entry = ENTRY if is_there(path + "/" + ENTRY) else ENTRY_COMING

    @property
    def whole(self) -> bool:
        return self.have == self.size

    def empty(self):
        """A generator that removes what is there, its main first; one thing a step."""
        self._entry = ENTRY_COMING
        for name in (ENTRY, COMING):
            place = "%s/%s" % (self._path, name)
            if is_there(place):
                yield
                os.remove(place)
        if is_there(self._path):
            yield from _emptied(self._path)

    def begin(self, head) -> None:
        """Leave `head`, which is signed, in the empty slot: from now on a start goes on here."""
        if not is_there(self._path):
            os.mkdir(self._path)
        with open("%s/%s" % (self._path, COMING), "wb") as file:
            file.write(head)
        self._rewind()

    def head(self, at: int, count: int) -> bytes:
        """`count` bytes of the head from `at` on, as far as it has them."""
        with open("%s/%s" % (self._path, COMING), "rb") as file:
            file.seek(at)
            return file.read(count)

    def write(self, data) -> bool:
        """Write `data`, which comes next; what is behind the last file is no part of the package.

        False if a file is not that of the manifest.
        """
        at = 0
        while at < len(data) and not self.whole:
            path, size, digest = self._now
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
                self._step()
            elif self._filled % FLUSH_BYTES == 0:
                self._file.flush()
        return True

    def close(self) -> None:
        file, self._file = self._file, None
        if file is not None:
            file.close()

    def find(self):
        """A generator that finds how far an earlier run came, and goes on there."""
        self._rewind()
        while not self.whole:
            path, size, digest = self._now
            yield from self._read(path, size)
            if self._filled < size:
                break
            if self._hash.digest() != digest:
                self._again()
                break
            self.have += size
            self._step()
        self.have += self._filled

    def read_back(self):
        """A generator that returns whether the flash gives back what was to be written."""
        self._rewind()
        for _ in range(self._count):
            path, size, digest = self._now
            yield from self._read(path, size)
            if self._filled != size or self._hash.digest() != digest:
                return False
            self._step()
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

    def _rewind(self):
        """The first file is the next."""
        self._left = self._count
        self._at = self._first
        self._step()

    def _step(self):
        """Go on to the next file; behind the last there is none."""
        if self._left:
            self._left -= 1
            try:
                entry, size = value_at(self.head(self._at, ENTRY_BYTES_MAX), 0, 2)
            except DecodeError:
                raise OSError("the flash gives back another manifest")
            self._now = entry  # pyright: ignore[reportAttributeAccessIssue]
            self._at += size
        self._again()

    def _again(self):
        """Nothing is there of this file."""
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


def _emptied(folder):
    """A generator that removes what is in `folder`, one thing a step."""
    for name in os.listdir(folder):
        place = folder + "/" + name
        if os.stat(place)[0] & _FOLDER:
            yield from _emptied(place)
            yield
            os.rmdir(place)
        else:
            yield
            os.remove(place)
