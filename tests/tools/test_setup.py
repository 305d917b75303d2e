"""The set-up's own judgement: which system, which mirror, which packages, which .venv is whole."""

import os

import pytest

from tools.failure import Failure
from tools.setup import debian, interpreter
from tools.setup.console import ProgramFailed, Runner
from tools.setup.debian import Mirror, System
from tools.setup.environment import Environment

OWN_MIRROR = "http://mirror.example/debian"
STANZAS = """\
# The first stanza has another suite, the second one is switched off.
Types: deb
URIs: http://security.example/debian
Suites: bookworm-security
Components: main

Types: deb
URIs: http://off.example/debian
Suites: bookworm
Components: main
Enabled: no

Types: deb deb-src
URIs: http://mirror.example/debian
Suites: bookworm bookworm-updates
Components: main contrib
Signed-By:
 -----BEGIN PGP PUBLIC KEY BLOCK-----
 .
 abc
"""


def sources(tmp_path, name, text):
    (tmp_path / "sources.list.d").mkdir(exist_ok=True)
    (tmp_path / name).write_text(text, encoding="utf-8")
    return tmp_path


@pytest.fixture(autouse=True)
def on_bookworm(monkeypatch):
    monkeypatch.setattr(debian, "_codename", lambda: "bookworm")


@pytest.mark.parametrize(
    ("release", "number"),
    [
        ('ID=debian\nVERSION_ID="12"\n', 12),
        ("ID=debian\nVERSION_ID=13\n", 13),
        ("ID=raspbian\nVERSION_ID=12\n", 12),
        ("ID=debian\nVERSION_ID=11\n", 0),
        ('ID=ubuntu\nVERSION_ID="24.04"\n', 0),
        ("ID=debian\nPRETTY_NAME=unstable\n", 0),
    ],
)
def test_only_debian_from_12_on_counts_as_debian(tmp_path, release, number):
    (tmp_path / "os-release").write_text(release, encoding="utf-8")
    assert debian.this_system(tmp_path / "os-release").debian == number


def test_the_mirror_and_its_key_come_from_the_stanza_of_this_release(tmp_path):
    mirror = debian.mirror_of_this_machine(sources(tmp_path, "sources.list.d/debian.sources", STANZAS))
    assert mirror.address == OWN_MIRROR
    assert mirror.signed_by.splitlines()[1:] == [" -----BEGIN PGP PUBLIC KEY BLOCK-----", " .", " abc"]


@pytest.mark.parametrize(
    ("line", "key"),
    [
        (f"deb {OWN_MIRROR} bookworm main contrib", ""),
        (
            f"deb [arch=arm64 signed-by=/usr/share/keyrings/a.gpg] {OWN_MIRROR} bookworm main",
            "/usr/share/keyrings/a.gpg",
        ),
    ],
)
def test_the_mirror_comes_from_a_line_of_the_old_format(tmp_path, line, key):
    text = f"# a comment\ndeb cdrom:[Debian]/ bookworm main\ndeb http://other.example/x bookworm-updates main\n{line}\n"
    assert debian.mirror_of_this_machine(sources(tmp_path, "sources.list", text)) == Mirror(OWN_MIRROR, key)


def test_a_machine_without_a_mirror_is_told_to_bring_an_interpreter(tmp_path):
    with pytest.raises(Failure, match="mirror was not found") as caught:
        debian.mirror_of_this_machine(sources(tmp_path, "sources.list", "deb http://x.example/ sid main\n"))
    assert "micropython" in caught.value.text()


