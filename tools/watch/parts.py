"""What stands above and below the table: alarms, buses, boards, delivery, siren.

Rules of this file: pure; text only, in the order of how bad it is. (text, alarm level) where a level belongs to it.
"""

from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from gateway import words
from tools.check.phrases import PHRASES as CHECK_PHRASES
from tools.watch.phrases import phrase
from wire.registers import RUNS_SAFE

ALARMS_MAX = 5
UNDER_WAY = ("sending",)
QUANTITY_OF_KIND = {"tilt_rate": "turn_mdeg_per_day"}  # Where a rule judges another quantity than its channel has.


def head(status: dict[str, Any], zone: ZoneInfo, lang: str) -> str:
    """Station and time; the mode where it is not the usual one."""
    name = status["name"] if lang == "zh" or not status["name_en"] else status["name_en"]
    parts = [f"{name}  {when(status, zone)}"]
    if not status["clock_known"]:
        parts.append(words.word("clock_never", lang))
    if status["mode"] != "actual":
        parts.append(words.word(status["mode"], lang))
    return "  ".join(parts)


def when(status: dict[str, Any], zone: ZoneInfo) -> str:
    """The station's time, with its zone."""
    now = datetime.fromtimestamp(status["unix_ms"] / 1000, zone)
    return f"{now:%m-%d %H:%M:%S} {_zone(now)}"


def _zone(now: datetime) -> str:
    """ "UTC+8"."""
    minutes = round((now.utcoffset() or timedelta()).total_seconds() / 60)
    hours, rest = divmod(abs(minutes), 60)
    return f"UTC{'-' if minutes < 0 else '+'}{hours}" + (f":{rest:02d}" if rest else "") if minutes else "UTC"


def alarms(status: dict[str, Any], zone: ZoneInfo, lang: str) -> list[tuple[str, int]]:
    """A line each, the worst first; one line where there is none."""
    found = sorted(status["alarms"], key=lambda alarm: (-alarm["level"], alarm["since_unix_ms"] or 0))
    lines = [(_alarm(alarm, status, zone, lang), alarm["level"]) for alarm in found[:ALARMS_MAX]]
    if len(found) > ALARMS_MAX:
        lines.append((phrase("more_alarms", lang, count=len(found) - ALARMS_MAX), 0))
    return lines or [(f"{words.mark(0, lang)} {words.word('no_alarm', lang)}", 0)]


def _alarm(alarm: dict[str, Any], status: dict[str, Any], zone: ZoneInfo, lang: str) -> str:
    since_ms = alarm["since_unix_ms"] or status["unix_ms"]
    since = datetime.fromtimestamp(since_ms / 1000, zone)
    age = words.age(max(0, status["unix_ms"] - since_ms), lang)
    facts = [f"{words.mark(alarm['level'], lang)} {alarm['rule']}", _what(alarm, status, lang)]
    facts += [words.word(alarm["state"], lang), phrase("since", lang, time=f"{since:%H:%M}", age=age)]
    if alarm["held"]:
        facts.append(phrase("held", lang))
    return " · ".join(fact for fact in facts if fact)


def _what(alarm: dict[str, Any], status: dict[str, Any], lang: str) -> str:
    channel = next((one for one in status["channels"] if one["name"] == alarm["channel"]), None)
    if alarm["kind"] == "lost":
        return f"{alarm['channel']} {words.word('lost', lang)}"
    if channel is None or alarm["threshold"] is None or alarm["value"] is None:
        return str(alarm["channel"])
    quantity: str = QUANTITY_OF_KIND.get(alarm["kind"]) or channel["quantity"]
    step, over = alarm["step"], alarm["value"] - alarm["threshold"]
    name = words.word(step, lang) if step in words.WORDS else words.shown(quantity, alarm["threshold"])
    by = words.shown(quantity, abs(over))
    return f"{alarm['channel']} {phrase('below' if over < 0 else 'above', lang, name=name, by=by)}"


def buses(status: dict[str, Any], lang: str) -> list[str]:
    """Each line: how much it is in use, and its errors by kind."""
    lines = []
    for bus in status["buses"]:
        counters = {kind: count for kind, count in bus["counters"].items() if count and kind not in ("ok", "overrun")}
        kinds = [f"{_error(kind, lang)} {count:,}" for kind, count in counters.items()]
        use = phrase("use", lang, percent=f"{bus['use_permil'] / 10:.1f}")
        scans = phrase("scans", lang, count=f"{bus['scans']:,}", skipped=f"{bus['scans_skipped']:,}")
        polls = phrase("polls", lang, count=f"{bus['counters'].get('ok', 0):,}")
        told = ", ".join(kinds) or phrase("no_errors", lang)
        lines.append("  ".join([phrase("bus", lang, name=bus["name"]), use, scans, polls, told]))
    if status["local"] is not None:
        state = phrase("connected" if status["local"]["connected"] else "apart", lang)
        lines.append(f"{phrase('local', lang)}  {state}")
    return lines


def _error(kind: str, lang: str) -> str:
    known = CHECK_PHRASES.get(f"error_{kind}")
    return known[words.LANGUAGES.index(lang)] if known else kind


def boards(status: dict[str, Any], lang: str) -> list[str]:
    """Only those of which there is something to say."""
    lines = []
    for board in status["boards"]:
        said = _of_board(board, lang)
        if said:
            lines.append(f"{board['name']}  " + " · ".join(said))
    return lines


def _of_board(board: dict[str, Any], lang: str) -> list[str]:
    said = []
    if board.get("slot") == RUNS_SAFE:
        said.append(phrase("safe", lang, words=board.get("last_words") or "—"))
    if board.get("trial"):
        said.append(phrase("trial", lang))
    for key, name in (("failed_starts", "failed_starts"), ("withheld", "rows_withheld"), ("row_errors", "row_errors")):
        if count := board.get(name):
            said.append(phrase(key, lang, count=f"{count:,}"))
    update = board.get("update")
    if update and update["state"] not in ("confirmed", None):
        state = words.update_state(update["state"], lang)
        size, offset = update.get("bytes"), update.get("offset")
        if update["state"] in UNDER_WAY and size and offset is not None:
            said.append(phrase("update_share", lang, state=state, percent=f"{100 * offset / size:.0f}"))
        else:
            said.append(phrase("update", lang, state=state))
    return said


def delivery(status: dict[str, Any], lang: str) -> list[str]:
    """To the center, the store, the siren."""
    store, siren = status["store"], status["siren"]
    to_send = f"{words.word('to_send', lang)} {store['to_send']:,}" if lang == "zh" else f"{store['to_send']:,} to send"
    way = "no_center" if not status["center"] else "to_center" if status["connected"] else "center_away"
    line = [words.word("delivery", lang), phrase(way, lang), to_send]
    line.append(phrase("store", lang, percent=store["used_percent"], days=_days(store)))
    lines = ["  ".join(line)]
    if store["failed"]:
        lines.append(phrase("store_failed", lang, why=store["failed"]))
    state = [phrase("siren_failed", lang, why=siren["failed"])] if siren["failed"] else []
    state += [phrase("sounding", lang)] if siren["sounding"] else []
    state += [phrase("silenced", lang)] if siren["silenced"] else []
    if state:
        lines.append(f"{words.word('siren', lang)}  " + " · ".join(state))
    return lines


def _days(store: dict[str, Any]) -> str:
    return "—" if store.get("days_of_room") is None else f"{store['days_of_room']:,}"
