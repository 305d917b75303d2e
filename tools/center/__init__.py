"""The center's side: `run` stores what stations send, `show` and `timeline` tell what is stored, `backup` and `restore`
keep copies; `ack`, `silence`, `mode` and the others of `acting` are what people do to a station.
"""

import argparse
import asyncio
import logging
import signal
import sys
from pathlib import Path

from tools.center import acting
from tools.failure import EXIT_DONE, Failure
from wire.telemetry import MODES

HELP = "store what the stations send, and show it"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    run_it = actions.add_parser("run", help="subscribe, store, acknowledge, until stopped")
    run_it.add_argument("--host", default="127.0.0.1", help="the broker (default: this machine)")
    run_it.add_argument("--port", type=int, default=1883, help="its port (default: 1883)")
    run_it.add_argument("--db", type=Path, required=True, metavar="PATH", help="the database; made if it is not there")
    run_it.add_argument("--station", default="+", metavar="ID", help="only this station (default: all)")
    run_it.add_argument("--plant", default="", help=argparse.SUPPRESS)  # A fault for the demo's accounting to find.
    show_it = actions.add_parser("show", help="stations, channels, alarms and rows in a database")
    show_it.add_argument("--db", type=Path, required=True, metavar="PATH", help="the database of `center run`")
    show_it.add_argument("--json", action="store_true", help="for a machine to read")
    show_it.add_argument("--lang", choices=("en", "zh"), help="language (default: that of LANG)")
    backup_it = actions.add_parser("backup", help="copy a database, also while a center runs on it")
    backup_it.add_argument("--db", type=Path, required=True, metavar="PATH", help="the database of `center run`")
    backup_it.add_argument(
        "--to", type=Path, required=True, metavar="FILE", help="the copy; a file that is not there yet"
    )
    restore_it = actions.add_parser("restore", help="put a database back to a backup; the present one is kept aside")
    restore_it.add_argument("--db", type=Path, required=True, metavar="PATH", help="the database of `center run`")
    restore_it.add_argument("--from", type=Path, required=True, metavar="BACKUP", dest="source", help="the copy")
    restore_it.add_argument(
        "--dry-run", action="store_true", help="check the backup, say what would be done, change nothing"
    )
    timeline_it = actions.add_parser("timeline", help="readings, manual observations and events of a channel, by time")
    timeline_it.add_argument("--db", type=Path, required=True, metavar="PATH", help="the database of `center run`")
    timeline_it.add_argument("--station", required=True, metavar="ID")
    timeline_it.add_argument("--channel", required=True, metavar="NAME", help="as `center show` names it")
    timeline_it.add_argument("--last", type=int, default=40, metavar="N", help="so many lines (default: 40)")
    timeline_it.add_argument("--mode", choices=MODES, default="actual", help="of which mode (default: actual)")
    acting.add_arguments(actions)
    for parser in (timeline_it, backup_it, restore_it):
        parser.add_argument("--json", action="store_true", help="for a machine to read")
        parser.add_argument("--lang", choices=("en", "zh"), help="language (default: that of LANG)")


def run(args: argparse.Namespace) -> int:
    """Exit codes: 0 done, 2 wrong call, 3 no such database, 4 the database cannot be used, 5 refused for safety."""
    if args.action in acting.ACTS:
        return acting.run(args)
    if args.action in ("show", "timeline"):
        return _show(args)
    if args.action in ("backup", "restore"):
        return _copies(args)
    return _run(args)


def _copies(args: argparse.Namespace) -> int:
    from tools.center import copies

    if args.action == "backup":
        copies.backup(args.db, args.to, lang=args.lang, as_json=args.json)
    else:
        copies.restore(args.db, args.source, dry_run=args.dry_run, lang=args.lang, as_json=args.json)
    return EXIT_DONE


def _show(args: argparse.Namespace) -> int:
    from tools.center import show, timeline
    from tools.center.overview import need_database

    need_database(args.db)
    if args.action == "timeline":
        return timeline.show(args)
    show.show(args.db, lang=args.lang, as_json=args.json)
    return EXIT_DONE


def _run(args: argparse.Namespace) -> int:
    from tools.center.consume import serve
    from tools.center.plant import Plant
    from tools.center.store import Store, StoreFailure

    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s", stream=sys.stderr)
    logging.getLogger("mqtt").setLevel(logging.CRITICAL)
    try:
        store = Store(args.db, Plant(args.plant))
    except StoreFailure as error:
        raise Failure(
            f"the database {args.db} cannot be used",
            seen=str(error),
            likely="another center holds it, it is no database of ours, or it may not be written",
            do=["stop the other center, or give another --db", "a file that is in the way: rename it, and keep it"],
        ) from error

    async def main() -> None:
        stop = asyncio.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, stop.set)
        await serve(store, args.host, args.port, args.station, stop)

    print(
        f"center: broker {args.host}:{args.port}, database {args.db}, generation {store.generation:08x}",
        file=sys.stderr,
    )
    try:
        asyncio.run(main())
    finally:
        store.close()
    return EXIT_DONE
