"""Official MicroPython images on this machine: found by name, known by their SHA-256.

Rules of this file: nothing is fetched; an image that nobody vouches for is used only when a person says so.
"""

import hashlib
import os
import tomllib
from dataclasses import dataclass
from pathlib import Path

from tools.faults import fault

KNOWN = Path(__file__).parent / "known.toml"
IMAGE_BYTES_MAX = 16 << 20
ENDINGS = (".bin", ".uf2")


@dataclass(frozen=True)
class Found:
    """An image that was read. `version`: of the list; "" = the list does not know it."""

    path: Path
    data: bytes
    sha256: str
    version: str


def known() -> dict[str, tuple[str, str]]:
    """SHA-256 -> (board, version)."""
    table = tomllib.loads(KNOWN.read_text(encoding="utf-8"))
    return {item["sha256"]: (item["board"], item["version"]) for item in table["image"]}


def folder() -> Path:
    """Where images are looked for when none is named."""
    base = os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share"
    return Path(base) / "riverpost" / "micropython"


def find(image: str, named: Path | None, accept_unknown: bool, lang: str) -> Found:
    """The image for boards of `image` ("ESP32_GENERIC"): `named`, a file or a folder, else the store. `Failure`."""
    place = named or folder()
    if place.is_dir() or named is None:
        names = [name for name in place.iterdir() if _fits(name, image)] if place.is_dir() else []
        found = [_read(name, lang) for name in sorted(names)]
        good = [one for one in found if accept_unknown or one.version]
        if not good:
            seen = "\n".join(f"{one.path.name}  sha256 {one.sha256}" for one in found)
            raise fault("no_image", lang, seen=seen, folder=place, image=image)
        return max(good, key=lambda one: (_order(one.version), one.path.name))
    one = _read(named, lang)
    owner = known().get(one.sha256, (image, ""))[0]
    if owner != image:
        raise fault("other_image", lang, seen=f"{named.name}: {owner}", file=named, image=image)
    if not one.version and not accept_unknown:
        raise fault("unknown_image", lang, seen=f"{named.name}\nsha256 {one.sha256}", file=named)
    return one


def _fits(path: Path, image: str) -> bool:
    return path.suffix in ENDINGS and path.name.startswith((f"{image}-2", f"{image}."))


def _order(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split(".")) if version else ()


def _read(path: Path, lang: str) -> Found:
    try:
        with path.open("rb") as file:
            data = file.read(IMAGE_BYTES_MAX + 1)
    except OSError as error:
        raise fault("unreadable", lang, seen=error.strerror or str(error), file=path) from None
    if len(data) > IMAGE_BYTES_MAX:
        raise fault("unreadable", lang, seen=f"> {IMAGE_BYTES_MAX:,} bytes", file=path)
    digest = hashlib.sha256(data).hexdigest()
    return Found(path, data, digest, known().get(digest, ("", ""))[1])
