"""The center's side: `riverpost center run` stores what stations send, `riverpost center show` tells what is stored."""

import argparse
import asyncio
import logging
import signal
import sys
from pathlib import Path

from tools.failure import EXIT_DONE, EXIT_NOTHING_FOUND, Failure

HELP = "store what the stations send, and show it"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(dest="action", required=True, metavar="run|show")
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


def run(args: argparse.Namespace) -> int:
    """Exit codes: 0 done, 3 no such database, 4 the database cannot be used."""
    if args.action == "show":
        return _show(args)
    return _run(args)


def _show(args: argparse.Namespace) -> int:
    from tools.center import show

    if not args.db.exists():
        raise Failure(
            f"there is no database {args.db}",
            seen="no such file",
            likely="no center has run here yet, or it wrote elsewhere",
            do=[f"riverpost center run --db {args.db}"],
            exit_code=EXIT_NOTHING_FOUND,
        )
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
            likely="it is no database of ours, or may not be written",
            do=["give another --db, or move that file away and keep it"],
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
