"""A recording as it lies on the disk: one pass over its rows, each with its unix time and one cell for every value.

Rules of this file: nothing is repaired. A cell becomes a whole number of sub-units, or BLANK, TEXT or OTHER_UNIT; a row
whose time cannot be read is counted. What a person must state or correct is a Failure with all five parts.
"""

import codecs
import csv
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from difflib import get_close_matches
from io import TextIOWrapper
from pathlib import Path
from typing import NamedTuple

from tools.failure import EXIT_WRONG_CALL, Failure
from tools.replay.quantities import BLANKS, TEMPERATURE_CDEG, factor_of, fitting, quantities_in, reader
from tools.replay.stamps import Stamps, UnclearStamp, zone_of
from wire.reading import VALUE_MIN

BLANK, TEXT, OTHER_UNIT = "missing", "text", "unit"  # What a cell is that holds no number to judge.
INVALID = VALUE_MIN  # What a cell with an invalid code is: the channel's `invalid` names it.
SEPARATORS = ",;\t|"
LOOK_BYTES = 65_536
ROWS_LOOKED = 200  # Rows that must hold one good time and one number, else the call is wrong.
CELL_CHARS_MAX = 10_000

Cell = int | str


@dataclass
class Ask:
    """What is to be read: by hand, or from a file that describes a recording."""

    file: Path
    time: str = ""
    values: list[str] = field(default_factory=list)
    quantity: str = ""
    unit: str = ""
    zone: str = ""
    dates: str = ""
    start: str = ""
    where: str = ""
    unit_column: str = ""
    temperature: str = ""
    invalid: list[str] = field(default_factory=list)
    neighbours: list[str] = field(default_factory=list)
    cadence_ms: int | None = None
    since_ms: int | None = None
    until_ms: int | None = None
    known: bool = False  # The columns and the unit are right: rows of mere text are the recording's own.


class Row(NamedTuple):
    """One row: its time, a cell for each value, and the temperature in 0.01 degC where one was asked for."""

    unix_ms: int
    cells: list[Cell]
    temp_cdeg: int | None


def wrong(what: str, seen: str, likely: str, *do: str) -> Failure:
    """A wrong call: nothing was judged."""
    state = "nothing was judged, nothing was written"
    return Failure(what, seen=seen, likely=likely, do=list(do), state=state, exit_code=EXIT_WRONG_CALL)


