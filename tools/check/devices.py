"""Each device by itself: what a board of ours says of itself, and whether every value of a source can be believed.

Rules of this file: it reads the gateway's state. Limits that the configuration has are used before those of this file.
"""

from typing import Any

from gateway.config import Channel, Fusion, Source, Station
from gateway.level import judged_quantity
from tools.check.said import Both, Word, listed, said, shown
from tools.check.site import Site
from tools.check.step import FAIL, LOOK, OK, SKIP, Outcome, Reading, Step, worst
from tools.replay.phrases import KINDS
from wire.reading import GOOD, MISSING, QUALITY_NAMES, QUANTITIES
from wire.registers import RUNS_SAFE

STATUS_S = 15.0  # A board is asked who it is once a minute, and at its first answer.
SETTLE_S = 15.0  # A sensor that has just got power settles, and a value is doubted once.

# Quantity -> (lowest, highest) that a place has at rest; the span that station.toml gives is judged as quality.
AT_REST = {
    "temp_cdeg": (-4_000, 7_000),
    "humidity_permil": (0, 1_000),
    "smoke_mdbm": (-100, 100),
    "smoke_contact": (0, 0),
}


class BoardStep(Step):
    """A board of ours: who it is, what runs on it, how it has fared."""

    def __init__(self, source: Source) -> None:
        self.source = source
        super().__init__(
            f"{source.name}/board", source.name, said("title_board", type=source.board_type), said("limit_board")
        )

    def about(self) -> set[str]:
        return {self.source.name}

    def run(self, site: Site) -> Outcome:
        name = self.source.name
        site.until(lambda: "version" in site.board_now(name), STATUS_S, lambda: said("waiting_for", names=name))
        board = site.board_now(name)
        if "version" not in board:
            return Outcome(FAIL, said("board_unknown"), [Reading(said("serial"), board.get("serial") or "—")])
        definition = board["definition"] or site.source_now(name).get("definition")
        wanted = self.source.definition[:16]
        readings = [
            Reading(said("serial"), board["serial"], self.source.serial or ""),
            Reading(said("firmware"), board["version"]),
            Reading(said("slot"), board["slot"], said("limit_slot")),
            Reading(said("definition"), definition or "—", said("as_station_toml") if definition == wanted else wanted),
            *_fared(board),
        ]
        wrong, odd = self._wrong(board, definition, wanted), _odd(board, definition)
        if wrong:
            return Outcome(FAIL, listed(wrong + odd), readings)
        facts = {"version": board["version"], "slot": board["slot"], "serial": board["serial"]}
        if odd:
            return Outcome(LOOK, listed([said("board_runs", **facts), *odd]), readings)
        return Outcome(OK, said("board_runs", **facts), readings)

    def _wrong(self, board: dict[str, Any], definition: str | None, wanted: str) -> list[Any]:
        wrong = []
        if self.source.serial not in ("", board["serial"]):
            wrong.append(said("other_board", serial=board["serial"], wanted=self.source.serial))
        if board["slot"] == RUNS_SAFE:
            wrong.append(said("safe_slot", words=board["last_words"] or "—"))
        if definition and wanted and definition != wanted:
            wrong.append(said("other_definition", definition=definition, wanted=wanted))
        return wrong


def _fared(board: dict[str, Any]) -> list[Reading]:
    """What a board counts; one on Wi-Fi does not tell it."""
    keys = ("failed_starts", "row_errors", "rows_withheld")
    found = [Reading(said(key), board[key], "0") for key in keys if board[key] is not None]
    if board["last_words"] is not None:
        found.append(Reading(said("last_words"), board["last_words"] or "—"))
    return found


def _odd(board: dict[str, Any], definition: str | None) -> list[Any]:
    """What somebody should look at, and that does not make it wrong."""
    odd = []
    if board["trial"]:
        odd.append(said("on_trial"))
    for key in ("failed_starts", "row_errors", "rows_withheld"):
        if board[key]:
            odd.append(said("counted", what=said(key), count=board[key]))
    if board["last_words"]:
        odd.append(said("said_last", words=board["last_words"]))
    if not definition:
        odd.append(said("definition_unknown"))
    return odd


