"""`riverpost explain CODE`: what the code at the end of an error means, and what to do. It needs no network.

Rules of this file: every word of it stands in tools/faults.toml; nothing is changed.
"""

import argparse
import re
from pathlib import Path
from typing import Any

from tools.failure import EXIT_DONE

HELP = "say what an error code means, and what to do"
EXAMPLE = """example:
  riverpost explain RP-F02
  riverpost explain f02                    the same
  riverpost explain                        all codes

Words in capitals stand for what differs from case to case: PORT, FILE."""
CODE = re.compile(r"(?:RP-?)?([A-Z])-?(\d{2})")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Take the code."""
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = EXAMPLE
    parser.add_argument("code", nargs="?", metavar="CODE", help="as it stands behind an error; without: all codes")
    parser.add_argument("--json", type=Path, metavar="PATH", help="write it there as JSON; - for standard output")
    parser.add_argument("--lang", choices=("zh", "en"), help="language; else LANG decides")


def run(args: argparse.Namespace) -> int:
    """0: told. `Failure` for a code that is none of ours."""
    from gateway import words
    from tools import image
    from tools.faults import codes, explained, fault

    lang = words.language(args.lang)
    known = codes()
    if args.code is None:
        found: Any = [explained(key, lang) for key in known.values()]
    else:
        said = CODE.fullmatch(args.code.strip().upper())
        key = known.get(f"RP-{said[1]}{said[2]}") if said else None
        if key is None:
            raise fault("no_such_code", lang, seen=_near(args.code, known), code=args.code[:40])
        found = explained(key, lang)
    if args.json:
        image.write_json(args.json, found, lang)
    if str(args.json) != "-":
        print(_one(found, lang) if args.code else _list(found, lang))
    return EXIT_DONE


def _near(code: str, known: dict[str, str]) -> str:
    import difflib

    return ", ".join(difflib.get_close_matches(code.upper(), known, 3, 0.5))


def _one(found: dict[str, Any], lang: str) -> str:
    from tools.failure import laid_out, numbered
    from tools.phrases import phrase

    parts = [
        (found["code"], [found["what"]]),
        (phrase("Likely", lang), [found["likely"]]),
        (phrase("Do", lang), numbered(found["do"])),
        (phrase("State", lang), [found["state"], phrase("said_state", lang)]),
        (phrase("Exit", lang), [f"{found['exit']}  {found['exit_means']}"]),
    ]
    return laid_out(parts, _room())


def _list(found: list[dict[str, Any]], lang: str) -> str:
    from tools.failure import laid_out

    lines, family = [], ""
    for one in found:
        if one["family"] != family:
            family = one["family"]
            lines += ["", family] if lines else [family]
        lines.append(laid_out([(one["code"], [one["what"]])], _room()))
    return "\n".join(lines)


def _room() -> int:
    from tools.phrases import room

    return room()