def test_somebody_who_is_not_root_gets_one_command_with_everything(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    with pytest.raises(Failure) as caught:
        debian.install(["mosquitto"], ["mosquitto", "mbpoll"], System("Debian", 12), Runner(tmp_path / "log"))
    assert caught.value.exit_code == 2
    (command,) = [step for step in caught.value.do if "apt-get" in step]
    assert "apt-get update && apt-get install -y --no-install-recommends mosquitto mbpoll'" in command
    assert not (tmp_path / "log").exists(), "nothing may be run"


def test_another_system_is_told_each_thing_to_install(tmp_path):
    with pytest.raises(Failure) as caught:
        debian.install(["python3-venv", "mosquitto"], [], System("Fedora 42", 0), Runner(tmp_path / "log"))
    text = caught.value.text()
    assert "Fedora 42" in text
    assert "ensurepip" in text
    assert "mosquitto 2" in text


def test_nothing_is_said_or_done_when_nothing_is_missing(tmp_path, capsys):
    debian.install([], ["mbpoll"], System("Debian", 12), Runner(tmp_path / "log"))
    assert capsys.readouterr().err == ""


def program(tmp_path, name, script):
    place = tmp_path / name
    place.write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
    place.chmod(0o755)
    return place


@pytest.mark.parametrize(
    ("script", "version"),
    [("echo 1 25", (1, 25)), ("echo 1 9", (1, 9)), ("exit 1", None), ("echo MicroPython", None)],
)
def test_an_interpreter_is_asked_for_its_version(tmp_path, script, version):
    assert interpreter.version_of(program(tmp_path, "micropython", script)) == version


def test_an_interpreter_that_is_too_old_is_not_used(tmp_path, monkeypatch):
    program(tmp_path, "micropython", "echo 1 22")
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    assert interpreter.on_path() is None


def test_a_new_enough_interpreter_on_the_path_is_linked_on_any_system(tmp_path, monkeypatch):
    (tmp_path / "bin").mkdir()
    own = program(tmp_path / "bin", "micropython", "echo 1 26")
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:/usr/bin:/bin")
    interpreter.provide(tmp_path / "cache", System("Fedora 42", 0), Runner(tmp_path / "log"))
    assert (tmp_path / "cache" / "micropython").readlink() == own


def environment(tmp_path, shebang):
    for folder in (".venv/bin", ".cache"):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / ".venv/bin/pip").write_text(shebang + "\nimport pip\n", encoding="utf-8")
    program(tmp_path / ".venv/bin", "python", "exit 0")
    return Environment(tmp_path, Runner(tmp_path / "log"))


def test_a_whole_environment_is_adopted(tmp_path):
    assert environment(tmp_path, f"#!{tmp_path}/.venv/bin/python").usable()


def test_an_environment_in_a_folder_with_a_space_is_adopted(tmp_path):
    (tmp_path / "a b").mkdir()
    start = f'#!/bin/sh\n\'\'\'exec\' "{tmp_path}/a b/.venv/bin/python" "$0" "$@"'
    assert environment(tmp_path / "a b", start).usable()


def test_an_environment_that_was_moved_is_not_used(tmp_path):
    assert not environment(tmp_path, "#!/somewhere/else/.venv/bin/python").usable()


def test_an_environment_whose_installation_was_cut_off_is_not_used(tmp_path):
    made = environment(tmp_path, f"#!{tmp_path}/.venv/bin/python")
    (tmp_path / ".venv/riverpost-unfinished").touch()
    assert not made.usable()


def test_an_environment_whose_python_is_gone_is_not_used(tmp_path):
    made = environment(tmp_path, f"#!{tmp_path}/.venv/bin/python")
    (tmp_path / ".venv/bin/python").unlink()
    assert not made.usable()


def test_the_test_level_stamps_the_run_level_too(tmp_path):
    made = environment(tmp_path, "#!x")
    made.stamp("test", "123 456")
    assert made.stamped("run", "123 456")
    assert made.stamped("test", "123 456")
    assert not made.stamped("test", "another key")


def test_a_failed_program_shows_its_last_lines_and_keeps_all_in_the_log(tmp_path):
    runner = Runner(tmp_path / "log")
    with pytest.raises(ProgramFailed) as caught:
        runner.run(["sh", "-c", "for i in 1 2 3 4 5 6 7; do echo line $i; done; exit 3"], timeout_s=10)
    assert caught.value.seen == "exit code 3\nline 4\nline 5\nline 6\nline 7"
    assert "line 1" in (tmp_path / "log").read_text(encoding="utf-8")


def test_a_program_that_does_not_end_is_ended(tmp_path):
    with pytest.raises(ProgramFailed, match="no end after 0.05 s"):
        Runner(tmp_path / "log").run(["sleep", "60"], timeout_s=0.05)
