"""`riverpost image BOARD`: everything that a board's flash holds, as one file.

Rules of this file: the same inputs give the same bytes; nothing is fetched; a file appears whole or not at all.
"""

import argparse
import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tools.failure import EXIT_DONE

if TYPE_CHECKING:
    from boards import Board
    from tools.image.config import Setting
    from tools.image.files import Content
    from tools.image.make import Image
    from tools.image.store import Found

HELP = "make one flash image: interpreter, application, settings"
EXAMPLE = """example:
  riverpost image esp32-rs485 --micropython ESP32_GENERIC-20250415-v1.25.0.bin
  riverpost image esp32-rs485 --station station.toml --name level -o level.bin

The same inputs give the same bytes. Next: riverpost flash esp32-rs485 --image esp32-rs485.bin"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Take the board, what goes into the image, and where it goes."""
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = EXAMPLE
    parser.add_argument("board", metavar="BOARD", help="a type of boards/, such as esp32-rs485")
    add_sources(parser)
    parser.add_argument("-o", "--out", type=Path, metavar="FILE", help="where the image goes (BOARD.bin or BOARD.uf2)")
    add_usual(parser)


def add_sources(parser: argparse.ArgumentParser) -> None:
    """Take what an image is made of."""
    parser.add_argument(
        "--micropython", type=Path, metavar="FILE", help="official image, or a folder of them; else the local store"
    )
    parser.add_argument("--accept-unknown", action="store_true", help="take an official image that is not on our list")
    parser.add_argument("--config", type=Path, metavar="FILE", help="a board.json that goes onto the board")
    parser.add_argument("--station", type=Path, metavar="FILE", help="a station.toml, with --name")
    parser.add_argument("--name", help="the board of that station whose settings go onto the board")


def add_usual(parser: argparse.ArgumentParser) -> None:
    """Take what every command of a technician takes."""
    parser.add_argument("--dry-run", action="store_true", help="show what would be written, write nothing")
    parser.add_argument("--json", type=Path, metavar="PATH", help="write the result there; - for standard output")
    parser.add_argument("--lang", choices=("zh", "en"), help="language; else LANG decides")


def run(args: argparse.Namespace) -> int:
    """0: made. `Failure` otherwise."""
    from gateway import words
    from tools.phrases import facts, phrase

    lang = words.language(args.lang)
    built = build(args, lang)
    out = args.out or Path(f"{args.board}{built.image.ending}")
    quiet = str(args.json) == "-"
    if not args.dry_run:
        write(out, built.image.file, lang)
    if args.json:
        write_json(args.json, {**built.document(), "file": None if args.dry_run else str(out)}, lang)
    if not quiet:
        size = f"{len(built.image.file):,}"
        file = phrase("file", lang, name=out.name, size=size, at=f"{built.image.at:#x}")
        print(facts([*built.facts(lang), ("Image", file), ("Image", f"sha256 {built.image.sha256[:16]}…")], lang))
        done = phrase("dry_image", lang) if args.dry_run else phrase("wrote", lang, path=out)
        print(f"{done}   {phrase('next_flash', lang, board=args.board, path=out)}")
    return EXIT_DONE


class Built:
    """An image, and what it was made of."""

    def __init__(self, image: "Image", found: "Found", content: "Content", setting: "Setting | None") -> None:
        self.image = image
        self.found = found
        self.content = content
        self.setting = setting

    def facts(self, lang: str) -> list[tuple[str, str]]:
        """What a person wants to know of it."""
        from tools.phrases import phrase

        known = phrase("known" if self.found.version else "unknown", lang)
        version = self.image.version or self.found.path.name
        said = phrase("no_settings", lang)
        if self.setting:
            definition = self.setting.definition
            said = phrase("settings", lang, what=where(definition, lang), digest=definition["definition"][:16])
        count, size = self.content.application_files, f"{self.content.application_bytes:,}"
        return [
            ("Board", called(self.image.board, lang)),
            ("Interpreter", phrase("interpreter", lang, version=version, known=known)),
            ("Interpreter", f"sha256 {self.found.sha256[:16]}…"),
            ("Application", phrase("application", lang, count=count, size=size)),
            ("Settings", said),
        ]

    def document(self) -> dict[str, Any]:
        """The same for a machine."""
        image, setting = self.image, self.setting
        return {
            "board": image.board.type,
            "chip": image.board.chip,
            "interpreter": {"sha256": self.found.sha256, "version": image.version, "known": bool(self.found.version)},
            "application": {"files": self.content.application_files, "bytes": self.content.application_bytes},
            "definition": setting.definition["definition"] if setting else None,
            "sha256": image.sha256,
            "bytes": len(image.file),
            "at": image.at,
            "pieces": [{"name": one.name, "offset": one.offset, "bytes": len(one.data)} for one in image.pieces],
        }


def called(board: "Board", lang: str) -> str:
    """A kind of board for a person; its title is English."""
    return board.type if lang == "zh" else f"{board.title} ({board.type})"


def build(args: argparse.Namespace, lang: str) -> Built:
    """The image that the arguments mean. `Failure`."""
    from tools.faults import fault
    from tools.image import config, store
    from tools.image.files import NoRoom, content
    from tools.image.make import WrongImage, make

    board = open_board(args.board, lang)
    if (args.station is None) != (args.name is None):
        raise fault("half_station", lang)
    setting = None
    if args.config:
        setting = config.from_file(args.config, board.type, lang)
    elif args.station:
        setting = config.from_station(args.station, args.name, board.type, lang)
    found = store.find(board.image, args.micropython, args.accept_unknown, lang)
    made = content(board.chip, setting.packed if setting else None)
    try:
        image = make(board, found.data, made.files)
    except WrongImage as reason:
        raise fault("wrong_image", lang, seen=str(reason), file=found.path, image=board.image) from None
    except NoRoom as reason:
        raise fault("no_room", lang, seen=str(reason), board=board.type) from None
    return Built(image, found, made, setting)


def open_board(name: str, lang: str) -> "Board":
    """The type `name` of boards/. `Failure`."""
    from boards import DefinitionError, load_board, names
    from tools.faults import fault

    try:
        return load_board(name)
    except DefinitionError as error:
        raise fault("no_board_type", lang, seen=str(error), board=name, known=", ".join(names("board"))) from None


def where(definition: dict[str, Any], lang: str) -> str:
    """How the board of a board.json is reached."""
    from tools.phrases import phrase

    link = definition["link"]
    return phrase("address" if link["kind"] == "rs485" else "broker", lang, **link)


def write(path: Path, data: bytes, lang: str) -> None:
    """Write `data`; the file is there whole or not at all. `Failure`."""
    from tools.faults import fault

    new = path.with_name(path.name + ".new")
    try:
        with new.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        new.replace(path)
    except OSError as error:
        raise fault("unwritable", lang, seen=error.strerror or str(error), file=path) from None


def write_json(path: Path, found: object, lang: str) -> None:
    """Write a result to `path`, or to standard output for "-". `Failure`."""
    text = json.dumps(found, ensure_ascii=False, indent=1) + "\n"
    if str(path) == "-":
        sys.stdout.write(text)
    else:
        write(path, text.encode(), lang)
