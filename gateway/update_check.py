"""Is a dropped file a package that its board may get? Judged before a byte goes out.

Rules of this file: no disk, no port. The board checks all of it again, and its word counts: what is refused here has
only saved the line, and told the reason sooner.
"""

from collections.abc import Callable

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from gateway.config import Bus, Source
from gateway.update_bus import EXCESS_FIRST_US
from gateway.wire_time import chunk_chars, exchange_us, read_us
from wire.package import PACKAGE_BYTES_MAX, Manifest, PackageError, signed_message, taken_apart
from wire.registers import UPDATE_CHUNK, now_count

EMULATED = "posix"  # Chip of the boards of a rig, whatever their definition says.


class Refused(Exception):
    """It may not: `reason` is a key of gateway.words.UPDATE_REASONS."""

    def __init__(self, reason: str, detail: str = "") -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason = reason
        self.detail = detail


def check(data: bytes, chip: str, key: bytes | None) -> Manifest:
    """The manifest of the package `data` for a board with `chip`, signed by `key` if one is known. Refused."""
    if len(data) > PACKAGE_BYTES_MAX:
        raise Refused("no package", f"longer than {PACKAGE_BYTES_MAX} bytes")
    try:
        manifest, head, signature, _ = taken_apart(data)
    except PackageError as error:
        raise Refused("no package", str(error)) from error
    if key is not None:
        try:
            Ed25519PublicKey.from_public_bytes(key).verify(bytes(signature), signed_message(head))
        except InvalidSignature as error:
            raise Refused("signature") from error
    if manifest.chip not in (chip, EMULATED):
        raise Refused("chip", f"{manifest.chip}, the board is {chip}")
    return manifest


SensorReads = Callable[[Source], tuple[int, ...]]  # Registers of each read of a bought sensor.


def gap_of(bus: Bus, sensor_reads: SensorReads) -> tuple[int, int]:
    """(what a scan of `bus` leaves beside all looks, what a chunk is believed to take of it at first), us."""
    looks_us = 0
    for source in bus.sources:
        reads = (now_count(len(source.channels)),) if source.board_type else sensor_reads(source)
        looks_us += sum(read_us(count, bus.baud, bus.char_bits) for count in reads)
    chars = chunk_chars(UPDATE_CHUNK)
    chunk_us = exchange_us(chars, chars, bus.baud, bus.char_bits) + EXCESS_FIRST_US
    return max(bus.scan_ms * 1_000 - looks_us, 0), chunk_us


def check_gap(bus: Bus, sensor_reads: SensorReads) -> None:
    """Does a scan of `bus` leave room for a chunk beside all looks? Refused."""
    gap_us, chunk_us = gap_of(bus, sensor_reads)
    if gap_us < chunk_us:
        needed_ms = -(-(bus.scan_ms * 1_000 - gap_us + chunk_us) // 100_000) * 100
        detail = f"a chunk takes {chunk_us // 1_000} ms, a scan leaves {gap_us // 1_000} ms"
        raise Refused("no gap", f"{detail}; give bus {bus.name} a scan of {needed_ms / 1_000:g} s for that time")
