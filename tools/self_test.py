"""A board's self-test, sent over its console: run it, and say what it found.

Rules of this file: the snippet is not stored on the board. `ok`, `look` (a person should know: a sensor that gives
nothing may not be connected yet), `FAIL`, `skip`; only FAIL is not right.
"""

from typing import Any

from boards import Board
from gateway import words
from tools.console import NAMES, Console
from tools.failure import ROOM_LEAST, wrapped
from tools.phrases import room
from tools.self_test_phrases import PHRASES, phrase
from wire.reading import FAIL, GOOD, MISSING, NOT_EVALUATED, SUSPECT

LIMIT_S = 60  # The log of a full board is looked through.
NAME_COLUMNS = 15
STATE_COLUMNS = 7
INDENT = 6  # Of what was seen, where a terminal is too narrow for it to stand aside.
FED_MV_MIN = 2_500  # As firmware/health.py: no chip of ours runs from less, so it is not connected.
QUALITY_KEYS = {GOOD: "good", NOT_EVALUATED: "unjudged", SUSPECT: "suspect", FAIL: "failed", MISSING: "nothing"}
AXES = {"tilt_x_mdeg": " X", "tilt_y_mdeg": " Y"}


def run(console: Console, board: Board) -> list[dict[str, Any]]:
    """What the stopped board at `console` says of itself; each with its "state". `Failure` where it cannot be asked."""
    console.send("look")
    console.send("self_test")
    blocks = board.log_bytes // 4096
    found = console.ask(f"self_test({NAMES!r}, {blocks})", LIMIT_S)
    for one in found:
        if "state" not in one:
            one["state"] = _state(one, board)
    return found


def failed(found: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [one for one in found if one["state"] == "FAIL"]


def lines(found: list[dict[str, Any]], lang: str) -> list[str]:
    """One line for each part, as a person reads it."""
    told = []
    for one in found:
        head = "  "
        for word, wide in ((_name(one, lang), NAME_COLUMNS), (phrase(one["state"], lang), STATE_COLUMNS)):
            head += word + " " * max(1, wide - words.columns(word))
        aside = words.columns(head) if room() - words.columns(head) > ROOM_LEAST else INDENT
        first, *more = wrapped(_seen(one, lang), room() - aside - 1)
        told += [(head + first).rstrip()] if aside > INDENT else [head.rstrip(), " " * aside + first]
        told += [" " * aside + line for line in more]
    return [line for line in told if line.strip()]


def _state(one: dict[str, Any], board: Board) -> str:
    if one["quality"] != GOOD:
        return "look"
    if one["quantity"] == "supply_mv" and one["value"] < max(FED_MV_MIN, board.supply_limit_mv):
        return "look"
    return "ok"


def _name(one: dict[str, Any], lang: str) -> str:
    quantity = one.get("quantity", "")
    if not quantity:
        return one["sensor"] if one["name"] == "sensor" else phrase(one["name"], lang)
    return words.word(words.QUANTITY_WORDS[quantity], lang) + AXES.get(quantity, "")


def _seen(one: dict[str, Any], lang: str) -> str:
    if "error" in one:
        return str(one["error"])
    if "quantity" in one:
        return _reading(one, lang)
    key = f"{'seen' if one['state'] in ('ok', 'look') else one['state']}_{one['name']}"
    return phrase(key, lang, **one) if key in PHRASES else ""


def _reading(one: dict[str, Any], lang: str) -> str:
    said = QUALITY_KEYS.get(one["quality"], "failed")
    if one["quantity"] == "supply_mv" and said == "good" and one["state"] == "look":
        said = "low" if one["value"] >= FED_MV_MIN else "not_fed"
    return f"{words.shown(one['quantity'], one['value'])}  {phrase(said, lang)}"
