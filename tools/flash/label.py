"""What is stuck onto a board: station, address, serial and image, in words and as a QR code.

Rules of this file: nothing secret stands on a label. The code holds "RP1;station;name;address;serial;image;definition",
of which any but the first may be empty; the last, of its settings, is left out where it is.
"""

from dataclasses import dataclass
from pathlib import Path

import segno

from tools.faults import fault
from tools.phrases import phrase

KIND = "RP1"
SHORT = 12  # Digits of the image's SHA-256.
SCALE = 4
TEXT_HEIGHT = 18
MARGIN = 4  # Modules around the code, as the standard asks for.
ENDINGS = (".svg", ".png")


@dataclass(frozen=True)
class Label:
    """`address`: on its line; "" = not set yet, or on Wi-Fi."""

    board: str
    station: str
    name: str
    address: str
    serial: str
    sha256: str
    definition: str = ""

    @property
    def code(self) -> str:
        parts = [KIND, self.station, self.name, self.address, self.serial, self.sha256[:SHORT]]
        return ";".join([*parts, self.definition[:SHORT]] if self.definition else parts)

    def lines(self, lang: str) -> list[str]:
        """What a person reads, shortest first."""
        where = " · ".join(part for part in (self.station, self.name) if part)
        said = [("station", where), ("addressed", self.address), ("serial", self.serial)]
        told = [f"{phrase(key, lang)} {value}" for key, value in said if value]
        hashes = [("sha256", self.sha256), (phrase("definition", lang), self.definition)]
        return [self.board, *told, *(f"{name} {value[:SHORT]}" for name, value in hashes if value)]

    def terminal(self) -> str:
        """The code in block characters, without colour."""
        import io

        out = io.StringIO()
        self._code().terminal(out=out, compact=True, border=2)
        return out.getvalue().rstrip("\n")

    def save(self, path: Path, lang: str) -> None:
        """Write the label to an .svg, with its words, or the code alone to a .png. `Failure`."""
        check_name(path, lang)
        try:
            if path.suffix.lower() == ".png":
                self._code().save(str(path), scale=SCALE, border=MARGIN)
            else:
                path.write_text(self._svg(lang), encoding="utf-8")
        except OSError as error:
            raise fault("unwritable", lang, seen=error.strerror or str(error), file=path) from None

    def _code(self) -> segno.QRCode:
        return segno.make_qr(self.code, error="m")

    def _svg(self, lang: str) -> str:
        code = self._code()
        side = code.symbol_size(SCALE, MARGIN)[0]
        lines = self.lines(lang)
        height = side + TEXT_HEIGHT * len(lines) + TEXT_HEIGHT // 2
        words = "".join(
            f'<text x="{MARGIN * SCALE}" y="{side + TEXT_HEIGHT * (row + 1) - 4}">{_escaped(line)}</text>'
            for row, line in enumerate(lines)
        )
        width = max(side, 300)
        return (
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" viewBox="0 0 {width} {height}">'
            f'<rect width="100%" height="100%" fill="#fff"/>{code.svg_inline(scale=SCALE, border=MARGIN)}'
            f'<g font-family="sans-serif" font-size="14">{words}</g></svg>\n'
        )


def check_name(path: Path, lang: str) -> None:
    """`Failure` unless a label can have this form."""
    if path.suffix.lower() not in ENDINGS:
        raise fault("bad_label", lang, seen=path.name, file=path)


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
