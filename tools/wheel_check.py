"""Build the wheel and try it as an installed package: its data are inside, its names import, its command answers.

An editable install hides a file that was forgotten in the wheel; only this check sees it.
"""

import os
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

from tools.failure import EXIT_NOT_RIGHT, Failure

TOP = Path(__file__).resolve().parents[1]
LIMIT_S = 120
PACKAGES = ["wire", "boards", "gateway", "tools"]
PROBE = """
import importlib, os, sys
for name in sys.argv[2:]:
    place = importlib.import_module(name).__file__
    if not place.startswith(sys.argv[1] + os.sep):
        sys.exit(f"{name} came from {place}, not from the wheel")
"""


def check(top: Path = TOP) -> str:
    """Build, unpack and try the wheel; return a line about it. Raises `Failure` when something is missing."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", folder]
        _run(command, top, "The wheel could not be built")
        (wheel,) = Path(folder).glob("*.whl")
        with zipfile.ZipFile(wheel) as archive:
            names = set(archive.namelist())
            archive.extractall(Path(folder) / "unpacked")
        missing = sorted(_wanted(top) - names)
        if missing:
            raise Failure(
                "The wheel lacks files of the checkout",
                seen="\n".join(missing),
                likely="a new kind of file that pyproject.toml or .gitignore keeps out",
                do=["look at [tool.hatch.build] in pyproject.toml and at .gitignore"],
                exit_code=EXIT_NOT_RIGHT,
            )
        unpacked = str(Path(folder).resolve() / "unpacked")
        packages = [name for name in PACKAGES if f"{name}/__init__.py" in names]
        environment = {**os.environ, "PYTHONPATH": unpacked}
        _run([sys.executable, "-P", "-c", PROBE, unpacked, *packages], Path(folder), "The wheel fails", environment)
        _run([sys.executable, "-P", "-m", "tools", "--help"], Path(folder), "Its command fails", environment)
        return f"{wheel.name}: {len(names)} files, {wheel.stat().st_size // 1024} KiB"


def _wanted(top: Path) -> set[str]:
    """Return the wheel's names of every source and data file that the packages have in the checkout."""
    wanted = set()
    for package in PACKAGES:
        folder = top / "firmware/lib/wire" if package == "wire" else top / package
        files = (file for file in folder.rglob("*") if file.is_file() and "__pycache__" not in file.parts)
        wanted |= {f"{package}/{file.relative_to(folder).as_posix()}" for file in files}
    return wanted


def _run(command: list[str], folder: Path, what: str, environment: dict[str, str] | None = None) -> None:
    answer = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, timeout=LIMIT_S, check=False
    )
    if answer.returncode != 0:
        raise Failure(
            what,
            seen=(answer.stderr + answer.stdout).strip(),
            likely="pyproject.toml names something that is not there, or a package needs a file that is not in it",
            do=[f"in the checkout: {' '.join(command[1:])}"],
            exit_code=EXIT_NOT_RIGHT,
        )
