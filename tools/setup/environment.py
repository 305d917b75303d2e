"""The checkout's .venv: made where it is missing, broken or moved; filled from pyproject.toml at pinned versions.

Two levels keep the first start quick: `run` is what a demo, a gateway or a center needs, `test` adds the rest.
"""

import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

from tools.setup.console import ProgramFailed, Runner, say, step

SETUP = Path(__file__).parent
CONSTRAINTS = SETUP / "constraints.txt"
STUBS = {"esp32": SETUP / "stubs-esp32.txt", "rp2": SETUP / "stubs-rp2.txt"}
INPUTS = SETUP / "inputs.txt"  # What tests read and nobody runs: a combined image as MicroPython's makers give it out.
INSTALL_LIMIT_S = 900
PROBE_LIMIT_S = 30
BACKEND = ["hatchling", "editables"]  # They stand in constraints.txt too, so that the build is pinned as well.


class Environment:
    """One checkout's .venv and the folders for MicroPython's type stubs."""

    def __init__(self, top: Path, runner: Runner) -> None:
        self.top = top
        self.runner = runner
        self.folder = top / ".venv"
        self.python = self.folder / "bin" / "python"
        self.typings = top / ".cache" / "typings"
        self.inputs = top / ".cache" / "inputs"
        self._unfinished = self.folder / "riverpost-unfinished"

    def prepare(self, level: str) -> None:
        """Make .venv right for `level`. A run that was cut off is found by its mark, and its .venv made anew."""
        if self.folder.exists() and not self.usable():
            say("  .venv was left unfinished, moved or made by another Python: making it anew.")
            shutil.rmtree(self.folder)
        try:
            new = not self.folder.exists()
            self.folder.mkdir(exist_ok=True)
            self._unfinished.touch()
            if new:
                with step("a virtual environment in .venv"):
                    self.runner.run([sys.executable, "-m", "venv", str(self.folder)], timeout_s=INSTALL_LIMIT_S)
            self._install(level)
            self._unfinished.unlink()
        except ProgramFailed as error:
            raise error.explained(
                "Python's packages could not be installed",
                "no network to the package index, or no space left",
                ["look at the lines above, put it right, start again"],
                self.runner.log,
            ) from None

    def stamp(self, level: str, key: str) -> None:
        """Record that `level` is complete for `key`; `./riverpost` compares this text at every start."""
        for name in ["run", "test"] if level == "test" else ["run"]:
            new = self.folder / f"riverpost-{name}.new"
            new.write_text(self._stamp_text(key), encoding="utf-8")
            new.replace(self.folder / f"riverpost-{name}")

    def stamped(self, level: str, key: str) -> bool:
        """Tell whether `level` is complete for `key`."""
        place = self.folder / f"riverpost-{level}"
        return place.exists() and place.read_text(encoding="utf-8") == self._stamp_text(key)

    def _stamp_text(self, key: str) -> str:
        return f"{key} {self.top} {self.python.resolve()}\n"

    def usable(self) -> bool:
        """Tell whether .venv is whole, lies where it was made, and belongs to a Python that is still here."""
        if self._unfinished.exists() or not (self.folder / "bin" / "pip").exists():
            return False
        start = (self.folder / "bin" / "pip").read_text(encoding="utf-8", errors="replace").splitlines()[:2]
        if str(self.folder) + "/" not in "".join(start):  # Two lines: that is how a path with a space is written.
            return False  # The checkout was moved: every script in bin/ points to where it was.
        try:
            probe = [str(self.python), "-c", "import pip, sys; sys.exit(sys.version_info < (3, 11))"]
            return subprocess.run(probe, capture_output=True, timeout=PROBE_LIMIT_S).returncode == 0
        except (OSError, subprocess.SubprocessError):
            return False

    def _install(self, level: str) -> None:
        pip = [str(self.python), "-m", "pip", "install", "-q", "--disable-pip-version-check"]
        project = tomllib.loads((self.top / "pyproject.toml").read_text(encoding="utf-8"))["project"]
        packages = [*BACKEND, *project["dependencies"]]
        if level == "test":
            packages += project["optional-dependencies"]["dev"]
        with step(f"{len(packages)} Python packages and what they need"):
            self.runner.run([*pip, "-c", str(CONSTRAINTS), *packages], timeout_s=INSTALL_LIMIT_S)
        with step("Riverpost itself, as it lies here"):
            own = [*pip, "--no-deps", "--no-build-isolation", "-e", str(self.top)]
            self.runner.run(own, timeout_s=INSTALL_LIMIT_S)
        if level == "test":
            with step("MicroPython's type stubs"):
                self._install_stubs(pip)
            with step("an image of MicroPython for an ESP32, which tests take apart"):
                self._install_apart(pip, self.inputs, {"": INPUTS})

    def _install_stubs(self, pip: list[str]) -> None:
        """Stubs for boards replace Python's own: they live in folders that only firmware/'s type checks read.

        One folder a port: both ports' stubs describe modules of the same names.
        """
        self._install_apart(pip, self.typings, STUBS)

    def _install_apart(self, pip: list[str], folder: Path, lists: dict[str, Path]) -> None:
        """Put what each list names into its own place below `folder`; never into .venv."""
        new = folder.with_name(f"{folder.name}.new")
        shutil.rmtree(new, ignore_errors=True)
        for place, names in lists.items():
            self.runner.run(
                [*pip, "--no-deps", "--target", str(new / place), "-r", str(names)],
                timeout_s=INSTALL_LIMIT_S,
            )
        shutil.rmtree(folder, ignore_errors=True)
        new.rename(folder)
