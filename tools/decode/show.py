"""What was found, on a terminal or as JSON lines.

Rules of this file: no line is wider than its terminal, what is longer goes on below itself; files appear whole or not.
"""

import contextlib
import json
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TextIO

from gateway import words
from tools.decode.found import Ask, Found
from tools.decode.guess import Guess
from tools.decode.phrases import phrase
from tools.failure import Failure
from tools.faults import fault
from tools.phrases import LINE_MAX, wrapped
from tools.steps import Steps

NAME_COLUMNS_MAX = 21  # The longest name of the register map and two more.
ROOM_LEAST = 16
TOLD_FROM_ROWS = 5_000
INDENT = "  "
COLUMN_GAP = "  "  # Between the columns of a table.


def one(found: Found, ask: Ask, limit: int, told: bool) -> None:
    """Print what it is, and up to `limit` of its lines; 0 = all."""
    why = "as_told" if told else "wrong_kind" if found.wrong else "only_kind"
    _print_found(found, ask, limit, ask.say("kind_why", kind=ask.say(f"kind_{found.kind}"), why=ask.say(why)))
    shown = found.parts[:limit] if limit else found.parts
    for part in shown:
        print()
        _print_found(part, ask, limit, "")
    _print_more(len(found.parts) - len(shown), ask)


def _print_found(found: Found, ask: Ask, limit: int, kind: str) -> None:
    facts = [*([(ask.say("Kind"), kind)] if kind else []), *found.facts]
    if found.wrong:
        facts.append((ask.say("Wrong"), f"{ask.say('FAIL')}  {found.wrong}"))
    print("\n".join(wrapped(found.title, _room(0))))
    width = min(NAME_COLUMNS_MAX, 2 + max((words.columns(name) for name, _ in facts), default=0))
    for name, text in facts:
        _print_fact(name, text, width)
    lines = found.lines[:limit] if limit else found.lines
    if lines:
        print()
    for place in range(len(lines)):
        _print_line(lines[place].text)
    _print_more(len(found.lines) - len(lines), ask)


def _print_fact(name: str, text: str, width: int) -> None:
    if words.columns(name) >= width:  # A long name has a line of its own.
        print(name)
        name = ""
    for part in wrapped(text, _room(width)):
        print(name + " " * (width - words.columns(name)) + part)
        name = ""


def _print_more(count: int, ask: Ask) -> None:
    if count > 0:
        _print_line(f"… {ask.say('more_lines', count=f'{count:,}')}")


def several(guessed: Guess, ask: Ask) -> None:
    """Print which kinds fit, and what to say to choose."""
    _print_line(ask.say("ambiguous", count=len(guessed.fits)))
    for found in guessed.fits:
        _print_line(f"{INDENT}{found.kind:<10}{found.title}")
    _print_line(ask.say("say_which", kind=guessed.fits[0].kind))


def nothing(guessed: Guess, kind: str | None, lang: str) -> Failure:
    """Nothing fits: why, kind by kind; what comes near is told alone."""
    near = {name: reason for name, reason in guessed.reasons.items() if reason.near}
    seen = "\n".join(f"{name}: {reason.reason}"[:LINE_MAX] for name, reason in (near or guessed.reasons).items())
    key = "decode_near" if near else "decode_not_that" if kind else "decode_unknown"
    return fault(key, lang, seen=seen, kind=" / ".join(phrase(f"kind_{name}", lang) for name in near or [kind] if name))


def write_json(path: Path, guessed: Guess, limit: int | None, lang: str) -> None:
    """The first line says what it is, each further one is a line of it; `limit` only where it was given. `Failure`."""
    found = guessed.fits[0]
    try:
        if str(path) == "-":
            _put(sys.stdout, _documents(guessed, found, limit))
        else:
            with _told(len(found.lines), lang), _whole(path) as file:
                _put(file, _documents(guessed, found, limit))
    except BrokenPipeError:
        raise
    except OSError as error:
        raise fault("unwritable", lang, seen=error.strerror or str(error), file=path) from None


def write_lines(path: Path, documents: Iterator[dict], lang: str) -> None:
    """`documents` as JSON lines to `path`, or to standard output for "-". `Failure`."""
    try:
        if str(path) == "-":
            _put(sys.stdout, documents)
        else:
            with _whole(path) as file:
                _put(file, documents)
    except BrokenPipeError:
        raise
    except OSError as error:
        raise fault("unwritable", lang, seen=error.strerror or str(error), file=path) from None


def _told(rows: int, lang: str) -> contextlib.AbstractContextManager[None]:
    """A step that is told, where writing takes long enough for a person to wonder."""
    return Steps(1, lang).step("write") if rows >= TOLD_FROM_ROWS else contextlib.nullcontext()


@contextlib.contextmanager
def _whole(path: Path) -> Iterator[TextIO]:
    """A file that is at `path` once all is written. What is no file, such as /dev/null, is written as it is."""
    if path.exists() and not path.is_file():
        with path.open("w", encoding="utf-8") as file:
            yield file
        return
    new = path.with_name(path.name + ".new")
    try:
        with new.open("w", encoding="utf-8") as file:
            yield file
        new.replace(path)
    finally:
        new.unlink(missing_ok=True)


def _put(file: TextIO, documents: Iterator[dict]) -> None:
    for document in documents:
        file.write(json.dumps(document, ensure_ascii=False) + "\n")


def _documents(guessed: Guess, found: Found, limit: int | None) -> Iterator[dict]:
    if len(guessed.fits) > 1:
        yield {"kind": None, "right": False, "fits": [one.kind for one in guessed.fits]}
        return
    yield {"kind": found.kind, "right": not found.wrong, "wrong": found.wrong, **found.document}
    rows = found.lines or found.parts
    for place in range(min(limit, len(rows)) if limit else len(rows)):
        yield rows[place].document


def _room(used: int) -> int:
    return max(shutil.get_terminal_size().columns - used, ROOM_LEAST) if sys.stdout.isatty() else LINE_MAX


def _print_line(text: str) -> None:
    """Print a line of a table; on a narrow terminal it goes on below itself, cut between its columns where possible."""
    room = _room(0)
    while words.columns(text) > room:
        end = len(text)
        while words.columns(text[:end]) > room:
            end -= 1
        lead = len(text) - len(text.lstrip())
        at = max(text.rfind(COLUMN_GAP, lead, end + len(COLUMN_GAP)), lead)
        at = at if at > lead else text.rfind(" ", lead, end + 1)
        at = at if at > lead else end
        print(text[:at].rstrip())
        text = INDENT * 2 + text[at:].lstrip()
    print(text)
