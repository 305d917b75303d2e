"""The report of a check: one file without network or script, both languages beside each other, to be signed on paper.

Rules of this file: everything that comes from a station, a board or a person is escaped; a state is a word with a mark,
never a colour; a check that was stopped says so before all else.
"""

from html import escape
from pathlib import Path
from typing import Any

from gateway import words
from tools.check.course import Course, Done
from tools.check.curve import svg
from tools.check.document import document
from tools.check.said import Both, Word, said
from tools.check.step import FAIL, LOOK, OK, SKIP, STOP, Reading, Text, both
from tools.check.still import local_time
from tools.phrases import phrase

STYLE = Path(__file__).with_name("report.css")
MARKS = {OK: "✓", LOOK: "!", FAIL: "✗", SKIP: "–", STOP: "■"}
LANGS = {"zh": "zh-Hans", "en": "en"}


def report(course: Course) -> str:
    """The whole document."""
    facts = document(course)
    title = both(said("report_title", name=Both(**facts["name"]), id=facts["station"]))
    parts = [
        '<!doctype html><html lang="zh-Hans"><head><meta charset="utf-8">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">",
        f"<title>{escape(title['zh'])} / {escape(title['en'])}</title>",
        f"<style>{STYLE.read_text(encoding='utf-8')}</style></head><body><main>",
        f'<h1 class="stacked">{_spans(title)}</h1>',
        _result(course),
        _facts(course, facts),
        _boards(facts["boards"]),
        _signatures(),
        f"<h2>{_told(said('report_steps'))}</h2>",
        *(_step(number, done, course) for number, done in enumerate(course.done, 1)),
        f"<footer><p>{_told(said('report_note'))}</p><p>{_footer()}</p></footer></main></body></html>\n",
    ]
    return "".join(parts)


def _spans(texts: dict[str, str]) -> str:
    """Both languages; once where they say the same."""
    if texts["zh"] == texts["en"]:
        return escape(texts["zh"])
    return "".join(f'<span class="{lang}" lang="{LANGS[lang]}">{escape(texts[lang])}</span>' for lang in LANGS)


def _told(text: Text) -> str:
    return _spans(both(text))


def _state(state: str) -> str:
    told = " ".join(dict.fromkeys(phrase(state, lang) for lang in words.LANGUAGES))
    return f'<span class="state {state}">{MARKS[state]} {escape(told)}</span>'


def _result(course: Course) -> str:
    counts = course.counts
    key = f"result_{course.result.replace(' ', '_')}"
    told = said("counts", ok=counts[OK], look=counts[LOOK], failed=counts[FAIL], skipped=counts[SKIP], result=said(key))
    state = STOP if course.result == "stopped" else FAIL if course.failed else OK
    failed = ""
    if course.failed:
        names = ", ".join(done.step.id for done in course.failed)
        failed = f"<p>{_told(said('failed_steps', steps=names))}</p>"
    gone = f"<p>{escape(course.failure.text())}</p>" if course.failure is not None else ""
    return f'<div class="result stacked {state}">{MARKS[state]} {_told(told)}</div>{failed}{gone}'


def _facts(course: Course, facts: dict[str, Any]) -> str:
    zone = course.site.config.time_zone
    gateway = facts["gateway"]
    pairs: list[tuple[Text, Text]] = [
        (said("report_station"), f"{facts['station']}"),
        (said("report_time"), f"{local_time(facts['began_ms'], zone)} – {local_time(facts['ended_ms'], zone)[11:19]}"),
        (said("report_by"), facts["by"]),
        (said("gateway_serial"), gateway["serial"]),
        (said("version"), gateway["version"] or "—"),
        ("station.toml", gateway["station_toml"]),
        (said("mode_was"), said(f"mode_{facts['mode_before']}")),
    ]
    if facts["mode_left"]:
        pairs.append((said("mode"), said("mode_ends_itself")))
    rows = "".join(f"<dt>{_told(name)}</dt><dd>{_told(value)}</dd>" for name, value in pairs)
    return f"<dl>{rows}</dl>"


def _boards(boards: list[dict[str, Any]]) -> str:
    if not boards:
        return ""
    names = [Word("board"), said("serial"), said("board_type"), said("firmware"), said("slot"), said("definition")]
    head = "".join(f"<th>{_told(name)}</th>" for name in names)
    rows = []
    for board in boards:
        place = f"{board['name']}" + (f" · {board['address']}" if board["address"] else "")
        cells = [place, board["serial"], board["type"], board["version"], board["slot"], board["definition"]]
        labels = [f'<span class="label">{_told(name)} </span>' for name in names]
        labels[0] = ""
        told = zip(labels, cells, strict=True)
        rows.append("<tr>" + "".join(f"<td>{label}{escape(cell or '—')}</td>" for label, cell in told) + "</tr>")
    body = "".join(rows)
    table = f'<table class="boards"><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>'
    return f"<h2>{_told(said('report_boards'))}</h2>{table}"


def _step(number: int, done: Done, course: Course) -> str:
    step, outcome = done.step, done.outcome
    zone = course.site.config.time_zone
    at = local_time(done.began_ms, zone)[11:19] if done.began_ms else "—"
    again = f" · {_plain(said('attempts', count=done.attempts))}" if done.attempts > 1 else ""
    head = f"<b>{number} · {_plain(step.name)}</b> <small>{escape(step.id)} · {at}{again}</small>"
    parts = [
        f"<section><header><div>{head}</div>{_state(outcome.state)}</header>",
        f"<p>{_told(step.title)}</p>",
        f'<p class="said">{_told(outcome.said)}</p>',
        f'<div class="read">{_readings(outcome.readings, step.limit)}',
        svg(outcome.curve, outcome.curve_quantity, outcome.curve_limits, step.id) if step.person else "",
        "</div></section>",
    ]
    return "".join(parts)


def _plain(text: Text) -> str:
    """Both languages in one line."""
    return " / ".join(dict.fromkeys(escape(told) for told in both(text).values()))


def _readings(readings: list[Reading], limit: Text) -> str:
    """What was read, each with its limit; the limit of the whole step below."""
    rows = "".join(
        f"<tr><td>{_plain(one.what)}</td><td>{_plain(one.shown)}</td><td>{_plain(one.limit)}</td></tr>"
        for one in readings
    )
    told = f"<p><small>{_told(said('limit_is', limit=limit))}</small></p>" if limit else ""
    return f"<div>{told}" + (f"<table><tbody>{rows}</tbody></table>" if rows else "") + "</div>"


def _signatures() -> str:
    lines = "".join(
        f"<div>{_plain(said(who))} · {_plain(said(what))}</div>"
        for who in ("sign_checker", "sign_receiver")
        for what in ("sign_name", "sign_date", "sign_signature")
    )
    return f'<div class="sign">{lines}</div>'


def _footer() -> str:
    return _spans({lang: words.word("footer", lang) for lang in words.LANGUAGES})
