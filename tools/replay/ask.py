"""What the command line asks for, made whole: a known recording lends its site, a station.toml gives one.

Rules of this file: what a person states wins over what a file says; where something was filled in, a note says so.
"""

import argparse
import hashlib
from pathlib import Path
from typing import Any

from gateway.amounts import AmountError, amount
from tools.replay import expected, site, stations
from tools.replay.judging import MakeSite
from tools.replay.phrases import Note
from tools.replay.quantities import QUANTITIES
from tools.replay.recording import Ask, wrong
from tools.replay.stamps import Stamps, UnclearStamp, zone_of

KNOWN_BYTES_MAX = 16 << 20  # A larger file is none of those that are known.


def from_arguments(args: argparse.Namespace) -> tuple[Ask, MakeSite]:
    """The call as an Ask, and what makes its site. Failure where something is missing or wrong."""
    _complete(args)
    ask = Ask(
        file=args.csv, time=args.time, values=list(args.value), quantity=args.quantity, unit=args.unit,
        zone=args.zone or "", dates=args.dates or "", start=args.start or "", where=args.where or "",
        unit_column=args.unit_column or "", temperature=args.temperature or "", invalid=list(args.invalid or []),
        neighbours=[str(path) for path in args.neighbour or []],
        cadence_ms=duration_ms(args.cadence, "--cadence") if args.cadence else None,
    )  # fmt: skip
    zone = args.zone or "UTC"
    ask.since_ms = _moment(args.since, "--since", zone) if args.since else None
    ask.until_ms = _moment(args.until, "--until", zone) if args.until else None
    if args.station is not None:
        return ask, _given(args.station, ask, args.channel or [])
    known = _known(ask)
    return ask, known if known is not None else _default(ask)


def _complete(args: argparse.Namespace) -> None:
    missing = [f"--{name}" for name in ("time", "value", "quantity", "unit") if not getattr(args, name)]
    if missing:
        example = "riverpost replay --csv river.csv --time time --value stage --quantity level --unit m --zone UTC"
        raise wrong(
            f"{' and '.join(missing)} must be given", "a recording alone", "a part of the call is missing", example
        )
    if args.quantity not in QUANTITIES:
        raise wrong(
            f'"{args.quantity}" is no quantity of a replay',
            f"quantities: {', '.join(QUANTITIES)}",
            "another word for it",
            f"--quantity with one of {', '.join(QUANTITIES)}",
        )


def duration_ms(text: str, option: str) -> int:
    """A time as a person gives it, in ms. Failure."""
    try:
        found_ms = amount(text, "time")
    except AmountError as error:
        raise wrong(f"{option} is no time", str(error), "a slip", f'{option} "5 min"') from None
    if found_ms < 1:
        raise wrong(f"{option} is no time", f"{text} is not above 0", "a slip", f'{option} "5 min"')
    return found_ms


def _moment(text: str, option: str, zone: str) -> int:
    """A time as a person gives it; one without an offset is in the recording's zone."""
    try:
        found = Stamps(text, zone_of(zone)).ms(text)
        if found is None:
            raise ValueError("the clock never showed this time")
        return found
    except (UnclearStamp, ValueError) as error:
        raise wrong(f"{option} is no time", str(error), "a slip", f"{option} 2020-08-20T08:15Z") from None


def _given(path: Path, ask: Ask, channels: list[str]) -> MakeSite:
    """The site of a station.toml, or of a file that describes a recording."""
    document, problems = site.described(path)
    notes: list[Note] = []
    if "recording" not in document:
        document, problems, left = stations.station_document(path, ask, channels)
        if left:
            notes.append(("left_out", {"names": ", ".join(left)}))
    return _maker(document, problems, ask, ("site_given", {"file": path.name}), notes)


def _known(ask: Ask) -> MakeSite | None:
    """The site of a known recording: the file is told by its SHA-256, one of several stations by `where` and value."""
    if not ask.file.is_file() or ask.file.stat().st_size > KNOWN_BYTES_MAX:
        return None
    digest = hashlib.sha256(ask.file.read_bytes()).hexdigest()
    found = [e for e in expected.load_all() if e.sha256 == digest and e.fits(ask)]
    exact = [e for e in found if e.ask.values == ask.values]
    return site_of((exact or found)[0], ask) if len(exact or found) == 1 else None


def site_of(one: expected.Expected, ask: Ask) -> MakeSite:
    """The site of a known recording; what the call leaves out is taken from what is known of it."""
    ask.known = True
    filled = one.fill(ask)
    notes: list[Note] = [("filled", {"names": ", ".join(filled)})] if filled else []
    return _maker(one.document, one.problems, ask, ("site_known", {"file": f"expected/{one.name}"}), notes)


def _default(ask: Ask) -> MakeSite:
    said: Note = ("site_default" if ask.quantity in site.DEFAULT_RULES else "site_none", {})

    def make(cadence_ms: int) -> site.Site:
        return _maker(*site.default_document(ask, cadence_ms), ask, said, [])(cadence_ms)

    return make


def _maker(document: dict[str, Any], problems: Any, ask: Ask, said: Note, notes: list[Note]) -> MakeSite:
    def make(cadence_ms: int) -> site.Site:
        made = site.build(document, problems, ask, cadence_ms)
        made.described = (said[0], {"name": made.config.name, "name_en": made.config.name_en, **said[1]})
        made.notes = [made.described, *notes]
        if not made.judged and said[0] != "site_none":
            made.notes.append(("no_rules", {}))
        return made

    return make
