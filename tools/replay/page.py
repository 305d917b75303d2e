"""The page of a replay: one file without a network, both languages by a switch that needs no script, printable.

Rules of this file: everything that a recording or a station file says is escaped; the page says in every view that this
is a replay and no real event.
"""

import hashlib
from datetime import datetime
from html import escape
from pathlib import Path
from zoneinfo import ZoneInfo

from gateway import words
from tools.replay.judging import Result
from tools.replay.panels import Panel, panels
from tools.replay.phrases import kind_word, phrase
from tools.replay.play import Episode
from tools.replay.screen import cadence, local
from tools.replay.svg import DESK, PHONE, Drawing, symbol

STYLE = Path(__file__).with_name("page.css")
EPISODES_MAX = 500


def page(result: Result, lang: str) -> str:
    """The whole document, beginning in `lang`."""
    zone = ZoneInfo(result.site.config.time_zone)
    config = result.site.config
    worst = max((episode.level for episode in result.episodes), default=0)
    title = {"zh": phrase("page_title", "zh", name=config.name), "en": phrase("page_title", "en", name=config.name_en)}
    checked = {code: " checked" if code == lang else "" for code in words.LANGUAGES}
    drawn = panels(result)
    parts = [
        f'<!doctype html><html lang="{"zh-Hans" if lang == "zh" else "en"}"><head><meta charset="utf-8">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">",
        f"<title>{escape(title[lang])}</title><style>{STYLE.read_text(encoding='utf-8')}</style></head><body>",
        f'<input type="radio" name="lang" id="lang-zh"{checked["zh"]}><label for="lang-zh">中文</label>',
        f'<input type="radio" name="lang" id="lang-en"{checked["en"]}><label for="lang-en">English</label>',
        _HATCH,
        '<main><p class="replay">' + _both("rehearsal") + "</p>",
        f"<h1>{_spans(title)}</h1>",
        _head(result, zone, worst),
        *(_figure(panel, result, zone) for panel in drawn),
        _episodes(result, zone),
        _flags(result, zone),
        _notes(result),
        "<footer><p>" + _spans({code: words.word("footer", code) for code in words.LANGUAGES}) + "</p>",
        f"<p>{_generated(result)}</p></footer></main></body></html>\n",
    ]
    return "".join(parts)


_HATCH = (
    '<svg width="0" height="0" aria-hidden="true"><defs><pattern id="hatch" width="6" height="6" '
    'patternUnits="userSpaceOnUse" patternTransform="rotate(45)"><path d="M0 0v6" class="hatch"/></pattern>'
    "</defs></svg>"
)


def _spans(texts: dict[str, str]) -> str:
    codes = {"zh": "zh-Hans", "en": "en"}
    return "".join(f'<span class="{lang}" lang="{codes[lang]}">{escape(text)}</span>' for lang, text in texts.items())


def _both(key: str, **facts: object) -> str:
    return _spans({lang: phrase(key, lang, **facts) for lang in words.LANGUAGES})


def _word(key: str) -> str:
    return _spans({lang: words.word(key, lang) for lang in words.LANGUAGES})


def _level(level: int) -> str:
    """Symbol and word; level 0 is a hollow ring."""
    name = _spans({lang: words.level_word(level, lang) for lang in words.LANGUAGES})
    shape = symbol(level, 11, 11) if level else '<circle class="ring" cx="11" cy="11" r="7"/>'
    return f'<svg class="mark" viewBox="0 0 22 22" width="22" height="22" aria-hidden="true">{shape}</svg> {name}'


def _head(result: Result, zone: ZoneInfo, worst: int) -> str:
    site = result.site
    facts = {
        lang: phrase(
            "head", lang, rows=f"{result.rows:,}", first=local(result.first_ms, zone), last=local(result.last_ms, zone),
            cadence=cadence(site.cadence_ms, lang),
        ) + " · " + phrase("zone", lang, zone=f"{site.config.time_zone}, {_offset(result.first_ms, zone)}")
        for lang in words.LANGUAGES
    }  # fmt: skip
    count = len(result.episodes)
    summary = _both("summary", count=count) if count else _both("no_episode" if site.judged else "not_judged")
    mark = _level(worst) if site.judged else ""
    return f'<p class="worst">{mark} <b>{summary}</b></p><p class="muted">{_spans(facts)}</p>'


def _offset(unix_ms: int, zone: ZoneInfo) -> str:
    offset = datetime.fromtimestamp(unix_ms / 1000, zone).strftime("%z")
    return f"UTC{offset[:3]}:{offset[3:]}".replace("-", "−")