class ValuesStep(Step):
    """All values of a source, at rest: there, good, of the present, and possible."""

    def __init__(self, source: Source, config: Station) -> None:
        self.source = source
        self._limit_mv = _supply_limit_mv(source)
        self._zone = config.time_zone
        called = said("title_sensor", profile=source.profile) if source.profile else said("title_values")
        super().__init__(f"{source.name}/values", source.name, called, said("limit_values"))

    def about(self) -> set[str]:
        return {self.source.name, *(channel.name for channel in self.source.channels)}

    def run(self, site: Site) -> Outcome:
        names = [channel.name for channel in self.source.channels]
        if not names:
            return Outcome(SKIP, said("no_channels"))
        if site.source_now(self.source.name).get("asleep"):
            return Outcome(SKIP, said("asleep", minutes=f"{self.source.report_s / 60:.0f}"))
        states: dict[str, tuple[str, list[Any]]] = {}

        def judged() -> bool:
            states.update({c.name: self._judge(c, site.channel(c.name)) for c in self.source.channels})
            return FAIL not in (state for state, _ in states.values())

        waiting = lambda: said("settling", names=", ".join(n for n in names if states[n][0] == FAIL))  # noqa: E731
        site.until(judged, SETTLE_S, waiting)
        readings = [self._reading(channel, site.channel(channel.name)) for channel in self.source.channels]
        return outcome_of(states, readings)

    def _judge(self, channel: Channel, now: dict[str, Any]) -> tuple[str, list[Any]]:
        """State, and what is wrong."""
        state, wrong = judge_value(channel.name, now)
        value = now.get("value")
        if value is None:
            return state, wrong
        if channel.uncalibrated:
            state, wrong = worst([state, LOOK]), [*wrong, said("uncalibrated", name=channel.name)]
        low, high = self._span(channel)
        if not (low is None or low <= value) or not (high is None or value <= high):
            reason = "contact_closed" if channel.quantity == "smoke_contact" else "not_possible"
            told = shown(channel.quantity, value)
            return FAIL, [*wrong, said(reason, name=channel.name, value=told, limit=self._span_text(channel))]
        return state, wrong

    def _span(self, channel: Channel) -> tuple[int | None, int | None]:
        if channel.quantity == "supply_mv" and self._limit_mv:
            return self._limit_mv, None
        return AT_REST.get(channel.quantity, (None, None))

    def _span_text(self, channel: Channel) -> Any:
        low, high = self._span(channel)
        if channel.quantity == "smoke_contact":
            return said("open")
        if low is None and high is None:
            return ""
        if high is None:
            return f"≥ {shown(channel.quantity, low)}"
        return said("from_to", low=shown(channel.quantity, low), high=shown(channel.quantity, high))

    def _reading(self, channel: Channel, now: dict[str, Any]) -> Reading:
        return value_reading(channel.name, QUANTITIES[judged_quantity(channel)][0], now, self._span_text(channel))


class FusedStep(Step):
    """A level that two sensors make together."""

    def __init__(self, fusion: Fusion) -> None:
        self.fusion = fusion
        title = said("title_fused", low=fusion.low, high=fusion.high)
        super().__init__(f"{fusion.name}/values", fusion.name, title, said("limit_values"))

    def about(self) -> set[str]:
        return {self.fusion.name, self.fusion.low, self.fusion.high}

    def run(self, site: Site) -> Outcome:
        name = self.fusion.name
        states: dict[str, tuple[str, list[Any]]] = {}

        def judged() -> bool:
            states[name] = judge_value(name, site.channel(name))
            return states[name][0] != FAIL

        site.until(judged, SETTLE_S, lambda: said("settling", names=name))
        return outcome_of(states, [value_reading(name, "level_mm", site.channel(name), "")])


def outcome_of(states: dict[str, tuple[str, list[Any]]], readings: list[Reading]) -> Outcome:
    """The worst of some channels, and what is wrong with them; else their values."""
    state = worst([state for state, _ in states.values()])
    told = [part for _, wrong in states.values() for part in wrong]
    if not told:
        told = [said("named", name=_short(reading.what), value=reading.shown) for reading in readings]
    return Outcome(state, listed(told), readings)


def _short(name: Any) -> Any:
    """ "supply" of "level.supply": the line begins with the source's name."""
    return name.rpartition(".")[2] if isinstance(name, str) else name


def judge_value(name: str, now: dict[str, Any]) -> tuple[str, list[Any]]:
    """State of a channel's newest value by its quality and age, and what is wrong with it."""
    quality = now.get("quality", MISSING)
    word = Word(QUALITY_NAMES[quality])
    if now.get("value") is None:
        return FAIL, [said("value_bad", name=name, quality=word, flags=_flags(now))]
    if now["late"]:
        return FAIL, [said("value_late", name=name, seconds=f"{(now['age_ms'] or 0) / 1000:.0f}")]
    if quality != GOOD:
        return LOOK, [said("value_bad", name=name, quality=word, flags=_flags(now))]
    return OK, []


def value_reading(name: str, quantity: str, now: dict[str, Any], limit: Any) -> Reading:
    """A channel's newest value as a line of the report."""
    value, datum = now.get("value"), now.get("datum") or ""
    return Reading(name, shown(quantity, value, datum or None), limit, quantity, value, datum)


def _flags(now: dict[str, Any]) -> Any:
    flags = now.get("flags", ())
    told = [Both(*KINDS[kind]) if kind in KINDS else kind for kind in flags if kind != "missing"]
    return said("flags", flags=listed(told)) if told else ""


def _supply_limit_mv(source: Source) -> int:
    """Under what supply the board writes nothing; 0 = no limit, or none of our boards."""
    if not source.board_type:
        return 0
    import boards

    return boards.load_board(source.board_type).supply_limit_mv
