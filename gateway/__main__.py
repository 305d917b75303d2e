"""`python -m gateway station.toml`: run a station's gateway."""

import argparse
import logging
import sys
from pathlib import Path

from gateway.config import ConfigError
from gateway.load import load

STATUS_FOLDER = Path("/run/riverpost")  # In memory: a card is not worn out by it.


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("station", type=Path, help="the station's configuration, station.toml")
    parser.add_argument("--check", action="store_true", help="only read the configuration, print every error, and stop")
    parser.add_argument(
        "--status",
        type=Path,
        metavar="FILE",
        help="write the gateway's state there twice a second (JSON; use tmpfs); by default to"
        f" {STATUS_FOLDER}/STATION.json where that folder is",
    )


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m gateway",
        description="Run a station's gateway: poll, judge, sound the siren, store, forward.",
        epilog="example: python -m gateway station.toml --check",
    )
    parser.add_argument("-v", "--verbose", action="store_true", help="say more on stderr")
    add_arguments(parser)
    return start(parser.parse_args(arguments))


def start(args: argparse.Namespace) -> int:
    """Exit codes: 0 orderly stop, or a good configuration with --check; 2 wrong configuration."""
    logging.basicConfig(
        level=logging.DEBUG if args.verbose else logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s"
    )
    for chatty in ("pymodbus", "aiomqtt", "mqtt", "asyncio"):
        logging.getLogger(chatty).setLevel(logging.CRITICAL if not args.verbose else logging.INFO)
    try:
        config = load(args.station)
    except ConfigError as error:
        for problem in error.problems:
            print(problem, file=sys.stderr)
        count = len(error.problems)
        print(f"FAIL  {count} error{'s' * (count != 1)} in {args.station}; nothing was started", file=sys.stderr)
        return 2
    if args.check:
        print(f"ok  {args.station}: {len(config.sources)} sources, {len(config.rules)} rules")
        return 0
    from gateway.run import run  # The parts load a second's worth of libraries; a wrong file is told without them.

    return run(config, args.status or (STATUS_FOLDER / f"{config.id}.json" if STATUS_FOLDER.is_dir() else None))


if __name__ == "__main__":
    sys.exit(main())
