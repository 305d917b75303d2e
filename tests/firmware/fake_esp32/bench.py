"""How the checks of hal/esp32 begin and are told: a chip that was just switched on, its clock, what was seen.

Rules of this file: the chip is fake_esp32, everything else is the firmware; a check that holds prints its name, one
that does not prints why. Arguments of a scenario: the board.json to start from, a folder for changed ones.
"""

import gc
import json
import sys

if sys.implementation.name == "cpython":
    import importlib.util
    from pathlib import Path

    for _name in ("time", "select"):  # Built in there, so the path alone does not reach them.
        _file = next(p for p in (Path(folder) / f"{_name}.py" for folder in sys.path) if p.parent.name == "timed")
        _spec = importlib.util.spec_from_file_location(_name, _file)
        sys.modules[_name] = importlib.util.module_from_spec(_spec)
        _spec.loader.exec_module(sys.modules[_name])
    gc.mem_free = lambda: 100_000

from hal.esp32 import Hal
from world import WORLD

with open(sys.argv[1]) as _file:
    DEFINITION = json.load(_file)
FOLDER = sys.argv[2]


def hal_of(**changes):
    """A chip that was just switched on, and its hal. `pins`: of one port, by its name; `link`: settings of it."""
    definition = json.loads(json.dumps(DEFINITION))
    definition["link"].update(changes.get("link", {}))
    definition["ports"].update(changes.get("ports", {}))
    for name in changes.get("without", ()):
        del definition["ports"][name]
    hal = Hal.from_arguments(["riverpost", FOLDER], None)
    hal.use(definition)
    return hal


def again(cause):
    """The chip starts once more after a reset of this kind; what RTC memory and flash held is there."""
    WORLD.cause = cause
    WORLD.registers = {0x3FF4_8034: 1 if cause == 1 else 12}
    return hal_of()


def raises(kind, call, *arguments):
    try:
        call(*arguments)
    except kind:
        return True
    return False


def expect(seen, wanted):
    if seen != wanted:
        raise AssertionError(f"saw {seen!r}, wanted {wanted!r}")


def run(checks):
    for check in checks:
        WORLD.__init__()
        gc.collect()
        try:
            check()
            print(check.__name__, "ok")
        except Exception as error:  # noqa: BLE001 - whatever it is belongs to this check
            print(check.__name__, "failed:", repr(error))
            if hasattr(sys, "print_exception"):
                sys.print_exception(error, sys.stdout)
