"""Sent to a board first, over its console: finds the application that the board starts with, and opens its hal.

Rules of this folder: runs on the board, is never stored there, and uses what the board itself runs; whatever takes long
feeds the watchdog. No constant of the firmware is used by its name, for a board has none: tools/console.py hands over
what is needed (NAMES).
"""

import gc
import json
import os
import sys

MARK = "RP1 "
SAFE = "/safe"
APPLICATION = "main.mpy"
STOCK_MODULES = set(sys.modules)
STOCK_PATH = sys.path[:]
HAL = []


def turn_to(place: str) -> None:
    """Let imports find the application in the folder `place`, and nothing of another."""
    for name in list(sys.modules):
        if name not in STOCK_MODULES:
            del sys.modules[name]
    sys.path[:] = [place, place + "/lib"] + STOCK_PATH


def holds_application(place: str) -> bool:
    try:
        return APPLICATION in os.listdir(place)
    except OSError:
        return False


def begin(names: dict) -> dict:
    """Who this board is; "application" "": no program of ours."""
    found = {"platform": sys.platform, "application": ""}
    if not holds_application(SAFE):
        return found
    turn_to(SAFE)
    import slots
    import twin

    active = "/" + slots.unpack_state(twin.load(names["boot"]))[0]
    for place in (active, SAFE):
        if holds_application(place):
            try:
                turn_to(place)
                import hal

                HAL[:] = [hal.open_hal(["riverpost", ""])]
                found.update({"application": place, "serial": HAL[0].unique_id().hex()})
                return found
            except Exception as error:  # noqa: BLE001 - a damaged copy fails in any way, and the safe one is next
                print(place, repr(error))
    return found


def feed() -> None:
    if HAL:
        HAL[0].wdt_feed()


def tell(answer) -> None:
    gc.collect()
    print(MARK + json.dumps(answer))


def restart(cause: int) -> None:
    """Restart the board; its next start sees `cause`."""
    if HAL:
        HAL[0].reset(cause)
    import machine

    machine.reset()
