"""Profiles: how a bought Modbus sensor is read."""

from boards.definition import open_definition
from boards.records import Point, Profile, ProfileHead
from boards.strict import DefinitionError, Findings, nearest, record, tables
from wire.reading import QUANTITIES, QUANTITY_CODES

_REGISTERS = {"int16": 1, "uint16": 1, "int32": 2, "uint32": 2, "float32": 2}


def load_profile(name: str) -> Profile:
    """The profile `name` of a bought sensor. DefinitionError."""
    path, document, findings = open_definition(name, "profile")
    head = record(ProfileHead, document, "", findings, ("point",))
    points = []
    for key, table in tables(document, "point", findings):
        point = record(Point, table, key, findings)
        if point:
            _check_point(point, key, head.max_block if head else 125, findings)
            points.append(point)
    if not document.get("point"):
        findings.add("point", "is missing; write a [[point]] for each quantity")
    seen = [point.quantity for point in points]
    for quantity in sorted({quantity for quantity in seen if seen.count(quantity) > 1}):
        findings.add("point", f'quantity "{quantity}" stands twice; keep one')
    findings.stop_if_any()
    if head is None:
        raise DefinitionError(findings.problems)
    values = {field: getattr(head, field) for field in head.__struct_fields__ if field != "kind"}
    return Profile(name=path.stem, points=tuple(points), **values)


def _check_point(point: Point, key: str, max_block: int, findings: Findings) -> None:
    if point.quantity not in QUANTITY_CODES:
        findings.add(
            f"{key}.quantity", f'unknown quantity "{point.quantity}"; {nearest(point.quantity, QUANTITY_CODES)}'
        )
    else:
        low, high = QUANTITIES[QUANTITY_CODES[point.quantity]][2:4]
        for name, value in (("valid_low", point.valid_low), ("valid_high", point.valid_high)):
            if not low <= value <= high:
                findings.add(f"{key}.{name}", f"{value} is outside what {point.quantity} can be; use {low} to {high}")
    if point.valid_low >= point.valid_high:
        findings.add(f"{key}.valid_high", "must be above valid_low; see the sensor's data sheet")
    if point.count != _REGISTERS[point.type]:
        findings.add(f"{key}.count", f"{point.type} takes {_REGISTERS[point.type]} register(s); write that count")
    if point.count > max_block:
        findings.add(f"{key}.count", "is more than max_block, and a value must come in one answer; raise max_block")
    if point.scale_num == 0:
        findings.add(f"{key}.scale_num", "0 would make every value 0; write the factor")
