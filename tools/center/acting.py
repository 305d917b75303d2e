"""What a person at the center does to a station, as sub-commands of `riverpost center`: ack, silence, shelve, mode …

Rules of this file: an order is durable before anything is said; then each step is shown as it happens: stored at the
center, sent, confirmed by the station. What is acknowledged is what the center shows at that moment, not what it may
have become.
"""

import argparse
import json
import sqlite3
import time
from contextlib import closing
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from gateway import words
from gateway.actions import Action, ActionError, action_map, read_action
from gateway.amounts import DIMENSION_OF, AmountError, amount
from tools.center import orders
from tools.center.overview import need_database, overview
from tools.center.schema import VERSION
from tools.center.store import now_ms
from tools.failure import EXIT_DONE, EXIT_NOT_RIGHT, EXIT_NOTHING_FOUND, EXIT_REFUSED, EXIT_WRONG_CALL, Failure
from wire.reading import QUANTITY_CODES
from wire.telemetry import MODES, OPERATING

POLL_S = 0.1
AHEAD_MS = 60_000  # An observer's watch may be so far ahead of ours.
CALENDAR = "calendar"
_LEVEL_OF = {"gap_mm": "level_mm", "head_mm": "level_mm"}
_WORDS = {
    "stored": ("已存中心", "stored at center"),
    "sent": ("已送站点", "sent to station"),
    "done": ("站点已确认", "confirmed by station"),
    "order": ("指令", "Order"),
    "station": ("站点", "Station"),
    "by": ("操作员", "By"),
    "end_done": ("完成。", "Done."),
    "end_refused": ("站点未执行：{reason}", "The station refused: {reason}"),
    "end_expired": ("已过期，未执行。", "It has expired, and was not carried out."),
    "end_open": (
        "站点尚未确认。中心会继续发送，至 {until} 为止。",
        "The station has not confirmed yet. The center goes on sending until {until}.",
    ),
    "next": ("下一步", "Next"),
}


class Act(NamedTuple):
    """A sub-command: kind of the action, help, its own arguments, how long it may wait for its station."""

    kind: str
    help: str
    arguments: tuple[str, ...]
    expires: str = "10 min"


ACTS = {
    "ack": Act("acknowledge", "say that somebody has seen an alarm; the siren goes on", ("rule",)),
    "silence": Act("silence", "quiet the siren for up to 10 min; the alarm stays", ("for?",)),
    "sound": Act("sound", "let a silenced siren sound again", ()),
    "shelve": Act("shelve", "put an alarm aside for up to 8 h; not a red one", ("rule", "reason", "for")),
    "unshelve": Act("unshelve", "take an alarm from the shelf", ("rule",)),
    "out": Act("out-of-service", "take an alarm out of service", ("rule", "reason")),
    "in": Act("in-service", "put an alarm back into service", ("rule",)),
    "reset": Act("reset", "end an alarm that is held until reset", ("rule",)),
    "mode": Act("mode", "begin or end an exercise or a test", ("mode", "for?", "siren")),
    "operate": Act("operating", "measure and report more densely for a time", ("operating", "for?")),
    "observe": Act("observe", "enter what a person read or saw (人工置数)", ("channel?", "value", "at", "note"), "7 d"),
    "staff": Act("staff", "compare a level with the staff gauge", ("channel", "value", "at", "note"), "1 d"),
    "re-zero": Act("re-zero", "take the present tilt as the new baseline", ("channel", "reason")),
    "undo-re-zero": Act("undo-re-zero", "put the baseline of before back", ("channel", "reason")),
    "mute": Act("mute", "quiet a smoke detector for some hours; it still judges", ("rule",)),
    "test-detector": Act("test-detector", "tell that a smoke detector is being tested", ("rule",)),
    "self-test": Act("self-test", "sound the siren for a moment, to hear that it works", ()),
}

