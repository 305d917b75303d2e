"""`riverpost gateway station.toml`: the same as `python -m gateway station.toml`."""

import argparse

from gateway.__main__ import add_arguments, start

HELP = "run a station's gateway, or check its station.toml"


def run(args: argparse.Namespace) -> int:
    return start(args)


__all__ = ["HELP", "add_arguments", "run"]
