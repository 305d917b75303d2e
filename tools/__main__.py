"""`riverpost SUB-COMMAND …`: finds the sub-command's file and runs it.

A sub-command `two-words` is the module `tools.two_words` with three names: `HELP` (one line), `add_arguments(parser)`
and `run(args) -> int` (the exit code). Only the one that is asked for is imported, so that a start stays quick and
the help works before anything is installed.
"""

import argparse
import ast
import importlib
import shutil
import sys
import traceback
from pathlib import Path

from tools.failure import EXIT_DONE, EXIT_STOPPED, EXIT_WRONG_CALL, LINE_MAX, Failure, into_nowhere

TOOLS = Path(__file__).parent
EPILOG = """example:
  ./riverpost demo                        a whole station, from sensor to center, on this machine
  ./riverpost demo --once --json o.json   the same without a screen, with its figures in a file

exit codes: 0 done, 1 looked at and not right, 2 wrong call or configuration, 3 nothing found,
4 device, bus or program failed, 5 refused for safety, 130 stopped by hand"""


def commands() -> dict[str, str]:
    """Return name -> one line of help for every sub-command, by reading the files and importing none."""
    files = [*TOOLS.glob("*.py"), *TOOLS.glob("*/__init__.py")]
    found = {}
    for file in files:
        help_line = _help_line(file)
        if help_line is not None:
            name = file.parent.name if file.name == "__init__.py" else file.stem
            found[name.replace("_", "-")] = help_line
    return dict(sorted(found.items()))


def _help_line(file: Path) -> str | None:
    try:
        tree = ast.parse(file.read_text(encoding="utf-8"))
    except SyntaxError:
        return None  # The import says it better, when this one is asked for.
    for node in tree.body:
        if isinstance(node, ast.Assign) and [ast.unparse(target) for target in node.targets] == ["HELP"]:
            return str(ast.literal_eval(node.value))
    return None


def _overview() -> str:
    lines = ["usage: riverpost SUB-COMMAND …      riverpost SUB-COMMAND --help", "", "sub-commands:"]
    lines += [f"  {name:<15}{help_line}" for name, help_line in commands().items()]
    return "\n".join([*lines, "", EPILOG])


def _parser(name: str, module) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog=f"riverpost {name}", description=module.HELP)
    parser.add_argument("-v", "--verbose", action="store_true", help="show the traceback of a failure")
    module.add_arguments(parser)
    return parser


def _unexpected(name: str, error: Exception) -> Failure:
    place = traceback.extract_tb(error.__traceback__)[-1]
    return Failure(
        f"riverpost {name} met something that it has no answer for",
        seen=f"{type(error).__name__}: {error}\nat {place.filename}:{place.lineno} in {place.name}",
        likely="a mistake in Riverpost",
        do=[f"riverpost {name} -v … shows the whole traceback", "report it together with the command that you gave"],
        state="unknown; what runs under riverpost has been told to stop",
    )


def main(arguments: list[str] | None = None) -> int:
    """Run one sub-command and return its exit code."""
    arguments = sys.argv[1:] if arguments is None else arguments
    if not arguments or arguments[0] in ("-h", "--help"):
        print(_overview())
        return EXIT_DONE if arguments else EXIT_WRONG_CALL
    name = arguments[0]
    if name not in commands():
        print(f"riverpost: there is no sub-command {name!r}\n\n{_overview()}", file=sys.stderr)
        return EXIT_WRONG_CALL
    verbose = "-v" in arguments or "--verbose" in arguments
    try:
        module = importlib.import_module(f"tools.{name.replace('-', '_')}")
        return module.run(_parser(name, module).parse_args(arguments[1:]))
    except KeyboardInterrupt:
        print("\nstopped by hand", file=sys.stderr)
        return EXIT_STOPPED
    except BrokenPipeError:
        into_nowhere(sys.stdout)  # The reader of a pipe went away (`| head`).
        return EXIT_DONE
    except Failure as failure:
        error, told = failure, failure
    except Exception as unexpected:  # noqa: BLE001 - the last stop: a person reads five lines, `-v` adds the traceback
        error, told = unexpected, _unexpected(name, unexpected)
    if verbose:
        traceback.print_exception(error)
    room = shutil.get_terminal_size().columns if sys.stderr.isatty() else LINE_MAX
    print(told.text(room), file=sys.stderr)
    return told.exit_code


if __name__ == "__main__":
    sys.exit(main())
