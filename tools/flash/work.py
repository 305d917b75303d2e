"""What a flash of any board has in common: where its image comes from, and what is said of it.

Rules of this file: an image that was made before is taken apart and put together again; only if that gives the same
bytes, its own SHA-256 among them, it is whole and one of ours for this board.
"""

import argparse
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from boards import Board
from tools import image as images
from tools import self_test
from tools.console import Console
from tools.failure import Failure
from tools.faults import fault
from tools.flash.label import Label
from tools.image import config
from tools.image.config import Setting
from tools.image.files import BOARD, unpack, unpack_twin
from tools.image.make import Image, WrongImage, reopen
from tools.phrases import phrase


@dataclass(frozen=True)
class SelfTest:
    """`found`: see tools/self_test.py; `reason`: why there is nothing, for a person."""

    found: tuple[dict[str, Any], ...] = ()
    reason: str = ""

    @property
    def failed(self) -> list[dict[str, Any]]:
        return self_test.failed(list(self.found))


class Job(Protocol):
    """One board that is being written. `touched`: something was erased already."""

    @property
    def touched(self) -> bool: ...

    def look(self, dry_run: bool) -> None:
        """Find the board, and what it holds. `Failure`, with nothing written."""
        ...

    def facts(self) -> list[tuple[str, str]]:
        """What a person has to know before saying yes."""
        ...

    def document(self) -> dict[str, Any]:
        """The same for a machine."""
        ...

    def write(self) -> None:
        """Erase, write, verify. `Failure` says what is left."""
        ...

    def start(self) -> bool:
        """Let the board start; does it say that it is ready?"""
        ...

    def words(self) -> str:
        """What it said last, for a person."""
        ...

    def test(self) -> SelfTest:
        """The board's self-test, over its console."""
        ...

    def silent(self) -> Failure:
        """What is not right when it did not."""
        ...

    def label(self) -> Label: ...

    def close(self) -> None: ...


def test_over(port: str, board: Board, lang: str, wanted: tuple[bytes, ...]) -> SelfTest:
    """Test the board at `port`, and restart it. A console that cannot be reached is no reason to fail."""
    try:
        with Console(port, lang) as console:
            console.stop()
            if not console.application:
                return SelfTest(reason=fault("not_ours", lang, board=board.type, port=port).what)
            found = self_test.run(console, board)
            if not console.restart(wanted=wanted):
                return SelfTest(tuple(found), fault("not_ready", lang, port=port).what)
            return SelfTest(tuple(found))
    except Failure as failure:
        return SelfTest(reason=failure.what)


class Source:
    """The image that goes onto a board, and whose settings are in it."""

    def __init__(self, args: argparse.Namespace, lang: str) -> None:
        self._lang = lang
        if args.image is None:
            built = images.build(args, lang)
            self.image: Image = built.image
            self.setting: Setting | None = built.setting
            self._facts = built.facts(lang)
            return
        board = images.open_board(args.board, lang)
        self.image = _reopened(args.image, board, lang)
        self.setting = _setting(args, self.image, lang)
        said = phrase("no_settings", lang)
        if self.setting:
            definition = self.setting.definition
            where = images.where(definition, lang)
            said = phrase("settings", lang, what=where, digest=definition["definition"][:16])
        self._facts = [("Board", images.called(board, lang)), ("Settings", said)]

    def facts(self) -> list[tuple[str, str]]:
        return [*self._facts, ("Image", f"sha256 {self.image.sha256[:16]}…")]

    def document(self) -> dict[str, Any]:
        definition = self.setting.definition["definition"] if self.setting else None
        return {"board": self.image.board.type, "sha256": self.image.sha256, "definition": definition}

    def label(self, serial: str) -> Label:
        """The label of the board with the number `serial`."""
        link = self.setting.definition["link"] if self.setting else {}
        return Label(
            board=self.image.board.type,
            station=self.setting.station if self.setting else "",
            name=self.setting.name if self.setting else "",
            address=str(link.get("address", "")),
            serial=serial,
            sha256=self.image.sha256,
        )


def _reopened(path: Path, board: Board, lang: str) -> Image:
    try:
        return reopen(board, path.read_bytes())
    except OSError as error:
        raise fault("unreadable", lang, seen=error.strerror or str(error), file=path) from None
    except WrongImage as reason:
        raise fault("foreign_file", lang, seen=str(reason), file=path, board=board.type) from None


def _setting(args: argparse.Namespace, image: Image, lang: str) -> Setting | None:
    """The settings in an image; a station.toml that is named must mean the same."""
    packed = next(piece.data for piece in image.pieces if piece.name == "vfs")
    copy = unpack(image.board.chip, packed).get(BOARD)
    found = unpack_twin(copy) if copy else None
    if (args.station is None) != (args.name is None):
        raise fault("half_station", lang)
    if args.station:
        meant = config.from_station(args.station, args.name, image.board.type, lang)
        if found is None or meant.packed != found:
            seen = "board.json"
            raise fault("foreign_file", lang, seen=seen, file=args.image, board=f"{args.board} {args.name}")
        return meant
    if found is None:
        return None
    definition = json.loads(found)
    return Setting(definition, str(definition["link"].get("station", "")), "")
