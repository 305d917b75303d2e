"""The table of a board's converter: what it shows of known voltages at its terminal.

Rules of this file: what the converter itself shows is read out of the sensor's value with the settings that the board
runs, and only where that is exact; else over the board's console. Pairs rise on both sides and lie near a straight
line, or somebody says that they really are so.
"""

import argparse
import contextlib
from collections.abc import Callable
from fractions import Fraction
from functools import partial
from typing import NamedTuple

from boards import load_board
from boards.chips import CHIPS
from boards.converters import PAIRS_MAX
from gateway.config import Source
from tools.calibrate import arithmetic, targets
from tools.calibrate.boards_now import find_board, sensors_of
from tools.calibrate.record import Shown, finish, undo
from tools.calibrate.rehearsal import in_test
from tools.calibrate.talk import Session, amount_in
from tools.calibrate.voltages import AtConsole, AtStation, Voltages
from tools.failure import Failure
from tools.phrases import room

PAIRS_LEAST = 3
BENT_UV = 60_000  # Further from the straight line no converter bends.
OFF_UV = 200_000  # Further from what is there it is another terminal.
TRIES = 10  # So many voltages may be beyond the sensor before somebody looks closer.
AGAIN = ("RP-K25", "RP-K28", "RP-K31")  # Not steady, no value, beyond: the next voltage may be better.
END = -1
SPREAD_UV = 20_000  # Between the quartiles: the source of the voltage is none, or the wire is loose.


class Terminal(NamedTuple):
    """Where known voltages are put: its name, how many times more there is than at the converter (a supply comes over
    a divider), and what the converter takes."""

    name: str
    ratio: Fraction
    top_uv: int

    def converter_uv(self, put_uv: int) -> int:
        return round(put_uv / self.ratio)

    @property
    def top(self) -> str:
        return _mv(int(self.top_uv * self.ratio))


class Pair(NamedTuple):
    """One known voltage."""

    shows_uv: int
    there_uv: int
    told: Shown


