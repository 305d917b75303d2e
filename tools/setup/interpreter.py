"""A MicroPython interpreter at one place for everybody: .cache/micropython/micropython.

It is the one on the PATH where that is new enough (Debian 13 has it as a package). Debian 12 has none: there the
package of Debian 13 is unpacked into the cache and run through its own loader; apt works on a state directory of its
own for that, so that neither the system's sources nor its packages change.

Beside it a second one for tests, of 32 bits: its numbers, objects and ticks are as small as a board's. Only machines
that run both kinds of programs can have it; elsewhere what asks for it takes the first, and says so.
"""

import platform
import shutil
import subprocess
from pathlib import Path

from tools.failure import EXIT_WRONG_CALL, Failure
from tools.setup.console import ProgramFailed, Runner, say, step
from tools.setup.debian import Mirror, System, mirror_of_this_machine

OLDEST = (1, 25)
SUITE = "trixie"
PACKAGES = ["micropython", "libc6", "libffi8", "libmbedcrypto16", "libmbedtls21", "libmbedx509-7"]
PROBE = "import sys, select, asyncio; print(*sys.implementation.version[:2])"
PROBE_LIMIT_S = 10
SMALL = "micropython32"  # Folder of the interpreter of 32 bits, beside the other's.
RUNS_SMALL = {"x86_64": "i386"}  # Machine -> Debian's name of the kind that it runs too.
DOWNLOAD_LIMIT_S = 300


def version_of(program: str | Path) -> tuple[int, int] | None:
    """Return (major, minor) of an interpreter that starts and has what boards need, else None."""
    try:
        answer = subprocess.run(
            [str(program), "-c", PROBE], capture_output=True, text=True, timeout=PROBE_LIMIT_S, check=True
        )
        major, minor = answer.stdout.split()
        return int(major), int(minor)
    except (OSError, subprocess.SubprocessError, ValueError):
        return None


def _usable(program: str | Path | None) -> bool:
    version = version_of(program) if program else None
    return version is not None and version >= OLDEST


def on_path() -> str | None:
    """Return the machine's own interpreter where it is new enough."""
    program = shutil.which("micropython")
    return program if _usable(program) else None


def ready(cache: Path) -> bool:
    """Tell whether the one place holds a working interpreter."""
    return _usable(cache / "micropython")


def provide(cache: Path, system: System, runner: Runner) -> None:
    """Put an interpreter to `cache`/micropython: a link to the machine's own, or Debian 13's package unpacked."""
    if ready(cache):
        return
    cache.mkdir(parents=True, exist_ok=True)
    program = on_path()
    if program:
        _replace(cache / "micropython", lambda place: place.symlink_to(program))
        return
    if not system.debian:
        raise Failure(
            "A MicroPython interpreter is missing",
            seen=f"{system.name}; no `micropython` of version 1.25 or newer on the PATH",
            likely="a system whose packages have none, or an older one",
            do=[
                "put the unix port of MicroPython 1.25 or newer on the PATH",
                "start again",
            ],
            exit_code=EXIT_WRONG_CALL,
        )
    mirror = mirror_of_this_machine()
    try:
        with step(f"MicroPython from Debian {SUITE}, into .cache only"):
            _unpack(cache, mirror, runner)
    except ProgramFailed as error:
        raise error.explained(
            "The MicroPython package could not be fetched",
            "no network, or a keyring that is older than Debian 13",
            ["apt-get update && apt-get install -y debian-archive-keyring   (as root)", "start again"],
            runner.log,
        ) from None


def provide_small(cache: Path, system: System, runner: Runner) -> None:
    """Put the interpreter of 32 bits to `cache`/micropython where this machine can have it; never fails for it."""
    architecture = RUNS_SMALL.get(platform.machine())
    if ready(cache) or not system.debian or architecture is None:
        return
    cache.mkdir(parents=True, exist_ok=True)
    try:
        with step(f"MicroPython of 32 bits from Debian {SUITE}, into .cache only"):
            _unpack(cache, mirror_of_this_machine(), runner, architecture)
    except (ProgramFailed, Failure) as error:
        say(f"  Tests of a board's memory go without it: {error}")


