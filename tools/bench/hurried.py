"""`python -m tools.bench.hurried STATION`: a gateway that scans as fast as its line allows.

A station.toml with a scan shorter than the wire allows is refused, rightly; to find what the wire allows, the scan is
made shorter behind its back. Everything else is the gateway as it is.
"""

import argparse
import logging
import sys
from pathlib import Path

from msgspec.structs import replace

from gateway.load import load
from gateway.run import run


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tools.bench.hurried")
    parser.add_argument("station", type=Path)
    parser.add_argument("--scan-ms", type=int, required=True)
    args = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    config = load(args.station)
    buses = tuple(replace(bus, scan_ms=args.scan_ms) for bus in config.buses)
    return run(replace(config, buses=buses))


if __name__ == "__main__":
    sys.exit(main())