def run(session: Session) -> int:
    """0: written. `Failure` otherwise."""
    board, number = find_board(session, session.args.board), session.args.adc
    ports = {port.number: port for port in load_board(board.board_type).ports if port.kind == "adc"}
    if number not in ports:
        known = ", ".join(f"{port.number} ({port.terminal})" for port in ports.values())
        raise session.fault("calibrate_no_port", seen=known, name=board.name, port=str(number))
    target = targets.converter(session, board.name, str(number))
    if session.args.undo:
        return undo(session, target)
    session.who()
    session.may_write()
    if session.args.port is None:
        session.look()
    due = session.due()
    top_uv = CHIPS[load_board(board.board_type).chip].adc_top_uv
    terminal = Terminal(ports[number].terminal, _ratio(board, number), top_uv)
    pairs = sorted(_pairs(session, board, terminal), key=lambda pair: pair.there_uv)
    _check(session, pairs, top_uv)
    table = [[pair.shows_uv, pair.there_uv] for pair in pairs]
    before = session.editor.get(target.spot(targets.PAIRS))
    change = session.say("table_change", count=len(table), before=len(before) if before else session.say("not_set"))
    session.facts(("Change", change))
    return finish(session, target, {}, {targets.PAIRS: table}, [pair.told for pair in pairs], due)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Take the board, its port and, where they were measured elsewhere, the pairs."""
    parser.add_argument("board", metavar="BOARD", help="name or address of the board")
    parser.add_argument("--adc", type=int, required=True, metavar="PORT", help="number of the converter port")
    parser.add_argument(
        "--point", nargs=2, action="append", default=[], metavar=("SHOWS", "IS"),
        help='a pair that was measured elsewhere, such as "142 mV" "150 mV"; again for each',
    )  # fmt: skip
    parser.add_argument("--port", metavar="P", help="read it over the board's console there, without a gateway")
    parser.add_argument("--far", action="store_true", help="take pairs that are far from a straight line")
    parser.add_argument("--undo", action="store_true", help="take the last table of this port back")


def _ratio(board: Source, number: int) -> Fraction:
    found = [one.settings for one in sensors_of(board) if one.settings.get("adc") == number]
    return next((Fraction(one["ratio_permil"], 1_000) for one in found if "ratio_permil" in one), Fraction(1))


def _pairs(session: Session, board: Source, terminal: Terminal) -> list[Pair]:
    """The pairs: as they were given, or measured now, one voltage after another."""
    read = amount_in("fine_voltage", "V")
    given = []
    for shows, there in session.args.point:
        shows_uv, there_uv = (session.ask("", "--point", text, read) for text in (shows, there))
        given.append(_pair(shows_uv, 0, 1, there_uv))
    if given:
        return given
    port, number = session.args.port, session.args.adc
    voltages = AtConsole(session, board, number, port) if port else AtStation(session, board, number)
    with in_test(session) if voltages.wakes else contextlib.nullcontext():
        return _measured(session, voltages, terminal, read)


def _measured(session: Session, voltages: Voltages, terminal: Terminal, read: Callable[[str], int]) -> list[Pair]:
    """Ask for known voltages until there are enough; Enter ends. One that cannot be read is told, and asked again."""
    pairs: list[Pair] = []
    tries = 0
    while len(pairs) < PAIRS_MAX:
        enough = len(pairs) >= PAIRS_LEAST
        question = session.say("ask_voltage_or_end" if enough else "ask_voltage", terminal=terminal.name)
        put_uv = session.ask(question, "--point", None, partial(_or_end, read) if enough else read)
        if put_uv == END:
            break
        there_uv = terminal.converter_uv(put_uv)
        try:
            if not 0 < there_uv <= terminal.top_uv:
                raise session.fault("calibrate_beyond", seen=_mv(put_uv), top=terminal.top)
            shows = voltages.read()
            if shows.spread_uv > SPREAD_UV:
                raise session.fault("calibrate_unsteady", seen=f"{_mv(shows.spread_uv)} > {_mv(SPREAD_UV)}")
        except Failure as failure:
            tries += 1
            if tries == TRIES or failure.code not in AGAIN:
                raise
            session.tell(failure.text(room()))
            continue
        pair = _pair(shows.uv, shows.spread_uv, shows.of, there_uv)
        there = pair.told.there if terminal.ratio == 1 else f"{_mv(put_uv)} / {float(terminal.ratio):g}"
        session.facts(("Now", session.say("shows", there=there, shows=pair.told.shows)))
        pairs = [other for other in pairs if other.there_uv != there_uv] + [pair]  # Once more is meant instead.
    return pairs


def _or_end(read: Callable[[str], int], text: str) -> int:
    return read(text) if text else END


def _pair(shows_uv: int, spread_uv: int, count: int, there_uv: int) -> Pair:
    return Pair(shows_uv, there_uv, Shown(_mv(shows_uv), _mv(spread_uv), count, _mv(there_uv)))


def _mv(uv: int) -> str:
    return f"{uv / 1_000:.3f} mV"


def _check(session: Session, pairs: list[Pair], top_uv: int) -> None:
    """`Failure` for pairs that are no table of a converter."""
    seen = ", ".join(f"{_mv(pair.shows_uv)} / {_mv(pair.there_uv)}" for pair in pairs)
    if len(pairs) < PAIRS_LEAST:
        raise session.fault("calibrate_few_pairs", seen=seen or "-", least=str(PAIRS_LEAST))
    for before, after in zip(pairs, pairs[1:], strict=False):
        if after.shows_uv <= before.shows_uv or after.there_uv <= before.there_uv:
            raise session.fault("calibrate_not_rising", seen=seen)
    if pairs[0].there_uv <= 0 or pairs[-1].there_uv > top_uv:
        raise session.fault("calibrate_beyond", seen=seen, top=_mv(top_uv))
    line = arithmetic.nearest_line([(pair.shows_uv, pair.there_uv) for pair in pairs])
    far = [
        f"{_mv(pair.shows_uv)} / {_mv(pair.there_uv)}"
        for pair, off in zip(pairs, line.off, strict=True)
        if abs(off) > BENT_UV or abs(pair.shows_uv - pair.there_uv) > OFF_UV
    ]
    session.facts(("Result", session.say("straight", off=_mv(round(max(map(abs, line.off)))))))
    if far and not session.args.far:
        raise session.fault("calibrate_bent", seen=", ".join(far), limit=_mv(BENT_UV))
