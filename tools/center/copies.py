"""`riverpost center backup` and `center restore` for a person: what is there, what was done, and what will follow.

Rules of this file: it prints what `tools.center.restore` did; facts to stdout, advice to stderr.
"""

import json
import sys
from datetime import UTC, datetime
from pathlib import Path

from gateway.words import LANGUAGES, columns, language
from tools.center import restore as work

_WORDS = {
    "backup": ("备份", "Backup"),
    "present": ("现有", "Present"),
    "kept": ("保留为", "Kept as"),
    "holds": ("{rows:,} 条，最新收到于 {newest}", "{rows:,} rows, the newest received {newest}"),
    "unreadable": ("读不出，仍予保留", "cannot be read, and is kept all the same"),
    "none": ("没有", "none"),
    "backed_up": ("完成。", "Done."),
    "restored": ("完成。新代号 {generation:08x}。", "Done. New generation {generation:08x}."),
    "checked": ("备份可用，未作任何更改。", "The backup is sound. Nothing was changed."),
    "follows": (
        "中心启动后，各站得知代号已变：备份之后的记录不再当作已存。\n网关仍保留的会重发，只在采集板里的会从板上读回。\n"
        "各处都已不存的，列为缺口。",
        "When the center starts, stations hear that the generation changed: what came after\n"
        "the backup no longer counts as stored. Gateways send again what they still keep,\n"
        "and read from the boards what only those keep. What nobody keeps shows as a gap.",
    ),
    "next": ("下一步", "Next"),
}


def backup(database: Path, to: Path, *, lang: str | None, as_json: bool) -> None:
    """Make a copy and say what it holds. Failure."""
    content = work.backup(database, to)
    if as_json:
        print(json.dumps({"db": str(database), "to": str(to), "backup": content._asdict()}))
        return
    lang = language(lang)
    _fact("backup", f"{to}  {_holds(content, lang)}", lang)
    print(_word("backed_up", lang))
    _say_next(f"riverpost center restore --db {database} --from {to} --dry-run", lang)


def restore(database: Path, source: Path, *, dry_run: bool, lang: str | None, as_json: bool) -> None:
    """Put the copy in place, or with `dry_run` say what that would do. Failure."""
    done = work.restore(database, source, dry_run=dry_run)
    if as_json:
        facts = {"db": str(database), "from": str(source), "dry_run": dry_run}
        facts |= {"backup": done.backup._asdict(), "present": done.present._asdict() if done.present else None}
        print(
            json.dumps(facts | {"kept": str(done.kept) if done.kept else None, "generation": done.generation or None})
        )
        return
    lang = language(lang)
    _fact("backup", f"{source}  {_holds(done.backup, lang)}", lang)
    if done.kept is None:
        _fact("present", _word("none", lang), lang)
    else:
        _fact("present", f"{database}  {_holds(done.present, lang)}", lang)
        _fact("kept", str(done.kept), lang)
    print(_word("checked", lang) if dry_run else _word("restored", lang).format(generation=done.generation))
    print(_word("follows", lang), file=sys.stderr)
    again = "riverpost center restore" if dry_run else "riverpost center run"
    _say_next(f"{again} --db {database}" + (f" --from {source}" if dry_run else ""), lang)


def _holds(content: work.Content | None, lang: str) -> str:
    if content is None:
        return _word("unreadable", lang)
    newest = "—"
    if content.newest_ms is not None:
        newest = f"{datetime.fromtimestamp(content.newest_ms // 1000, UTC):%Y-%m-%d %H:%M} UTC"
    return _word("holds", lang).format(rows=content.rows, newest=newest)


def _fact(name: str, text: str, lang: str) -> None:
    word = _word(name, lang)
    print(word + " " * (9 - columns(word)) + text)


def _say_next(command: str, lang: str) -> None:
    print(f"{_word('next', lang)}: {command}", file=sys.stderr)


def _word(key: str, lang: str) -> str:
    return _WORDS[key][LANGUAGES.index(lang)]
