"""From board.json to a board: what a start needs and a run does not. Its memory is given back behind it (main.py).

Rules of this file: a board.json that cannot be obeyed stops no board: the copy before it is taken, or the safe
application comes, which is this program without sensors. It has the line or broker, the log, acknowledgements, status
and updates.
"""

from bank import VERSION, Bank
from board import Board
from board_log import BoardLog
from clock import Clock
from hal import DEEP_SLEEP, UNFIT, family
from health import START, FlashGuard, Kept, leave_words, padded
from modules import let_go
from sampler import Sampler
from slots import SAFE
from unfit import DefinitionError
from update import Update, key_of

from wire import registers
from wire.registers import SLOTS

COPIES = 2  # Of board.json.


def opened(hal, slots) -> "Board | None":
    """The board as its newest board.json that can be obeyed wants it. None where none can be and it restarts, into the
    safe application; DefinitionError where that says so itself.

    An application on trial obeys the newest or fails: the one before it may know how.
    """
    safe = slots.running == SAFE
    first = None
    for number in range(COPIES):
        try:
            definition = _read(hal.root, number, safe)
            if definition is None:
                break
            _use(hal, definition)
            return board_of(hal, definition, slots, first.key if first else "")
        except DefinitionError as error:
            print(error)
            first = first or error
            if slots.trial:
                raise first
    first = first or DefinitionError("board.json", "missing")
    if not safe:
        leave_words(hal.keep, first.words)
        hal.reset(UNFIT)
        return None
    definition = _factory(hal.root)
    _use(hal, definition)
    return board_of(hal, definition, slots, first.key)


def _read(root, number, safe):
    """The definition in copy `number`, newest first; None if there are not so many. DefinitionError."""
    from board_json import copies, parse

    try:
        found = copies(root)
        return parse(found[number], safe) if number < len(found) else None
    finally:
        let_go("board_json")


def _factory(root):
    """The definition that the board was flashed with. DefinitionError."""
    from board_json import factory

    try:
        return factory(root)
    finally:
        let_go("board_json")


def board_of(hal, definition: dict, slots, wrong: str = "") -> Board:
    """The board that `definition` wants, on a hal that uses it. DefinitionError where it cannot be.

    `wrong`: the key for which a newer board.json was not obeyed.
    """
    clock = Clock(hal)
    cause = hal.reset_cause()
    awake_ms = hal.awake_ms() if cause == DEEP_SLEEP else 0  # Now: the clock counts what passes from here on.
    guard = FlashGuard(definition.get("supply_limit_mv", 0), cause)
    log = _open_log(hal, definition["log_blocks"], guard.may_write())
    hal.keep.note(START)
    drivers = [_driver(sensor, hal) for sensor in definition["sensors"]]
    columns = columns_of([name for driver in drivers for name in driver.quantities])
    sl651 = definition.get("sl651") or {}
    _check_columns(columns, sl651)
    names = tuple(sensor["driver"] for sensor in definition["sensors"])
    kept = Kept(hal.keep, log, cause, names)  # Counts the start: nothing behind it is refused.
    kept.words = ("board " + wrong) if wrong else kept.words
    if kept.slept:
        clock.resume(kept.slept, awake_ms)
    scan_ms = definition["scan_ms"]
    bank = Bank([column[0] for column in columns], sl651, scan_ms, clock, hal.ticks_diff)
    sampler = Sampler(hal, clock, log, bank, kept, guard, drivers, columns, scan_ms, definition["row_s"])
    _spend()  # The link needs the largest pieces: what came before makes room for it.
    link = _open_link(hal, definition, bank, log, clock, kept)
    update = Update(hal, slots, bank, key_of(definition.get("update_key")), family(), guard.may_write)
    sleeper = _open_sleeper(hal, definition, clock, kept, sampler, bank, link)
    _fill(bank, hal, definition, kept, log)
    return Board(hal, slots, clock, guard, log, kept, bank, sampler, link, update, sleeper)


def _spend():
    from spent import behind_the_sampler

    behind_the_sampler()
    let_go("spent")


