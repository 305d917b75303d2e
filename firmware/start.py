"""What a stock image of an RP2040 runs at its start: lies on the board as /main.py, the only source there.

Rules of this file: a program that ends is started again; only Ctrl-C on the console leaves it, until the watchdog
bites.
"""

import sys

sys.path.insert(0, "/app")
sys.path.insert(1, "/app/lib")

from hal.rp2 import restart_later
from main import main

try:
    main(["riverpost", "/board.json"])
except Exception as error:  # noqa: BLE001 - whatever it is, nobody is there to see it
    sys.print_exception(error)
restart_later()
