"""Runs the contract tests on a real board, imported over its console (./riverpost test --on-board PORT).

Rules of this file: it finds the application that the board starts with, and stores nothing.
"""

import os
import sys

SAFE = "/safe"
APPLICATION = "main.mpy"


def turn_to(place: str) -> None:
    """Let imports find the application in the folder `place`, and nothing of another."""
    for name in list(sys.modules):
        if name not in STOCK_MODULES:
            del sys.modules[name]
    sys.path[:] = [place, place + "/lib"] + STOCK_PATH


def active() -> str:
    """The folder of the application that the board starts; of the safe one where it has no other."""
    turn_to(SAFE)
    import slots
    import twin

    place = "/" + slots.unpack_state(twin.load(slots.STATE))[0]
    try:
        return place if APPLICATION in os.listdir(place) else SAFE
    except OSError:
        return SAFE


STOCK_MODULES = set(sys.modules)
STOCK_PATH = sys.path[:]
place = active()
print("the application in", place)
turn_to(place)

import contract  # noqa: E402 - it is found by now, and what it imports

contract.main(["riverpost", ""], "")
