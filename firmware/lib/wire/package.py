"""An update package: header, signed manifest, and the files of one application, one behind the other.

`MAGIC | u16 length | manifest (CBOR) | 64 bytes Ed25519 signature | files`. The head is all before the signature; what
is signed is `signed_message(head)`. A slot keeps head and signature as they came, as its manifest file.

Rules of this file: whatever breaks a limit or a rule below is a PackageError, whoever made it. No files, no flash.
"""

from hashlib import sha256

from wire.cbor import DecodeError, EncodeError, Encoder, decode

MAGIC = b"RPU1"
HEADER_BYTES = 6
SIGNATURE_BYTES = 64
MANIFEST_BYTES_MAX = 4_096
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
MANIFEST = "manifest"  # Head and signature in the slot of an application that is whole,
COMING = "manifest.new"  # and in one that is still being filled.

_SIGNED = b"riverpost package 1\0"
_SUFFIX = ".mpy"
_ALPHABET = "abcdefghijklmnopqrstuvwxyz0123456789_"

K_CHIP = 0
K_COUNTER = 1
K_VERSION = 2
K_FILES = 3

# Why a board refuses a package (high byte of its update_state); 0 = it does not.
NOT_A_PACKAGE = 1
NO_KEY = 2
WRONG_SIGNATURE = 3
OTHER_CHIP = 4
NOT_NEWER = 5
NO_SLOT = 6
NO_ROOM = 7
WRONG_FILE = 8
READ_BACK = 9
REASONS = {
    NOT_A_PACKAGE: "its head is not that of a package",
    NO_KEY: "the board was given no key to check it by",
    WRONG_SIGNATURE: "its signature is not by the board's key",
    OTHER_CHIP: "it is for another chip",
    NOT_NEWER: "its counter is not above that of what runs",
    NO_SLOT: "the board has no slot to spare while what runs is on trial",
    NO_ROOM: "the flash took no more",
    WRONG_FILE: "a file is not the one that its manifest names",
    READ_BACK: "the flash gave back something else than was written",
}


class PackageError(ValueError):
    """Bytes that are no package, or a manifest that breaks a rule."""


class Manifest:
    """What a package holds: `chip` (one of CHIPS), `counter`, `version` (three numbers), `files`: (path, bytes, sha256)
    in ascending order of their paths. The files follow each other in that order.
    """

    def __init__(self, chip: str, counter: int, version: tuple, files: list):
        self.chip = chip
        self.counter = counter
        self.version = version
        self.files = files
        _check(self)

    def __eq__(self, other) -> bool:
        return isinstance(other, Manifest) and _fields(self) == _fields(other)

    def files_bytes(self) -> int:
        """Bytes of all files."""
        return sum([size for _, size, _ in self.files])


def head_of(manifest: Manifest) -> bytes:
    """Header and manifest as they are sent and signed. PackageError if the manifest is too long."""
    encoder = Encoder(MANIFEST_BYTES_MAX)
    files = [list(file) for file in manifest.files]
    fields = {K_CHIP: manifest.chip, K_COUNTER: manifest.counter, K_VERSION: list(manifest.version), K_FILES: files}
    try:
        encoded = encoder.encode(fields)
    except EncodeError as error:
        raise PackageError(str(error))
    return MAGIC + bytes((len(encoded) >> 8, len(encoded) & 0xFF)) + bytes(encoded)


def head_bytes(begin) -> int:
    """Length of the head that begins with the HEADER_BYTES `begin`. PackageError if it is none."""
    length = begin[4] << 8 | begin[5]
    if bytes(begin[:4]) != MAGIC or not 0 < length <= MANIFEST_BYTES_MAX:
        raise PackageError("no header of a package")
    return HEADER_BYTES + length


def manifest_of(head) -> Manifest:
    """The manifest in `head`. PackageError."""
    if len(head) < HEADER_BYTES or head_bytes(head) != len(head):
        raise PackageError("no whole head")
    try:
        fields = decode(head[HEADER_BYTES:])
    except DecodeError as error:
        raise PackageError(str(error))
    if not isinstance(fields, dict):
        raise PackageError("manifest is no map")
    files = _list(fields.get(K_FILES), FILES_MAX)
    return Manifest(
        fields.get(K_CHIP, ""),
        fields.get(K_COUNTER, 0),
        tuple(_list(fields.get(K_VERSION), 3)),
        [tuple(_list(file, 3)) for file in files],
    )


def signed_message(head) -> bytes:
    """What the signature behind `head` is made over."""
    return _SIGNED + sha256(head).digest()


def taken_apart(data: bytes) -> tuple:
    """(manifest, head, signature, [bytes of each file]) of a whole package. PackageError if anything does not fit."""
    if len(data) < HEADER_BYTES:
        raise PackageError("no header of a package")
    at = head_bytes(data)
    head, signature = data[:at], data[at : at + SIGNATURE_BYTES]
    manifest = manifest_of(head)
    at += SIGNATURE_BYTES
    if len(data) != at + manifest.files_bytes():
        raise PackageError("%d bytes, its manifest says %d" % (len(data), at + manifest.files_bytes()))
    contents = []
    for path, size, digest in manifest.files:
        content = data[at : at + size]
        if sha256(content).digest() != digest:
            raise PackageError("%s is not the file of the manifest" % path)
        contents.append(content)
        at += size
    return manifest, head, signature, contents


def _fields(manifest):
    return manifest.chip, manifest.counter, manifest.version, [tuple(file) for file in manifest.files]


def _list(value, length_max):
    if not isinstance(value, list) or len(value) > length_max:
        raise PackageError("no list of at most %d" % length_max)
    return value


def _check(manifest):
    if manifest.chip not in CHIPS:
        raise PackageError("no chip %r" % (manifest.chip,))
    if not _is_number(manifest.counter, 1, COUNTER_MAX):
        raise PackageError("counter outside 1..%d" % COUNTER_MAX)
    version = manifest.version
    if len(version) != 3 or not all(_is_number(part, 0, 255) for part in version):
        raise PackageError("version is not three numbers of 0..255")
    if not 0 < len(manifest.files) <= FILES_MAX:
        raise PackageError("1..%d files" % FILES_MAX)
    last = ""
    for file in manifest.files:
        if len(file) != 3:
            raise PackageError("a file is path, size, hash")
        path, size, digest = file
        _check_path(path)
        if path <= last:
            raise PackageError("paths do not ascend at %s" % path)
        last = path
        if not _is_number(size, 1, FILE_BYTES_MAX):
            raise PackageError("%s: size outside 1..%d" % (path, FILE_BYTES_MAX))
        if not isinstance(digest, bytes) or len(digest) != 32:
            raise PackageError("%s: no SHA-256" % path)
    if manifest.files_bytes() > FILES_BYTES_MAX:
        raise PackageError("more than %d bytes of files" % FILES_BYTES_MAX)
    if ENTRY not in [path for path, _, _ in manifest.files]:
        raise PackageError("no " + ENTRY)


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