_ARGUMENTS: dict[str, tuple[str, dict[str, Any]]] = {
    "rule": ("--rule", {"metavar": "NAME", "help": "the alarm's rule, as `center show` names it"}),
    "reason": ("--reason", {"metavar": "TEXT", "help": "why; it stands in the record"}),
    "for": ("--for", {"metavar": "TIME", "dest": "duration", "help": 'how long, such as "1 h"'}),
    "channel": ("--channel", {"metavar": "NAME", "help": "the channel, as `center show` names it"}),
    "value": ("--value", {"metavar": "AMOUNT", "required": True, "help": 'with its unit, such as "193.02 m"'}),
    "at": ("--at", {"metavar": "TIME", "help": "when, such as 2026-07-01T08:00+08:00 (default: now)"}),
    "note": ("--note", {"metavar": "TEXT", "help": "what else there is to say"}),
    "siren": ("--siren", {"action": "store_true", "help": "the siren sounds for what is raised in it"}),
    "mode": ("mode", {"choices": MODES, "help": "actual ends an exercise or a test"}),
    "operating": ("operating", {"choices": (CALENDAR, *OPERATING), "help": "calendar: as station.toml says again"}),
}
_EXAMPLES = {
    "rule": "--rule flood",
    "reason": '--reason "works at the bank"',
    "for": '--for "1 h"',
    "channel": "--channel river",
    "value": '--value "193.02 m"',
    "mode": "exercise",
    "operating": "emergency",
}
_EPILOG = """
The order is stored at the center first, then sent until the station has
answered or it expires. The station carries it out once.

exit codes: 0 confirmed by the station, 1 not confirmed yet, 2 wrong call,
3 nothing of that name, 4 database failed, 5 refused by the station"""


def add_arguments(actions: Any) -> None:
    """A parser for each of ACTS."""
    for name, act in ACTS.items():
        parser = actions.add_parser(
            name, help=act.help, description=act.help, epilog=_example(name, act) + _EPILOG,
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )  # fmt: skip
        parser.add_argument("--db", type=Path, required=True, metavar="PATH", help="the database of `center run`")
        parser.add_argument("--station", required=True, metavar="ID")
        parser.add_argument("--by", required=True, metavar="WHO", help="your name or number on duty")
        parser.add_argument("--tier", default="center", metavar="WHERE", help="where you sit (default: center)")
        for argument in act.arguments:
            flag, options = _ARGUMENTS[argument.rstrip("?")]
            needed = flag.startswith("--") and not argument.endswith("?") and argument not in ("at", "note", "siren")
            parser.add_argument(flag, **({"required": True} if needed else {}) | options)
        if name == "observe":
            parser.add_argument("--quantity", choices=sorted(DIMENSION_OF), help="of what no channel measures")
        parser.add_argument(
            "--expires", default=act.expires, metavar="TIME", help=f"give up after so long (default: {act.expires})"
        )
        parser.add_argument("--wait", default="15 s", metavar="TIME", help="how long to look for the answer (15 s)")
        parser.add_argument(
            "--any-config", action="store_true", help="also if station.toml has changed since the station last reported"
        )
        parser.add_argument("--json", action="store_true", help="for a machine to read")
        parser.add_argument("--lang", choices=words.LANGUAGES, help="language (default: that of LANG)")


def _example(name: str, act: Act) -> str:
    words_of = (_EXAMPLES.get(argument.rstrip("?"), "") for argument in act.arguments)
    call = " ".join(filter(None, (name, *words_of)))
    return f"example:\n  riverpost center {call} \\\n    --db center.db --station CYB01 --by 07\n"


def run(args: argparse.Namespace) -> int:
    """Order, and follow it. Failure for what cannot be ordered."""
    lang = words.language(args.lang)
    station = _station(args.db, args.station)
    action, shown = _action(args, station, lang)
    wait_s, at_ms = _time(args.wait, "--wait") / 1000, now_ms()
    expires_ms = at_ms + _time(args.expires, "--expires")
    config = None if args.any_config or station["config"] is None else int(station["config"], 16)
    try:
        with closing(_open(args.db)) as db:
            order = orders.put(db, args.station, action, at_ms, expires_ms, config)
            if not args.json:
                _say_head(args, station, shown, lang)
            found = _follow(db, args.station, order.id, wait_s, lang, quiet=args.json)
    except sqlite3.Error as error:
        raise Failure(
            f"the database {args.db} cannot be used",
            seen=str(error),
            likely="another program holds it, or it may not be written",
            do=["give the same command again"],
            state="if `center show` lists the order, it is on its way; else nothing was ordered",
        ) from error
    if args.json:
        facts = {"station": found.station, "id": found.id, "kind": found.action.kind, "state": found.state}
        facts |= {"reason": found.reason, "stored_ms": found.made_ms, "sent_ms": found.sent_ms}
        print(json.dumps(facts | {"confirmed_ms": found.replied_ms}, ensure_ascii=False))
    else:
        _say_end(found, expires_ms, args, lang)
    if found.state in ("done", "accepted"):
        return EXIT_DONE
    return EXIT_REFUSED if found.state == "refused" else EXIT_NOT_RIGHT