def private_apt(
    work: Path, mirror: Mirror, suite: str, runner: Runner, kinds: str = "deb", architecture: str = ""
) -> list[str]:
    """Make apt's state, cache and sources below `work`, and return the command that uses them, lists fetched.

    `kinds`: "deb", "deb-src" or both. `architecture`: Debian's name, or the machine's own. Raises `ProgramFailed`.
    """
    shutil.rmtree(work, ignore_errors=True)
    for folder in ("state/lists/partial", "cache/archives/partial"):
        (work / folder).mkdir(parents=True)
    (work / "status").touch()
    signed_by = f"Signed-By: {mirror.signed_by}\n" if mirror.signed_by else ""
    source = f"Types: {kinds}\nURIs: {mirror.address}\nSuites: {suite}\nComponents: main\n{signed_by}"
    (work / "private.sources").write_text(source, encoding="utf-8")
    settings = {
        "Dir::State": work / "state",
        "Dir::State::status": work / "status",
        "Dir::Cache": work / "cache",
        "Dir::Etc::SourceList": work / "private.sources",
        "Dir::Etc::SourceParts": "-",
        "Dir::Etc::PreferencesParts": "-",
        "APT::Sandbox::User": "root",  # The download user cannot write into a private folder; apt warns about it.
        "Acquire::Languages": "none",
        "Acquire::Retries": "3",
        "APT::Get::List-Cleanup": "false",
    }
    if architecture:
        settings |= {"APT::Architecture": architecture, "APT::Architectures::": architecture}
    apt = ["apt-get", "-q", *(part for key, value in settings.items() for part in ("-o", f"{key}={value}"))]
    runner.run([*apt, "update"], timeout_s=DOWNLOAD_LIMIT_S)
    return apt


def _unpack(cache: Path, mirror: Mirror, runner: Runner, architecture: str = "") -> None:
    """Fetch and unpack with apt's state, cache and sources all below `cache`."""
    work = cache / "apt"
    apt = private_apt(work, mirror, SUITE, runner, architecture=architecture)
    (work / "deb").mkdir()
    runner.run([*apt, "download", *PACKAGES], timeout_s=DOWNLOAD_LIMIT_S, folder=work / "deb")
    root = cache / "root"
    shutil.rmtree(root, ignore_errors=True)
    for package in sorted((work / "deb").glob("*.deb")):
        runner.run(["dpkg", "-x", str(package), str(root)], timeout_s=DOWNLOAD_LIMIT_S)
    _write_wrapper(cache, root)
    shutil.rmtree(work)
    if not ready(cache):
        raise ProgramFailed([str(cache / "micropython")], f"does not run on this machine ({platform.machine()})")


def _write_wrapper(cache: Path, root: Path) -> None:
    """Write the script that runs the unpacked program through the unpacked loader, wherever the checkout lies."""
    loaders = sorted(root.glob("usr/lib*/ld-linux*.so.*")) + sorted(root.glob("lib*/ld-linux*.so.*"))
    libraries = sorted(root.glob("usr/lib/*/libc.so.6"))
    if not loaders or not libraries:
        raise ProgramFailed(["dpkg", "-x"], f"no loader or no C library below {root}")
    loader, library = loaders[0].relative_to(cache), libraries[0].parent.relative_to(cache)
    script = (
        "#!/bin/sh\n"
        "here=${0%/*}\n"
        f'exec "$here/{loader}" --library-path "$here/{library}" "$here/root/usr/bin/micropython" "$@"\n'
    )

    def write(place: Path) -> None:
        place.write_text(script, encoding="utf-8")
        place.chmod(0o755)

    _replace(cache / "micropython", write)


def _replace(place: Path, make) -> None:
    """Make a file beside `place` and move it there: whoever starts it meanwhile gets the old or the new one."""
    new = place.with_name(place.name + ".new")
    new.unlink(missing_ok=True)
    make(new)
    new.replace(place)
