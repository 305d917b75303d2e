"""`riverpost center show`: the database for a person, in the words and marks that every surface uses.

Rules of this file: it prints what `overview` found and looks nothing up itself; right at 80 columns and at 40, and
never a number without its unit, datum, quality and age.
"""

import json
import sqlite3
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from gateway import words
from tools.center.overview import overview
from tools.failure import Failure
from tools.looks import LEVEL_STYLES
from wire.telemetry import MODES

_NARROW = 70  # Columns below which a table leaves out what is not needed at a glance.
_INTERVAL_S = 300  # A station in normal mode reports every five minutes; later than two of them is late.
_GAPS_MAX = 12  # Lines of gaps of one station; the JSON has them all.
_LATE_MAX = 5  # Lines of late episodes of one station,
_ORDERS_MAX = 5  # and of orders that are not confirmed.
_TROUBLES = ("quarantined", "conflicts", "doubted", "waiting")


def show(path: Path, *, lang: str | None = None, as_json: bool = False, console: Console | None = None) -> None:
    """Print the database at `path`. Failure where it cannot be read."""
    try:
        found = overview(path)
    except sqlite3.Error as error:
        raise Failure(
            f"the database {path} cannot be read",
            seen=str(error),
            likely="it is not a center's database, or another program holds it",
            do=["give the --db that `riverpost center run` was given"],
        ) from error
    if as_json:
        print(json.dumps(found, ensure_ascii=False, indent=1))
        return
    render(console or Console(highlight=False), found, words.language(lang))


def render(console: Console, found: dict[str, Any], lang: str) -> None:
    """Print an overview; the worst station first."""
    if not found["stations"]:
        console.print(words.word("no_station", lang))
    for station in sorted(found["stations"], key=_worst, reverse=True):
        _render_station(console, station, found["at_ms"], lang)
    colon = "：" if lang == "zh" else ": "
    facts = [(words.word(key, lang), f"{found[key]:,}") for key in ("rows", "events", "duplicates")]
    facts += [(words.word(key, lang), f"{found[key]:,}") for key in _TROUBLES if found[key]]
    console.print("  ".join(f"{name}{colon}{value}" for name, value in facts), soft_wrap=console.width < _NARROW)
    console.print(Text(words.word("footer", lang), style="dim"))


def _worst(station: dict[str, Any]) -> tuple[int, bool]:
    """By what is actual: an exercise never moves a station up."""
    actual = [alarm["level"] for alarm in station["alarms"] if alarm["mode"] == "actual"]
    return (max(actual, default=0), not station["alive"])


def _render_station(console: Console, station: dict[str, Any], at_ms: int, lang: str) -> None:
    level = _worst(station)[0]
    head = Text()
    head.append(f" {words.mark(level, lang)} ", style=LEVEL_STYLES[level])
    head.append(f" {station['station']}", style="bold")
    head.append(f"  {words.word('online' if station['alive'] else 'offline', lang)}")
    head.append(f"  {words.age(max(at_ms - station['seen_ms'], 0), lang)}")
    console.print(head)
    for name, style, usual in (("mode", "bold reverse", "actual"), ("operating", "bold", "normal")):
        if station[name] != usual:
            console.print(Text(f" {words.word(station[name], lang)} ", style=style))
            set_by = _set_by(station[f"{name}_by"], station[f"{name}_until_ms"], lang)
            if set_by:
                console.print(f"  {set_by.removeprefix(' · ')}", soft_wrap=True)
    narrow = console.width < _NARROW
    for mode in MODES:
        alarms = [alarm for alarm in station["alarms"] if alarm["mode"] == mode]
        if alarms and mode != "actual":
            console.print(Text(words.word(mode, lang), style="reverse"))
        if alarms:
            console.print(_alarms(alarms, lang, narrow))
    if station["late_episodes"]:
        console.print(_late(station["late_episodes"][:_LATE_MAX], lang), soft_wrap=narrow)
    unanswered = [order for order in station["orders"] if order["state"] in ("stored", "sent", "refused", "expired")]
    if unanswered:
        console.print(_orders(unanswered[:_ORDERS_MAX], lang), soft_wrap=narrow)
    console.print(_channels_narrow(station["channels"], lang) if narrow else _channels(station["channels"], lang))
    console.print(_sources(station["sources"], lang, narrow))
    gaps = [(_source_name(source), gap) for source in station["sources"] for gap in source["gaps"]]
    if gaps:
        shown = gaps[:_GAPS_MAX]
        console.print(_gaps_narrow(shown, lang) if narrow else _gaps(shown, lang))
    if len(gaps) > _GAPS_MAX:
        console.print(f"{len(gaps) - _GAPS_MAX} {words.word('more_gaps', lang)}")


def _table(*columns: str) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False, header_style="dim")
    for column in columns:
        table.add_column(column, no_wrap=True, overflow="ellipsis")
    return table


def _alarms(alarms: list[dict[str, Any]], lang: str, narrow: bool) -> Table:
    names = ["alarm", "channel", "value", "threshold", "state"]
    table = _table(*(words.word(name, lang) for name in (names[:3] if narrow else names)))
    for alarm in alarms:
        text = words.mark(alarm["level"], lang)
        cells = [Text(f" {text} {alarm['rule']} ", style=LEVEL_STYLES[alarm["level"]]), alarm["channel"]]
        cells.append(_amount(alarm["quantity"], alarm["value"], alarm["datum"], lang))
        if not narrow:
            cells.append(_amount(alarm["quantity"], alarm["threshold"], "", lang))
            cells.append(_state(alarm, lang))
        table.add_row(*cells)
    return table