class Recording:
    """An open recording. `rows()` may be walked once; the counters are right at its end."""

    def __init__(self, ask: Ask) -> None:
        """Failure where the file, a column, the unit or the zone is not right."""
        self.ask = ask
        self.rows_read = 0
        self.unstamped = 0  # rows whose time cannot be read, or never was
        self.unstamped_first = ""
        self.size = 0
        self.encoding = "UTF-8"
        self.separator = ","
        self._file = self._open()
        try:
            self._reader = csv.reader(self._plain_lines(), delimiter=self.separator)
            csv.field_size_limit(CELL_CHARS_MAX)
            self.columns = [name.strip() for name in next(self._reader, [])]
            self._place()
        except csv.Error as error:
            raise self._unreadable(str(error)) from None
        self.stamps: Stamps | None = None

    @property
    def position(self) -> int:
        """Bytes that have been read."""
        return self._bytes.tell()

    def close(self) -> None:
        self._file.close()

    def rows(self) -> Iterator[Row]:
        """Every row that has a time, in the order of the file. Failure if none of the first rows can be read."""
        ask = self.ask
        factor = factor_of(ask.quantity, ask.unit, len(ask.values))
        assert factor is not None
        value = reader(factor, self.separator != ",")
        temperature = reader(TEMPERATURE_CDEG, self.separator != ",")
        good, outside = 0, False
        try:
            for cells in self._reader:
                if not cells or (self._where and not self._chosen(cells)):
                    continue
                self.rows_read += 1
                unix_ms = self._time(cells)
                if unix_ms is None:
                    self._check_looked(good)
                    continue
                if (ask.since_ms is not None and unix_ms < ask.since_ms) or (
                    ask.until_ms is not None and unix_ms > ask.until_ms
                ):
                    outside = True
                    continue
                found = [self._cell(cells, place, value) for place in self._values]
                if good < ROWS_LOOKED:
                    good += any(cell not in (TEXT, OTHER_UNIT) for cell in found)
                    self._check_looked(good)
                temp = self._cell(cells, self._temperature, temperature) if self._temperature is not None else None
                yield Row(unix_ms, found, temp if isinstance(temp, int) else None)
        except csv.Error as error:
            raise self._unreadable(f"behind row {self.rows_read}: {error}") from None
        if not good and not outside:
            self._check_looked(0, at_end=True)

    def _open(self) -> TextIOWrapper:
        path = self.ask.file
        try:
            self.size = path.stat().st_size
            with path.open("rb") as file:
                head = file.read(LOOK_BYTES)
            self.encoding = _encoding(head)
            self._bytes = path.open("rb")
            text = TextIOWrapper(self._bytes, encoding=self.encoding, errors="replace", newline="")
        except OSError as error:
            reason = error.strerror or str(error)
            raise wrong(f"{path} cannot be read", reason, "a slip in the path", "give its path") from None
        names = [line for line in head.decode(self.encoding, "replace").splitlines() if line and line[0] != "#"]
        header = names[0] if names else ""
        self.separator = max(SEPARATORS, key=lambda sign: (header.count(sign), -SEPARATORS.index(sign)))
        return text

    def _plain_lines(self) -> Iterator[str]:
        """The lines without a head of comments, as some services write it."""
        head = True
        for line in self._file:
            if head and line.startswith("#"):
                continue
            head = False
            yield line.replace("\0", "") if "\0" in line else line

    def _place(self) -> None:
        """Find every column that was asked for."""
        ask = self.ask
        if len(self.columns) < 2 and not any(self.columns):
            raise self._unreadable("no line with the names of columns")
        self._time_at = self._column(ask.time, "--time")
        self._values = [self._column(name, "--value") for name in ask.values]
        self._unit = self._column(ask.unit_column, "--unit-column") if ask.unit_column else None
        self._temperature = self._column(ask.temperature, "--temperature") if ask.temperature else None
        self._invalid = {code.strip() for code in ask.invalid}
        self._where: list[tuple[int, str]] = []
        if ask.where:
            name, sign, wanted = ask.where.partition("=")
            if not sign:
                what = f'--where "{ask.where}" is no COLUMN=VALUE'
                raise wrong(what, "no = in it", "a slip", "--where stationReference=E4804")
            self._where.append((self._column(name.strip(), "--where"), wanted.strip()))
        if factor_of(ask.quantity, ask.unit, len(ask.values)) is None:
            raise self._wrong_unit()
        self._zone = zone_of(ask.zone) if ask.zone else None
        if ask.zone and self._zone is None:
            raise wrong(
                f'There is no time zone "{ask.zone}"',
                "neither a name of the zone table nor an offset",
                "a slip in the name, or an abbreviation that several countries use",
                "--zone Asia/Shanghai, or --zone UTC, or --zone +08:00",
            )

    def _column(self, name: str, option: str) -> int:
        if name in self.columns:
            return self.columns.index(name)
        near = get_close_matches(name, self.columns, 1, 0.5)
        likely = f'"{near[0]}" is meant' if near else "a slip in the name, or another file"
        do = f"{option} {_quoted(near[0])}" if near else f"{option} with one of these names"
        shown = ", ".join(self.columns[:20]) + (f" and {len(self.columns) - 20} more" if len(self.columns) > 20 else "")
        raise wrong(f'{self.ask.file.name} has no column "{name}"', f"columns: {shown}", likely, do)

    def _wrong_unit(self) -> Failure:
        ask = self.ask
        fit = ", ".join(fitting(ask.quantity, len(ask.values)))
        others = quantities_in(ask.unit)
        likely = f"the quantity is {' or '.join(others)}" if others else "a slip, or another spelling"
        if ask.unit in ("count", "g", "mg"):
            likely = "an acceleration has three values: --value three times"
        return wrong(
            f'"{ask.unit}" is no unit of {ask.quantity}' + (f" of {len(ask.values)} values" if ask.values[1:] else ""),
            f'units of {ask.quantity}: {fit}; also scaled, like "0.01 in"',
            likely,
            f"--unit with one of {fit}",
            *(f"--quantity {other}" for other in others[:2]),
        )

    def _chosen(self, cells: list[str]) -> bool:
        return all(place < len(cells) and cells[place].strip() == wanted for place, wanted in self._where)

    def _time(self, cells: list[str]) -> int | None:
        text = cells[self._time_at] if self._time_at < len(cells) else ""
        try:
            if self.stamps is None:
                if not text.strip():
                    raise ValueError(text)
                self.stamps = self._stamps(text)
            unix_ms = self.stamps.ms(text)
        except (ValueError, OverflowError):
            unix_ms = None
        if unix_ms is None or self.stamps is None:
            self.unstamped += 1
            self.unstamped_first = self.unstamped_first or text.strip() or "(blank)"
        elif self.stamps.newest_ms is None or unix_ms > self.stamps.newest_ms:
            self.stamps.newest_ms = unix_ms
        return unix_ms

    def _stamps(self, first: str) -> Stamps:
        ask = self.ask
        start_ms = None
        try:
            if ask.start:
                start_ms = Stamps(ask.start, self._zone).ms(ask.start)
            return Stamps(first, self._zone, ask.dates, start_ms)
        except UnclearStamp as error:
            raise wrong(
                f'The times in column "{ask.time}" cannot be read without a word from you',
                str(error),
                "the column is another one, or its form must be stated",
                error.remedy,
            ) from None

    def _cell(self, cells: list[str], place: int, value: Callable[[str], int]) -> Cell:
        text = cells[place].strip() if place < len(cells) else ""
        if self._unit is not None and self._unit < len(cells) and cells[self._unit].strip() != self.ask.unit:
            return OTHER_UNIT
        if text in self._invalid:
            return INVALID
        try:
            return value(text)
        except ValueError:
            return BLANK if text.lower() in BLANKS else TEXT

    def _check_looked(self, good: int, at_end: bool = False) -> None:
        """The call is wrong if nothing of the first rows can be used."""
        if good or self.ask.known or not (at_end or self.rows_read >= ROWS_LOOKED):
            return
        ask = self.ask
        if not self.rows_read and ask.where:
            raise wrong(
                f"No row of {ask.file.name} has {ask.where}", "0 rows", "a slip in the value", "look into the column"
            )
        if self.unstamped:
            raise wrong(
                f'Column "{ask.time}" holds no times',
                f"{self.unstamped:,} of {self.rows_read:,} rows, first {self.unstamped_first[:40]!r}",
                "another column holds them",
                f"--time with one of {', '.join(self.columns[:20])}",
            )
        raise wrong(
            f"Column {', '.join(ask.values)} holds no numbers in {ask.unit}",
            f"none in {self.rows_read:,} rows" + (f"; unit column {ask.unit_column}" if ask.unit_column else ""),
            "another column, another unit, or a decimal comma in a file that is separated by commas",
            f"--value with one of {', '.join(self.columns[:20])}",
            "separate the columns by semicolons where numbers have a decimal comma",
        )

    def _unreadable(self, seen: str) -> Failure:
        return wrong(
            f"{self.ask.file.name} cannot be read as a table",
            seen,
            "it is no CSV file, or it is damaged",
            "save it as CSV (UTF-8), one row a line, the names of columns first",
        )


def _encoding(head: bytes) -> str:
    """UTF-8, UTF-16 by its mark, or what Chinese office programs write; UTF-8 for what is none of them."""
    if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
    whole = head[: head.rfind(b"\n") + 1 or None]
    for encoding in ("utf-8-sig", "gb18030"):
        try:
            whole.decode(encoding)
            return encoding
        except UnicodeDecodeError:
            continue
    return "utf-8-sig"


def _quoted(name: str) -> str:
    return f'"{name}"' if " " in name else name
