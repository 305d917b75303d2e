"""How an update package begins, and what is signed of it: as much of wire.package as comes before any belief in it.

Rules of this file: those of wire.package.
"""

from hashlib import sha256

MAGIC = b"RPU1"
HEADER_BYTES = 6
SIGNATURE_BYTES = 64
MANIFEST_BYTES_MAX = 4_096

_SIGNED = b"riverpost package 1\0"


class PackageError(ValueError):
    """Bytes that are no package, or a manifest that breaks a rule."""


def head_bytes(begin) -> int:
    """Length of the head that begins with the HEADER_BYTES `begin`. PackageError if it is none."""
    length = begin[4] << 8 | begin[5]
    if bytes(begin[:4]) != MAGIC or not 0 < length <= MANIFEST_BYTES_MAX:
        raise PackageError("no header of a package")
    return HEADER_BYTES + length


def signed_message(head) -> bytes:
    """What the signature behind `head` is made over."""
    return _SIGNED + sha256(head).digest()