def _state(alarm: dict[str, Any], lang: str) -> str:
    """In words, with who and until when."""
    text = words.word(alarm["state"], lang)
    aside = alarm["aside"]
    if aside:
        return text + _set_by(aside["by"], aside["until_ms"], lang) + (f" {aside['reason']}" if aside["reason"] else "")
    return text + (f" {alarm['acknowledged_by']}" if alarm["state"] == "acknowledged" else "")


def _set_by(who: str, until_ms: int | None, lang: str) -> str:
    until = f" {words.word('until', lang)} {_minute(until_ms)} UTC" if until_ms else ""
    return (f" · {words.word(who, lang) if who in words.WORDS else who}" if who else "") + until


def _late(episodes: list[dict[str, Any]], lang: str) -> str:
    """What was judged for the record, in a line each."""
    lines = [words.word("late_episodes", lang)]
    for episode in episodes:
        end = _minute(episode["end_ms"]) if episode["end_ms"] else "…"
        span = f"{_minute(episode['since_ms'])} – {end} UTC"
        lines.append(f"  {words.mark(episode['highest'], lang)} {episode['rule']}  {episode['channel']}  {span}")
    return "\n".join(lines)


def _orders(found: list[dict[str, Any]], lang: str) -> str:
    """Orders that are not confirmed, in a line each: nobody may take them for done."""
    lines = [words.word("orders", lang)]
    for order in found:
        what = " ".join(filter(None, (order["kind"], order.get("rule"), order.get("channel"))))
        state = words.word(f"order_{order['state']}", lang)
        lines.append("  " + "  ".join(filter(None, (what, order["actor"], state, order["answer"]))))
    return "\n".join(lines)


def _channels(channels: list[dict[str, Any]], lang: str) -> Table:
    table = _table(*(words.word(name, lang) for name in ("channel", "value", "quality", "age")))
    for channel in channels:
        table.add_row(channel["name"], *_cells(channel, lang))
    return table


def _channels_narrow(channels: list[dict[str, Any]], lang: str) -> Text:
    """Two lines a channel: a table of four columns would cut what must be read."""
    lines = []
    for channel in channels:
        amount, quality, age = _cells(channel, lang)
        lines += [f"{channel['name']}  {amount}", f"  {quality}  {age}"]
    return Text("\n".join(lines))


def _cells(channel: dict[str, Any], lang: str) -> tuple[str, str, str]:
    """Value, quality, age."""
    if "age_ms" not in channel:
        return "—", words.word("never_seen", lang), "—"
    amount = _amount(channel["quantity"], channel["value"], channel["datum"], lang)
    age = words.age(channel["age_ms"], lang)
    if channel["age_ms"] > 2 * max(channel["cadence_s"], _INTERVAL_S) * 1000:
        age += f" · {words.word('stale', lang)}"
    return amount, words.word(channel["quality"], lang), age


def _sources(sources: list[dict[str, Any]], lang: str, narrow: bool) -> Table:
    names = ["source", "rows", "up_to", "not_here"]
    table = _table(*(words.word(name, lang) for name in names))
    for source in sources:
        missing = sum(last - first + 1 for first, last in source["not_here"])
        name = _source_name(source)
        if not narrow:
            name = f"{name} {source['serial'][:8]}/{source['epoch']:08x}"
        table.add_row(name, f"{source['rows']:,}", f"{source['up_to']:,}", f"{missing:,}" if missing else "0")
    return table


def _source_name(source: dict[str, Any]) -> str:
    return source["name"] or source["serial"][:8]


def _gaps(gaps: list[tuple[str, dict[str, Any]]], lang: str) -> Table:
    table = _table(*(words.word(name, lang) for name in ("gap_in", "range", "rows", "state", "between")))
    for name, gap in gaps:
        table.add_row(name, _range(gap), f"{gap['count']:,}", words.word(f"gap_{gap['state']}", lang), _between(gap))
    return table


def _gaps_narrow(gaps: list[tuple[str, dict[str, Any]]], lang: str) -> Text:
    lines = []
    for name, gap in gaps:
        lines += [f"{name}  {_range(gap)}", f"  {words.word('gap_' + gap['state'], lang)}", f"  {_between(gap)}"]
    return Text("\n".join([words.word("gap_in", lang), *lines]))


def _range(gap: dict[str, Any]) -> str:
    return f"{gap['first']:,}" if gap["count"] == 1 else f"{gap['first']:,}–{gap['last']:,}"


def _between(gap: dict[str, Any]) -> str:
    """The times of the rows before and after, as far as they are known."""
    return f"{_minute(gap['after_ms'])} … {_minute(gap['before_ms'])}"


def _minute(unix_ms: int | None) -> str:
    return f"{datetime.fromtimestamp(unix_ms // 1000, UTC):%Y-%m-%d %H:%M}" if unix_ms is not None else "?"


def _amount(quantity: str, value: int | None, datum: str, lang: str) -> str:
    if not quantity:
        return "—"
    text = words.shown(quantity, value)
    return f"{text} {words.word(datum, lang) if datum in words.WORDS else datum}".rstrip() if datum else text
