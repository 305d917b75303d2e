"""What a terminal shows: how bad it was, the curve, episodes, flags, and what was assumed.

Rules of this file: right at 80 columns and at 40, in both languages; colour only repeats what shape, character and word
say; no escape bytes where the output is no terminal.
"""

from datetime import datetime
from zoneinfo import ZoneInfo

from rich.console import Console
from rich.table import Table
from rich.text import Text

from gateway import words
from tools.looks import LEVEL_STYLES
from tools.replay.braille import picture
from tools.replay.judging import Result
from tools.replay.panels import panels
from tools.replay.phrases import kind_word, phrase
from tools.replay.play import Episode

NARROW = 70
ROWS_MAX = 30  # Episodes that are listed; the JSON has them all.


def show(result: Result, lang: str, console: Console | None = None) -> None:
    console = console or Console(highlight=False)
    zone = ZoneInfo(result.site.config.time_zone)
    narrow = console.width < NARROW
    config = result.site.config
    worst = max((episode.level for episode in result.episodes), default=0)
    head = Text()
    head.append(f" {words.mark(worst, lang) if result.site.judged else '—'} ", style=LEVEL_STYLES[worst])
    head.append(f" {config.name if lang == 'zh' else config.name_en}", style="bold")
    console.print(head)
    console.print(Text(phrase("rehearsal", lang), style="bold"))
    facts = phrase(
        "head", lang, rows=f"{result.rows:,}", first=local(result.first_ms, zone), last=local(result.last_ms, zone),
        cadence=cadence(result.site.cadence_ms, lang),
    )  # fmt: skip
    console.print(Text(f"{facts} · {phrase('zone', lang, zone=config.time_zone)}"))
    for panel in panels(result):
        console.print(Text(picture(panel, result.first_ms, result.last_ms, zone, console.width, lang), no_wrap=True))
    console.print(_episodes(result, zone, lang, narrow))
    console.print(_flags(result, zone, lang, narrow))
    for key, facts_of in result.notes:
        console.print(Text(f"·{' ' * (lang == 'en')}{phrase(key, lang, **facts_of)}"))
    console.print(Text(phrase("judged_in", lang, rows=f"{result.rows:,}", seconds=f"{result.took_s:.1f}"), style="dim"))
    console.print(Text(words.word("footer", lang), style="dim"))


def cadence(cadence_ms: int, lang: str) -> str:
    return words.age(cadence_ms, lang) if cadence_ms >= 1000 else f"{cadence_ms} ms"


def local(unix_ms: int, zone: ZoneInfo) -> str:
    """A time of the station: "2018-06-03 17:40"."""
    return f"{datetime.fromtimestamp(unix_ms / 1000, zone):%Y-%m-%d %H:%M}"


def _episodes(result: Result, zone: ZoneInfo, lang: str, narrow: bool) -> Table | Text:
    episodes = result.episodes
    if not result.site.judged:
        return Text(phrase("not_judged", lang))
    if not episodes:
        return Text(f"{words.mark(0, lang)} {phrase('no_episode', lang)}")
    if narrow:
        lines = [phrase("episodes", lang)]
        for episode in episodes[:ROWS_MAX]:
            lines += [
                f"{words.mark(episode.level, lang)} {words.level_word(episode.level, lang)} {episode.rule}",
                f"  {local(episode.start_ms, zone)} → {_end(episode, zone, lang)}",
                f"  {phrase('peak', lang)} {_peak(episode)}",
            ]
        return Text("\n".join([*lines, *_more(len(episodes), lang)]))
    table = _table(lang, "", *("start", "peak", "peak_at", "end"))
    for episode in episodes[:ROWS_MAX]:
        mark = Text(f" {words.mark(episode.level, lang)} ", style=LEVEL_STYLES[episode.level])
        mark.append(f" {episode.rule}", style="")
        peak_at = "—" if episode.peak_ms is None else local(episode.peak_ms, zone)[5:]
        table.add_row(mark, local(episode.start_ms, zone), _peak(episode), peak_at, _end(episode, zone, lang))
    for line in _more(len(episodes), lang):
        table.add_row(Text(line))
    return table


def _flags(result: Result, zone: ZoneInfo, lang: str, narrow: bool) -> Table | Text:
    found = [(lane.label, kind, flag) for lane in result.player.lanes for kind, flag in sorted(lane.flags.items())]
    if not found:
        return Text(phrase("no_flags", lang))
    if narrow:
        lines = [phrase("flags", lang)]
        for label, kind, flag in found:
            first = f"  {phrase('first', lang)} {local(flag.first_ms, zone)}"
            lines += [f"{label}: {kind_word(kind, lang)} {flag.count:,}", first]
        return Text("\n".join(lines))
    table = _table(lang, "flags", "kind", "count", "first", "last")
    for label, kind, flag in found:
        table.add_row(
            label, kind_word(kind, lang), f"{flag.count:,}", local(flag.first_ms, zone), local(flag.last_ms, zone)
        )
    return table


def _table(lang: str, *keys: str) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False, header_style="dim")
    for key in keys:
        table.add_column(phrase(key, lang) if key else phrase("episodes", lang), no_wrap=True, overflow="ellipsis")
    return table


def _more(count: int, lang: str) -> list[str]:
    return [phrase("more_rows", lang, count=count - ROWS_MAX)] if count > ROWS_MAX else []


def _peak(episode: Episode) -> str:
    return words.shown(episode.quantity, episode.peak) if episode.quantity else "—"


def _end(episode: Episode, zone: ZoneInfo, lang: str) -> str:
    return phrase("stands", lang) if episode.end_ms is None else local(episode.end_ms, zone)
