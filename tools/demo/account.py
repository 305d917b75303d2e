"""The demo's accounting: what was made, what is stored, and the difference of the two sets.

Rules of this file: nothing is computed from what it is compared with. Made = the boards' flash, read by code that
shares nothing
with the firmware, with the emulator's ledger of every append; and the gateway's own log (its spool) for rows born
there.
Stored = the center's database. A row is (source, epoch, seq, CRC), so a row with another content is another row.
"""

import sqlite3
from binascii import crc32
from collections import Counter
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from tools.emulator.rig import Rig
from tools.emulator.whole import WholeStation

Key = tuple[bytes, int, int, int]


@dataclass(frozen=True)
class Account:
    """The sets and what follows from them."""

    made: frozenset[Key]
    stored: frozenset[Key]
    stored_count: int  # rows of the database, doubles included

    @property
    def lost(self) -> int:
        return len(self.made - self.stored)

    @property
    def duplicated(self) -> int:
        """Rows in the database that nobody made (a second copy under another name), and second copies under the
        same.
        """
        return len(self.stored - self.made) + self.stored_count - len(self.stored)


def take(station: WholeStation) -> Account:
    """Count now; the gateway must have stopped (its spool is read) and the boards must be idle or stopped."""
    rows = station.center_rows()
    counted = Counter(rows)
    made = made_by_boards(station.rig) | made_by_gateway(station.spool_file, station.rig)
    return Account(frozenset(made), frozenset(counted), len(rows))


def made_by_boards(rig: Rig) -> set[Key]:
    """Every row in the boards' flash, and every row that the emulator saw being appended."""
    made: set[Key] = set()
    for board in rig.every_board():
        for epoch, seq, crc in board.ledger | set(board.log_rows()):
            made.add((board.serial, epoch, seq, crc))
    return made


def made_by_gateway(spool: Path, rig: Rig) -> set[Key]:
    """Rows born at the gateway (bought sensors, events), from its spool's file."""
    boards = {board.serial for board in rig.every_board()}
    return {key for key in in_spool(spool) if key[0] not in boards}


def in_spool(spool: Path) -> set[Key]:
    """Every row in the spool's file; none while a new gateway has not made it."""
    if not spool.exists():
        return set()
    with closing(sqlite3.connect(f"file:{spool}?mode=ro", uri=True)) as connection:
        if not connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'rows'").fetchone():
            return set()  # Its tables are being made.
        rows = connection.execute("SELECT source, epoch, seq, kind, packed FROM rows").fetchall()
    return {(source, epoch, seq, _crc(kind, packed, epoch)) for source, epoch, seq, kind, packed in rows}


def _crc(kind: int, packed: bytes, epoch: int) -> int:
    if kind in (1, 2):  # DATA, ANCHOR: the row carries its CRC in its last four bytes.
        return int.from_bytes(packed[-4:], "big")
    return crc32(packed, epoch)
