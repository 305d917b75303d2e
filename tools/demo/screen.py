"""The demo's live table: station, channels, quality, alarms, spool and acknowledged rows, in the words of
gateway.words.
"""

from typing import Any

from rich.console import Group
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from gateway import words
from wire.reading import QUALITY_NAMES

# Colour only repeats what shape and character already say (edge colours that are readable on dark and light).
LEVEL_STYLES = {0: "", 1: "bold blue", 2: "bold yellow", 3: "bold dark_orange", 4: "bold white on red"}


def table(status: dict[str, Any], labels: list[str], elapsed: str, stored: int, lang: str) -> Group:
    """One picture of the station; `status` is the gateway's own document, `stored` the rows in the center's
    database.
    """
    return Group(
        _channels(status, lang),
        _alarms(status, lang),
        _delivery(status, elapsed, stored, lang),
        Text("\n".join(labels), style="dim"),
    )


def _channels(status: dict[str, Any], lang: str) -> Table:
    out = Table(box=None, pad_edge=False, expand=False)
    for key, justify in (
        ("channel", "left"),
        ("value", "right"),
        ("quality", "left"),
        ("age", "right"),
        ("alarm", "left"),
    ):
        out.add_column(words.word(key, lang), justify=justify, no_wrap=True)  # type: ignore[arg-type]
    for channel in status.get("channels", []):
        level = channel["level"]
        quality = channel["quality"]
        datum = words.word(channel["datum"], lang) if channel.get("datum") else ""
        out.add_row(
            channel["name"],
            f"{words.shown(channel['quantity'], channel['value'])} {datum}".rstrip(),
            words.word(QUALITY_NAMES[quality], lang),
            words.age(channel["age_ms"], lang) if channel["age_ms"] is not None else "—",
            Text(words.mark(level, lang), style=LEVEL_STYLES[level]),
        )
    return out


def _alarms(status: dict[str, Any], lang: str) -> Group:
    lines = []
    for alarm in status.get("alarms", []):
        level = alarm["level"]
        line = Text("  ")
        line.append(f"{words.mark(level, lang)} {words.level_word(level, lang)}", style=LEVEL_STYLES[level])
        line.append(f"  {alarm['rule']}  {alarm['channel']}  {words.word(alarm['state'], lang)}")
        lines.append(line)
    if not lines:
        lines.append(Text(f"  {words.mark(0, lang)} {words.level_word(0, lang)}"))
    return Group(Text(words.word("alarms", lang), style="bold"), *lines)


def _delivery(status: dict[str, Any], elapsed: str, stored: int, lang: str) -> Panel:
    bus = (status.get("buses") or [{}])[0]
    facts = [
        elapsed,
        f"{words.word('to_send', lang)} {status.get('unacknowledged_rows', 0):,}",
        f"{words.word('acknowledged_rows', lang)} {stored:,}",
        f"scans {bus.get('scans', 0):,} ({bus.get('scans_skipped', 0)} skipped)",
        f"bus {bus.get('use_permil', 0) / 10:.0f} %",
    ]
    return Panel(Text(" · ".join(facts)), title=words.word("delivery", lang), title_align="left", expand=False)
