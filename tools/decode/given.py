"""The bytes that the caller means: hex on the command line, a file, or standard input; a file may hold hex too.

Rules of this file: at most BYTES_MAX; hex is told by its letters, and nothing of ours is made of those alone.
"""

import re
import sys
from pathlib import Path

from tools.faults import fault

BYTES_MAX = 32 << 20  # A whole flash of any board, twice.
_SEPARATORS = re.compile(rb"0[xX]|\\[xX]|[\s:,;-]+")
_HEX = re.compile(rb"(?:[0-9a-fA-F]{2})+")
STANDARD_INPUT = "-"


def given(words: list[str], lang: str) -> bytes:
    """The bytes. `Failure`."""
    if not words or words == [STANDARD_INPUT]:
        if not words and sys.stdin.isatty():
            raise fault("decode_nothing", lang, seen="stdin: -")
        return _taken(sys.stdin.buffer.read(2 * BYTES_MAX + 1), "-", lang)
    text = " ".join(words)
    if not text.strip():
        raise fault("decode_nothing", lang, seen=repr(text[:20]))
    found = from_hex(text.encode(errors="replace"))
    if found is not None:
        return found
    if len(words) == 1:
        return read(Path(words[0]), lang)
    raise fault("decode_no_hex", lang, seen=text[:60])


def read(path: Path, lang: str) -> bytes:
    """The bytes in a file. `Failure`."""
    try:
        with path.open("rb") as file:
            return _taken(file.read(2 * BYTES_MAX + 1), str(path), lang)
    except FileNotFoundError:
        raise fault("decode_no_hex", lang, seen=str(path)[:60]) from None
    except (OSError, ValueError) as error:
        raise fault("unreadable", lang, seen=getattr(error, "strerror", None) or str(error), file=path) from None


def from_hex(text: bytes) -> bytes | None:
    """The bytes that `text` writes in hex, with or without spaces, colons, commas or 0x; None if it is no hex."""
    digits = _SEPARATORS.sub(b" ", text)
    parts = digits.split()
    if all(len(part) == 1 or len(part) % 2 == 0 for part in parts):
        digits = b"".join(part.rjust(2, b"0") if len(part) == 1 else part for part in parts)
    else:
        digits = b"".join(parts)
    return bytes.fromhex(digits.decode("ascii")) if _HEX.fullmatch(digits) else None


def _taken(data: bytes, name: str, lang: str) -> bytes:
    if not data.strip():
        raise fault("decode_nothing", lang, seen=f"{name}: {len(data)}")
    data = (from_hex(data) or data) if len(data) <= 2 * BYTES_MAX else data
    if len(data) > BYTES_MAX:
        raise fault("decode_long", lang, seen=f"{name}: > {BYTES_MAX:,}", most=BYTES_MAX >> 20)
    return data
