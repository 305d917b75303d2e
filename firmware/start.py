"""What a stock image runs at its start: lies on the board as /main.py, the only source there, and is never updated.

Rules of this file: it knows /safe, which is never updated either, and there only hal, slots and health; everything else
is the application's. Whatever a slot holds, the watchdog runs before it is looked at. A program that ends or fails is
started again a little later; only Ctrl-C on the console leaves it, until the watchdog bites.
"""

import gc
import sys

ARGV = sys.argv if len(sys.argv) > 1 else ["riverpost", ""]  # Second: where the files are. A process has more.
STOCK_MODULES = set(sys.modules)
STOCK_PATH = sys.path[:]


def turn_to(name):
    """Let imports find the application `name`, and nothing of another."""
    for module in list(sys.modules):
        if module not in STOCK_MODULES:
            del sys.modules[module]
    folder = "%s/%s" % (ARGV[1], name)
    sys.path[:] = [folder, folder + "/lib"] + STOCK_PATH
    gc.collect()


def choose():
    """(what is to run, cause of this start)."""
    turn_to("safe")
    try:
        import hal
        import slots

        port = hal.port()
        port.arm()
        cause = port.cause_of_start(port.open_keep(ARGV))
        name = slots.SAFE if cause == hal.UNFIT else slots.choose(ARGV[1], cause in hal.FAILURES)
        return name, cause
    except Exception as error:  # noqa: BLE001 - the copy that should save the others is damaged itself
        sys.print_exception(error)
        return "a", None


def end(error):
    """Leave last words where the application did not, and start again."""
    turn_to("safe")
    import hal
    import health

    port = hal.port()
    keep = port.open_keep(ARGV)
    if keep.cause != hal.CRASH:
        health.leave_words(keep, health.words_of(error) if error else "ended")
    keep.end(hal.CRASH)
    port.restart_later()


chosen, cause = choose()
failure = None
try:
    turn_to(chosen)
    __import__("main").main(ARGV, chosen, cause)
except Exception as error:  # noqa: BLE001 - whatever it is, nobody is there to see it
    sys.print_exception(error)
    failure = error
end(failure)
