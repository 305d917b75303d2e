"""The demo's live table: how bad it is, where and since when first; then channels, delivery, what is being played."""

from datetime import datetime, timedelta, timezone
from typing import Any

from rich.console import Group
from rich.table import Table
from rich.text import Text

from gateway import words
from tools.demo.phrases import phrase
from wire.reading import QUALITY_NAMES

# Colour only repeats what shape and character already say (edge colours that are readable on dark and light).
LEVEL_STYLES = {0: "", 1: "bold blue", 2: "bold yellow", 3: "bold dark_orange", 4: "bold white on red"}
ZONE = timezone(timedelta(hours=8))  # Asia/Shanghai, the zone in the demo's station.toml; it has no summer time.
RETURNED = "returned"


def picture(status: dict[str, Any], *, labels: list[str], position: str, stored: int, lang: str) -> Group:
    """One picture; `status` is the gateway's own document, `stored` the rows in the center's database."""
    return Group(
        _head(status, lang),
        *_alarms(status, lang),
        Text(),
        _channels(status, lang),
        Text(),
        _delivery(status, position, stored, lang),
        *(Text(label, style="dim") for label in labels),
        Text(words.word("footer", lang), style="dim"),
    )


def _head(status: dict[str, Any], lang: str) -> Text:
    now = datetime.fromtimestamp(status["unix_ms"] / 1000, ZONE)
    head = Text(f"{status['name' if lang == 'zh' else 'name_en']}  {now:%m-%d %H:%M:%S} UTC+8", style="bold")
    if status["mode"] != "actual":
        head.append(f"  {words.word(status['mode'], lang)}", style="reverse")
    return head


def _alarms(status: dict[str, Any], lang: str) -> list[Text]:
    """A line each, the worst first; those that only wait for somebody to have seen them last."""
    active = sorted(status["alarms"], key=lambda alarm: (-alarm["level"], alarm["since_unix_ms"]))
    lines = [_alarm(alarm, status, lang) for alarm in active]
    return lines or [Text(f"{words.mark(0, lang)} {words.level_word(0, lang)}")]


def _alarm(alarm: dict[str, Any], status: dict[str, Any], lang: str) -> Text:
    level = alarm["level"]
    line = Text(f"{words.mark(level, lang)} ", style=LEVEL_STYLES[level], no_wrap=True, overflow="ellipsis")
    facts = [f"{alarm['channel']} {_what(alarm, status, lang)}".rstrip(), words.word(alarm["state"], lang)]
    since = datetime.fromtimestamp(alarm["since_unix_ms"] / 1000, ZONE)
    age = words.age(max(0, status["unix_ms"] - alarm["since_unix_ms"]), lang)
    facts.append(phrase("since", lang, time=f"{since:%H:%M}", age=age))
    if alarm["held"]:
        facts.append(phrase("held", lang))
    line.append(" · ".join(facts), style="" if level else "dim")
    return line


def _what(alarm: dict[str, Any], status: dict[str, Any], lang: str) -> str:
    if alarm["kind"] == "lost":
        return phrase("lost", lang)
    channel = next((c for c in status["channels"] if c["name"] == alarm["channel"]), None)
    if channel is None or alarm["threshold"] is None or alarm["value"] is None:
        return ""
    limit = alarm["step"]
    name = words.word(limit, lang) if limit in words.WORDS else words.shown(channel["quantity"], alarm["threshold"])
    return phrase("above", lang, name=name, by=words.shown(channel["quantity"], alarm["value"] - alarm["threshold"]))


def _channels(status: dict[str, Any], lang: str) -> Table:
    out = Table(box=None, pad_edge=False, expand=False)
    for key in ("channel", "value", "quality", "age", "alarm"):
        justify = "right" if key in ("value", "age") else "left"
        out.add_column(words.word(key, lang), justify=justify, no_wrap=True, overflow="ellipsis")
    for channel in status["channels"]:
        level = channel["level"]
        datum = words.word(channel["datum"], lang) if channel["datum"] else ""
        age = "—" if channel["age_ms"] is None else words.age(channel["age_ms"], lang)
        if channel["late"] and channel["age_ms"] is not None:
            age = f"{words.word('stale', lang)} {age}"
        out.add_row(
            channel["name"],
            f"{words.shown(channel['quantity'], channel['value'])} {datum}".rstrip(),
            words.word(QUALITY_NAMES[channel["quality"]], lang),
            age,
            Text(words.mark(level, lang), style=LEVEL_STYLES[level]),
        )
    return out


def _delivery(status: dict[str, Any], position: str, stored: int, lang: str) -> Text:
    bus = status["buses"][0]
    facts = [
        f"{words.word('to_send', lang)} {status['unacknowledged_rows']:,}",
        f"{words.word('acknowledged_rows', lang)} {stored:,}",
        phrase("scans", lang, scans=bus["scans"], skipped=bus["scans_skipped"]),
        phrase("bus", lang, percent=bus["use_permil"] / 10),
        position,
    ]
    return Text(f"{words.word('delivery', lang)}  " + " · ".join(facts))