def columns_of(names) -> list:
    """(code, lowest, highest plausible value) of each of the quantities `names`. ValueError for what is none."""
    from wire.reading import QUANTITIES, QUANTITY_CODES

    let_go("wire.reading")
    for name in names:
        if name not in QUANTITY_CODES:
            known = ", ".join(QUANTITIES[code][0] for code in sorted(QUANTITIES))
            raise ValueError("no quantity %s; there are %s" % (name, known))
    codes = [QUANTITY_CODES[name] for name in names]
    return [(code, QUANTITIES[code][2], QUANTITIES[code][3]) for code in codes]


def _open_link(hal, definition, bank, log, clock, kept):
    """The board's only way out; what the other kind needs is not loaded."""
    link = definition["link"]
    if link["kind"] == "mqtt":
        from links.mqtt import Mqtt

        mqtt = Mqtt(hal, link, bank, log, clock)
        mqtt.identify_as(bytes.fromhex(definition["definition"])[:8], kept.boot)
        return mqtt
    from links.rs485 import Rs485

    rs485 = Rs485(hal.bus(), link, bank, log, clock)
    rs485.identify_as(definition["type"], hal.unique_id())
    return rs485


def _open_sleeper(hal, definition, clock, kept, sampler, bank, link):
    """What lets the board sleep, where its definition has such a plan."""
    plan = definition.get("sleep")
    if not plan:
        return None
    from sleeper import Sleeper

    return Sleeper(hal, plan, clock, kept, sampler, bank, link, definition["scan_ms"])


def _fill(bank, hal, definition, kept, log):
    """What stands in the status block from the start on."""
    bank.put_text(registers.SERIAL, 4, hal.unique_id())
    bank.put(registers.VERSION_MAJOR_MINOR, VERSION[0] << 8 | VERSION[1])
    bank.put(registers.VERSION_PATCH, VERSION[2])
    bank.put_text(registers.DEFINITION, 4, bytes.fromhex(definition["definition"])[:8])
    bank.put(registers.BOOT, kept.boot)
    bank.put(registers.RESET_CAUSE, hal.reset_cause())
    bank.put(registers.WATCHDOG_BITES, log.bites)
    bank.put_text(registers.LAST_WORDS, 8, padded(kept.words))
    bank.set_log(log)


def _driver(sensor, hal):
    """The driver that `sensor` names, with its pins. DefinitionError if there is none."""
    name = sensor.get("driver", "")
    try:
        module = __import__("drivers." + name, None, None, ("make",))
    except ImportError:
        raise DefinitionError("sensors.driver", "no driver %r" % name)
    try:
        driver = module.make(sensor, hal)
        channels = list(sensor.get("channels", driver.quantities))
    except (ArithmeticError, AttributeError, LookupError, OSError, TypeError, ValueError) as error:
        raise DefinitionError("sensors." + name, repr(error))
    if list(driver.quantities) != channels:
        raise DefinitionError("sensors.channels", "%s gives %s" % (name, list(driver.quantities)))
    return driver


def _check_columns(columns, sl651):
    if len(columns) > SLOTS:
        raise DefinitionError("sensors", "%d channels, a board has %d" % (len(columns), SLOTS))
    for key in ("rain", "level"):
        if sl651.get(key) is not None and sl651[key] >= len(columns):
            raise DefinitionError("sl651." + key, "there is no column %d" % sl651[key])


def _open_log(hal, blocks, may_write):
    """The board's log. DefinitionError for a size that the flash cannot have."""
    try:
        flash = hal.blocks("log", blocks)
    except OSError as error:
        raise DefinitionError("log_blocks", str(error))
    try:
        return BoardLog(flash, _fresh_epoch(hal), may_write, hal.wdt_feed)
    except ValueError as error:
        raise DefinitionError("log_blocks", str(error))


def _fresh_epoch(hal):
    """A random epoch, used if the log has to be formatted; 0 and all ones are what an empty flash looks like."""
    epoch = int.from_bytes(hal.random(4), "big")
    return epoch if 0 < epoch < 0xFFFFFFFF else 1


def _use(hal, definition):
    try:
        hal.use(definition)
    except (LookupError, OSError, TypeError, ValueError) as error:
        raise DefinitionError("ports", repr(error))
