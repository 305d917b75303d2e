"""The rules of a package's manifest, and its files one after the other: as much of wire.package as a board needs
of a package that it believes.

Rules of this file: those of wire.package.
"""

from wire.cbor import ARRAY, MAP, DecodeError, head_at, key_at, value_at
from wire.package_head import HEADER_BYTES, MANIFEST_BYTES_MAX, SIGNATURE_BYTES, PackageError, head_bytes

HEAD_BYTES_MAX = HEADER_BYTES + MANIFEST_BYTES_MAX
FILES_MAX = 64
FILE_BYTES_MAX = 32_768
FILES_BYTES_MAX = 131_072  # All files: 96 KiB is what a board is meant to get, and a third more.
PACKAGE_BYTES_MAX = HEAD_BYTES_MAX + SIGNATURE_BYTES + FILES_BYTES_MAX
PATH_LENGTH_MAX = 48
PATH_PARTS_MAX = 4
COUNTER_MAX = 0x7FFFFFFF
CHIPS = ("esp32", "rp2040", "posix")
ENTRY = "main.mpy"  # Without it nothing can start.

_SUFFIX = ".mpy"
_ALPHABET = "abcdefghijklmnopqrstuvwxyz0123456789_"

K_CHIP = 0
K_COUNTER = 1
K_VERSION = 2
K_FILES = 3


def summary_of(head) -> tuple:
    """(chip, counter, version, where its files begin, how many, bytes of all) of the manifest in `head`, which keeps
    every rule. PackageError. A board has no room for all of it at a time: `file_at` gives one file after the other.
    """
    if len(head) < HEADER_BYTES or head_bytes(head) != len(head):
        raise PackageError("no whole head")
    try:
        return _summary_of(head)
    except DecodeError as error:
        raise PackageError(str(error))


def _summary_of(head):
    chip, counter, version = "", 0, ()
    files_at = count = size = 0
    kind, keys, at = head_at(head, HEADER_BYTES)
    if kind != MAP:
        raise PackageError("manifest is no map")
    key = -1
    for _ in range(keys):
        key = key_at(head, at, key)
        if key == K_FILES:
            files_at, count, size, at = _files_in(head, at + 1)
            continue
        value, at = value_at(head, at + 1, 1)
        if key == K_CHIP:
            chip = value
        elif key == K_COUNTER:
            counter = value
        elif key == K_VERSION:
            version = tuple(_list(value, 3))
    if at != len(head):
        raise DecodeError("bytes behind the value")
    check(chip, counter, version)
    if not count:
        raise PackageError("no files")
    return chip, counter, version, files_at, count, size


def _files_in(head, at):
    """(where the first file stands, how many, bytes of all, where they end) of the list at `at`."""
    kind, count, at = head_at(head, at)
    if kind != ARRAY or count > FILES_MAX:
        raise PackageError("no list of at most %d" % FILES_MAX)
    first = at
    paths = Paths()
    for _ in range(count):
        file, at = file_at(head, at)
        paths.take(file)
    paths.end()
    return first, count, paths.size, at


def file_at(head, at: int) -> tuple:
    """((path, bytes, sha256), where the next one stands) of the file at `at` of a head; see summary_of."""
    file, at = value_at(head, at, 2)
    return tuple(_list(file, 3)), at


class Paths:
    """Takes the files of a manifest one after the other, and finds the one that breaks a rule. PackageError."""

    def __init__(self):
        self.size = 0
        self._count = 0
        self._last = ""
        self._entered = False

    def take(self, file: tuple) -> None:
        if len(file) != 3:
            raise PackageError("a file is path, size, hash")
        path, size, digest = file
        _check_path(path)
        if path <= self._last:
            raise PackageError("paths do not ascend at %s" % path)
        if not _is_number(size, 1, FILE_BYTES_MAX):
            raise PackageError("%s: size outside 1..%d" % (path, FILE_BYTES_MAX))
        if not isinstance(digest, (bytes, memoryview)) or len(digest) != 32:
            raise PackageError("%s: no SHA-256" % path)
        self._last = path
        self._count += 1
        self.size += size
        self._entered = self._entered or path == ENTRY

    def end(self) -> None:
        if not 0 < self._count <= FILES_MAX:
            raise PackageError("1..%d files" % FILES_MAX)
        if self.size > FILES_BYTES_MAX:
            raise PackageError("more than %d bytes of files" % FILES_BYTES_MAX)
        if not self._entered:
            raise PackageError("no " + ENTRY)


def _list(value, length_max):
    if not isinstance(value, list) or len(value) > length_max:
        raise PackageError("no list of at most %d" % length_max)
    return value


def check(chip, counter, version):
    if chip not in CHIPS:
        raise PackageError("no chip %r" % (chip,))
    if not _is_number(counter, 1, COUNTER_MAX):
        raise PackageError("counter outside 1..%d" % COUNTER_MAX)
    if len(version) != 3 or not all(_is_number(part, 0, 255) for part in version):
        raise PackageError("version is not three numbers of 0..255")


def _check_path(path):
    """Folders and a name of small letters, digits and _ only, so that no path leads out of its slot."""
    if not isinstance(path, str) or len(path) > PATH_LENGTH_MAX or not path.endswith(_SUFFIX):
        raise PackageError("no path of an .mpy file: %r" % (path,))
    parts = path[: -len(_SUFFIX)].split("/")
    if len(parts) > PATH_PARTS_MAX or not all(parts):
        raise PackageError("path not allowed: %r" % path)
    for part in parts:
        if part.strip(_ALPHABET):  # What is left is another letter, with whatever stands before and behind it.
            raise PackageError("path not allowed: %r" % path)


def _is_number(value, low, high):
    return isinstance(value, int) and not isinstance(value, bool) and low <= value <= high
