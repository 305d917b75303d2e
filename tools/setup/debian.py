"""What comes from Debian: which packages are missing, how they are installed, and where this machine gets them.

Rules of this file: the system's apt sources are read, never written; packages are installed only as root, and said
before; otherwise the one command to run is shown.
"""

import importlib.util
import os
import re
import shutil
import time
from dataclasses import dataclass
from pathlib import Path

from tools.failure import EXIT_WRONG_CALL, Failure
from tools.setup.console import ProgramFailed, Runner, say, step

INSTALL_LIMIT_S = 900
LISTS_TRIES = 30
LISTS_WAIT_S = 2
TEST_PROGRAMS = ("mbpoll", "strace")  # A foreign Modbus master; what records the gateway's writes for the crash test.
APT = ["apt-get", "-q", "-o", "DPkg::Lock::Timeout=120", "-o", "Acquire::Retries=3"]
MICROPYTHON_SINCE = 13  # The first Debian that has a MicroPython package.
SOURCES = Path("/etc/apt")


@dataclass(frozen=True)
class System:
    """Which operating system this is; `debian` is 0 where it is not Debian 12 or newer."""

    name: str
    debian: int


def this_system(os_release: Path = Path("/etc/os-release")) -> System:
    """Read the operating system's name. Raspberry Pi OS calls itself Debian or Raspbian with Debian's number."""
    if not os_release.exists():
        return System(os.uname().sysname, 0)
    pairs = [line.partition("=") for line in os_release.read_text(encoding="utf-8").splitlines()]
    facts = {key: value.strip('"') for key, _, value in pairs}
    number = facts.get("VERSION_ID", "")
    debian = int(number) if facts.get("ID") in ("debian", "raspbian") and number.isdecimal() else 0
    return System(facts.get("PRETTY_NAME", "an unknown system"), debian if debian >= 12 else 0)


def find_program(name: str) -> str | None:
    """Return where `name` is; servers lie in /usr/sbin, which is not in everybody's PATH."""
    return shutil.which(name) or shutil.which(name, path="/usr/sbin:/usr/local/sbin")


def missing_packages(system: System, level: str, has_micropython: bool) -> list[str]:
    """Return the Debian packages whose work nothing on this machine does yet."""
    missing = []
    if importlib.util.find_spec("ensurepip") is None or importlib.util.find_spec("venv") is None:
        missing.append("python3-venv")
    if find_program("mosquitto") is None:
        missing.append("mosquitto")
    if not has_micropython and system.debian >= MICROPYTHON_SINCE:
        missing.append("micropython")
    if level == "test":
        missing += [program for program in TEST_PROGRAMS if find_program(program) is None]
    return missing


def install(packages: list[str], later: list[str], system: System, runner: Runner) -> None:
    """Install `packages` as root; else raise a failure that holds the one command to run.

    That command also names what `later` levels miss: nobody should have to ask for root twice.
    """
    if not packages:
        return
    if not system.debian:
        raise _other_system(packages, system)
    names = " ".join(packages)
    if os.geteuid() != 0:
        everything = " ".join(packages + [name for name in later if name not in packages])
        command = f"apt-get update && apt-get install -y --no-install-recommends {everything}"
        command = f"sudo sh -c '{command}'" if shutil.which("sudo") else f"su -l -c '{command}'"
        raise Failure(
            "Packages of Debian are missing, and only root can install them",
            seen=f"not on this machine: {names}",
            likely="a machine on which Riverpost starts for the first time",
            do=[command, "start again"],
            exit_code=EXIT_WRONG_CALL,
        )
    say(f"Installing from Debian: {names}")
    if "mosquitto" in packages and Path("/run/systemd/system").exists():
        say("  Debian starts its own mosquitto on port 1883 with it; Riverpost runs another one on a free port.")
    try:
        with step("apt-get update"):
            _update(runner)
        with step(f"apt-get install {names}"):
            _install(packages, runner)
    except ProgramFailed as error:
        raise error.explained(
            "Debian's packages could not be installed",
            "no network, or another program is installing packages",
            ["look at the lines above, put it right, start again"],
            runner.log,
        ) from None


