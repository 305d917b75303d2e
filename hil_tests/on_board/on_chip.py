"""Runs the contract tests on a real board, imported over its console (./riverpost test --on-board PORT).

Rules of this file: it finds the application that the board starts with, and stores nothing.
"""

import os
import sys

BOARD_JSON = "/board.json"
FOLDERS = ("/a", "/b", "/safe", "/app")
APPLICATION = "main.mpy"


def folder() -> str:
    """Where the board's application lies. OSError if it has none."""
    for name in FOLDERS:
        try:
            if APPLICATION in os.listdir(name):
                return name
        except OSError:
            continue
    raise OSError("no application of Riverpost on this board")


place = folder()
sys.path[:0] = [place, place + "/lib"]
print("the application in", place)

import contract  # noqa: E402 - it is found by now, and what it imports

contract.main(["riverpost", BOARD_JSON], "")
