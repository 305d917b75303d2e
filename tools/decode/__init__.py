"""`riverpost decode`: what some bytes are, in plain words: a frame, a row, a message, a log dump, a package, a bus.

Rules of this file: nothing is written but what `--json` names; no bytes make it fail otherwise than with a sentence.
"""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from tools.failure import EXIT_DONE, EXIT_NOT_RIGHT

if TYPE_CHECKING:
    from tools.decode.found import Ask

HELP = "say what bytes are: frame, row, message, log dump, package"
EXAMPLE = """example:
  riverpost decode 0b 03 01 24 00 01 c5 57 0b 03 02 2e e0 3c 6d
  riverpost decode log.flash --limit 50 --json rows.jsonl
  mosquitto_sub -t 'rp/1/+/live' -C 1 -N | riverpost decode --catalogue cat.bin

A file or standard input may hold the bytes themselves, or hex. An answer is
read by the request that stands before it. --json: the first line says what it
is, each further line is a row, a frame or a file of it."""
KINDS = ("modbus", "row", "telemetry", "local", "dump", "package", "bus")
LIMIT = 20
U32 = 0xFFFFFFFF


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Take the bytes, and what is known of them."""
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = EXAMPLE
    parser.add_argument("bytes", nargs="*", metavar="HEX|FILE", help="hex digits, or one file; else standard input")
    parser.add_argument("--as", dest="kind", choices=KINDS, help="what it is, where the bytes fit several kinds")
    parser.add_argument(
        "--epoch", type=_number(U32), metavar="N", help="of the log that a row is from: its CRC is checked"
    )
    parser.add_argument(
        "--catalogue", type=Path, metavar="FILE", help="a station's catalogue: names channels, dates rows"
    )
    parser.add_argument(
        "--register", type=_number(0xFFFF), metavar="N", help="where an answer without its request begins"
    )
    parser.add_argument(
        "--key", type=public_key, metavar="HEX", help="public key, 64 hex digits: checks a package's signature"
    )
    parser.add_argument("--limit", type=_number(U32), metavar="N", help=f"lines that are shown ({LIMIT}), 0 = all")
    parser.add_argument("--json", type=Path, metavar="PATH", help="write JSON lines there; - for standard output")
    parser.add_argument("--lang", choices=("zh", "en"), help="language; else LANG decides")


def _number(most: int):
    def number(text: str) -> int:
        """A whole number, decimal or 0x…"""
        found = int(text, 0)
        if not 0 <= found <= most:
            raise ValueError(text)
        return found

    return number


def public_key(text: str) -> bytes:
    found = bytes.fromhex(text)
    if len(found) != 32:
        raise ValueError(text)
    return found


def run(args: argparse.Namespace) -> int:
    """0: it is that; 1: it is not right, or fits several kinds. `Failure` where it is nothing of ours."""
    from gateway import words
    from tools.decode import show
    from tools.decode.given import given
    from tools.decode.guess import guess

    lang = words.language(args.lang)
    ask = _ask(args, lang)
    guessed = guess(given(args.bytes, lang), ask, args.kind)
    if not guessed.fits:
        raise show.nothing(guessed, args.kind, lang)
    if args.json:
        show.write_json(args.json, guessed, args.limit, lang)
    if str(args.json) != "-":
        if len(guessed.fits) > 1:
            show.several(guessed, ask)
        else:
            show.one(guessed.fits[0], ask, LIMIT if args.limit is None else args.limit, args.kind is not None)
    right = len(guessed.fits) == 1 and not guessed.fits[0].wrong
    return EXIT_DONE if right else EXIT_NOT_RIGHT


def _ask(args: argparse.Namespace, lang: str) -> "Ask":
    from tools.decode.found import Ask
    from tools.decode.given import read
    from tools.decode.telemetry_kind import read_catalogue
    from tools.faults import fault
    from wire.telemetry import TelemetryError

    catalogue = None
    if args.catalogue:
        try:
            catalogue = read_catalogue(read(args.catalogue, lang))
        except TelemetryError as error:
            raise fault("decode_catalogue", lang, seen=error.reason, file=args.catalogue) from None
    return Ask(lang, args.epoch, catalogue, args.register, args.key, args.kind is not None)
