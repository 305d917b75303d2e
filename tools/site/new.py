"""`riverpost site new`: from the first question to the written files.

Rules of this file: what is there is never overwritten; whoever stops keeps the answers, and nothing else is written.
"""

import argparse
import shlex
import shutil
import signal
import sys
from pathlib import Path

from tools import image
from tools.failure import EXIT_DONE, EXIT_STOPPED, LINE_MAX, Failure, laid_out, wrapped
from tools.faults import fault
from tools.phrases import phrase, room
from tools.site import answers as kept
from tools.site import checks, show
from tools.site.batch import answered
from tools.site.interview import Back, Interview
from tools.site.made import Made
from tools.site.texts import said

STATION = "station.toml"


def run(args: argparse.Namespace, lang: str) -> int:
    """0: written, or shown by --dry-run. `Failure` otherwise."""
    file = args.where if args.where.suffix == ".toml" else args.where / STATION
    if file.exists():
        raise fault("site_exists", lang, seen=str(file), file=file)
    if args.answers:
        return _from_file(args, file, lang)
    if not sys.stdin.isatty():
        raise fault("site_nobody", lang, seen="stdin: -")
    return _ask(args, file, lang)


def _from_file(args: argparse.Namespace, file: Path, lang: str) -> int:
    try:
        given = kept.read(args.answers)
    except kept.NotAnswers as reason:
        raise fault("site_no_file", lang, seen=str(reason), file=args.answers) from None
    answers, defaults = answered(given, lang)
    if defaults:
        _talk([said("talk", "ask", "defaults", lang, count=len(defaults), names=", ".join(defaults))])
    made = Made(answers, file, lang)
    _tell_looks(made)
    return _finish(args, made, defaults)


def _ask(args: argparse.Namespace, file: Path, lang: str) -> int:
    sys.stdin.reconfigure(errors="surrogateescape")  # type: ignore[union-attr] - what is no UTF-8 is no answer.
    for gone in (signal.SIGHUP, signal.SIGTERM):  # A terminal that is closed is a person who stopped.
        signal.signal(gone, signal.default_int_handler)
    talk = Interview(lang)
    keep = file.parent / kept.FILE_NAME
    talk.say(said("talk", "ask", "hello", lang))
    try:
        if keep.exists():
            count = talk.take(kept.read(keep))
            talk.say(said("talk", "ask", "resumed", lang, file=keep, count=count))
        while True:
            talk.run()
            made = Made(talk.answers, file, lang)
            _tell_looks(made)
            try:
                agreed = args.yes or args.dry_run or _agreed(talk, file, lang)
                break
            except Back:
                talk.back()
    except kept.NotAnswers as reason:
        raise fault("site_no_file", lang, seen=str(reason), file=keep) from None
    except KeyboardInterrupt:
        return _stopped(args, talk, file, keep, lang)
    if not agreed:
        return _stopped(args, talk, file, keep, lang)
    code = _finish(args, made, [])
    if not args.dry_run:
        _keep(talk, keep, lang)
    return code


def _agreed(talk: Interview, file: Path, lang: str) -> bool:
    talk.say(said("talk", "ask", "write", lang, file=file))
    while True:
        text = talk.line(said("talk", "ask", "yes_no", lang))
        try:
            return not text or checks.yes(text) == "y"
        except checks.Wrong:
            continue


def _stopped(args: argparse.Namespace, talk: Interview, file: Path, keep: Path, lang: str) -> int:
    """Keep the answers, and say where."""
    count = len(talk.answers)
    kept_there = not args.dry_run and count > 0 and _keep(talk, keep, lang)  # First: the terminal may be gone.
    print(file=sys.stderr)
    if not kept_there:
        talk.say(said("talk", "ask", "not_kept", lang))
    else:
        command = f"riverpost site new {shlex.quote(str(args.where))}"
        talk.say(said("talk", "ask", "kept", lang, station=file, count=count, file=keep, command=command))
    return EXIT_STOPPED


def _keep(talk: Interview, keep: Path, lang: str) -> bool:
    try:
        keep.parent.mkdir(parents=True, exist_ok=True)
        image.write(keep, kept.written(talk.answers, said("talk", "ask", "answers_head", lang)).encode(), lang)
    except (Failure, OSError):
        return False
    return True


def _tell_looks(made: Made) -> None:
    if made.looks:
        print(laid_out([(phrase("look", made.lang), [text]) for text in made.looks], _talk_room()), file=sys.stderr)


def _talk(texts: list[str]) -> None:
    print("\n".join(line for text in texts for line in wrapped(text, _talk_room())), file=sys.stderr)


def _talk_room() -> int:
    return shutil.get_terminal_size().columns if sys.stderr.isatty() else LINE_MAX


def _finish(args: argparse.Namespace, made: Made, defaults: list[str]) -> int:
    """Write all, show the wiring list and the steps."""
    written: list[Path] = []
    if not args.dry_run:
        made.prepare()
        if args.wiring:
            image.write(args.wiring, show.markdown(made).encode(), made.lang)
        written = [*made.write(), *([args.wiring] if args.wiring else [])]
    if str(args.json) != "-":
        print(made.text if args.dry_run else "", end="\n" if args.dry_run else "")
        print(show.terminal(made, room()))
    if args.json:
        found = {**made.document(), "defaults": defaults, "written": [str(file) for file in written]}
        image.write_json(args.json, found, made.lang)
    done = said("talk", "ask", "dry", made.lang)
    if written:
        done = said("talk", "ask", "wrote", made.lang, files=", ".join(map(str, written)))
    _talk([done])
    print(said("talk", "ask", "next", made.lang, command=made.steps[0].command), file=sys.stderr)
    return EXIT_DONE