def _update(runner: Runner) -> None:
    """Renew apt's lists. Another program may hold them for a while; apt itself waits only for dpkg's lock."""
    for _ in range(LISTS_TRIES):
        try:
            runner.run([*APT, "update"], timeout_s=INSTALL_LIMIT_S, finish_when_stopped=True)
            return
        except ProgramFailed as error:
            if "lock" not in error.seen:
                return  # One source of several may be down; whether that matters, the installation tells.
        time.sleep(LISTS_WAIT_S)


def _install(packages: list[str], runner: Runner) -> None:
    command = [*APT, "install", "-y", "--no-install-recommends", *packages]
    try:
        runner.run(command, timeout_s=INSTALL_LIMIT_S, finish_when_stopped=True)
    except ProgramFailed:
        # A package manager that was cut off earlier (power, kill) has to finish that first.
        runner.run(["dpkg", "--configure", "-a"], timeout_s=INSTALL_LIMIT_S, finish_when_stopped=True)
        runner.run(command, timeout_s=INSTALL_LIMIT_S, finish_when_stopped=True)


def _other_system(packages: list[str], system: System) -> Failure:
    wanted = {
        "python3-venv": "Python's venv and ensurepip modules",
        "mosquitto": "mosquitto 2 (the MQTT broker), on the PATH",
        "mbpoll": "mbpoll 1.4 (a Modbus master for the tests), on the PATH",
        "strace": "strace 6.1 or newer (records the gateway for the power-cut test), on the PATH",
    }
    return Failure(
        f"{system.name} is not Debian 12 or 13, so nothing is installed here by itself",
        seen="not on this machine: " + ", ".join(packages),
        likely="a system that Riverpost runs on once these are there",
        do=[f"install {wanted.get(name, name)}" for name in packages] + ["start again"],
        exit_code=EXIT_WRONG_CALL,
    )


@dataclass(frozen=True)
class Mirror:
    """Where this machine gets its Debian from: an address, and the key that signs it (path, text or nothing)."""

    address: str
    signed_by: str


def mirror_of_this_machine(sources: Path = SOURCES) -> Mirror:
    """Return the mirror of the main suite from the system's own sources, in either of the two formats."""
    codename = _codename()
    stanzas = []
    for file in sorted(sources.glob("sources.list.d/*.sources")):
        stanzas += re.split(r"\n\s*\n", file.read_text(encoding="utf-8"))
    mirrors = [_from_stanza(stanza, codename) for stanza in stanzas]
    lists = [sources / "sources.list", *sorted(sources.glob("sources.list.d/*.list"))]
    for file in (file for file in lists if file.exists()):
        mirrors += [_from_line(line, codename) for line in file.read_text(encoding="utf-8").splitlines()]
    for mirror in mirrors:
        if mirror is not None:
            return mirror
    raise Failure(
        "This machine's Debian mirror was not found",
        seen=f"no source of {codename or 'its release'} main in {sources}",
        likely="a machine whose package sources were removed or kept elsewhere",
        do=["install MicroPython 1.25 or newer so that `micropython` is on the PATH", "start again"],
        exit_code=EXIT_WRONG_CALL,
    )


def _codename() -> str:
    found = re.search(r"^VERSION_CODENAME=(\w+)", Path("/etc/os-release").read_text(encoding="utf-8"), re.MULTILINE)
    return found[1] if found else ""


def _from_stanza(stanza: str, codename: str) -> Mirror | None:
    lines = [line for line in stanza.splitlines() if not line.startswith("#")]
    fields = dict(re.findall(r"^([\w-]+):[ \t]*(.*(?:\n[ \t].*)*)", "\n".join(lines), re.MULTILINE))
    usable = (
        "deb" in fields.get("Types", "").split()
        and codename in fields.get("Suites", "").split()
        and "main" in fields.get("Components", "").split()
        and fields.get("Enabled", "yes").strip().lower() not in ("no", "false")
    )
    addresses = fields.get("URIs", "").split()
    if not usable or not addresses:
        return None
    return Mirror(addresses[0], fields.get("Signed-By", "").rstrip())


def _from_line(line: str, codename: str) -> Mirror | None:
    found = re.match(r"deb\s+(?:\[([^]]*)]\s+)?(\S+)\s+(\S+)\s+(.*)", line.strip())
    if not found or found[3] != codename or "main" not in found[4].split() or found[2].startswith("cdrom"):
        return None
    key = re.search(r"signed-by=(\S+)", found[1] or "")
    return Mirror(found[2], key[1] if key else "")
