"""The only door to the chip: one object with the same calls on every port.

ticks_ms() ticks_diff(a, b) ticks_add(t, ms)     milliseconds that wrap at 2^30: no other arithmetic on them
wait(ms)                         returns early when bus bytes or messages arrive
bus()                            the RS-485 line: readinto, write, silent_us, await_silence, reopen
net()                            one TCP connection: connect, connected, readinto, write, want_write, close, ticks_ms;
                                 none of them waits, all may raise OSError, none looks up a name. A board without Wi-Fi
                                 raises in connect, or is not connected until the caller's patience ends.
uart(n) adc(n) counter(n) spi(n) pin_in(name) pin_out(name)
blocks(name, count)              flash: size, block, read, program (clears bits only), erase
keep                             bytes that survive a reset, not a power cut: get, put; end(cause) before a reset;
                                 note(n), 0..255, allocates nothing; noted: what the run before noted last
wdt_feed()                       the watchdog runs from the hal's making on, and bites after 8 s
sleep(ms) awake_ms()             deep sleep, where the chip has it; ends in a start that sees DEEP_SLEEP, and then so
                                 many ms since it woke
unique_id() random(n) reset(cause) reset_cause() free_heap() report(message)
garbage_bytes                    between two collections behind the start, so that what is free stays in one piece; -1:
                                 only where the memory is full, or a row is made
root                             folder of what the board has as files: "" on a real one
use(definition)                  take ports and link of board.json; whatever is wrong with them, it may be called again

A port's module also has, for start.py: open_keep(argv), cause_of_start(keep) which is told once, arm() which starts the
watchdog, restart_later() which does not return.
"""

import sys

POWER = 0
RESET = 1
WATCHDOG = 2
DEEP_SLEEP = 3
BROWN_OUT = 4
CRASH = 5  # The program failed, and said so.
UNFIT = 6  # It could not obey board.json, so the safe application follows.
NOT_KNOWN = 9
FAILURES = (WATCHDOG, CRASH, NOT_KNOWN)  # Causes that a program which works does not give.

_PORTS = {"linux": "posix", "darwin": "posix", "rp2": "rp2", "esp32": "esp32"}
_CHIPS = {"esp32": "esp32", "rp2": "rp2040"}


def family() -> str:
    """The family of the chip that this runs on, one of wire.package.CHIPS."""
    return _CHIPS.get(sys.platform, "posix")


def port():
    """The module of the port that this runs on. RuntimeError on one that has none."""
    name = _PORTS.get(sys.platform)
    if name is None:
        raise RuntimeError("no hal for port " + sys.platform)
    return __import__("hal." + name, None, None, ("Hal",))


def open_hal(argv: list, cause: "int | None" = None):
    """The hal of this port; `argv` as the process got it. `cause` of this start, if start.py was told it already."""
    return port().Hal.from_arguments(argv, cause)
