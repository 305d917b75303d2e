"""Tests a board where it stands: files, log, a block of flash, sensors, supply, kept memory, clock.

Rules of this file: what is written is taken back: a blank block of the log, never at its beginning, and kept memory. A
sensor without a reading is told, for it may not be connected yet; a part that fails is FAIL.
"""

import os

SETTLE_MS = 2_500  # An inclinometer's start; several frames of an ultrasonic sensor.
STEP_MS = 250
ASIDE = 256  # What stands at a block's beginning makes it a part of the log.
PIECE = 256
PATTERN = b"\xf0\x0f\x00\xa5"
KEPT = b"riverpost self-test"
CLOCK_MS = 200


def self_test(names: dict, blocks: int) -> list:
    """[{"name", "state", ...}] of every part."""
    found = []
    definition = settings_of(names)
    blocks = definition["log_blocks"] if definition else blocks
    for name, part in (
        ("files", test_files),
        ("log", lambda: test_log(blocks)),
        ("flash", lambda: test_flash(blocks)),
        ("memory", test_memory),
        ("clock", test_clock),
    ):
        feed()
        try:
            found.append(dict({"name": name, "state": "ok"}, **part()))
        except Exception as error:  # noqa: BLE001 - whatever it is, the next part is tested too
            found.append({"name": name, "state": "FAIL", "error": repr(error)})
    return found + (test_sensors(definition) if definition else [{"name": "sensors", "state": "skip"}])


def settings_of(names: dict):
    """The newest settings that can be obeyed; None if there are none."""
    import board_json
    import twin

    for payload in twin.newest_first(names["board"]):
        try:
            definition = board_json.parse(payload, False)
            HAL[0].use(definition)
            return definition
        except (LookupError, OSError, TypeError, ValueError) as error:
            print(error)
    return None


def test_files() -> dict:
    count = size = 0
    buffer = bytearray(PIECE)
    ahead = [""]
    while ahead:
        folder = ahead.pop()
        for entry in os.ilistdir(folder or "/"):
            path = folder + "/" + entry[0]
            if entry[1] & 0x4000:
                ahead.append(path)
                continue
            feed()
            count += 1
            with open(path, "rb") as file:
                read = file.readinto(buffer)
                while read:
                    size += read
                    read = file.readinto(buffer)
    return {"count": count, "bytes": size}


def test_log(blocks: int) -> dict:
    found = log(blocks)
    return dict(found, state="FAIL") if "error" in found else found


def test_flash(blocks: int) -> dict:
    """Program, read, erase the last blank block."""
    flash = HAL[0].blocks("log", blocks)
    block = blank_block(flash)
    if block < 0:
        return {"state": "skip"}
    at = block * flash.block + ASIDE
    flash.program(at, PATTERN)
    seen = bytearray(len(PATTERN))
    flash.read(at, seen)
    feed()
    flash.erase(block)
    held = bytes(seen) == PATTERN
    flash.read(at, seen)
    good = held and bytes(seen) == b"\xff" * len(PATTERN)
    return {"block": block, "state": "ok" if good else "FAIL"}


def blank_block(flash) -> int:
    part, blank = bytearray(PIECE), b"\xff" * PIECE
    for block in range(flash.size // flash.block - 1, -1, -1):
        feed()
        for at in range(0, flash.block, PIECE):
            flash.read(block * flash.block + at, part)
            if part != blank:
                break
        else:
            return block
    return -1


def test_memory() -> dict:
    keep = HAL[0].keep
    before = keep.get()
    keep.put(KEPT)
    good = keep.get() == KEPT
    keep.put(before)
    return {"state": "ok" if good and keep.get() == before else "FAIL"}


def test_clock() -> dict:
    import time

    hal = HAL[0]
    begin = hal.ticks_ms()
    time.sleep_ms(CLOCK_MS)
    passed = hal.ticks_diff(hal.ticks_ms(), begin)
    return {"ms": passed, "state": "ok" if CLOCK_MS - 20 <= passed <= 3 * CLOCK_MS else "FAIL"}


def test_sensors(definition: dict) -> list:
    """Each fitted sensor, read until it gives something or SETTLE_MS have passed."""
    found, drivers = [], []
    hal = HAL[0]
    for sensor in definition["sensors"]:
        name = sensor.get("driver", "")
        try:
            module = __import__("drivers." + name, None, None, ("make",))
            drivers.append((name, module.make(sensor, hal), sensor))
        except Exception as error:  # noqa: BLE001 - as above
            found.append({"name": "sensor", "sensor": name, "state": "FAIL", "error": repr(error)})
    begin, readings = hal.ticks_ms(), {}
    while hal.ticks_diff(hal.ticks_ms(), begin) <= SETTLE_MS:
        for name, driver, _ in drivers:
            try:
                readings[name] = list(driver.read(hal.ticks_ms()))
            except Exception as error:  # noqa: BLE001 - as above
                readings[name] = repr(error)
        feed()
        hal.wait(STEP_MS)
        if all(not isinstance(one, str) and all(value is not None for value, _ in one) for one in readings.values()):
            break
    for name, driver, _ in drivers:
        if isinstance(readings[name], str):
            found.append({"name": "sensor", "sensor": name, "state": "FAIL", "error": readings[name]})
            continue
        for quantity, (value, quality) in zip(driver.quantities, readings[name]):
            found.append({"name": "sensor", "sensor": name, "quantity": quantity, "value": value, "quality": quality})
    return found
