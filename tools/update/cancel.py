"""`riverpost update BOARD --cancel`: take a package back from the gateway's folder.

Rules of this file: what the board was told to restart into is past that; it decides by itself.
"""

import argparse
import sys
from time import monotonic, sleep

from gateway.update_course import ENDS, INSTALLING, TRIAL
from gateway.update_shelf import Shelf
from tools import image as images
from tools.failure import EXIT_DONE
from tools.faults import fault
from tools.update.phrases import facts, said
from tools.update.plan import board_in, folder_fault, last, look, runs, station_of, told_package

LOOK_S = 0.1
TAKEN_BACK_S = 15.0  # The gateway looks every second.


def run(args: argparse.Namespace, lang: str) -> int:
    """0: nothing of it goes on. `Failure` otherwise."""
    config, source, now = station_of(args, lang)
    told = board_in(now.read(), source.name)
    lying = look(config, source.name, lang)
    if lying.file is None:
        raise fault("update_nothing", lang, seen=last(lying.note, lang), board=source.name)
    ours = lying.note.get("file") == list(lying.file)
    if ours and lying.note.get("state") in (INSTALLING, TRIAL):
        raise fault("update_too_late", lang, seen=last(lying.note, lang), board=source.name)
    talk = sys.stderr if str(args.json) == "-" else sys.stdout
    pairs = [("Board", source.name), ("Runs", runs(told, lang))]
    print(facts(pairs + ([("Package", told_package(lying.note, lang))] if ours else []), lang), file=talk)
    if args.dry_run:
        print(said("dry_cancel", lang), file=talk)
        return _tell(args, source.name, False, lang)
    try:
        if lying.data:
            Shelf(config.update_folder).withdraw(source.name)
    except FileNotFoundError:
        pass  # It has just ended: the note says how.
    except OSError as error:
        raise folder_fault(config, error, lang) from None
    end_s = monotonic() + TAKEN_BACK_S
    while ours:
        note = look(config, source.name, lang).note
        if note.get("state") in ENDS:
            if note.get("reason") != "withdrawn":
                raise fault("update_too_late", lang, seen=last(note, lang), board=source.name)
            break
        if note.get("state") in (INSTALLING, TRIAL):
            raise fault("update_too_late", lang, seen=last(note, lang), board=source.name)
        if monotonic() > end_s:
            raise fault("update_gateway_gone", lang, seen=last(note, lang), board=source.name)
        sleep(LOOK_S)
    print(said("update_taken_back", lang, board=source.name), file=talk)
    return _tell(args, source.name, True, lang)


def _tell(args: argparse.Namespace, name: str, taken_back: bool, lang: str) -> int:
    if args.json:
        images.write_json(args.json, {"board": name, "taken_back": taken_back}, lang)
    return EXIT_DONE
