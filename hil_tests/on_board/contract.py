"""Runs the contract tests on a board, where there is no unittest, and gives them the board's hal.

Rules of this folder: the same files run on a board and under CPython's unittest and pytest, where what needs a chip is
skipped; a test leaves flash, files and kept memory as it found them, and nothing here writes where a log or a
definition stands; no test takes as long as the watchdog.

On a board: ./riverpost test --on-board PORT. The tests import what the board itself runs.
"""

import sys

try:
    from unittest import SkipTest, TestCase  # pyright: ignore[reportAssignmentType]
except ImportError:  # A stock image has none.

    class SkipTest(Exception):
        """What is to be tested is not there; the text says why."""

    class Raises:
        """`with` that wants an exception."""

        def __init__(self, kind):
            self._kind = kind

        def __enter__(self):
            return self

        def __exit__(self, kind, error, trace):
            if kind is None:
                raise AssertionError("no %s" % self._kind.__name__)
            return issubclass(kind, self._kind)

    class TestCase:
        """As much of unittest's as the tests here use."""

        def setUp(self):
            """Before each test."""

        def tearDown(self):
            """After each test, also one that failed."""

        def assertEqual(self, one, other, text=""):
            if one != other:
                raise AssertionError("%r is not %r %s" % (one, other, text))

        def assertTrue(self, is_so, text=""):
            if not is_so:
                raise AssertionError(text or "it is not so")

        def assertRaises(self, kind):
            return Raises(kind)


# Besides, CPython's finds test_*.py by itself.
MODULES = ("clock", "chip", "serial", "flash", "keep", "answer", "wire", "twin", "signature")
_board = []  # Once there is one: its hal, board.json, the folder of its files.


def hal():
    """The board's hal; the test is skipped where there is no board."""
    if not _board:
        raise SkipTest("needs a board")
    return _board[0]


def definition() -> dict:
    """The board's board.json."""
    hal()
    return _board[1]


def root() -> str:
    """The folder in which the board's own files stand; "" for "/"."""
    hal()
    return _board[2]


def run() -> dict:
    """Run every test, tell each on the console, return {"ran", "failed", "skipped"}."""
    told = {"ran": 0, "failed": [], "skipped": []}
    for name in MODULES:
        hal().wdt_feed()
        try:
            module = __import__("test_on_board_" + name)
        except ImportError as error:
            told["failed"].append(name)
            print("FAIL ", name, "- the board's program is another one:", error)
            continue
        for kind in [getattr(module, at) for at in sorted(dir(module))]:
            if isinstance(kind, type) and kind is not TestCase and issubclass(kind, TestCase):
                _run_case(kind, told)
        del sys.modules[module.__name__]  # A board has no room for all of them at once.
    print("ran %d, failed %d, skipped %d" % (told["ran"], len(told["failed"]), len(told["skipped"])))
    return told


def _run_case(kind, told):
    for name in sorted(dir(kind)):
        if not name.startswith("test_"):
            continue
        hal().wdt_feed()
        told["ran"] += 1
        words = name[5:].replace("_", " ")
        try:
            _run_test(kind(), name)
            print("ok   ", words)
        except SkipTest as why:
            told["skipped"].append(name)
            print("skip ", words, "-", why)
        except Exception as error:  # noqa: BLE001 - a test may fail in any way, and the next one runs
            told["failed"].append(name)
            print("FAIL ", words)
            sys.print_exception(error)  # pyright: ignore[reportAttributeAccessIssue] - MicroPython's.


def _run_test(case, name):
    case.setUp()
    try:
        getattr(case, name)()
    finally:
        case.tearDown()


def main(argv: list, root: str) -> dict:
    """Open the hal with `argv` as the board's program would, run every test; a rig is told, if there is one."""
    import board_json
    from hal import RESET, open_hal

    the_hal = open_hal(argv)
    definition = board_json.parse(board_json.copies(the_hal.root)[0], False)
    the_hal.use(definition)
    the_hal.report({"ready": {"contract": len(MODULES)}})
    _board[:] = [the_hal, definition, root]
    told = run()
    the_hal.keep.end(RESET)  # Whoever ends this, a reset or the watchdog: it was meant.
    the_hal.report({"contract": told})
    return told