def _figure(panel: Panel, result: Result, zone: ZoneInfo) -> str:
    """A curve for the desk and one for the phone, with its sentence."""
    low, high = _reach(panel)
    sentence = {
        lang: phrase(
            "sentence", lang, lowest=words.shown(panel.quantity, low), highest=words.shown(panel.quantity, high),
            gaps=len(panel.gaps()),
        )
        for lang in words.LANGUAGES
    }  # fmt: skip
    unit = words.SHOWN[panel.quantity][2] if panel.quantity in words.SHOWN else ""
    title = {}
    for lang in words.LANGUAGES:
        key = words.QUANTITY_WORDS.get(panel.quantity)
        quantity = words.word(key, lang) if key else ""
        datum = f", {words.word(panel.datum, lang)}" if panel.datum else ""
        title[lang] = f"{quantity} {panel.name} ({unit}{datum})"
    episodes = [episode for episode in result.episodes if _belongs(panel, episode, result)]
    drawings = [
        Drawing(panel, frame, result.first_ms, result.last_ms, zone).svg(episodes, sentence) for frame in (DESK, PHONE)
    ]
    return f"<figure><h2>{_spans(title)}</h2>{''.join(drawings)}<figcaption>{_spans(sentence)}</figcaption></figure>"


def _reach(panel: Panel) -> tuple[int | None, int | None]:
    if panel.qualities is None:
        good = list(panel.values)
    else:
        good = [value for value, quality in zip(panel.values, panel.qualities, strict=True) if quality < 4]
    return (min(good), max(good)) if good else (None, None)


def _belongs(panel: Panel, episode: Episode, result: Result) -> bool:
    """A band stands on the curve of its rule, else on that of its channel."""
    if panel.traced:
        return episode.rule == panel.name
    return any(lane.label == panel.name and lane.point.channel.name == episode.channel for lane in result.player.lanes)


def _episodes(result: Result, zone: ZoneInfo) -> str:
    if not result.episodes:
        return f"<h2>{_both('episodes')}</h2><p>{_both('no_episode' if result.site.judged else 'not_judged')}</p>"
    head = [_word("alarm"), _word("rule"), _both("start"), _both("peak"), _both("peak_at"), _both("end")]
    rows = []
    for episode in result.episodes[:EPISODES_MAX]:
        peak_at = "—" if episode.peak_ms is None else local(episode.peak_ms, zone)
        end = _both("stands") if episode.end_ms is None else local(episode.end_ms, zone)
        peak = words.shown(episode.quantity, episode.peak) if episode.quantity else "—"
        rows.append(
            [_level(episode.level), escape(episode.rule), local(episode.start_ms, zone), escape(peak), peak_at, end]
        )
    more = len(result.episodes) - EPISODES_MAX
    note = f"<p>{_both('more_rows', count=more)}</p>" if more > 0 else ""
    return f"<h2>{_both('episodes')}</h2>{_table(head, rows)}{note}"


def _flags(result: Result, zone: ZoneInfo) -> str:
    rows = []
    for lane in result.player.lanes:
        for kind, flag in sorted(lane.flags.items()):
            said = _spans({lang: kind_word(kind, lang) for lang in words.LANGUAGES})
            first, last = local(flag.first_ms, zone), local(flag.last_ms, zone)
            rows.append([escape(lane.label), said, f"{flag.count:,}", first, last])
    if not rows:
        return f"<h2>{_both('flags')}</h2><p>{_both('no_flags')}</p>"
    head = [_word("value"), _both("kind"), _both("count"), _both("first"), _both("last")]
    return f"<h2>{_both('flags')}</h2>{_table(head, rows)}"


def _table(head: list[str], rows: list[list[str]]) -> str:
    """A table; on a phone each cell but the first two carries the name of its column."""
    names = [f'<span class="label">{name} </span>' if at > 1 else "" for at, name in enumerate(head)]
    body = "".join(
        "<tr>" + "".join(f"<td>{name}{cell}</td>" for name, cell in zip(names, row, strict=True)) + "</tr>"
        for row in rows
    )
    top = "".join(f"<th>{name}</th>" for name in head)
    return f'<div class="scroll"><table><thead><tr>{top}</tr></thead><tbody>{body}</tbody></table></div>'


def _notes(result: Result) -> str:
    items = "".join(f"<li>{_both(key, **facts)}</li>" for key, facts in result.notes)
    return f"<ul class='muted'>{items}</ul>" if items else ""


def _generated(result: Result) -> str:
    digest = hashlib.sha256(result.ask.file.read_bytes()).hexdigest() if result.ask.file.is_file() else "—"
    return _both("generated", file=result.ask.file.name, sha256=digest)