def _station(database: Path, name: str) -> dict[str, Any]:
    need_database(database)
    try:
        stations = overview(database)["stations"]
    except sqlite3.Error as error:
        raise Failure(
            f"the database {database} cannot be read",
            seen=str(error),
            likely="it is not a center's database of this version",
            do=["give the --db that `riverpost center run` was given"],
        ) from error
    for station in stations:
        if station["station"] == name:
            return station
    known = ", ".join(station["station"] for station in stations) or "none"
    raise _nothing(f"no station {name} has reported", f"stations that have: {known}", database)


def _action(args: argparse.Namespace, station: dict[str, Any], lang: str) -> tuple[Action, str]:
    """The action, and how a person reads it."""
    act = ACTS[args.action]
    fields: dict[str, Any] = {"actor": args.by, "tier": args.tier}
    for name in ("rule", "reason", "channel", "siren"):
        if getattr(args, name, None):
            fields[name] = getattr(args, name)
    if getattr(args, "note", None):
        fields["reason"] = args.note
    named = (getattr(args, name, None) for name in ("rule", "channel", "mode", "operating", "duration", "reason"))
    shown = "  ".join(filter(None, (args.action, *named)))
    if act.kind == "acknowledge":
        alarm = _alarm(args, station)
        fields["level"] = alarm["level"]
        shown = f"{words.mark(alarm['level'], lang)} {args.rule}  {alarm['channel']}"
    if getattr(args, "duration", None):
        fields["duration_ms"] = _time(args.duration, "--for")  # The station's clock may be another than ours.
    if act.kind == "mode":
        fields["mode"] = MODES.index(args.mode)
        if args.mode != "actual" and "duration_ms" not in fields:
            raise _wrong(f"{args.mode} needs an end", f'riverpost center mode {args.mode} --for "2 h" …')
    if act.kind == "operating" and args.operating != CALENDAR:
        fields["operating"] = OPERATING.index(args.operating)
        if "duration_ms" not in fields:
            raise _wrong(f"{args.operating} needs an end", f'riverpost center operate "{args.operating}" --for "1 d" …')
    if act.kind in ("observe", "staff"):
        fields |= _observed(args, station)
        shown = f"{args.channel or fields['quantity']}  {args.value}"
    known = Action._fields
    action = Action(act.kind, **{name: value for name, value in fields.items() if name in known})
    try:
        read_action(action_map(action))
    except ActionError as error:
        raise _wrong(str(error), f"riverpost center {args.action} --help") from error
    return action, shown


def _alarm(args: argparse.Namespace, station: dict[str, Any]) -> dict[str, Any]:
    """The alarm that is acknowledged: the actual one, where there is one of an exercise too."""
    alarms = [alarm for alarm in station["alarms"] if alarm["rule"] == args.rule and alarm["level"]]
    if not alarms:
        raised = ", ".join(sorted({alarm["rule"] for alarm in station["alarms"] if alarm["level"]})) or "none"
        raise _nothing(f"no alarm {args.rule} stands at {args.station}", f"alarms that stand: {raised}", args.db)
    return alarms[0]


def _observed(args: argparse.Namespace, station: dict[str, Any]) -> dict[str, Any]:
    quantity = getattr(args, "quantity", None)
    if args.channel:
        channels = {channel["name"]: channel["quantity"] for channel in station["channels"]}
        if args.channel not in channels:
            raise _nothing(f"{args.station} has no channel {args.channel}", f"it has {', '.join(channels)}", args.db)
        quantity = channels[args.channel]
        if args.channel in _levels(station):
            quantity = _LEVEL_OF.get(quantity, quantity)
    if quantity is None:
        raise _wrong("neither channel nor quantity", 'riverpost center observe --channel river --value "193.02 m" …')
    try:
        value = amount(args.value, DIMENSION_OF[quantity])
    except AmountError as error:
        raise _wrong(str(error), f"riverpost center {args.action} --help") from error
    at_ms = now_ms() if args.at is None else _moment(args.at)
    return {"quantity": QUANTITY_CODES[quantity], "value": value, "at_ms": at_ms}


