"""An update package: header, signed manifest, and the files of one application, one behind the other.

`MAGIC | u16 length | manifest (CBOR) | 64 bytes Ed25519 signature | files`. The head is all before the signature; what
is signed is `signed_message(head)`. A slot keeps head and signature as they came, as its manifest file.

Rules of this file: whatever breaks a limit or a rule below is a PackageError, whoever made it. No files, no flash.
"""

from hashlib import sha256

from wire.cbor import EncodeError, Encoder
from wire.package_head import (
    HEADER_BYTES,
    MAGIC,
    MANIFEST_BYTES_MAX,
    SIGNATURE_BYTES,
    PackageError,
    head_bytes,
    signed_message,
)
from wire.package_rules import (
    CHIPS,
    COUNTER_MAX,
    ENTRY,
    FILE_BYTES_MAX,
    FILES_BYTES_MAX,
    FILES_MAX,
    HEAD_BYTES_MAX,
    K_CHIP,
    K_COUNTER,
    K_FILES,
    K_VERSION,
    PACKAGE_BYTES_MAX,
    Paths,
    check,
    file_at,
    summary_of,
)

__all__ = [
    "CHIPS",
    "COMING",
    "COUNTER_MAX",
    "ENTRY",
    "FILES_BYTES_MAX",
    "FILES_MAX",
    "FILE_BYTES_MAX",
    "HEADER_BYTES",
    "HEAD_BYTES_MAX",
    "K_CHIP",
    "K_COUNTER",
    "K_FILES",
    "K_VERSION",
    "MAGIC",
    "MANIFEST",
    "MANIFEST_BYTES_MAX",
    "Manifest",
    "NOT_A_PACKAGE",
    "NOT_NEWER",
    "NO_KEY",
    "NO_ROOM",
    "NO_SLOT",
    "OTHER_CHIP",
    "PACKAGE_BYTES_MAX",
    "PackageError",
    "Paths",
    "READ_BACK",
    "REASONS",
    "SIGNATURE_BYTES",
    "WRONG_FILE",
    "WRONG_SIGNATURE",
    "check",
    "file_at",
    "head_bytes",
    "head_of",
    "manifest_of",
    "signed_message",
    "summary_of",
    "taken_apart",
]

MANIFEST = "manifest"  # Head and signature in the slot of an application that is whole,
COMING = "manifest.new"  # and in one that is still being filled.

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
NO_MEMORY = 10
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
    NO_MEMORY: "the board's memory is too full for it",
}


class Manifest:
    """What a package holds: `chip` (one of CHIPS), `counter`, `version` (three numbers), `files`: (path, bytes, sha256)
    in ascending order of their paths. The files follow each other in that order.
    """

    def __init__(self, chip: str, counter: int, version: tuple, files: list):
        self.chip = chip
        self.counter = counter
        self.version = version
        self.files = files
        check(chip, counter, version)
        paths = Paths()
        for file in files:
            paths.take(file)
        paths.end()

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


def manifest_of(head) -> Manifest:
    """The manifest in `head`. PackageError."""
    chip, counter, version, at, count, _ = summary_of(head)
    files = []
    for _ in range(count):
        file, at = file_at(head, at)
        files.append(file)
    return Manifest(chip, counter, version, files)


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
