"""Small recordings and sites for tests of the replay, written out line by line."""

import argparse
from pathlib import Path

from tools import replay
from tools.replay import ask as asked
from tools.replay.judging import Result, judge
from tools.replay.progress import Progress

SITE = """
[station]
name = "测试站"
name_en = "Test site"
time_zone = "UTC"

[recording]

[[channel]]
name = "stage"
gauge_zero = "0.00 m"
datum = "local"

[[rule]]
name = "flood"
kind = "high"
channel = "stage"
datum = "local"
yellow = "1.00 m"
red = "2.00 m"
deadband = "0.10 m"
"""


def arguments(*given: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    replay.add_arguments(parser)
    return parser.parse_args(list(given))


def result_of(*given: str) -> Result:
    """What a call finds."""
    ask, make_site = asked.from_arguments(arguments(*given))
    return judge(ask, make_site, Progress(ask.file.name, "en"))


def write(folder: Path, text: str, name: str = "r.csv") -> str:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return str(path)


def level_call(folder: Path, rows: list[str], *more: str, head: str = "time,stage") -> tuple[str, ...]:
    """The call for a recording of levels in m at SITE."""
    file = write(folder, "\n".join([head, *rows]) + "\n")
    site = write(folder, SITE, "site.toml")
    call = ("--csv", file, "--time", "time", "--value", "stage", "--quantity", "level", "--unit", "m")
    return (*call, "--station", site, *more)


FLOOD_EXPECTED = (
    SITE.replace(
        "[recording]\n", '[recording]\nfile = "r.csv"\nsha256 = "%s"\ntime = "time"\nvalues = ["stage"]\n' % ("0" * 64)
    ).replace('values = ["stage"]\n', 'values = ["stage"]\nquantity = "level"\nunit = "m"\n')
    + """
[[episode]]
rule = "flood"
level = "yellow"
start = "2020-06-01T00:15:00Z"
end = "2020-06-01T00:40:00Z"
peak = "1.35 m"
peak_at = "2020-06-01T00:25:00Z"

[[quiet]]
since = "2020-06-01T00:00:00Z"
until = "2020-06-01T00:14:00Z"
why = "below the first threshold"
"""
)