def _levels(station: dict[str, Any]) -> set[str]:
    return {channel["name"] for channel in station["channels"] if channel["quantity"] in ("level_mm", *_LEVEL_OF)}


def _moment(text: str) -> int:
    try:
        at = datetime.fromisoformat(text)
    except ValueError as error:
        raise _wrong(f'"{text}" is no time', "write it like 2026-07-01T08:00+08:00") from error
    if at.tzinfo is None:
        raise _wrong(f'"{text}" does not say in which zone', f"write {text}+08:00, or {text}Z for UTC")
    if at.timestamp() * 1000 > now_ms() + AHEAD_MS:
        raise _wrong(f'"{text}" is in the future', "give the time at which it was read")
    return int(at.timestamp() * 1000)


def _time(text: str, flag: str) -> int:
    try:
        return max(amount(text, "time"), 0)
    except AmountError as error:
        raise _wrong(f"{flag}: {error}", f'write {flag} "10 min"') from error


def _wrong(what: str, do: str) -> Failure:
    return Failure(what, seen="the call", likely="a slip in the command", do=[do], exit_code=EXIT_WRONG_CALL)


def _nothing(what: str, seen: str, database: Path) -> Failure:
    do = [f"riverpost center show --db {database}"]
    return Failure(what, seen=seen, likely="another name", do=do, exit_code=EXIT_NOTHING_FOUND)


def _open(path: Path) -> sqlite3.Connection:
    db = sqlite3.connect(path, timeout=10.0)
    db.execute("PRAGMA synchronous = FULL")
    (version,) = db.execute("PRAGMA user_version").fetchone()
    if version != VERSION:
        db.close()
        raise sqlite3.DatabaseError(f"its tables are of version {version}, this program's are of version {VERSION}")
    return db


def _follow(
    db: sqlite3.Connection, station: str, number: int, wait_s: float, lang: str, *, quiet: bool
) -> orders.Progress:
    """Look how far the order is, and say each step once; until the station has answered or `wait_s` is over."""
    end_s = time.monotonic() + wait_s
    told = 0
    while True:
        (found,) = orders.progress(db, station, now_ms(), 1, number)
        replied = found.replied_ms is not None
        steps = [("stored", found.made_ms), ("sent", found.sent_ms), ("done", found.replied_ms)]
        reached = 1 + (found.sent_ms is not None or replied) + replied
        for place in range(told, reached):
            name, at_ms = steps[place]
            if not quiet:
                refused = name == "done" and found.state == "refused"
                _say_step(place + 1, name, (at_ms or now_ms()) - found.made_ms, lang, "FAIL" if refused else "ok")
        told = reached
        if replied or found.state == "expired" or time.monotonic() > end_s:
            return found
        time.sleep(POLL_S)


def _say_head(args: argparse.Namespace, station: dict[str, Any], shown: str, lang: str) -> None:
    mode = "" if station["mode"] == "actual" else f"  {words.word(station['mode'], lang)}"
    for name, text in (("order", shown), ("station", f"{args.station}{mode}"), ("by", f"{args.by}, {args.tier}")):
        word = _word(name, lang)
        print(word + " " * (9 - words.columns(word)) + text, flush=True)


def _say_step(number: int, name: str, ms: int, lang: str, state: str) -> None:
    word = _word(name, lang)
    print(f"  {number}/3 {word}{' ' * (24 - words.columns(word))}{state:<6}{max(ms, 0) / 1000:.1f} s", flush=True)


def _say_end(found: orders.Progress, expires_ms: int, args: argparse.Namespace, lang: str) -> None:
    ends = {"done": "end_done", "accepted": "end_done", "refused": "end_refused", "expired": "end_expired"}
    until = datetime.fromtimestamp(expires_ms // 1000, ZoneInfo("UTC"))
    text = _word(ends.get(found.state, "end_open"), lang)
    print(text.format(reason=found.reason, until=f"{until:%Y-%m-%d %H:%M} UTC"))
    print(f"{_word('next', lang)}: riverpost center show --db {args.db}")


def _word(key: str, lang: str) -> str:
    return _WORDS[key][words.LANGUAGES.index(lang)]
