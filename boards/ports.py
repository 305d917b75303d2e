"""The ports and the flash of a board: what is where, and what cannot be."""

from typing import Any

from boards.chips import ROLES, Chip, why_not
from boards.records import Partition, Port
from boards.strict import Findings, nearest, record, tables


def read_ports(document: dict[str, Any], chip: Chip | None, findings: Findings) -> list[Port]:
    ports: list[Port] = []
    users: dict[int, str] = {}
    for key, table in tables(document, "port", findings):
        port = record(Port, table, key, findings)
        if not port:
            continue
        if port.key in {other.key for other in ports}:
            findings.add(key, f'a second port "{port.key}"; give it another number or name')
        if port.kind == "input" and not port.name:
            findings.add(f"{key}.name", "is missing; an input has a name that a sensor can mean")
        if port.clean and port.kind != "counter":
            findings.add(f"{key}.clean", f'a port of kind "{port.kind}" counts no pulses; leave clean out')
        elif port.clean and chip and not chip.counts:
            findings.add(f"{key}.clean", f"{chip.name} counts each edge by its program; leave clean out")
        ports.append(port)
        needed, allowed = ROLES[port.kind]
        for role in needed:
            if role not in port.pins:
                findings.add(f"{key}.pins.{role}", f'is missing; a port of kind "{port.kind}" needs this pin')
        for role, pin in port.pins.items():
            where = f"{key}.pins.{role}"
            if role not in needed + allowed:
                findings.add(where, f"unknown role; {nearest(role, needed + allowed)}")
                continue
            reason = why_not(chip, port.kind, port.number, role, pin) if chip else ""
            if reason:
                findings.add(where, reason)
            if pin in users:
                findings.add(where, f"pin {pin} is {users[pin]} already; use another")
            users.setdefault(pin, where)
    return ports


def read_partitions(document: dict[str, Any], chip: Chip | None, findings: Findings) -> list[Partition]:
    found: list[Partition] = []
    flash_bytes = document.get("flash_bytes")
    for key, table in tables(document, "partition", findings):
        piece = record(Partition, table, key, findings)
        if not piece:
            continue
        end = piece.offset + piece.size
        if chip and (piece.offset % chip.sector or piece.size % chip.sector):
            findings.add(key, f"does not lie on whole sectors; use multiples of {chip.sector:#x}")
        if isinstance(flash_bytes, int) and end > flash_bytes:
            findings.add(key, f"ends at {end:#x}, behind the flash ({flash_bytes:#x}); make it smaller")
        for other in found:
            if piece.offset < other.offset + other.size and other.offset < end:
                findings.add(key, f'overlaps "{other.name}"; move one of them')
        found.append(piece)
    return found
