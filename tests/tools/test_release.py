"""`riverpost release`: what it makes is taken by a board's own check, and its key stays with its owner."""

import json
import stat
import subprocess
import sys

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key

from tests.firmware.board_process import TOP
from tools import release
from tools.__main__ import main
from tools.failure import EXIT_DONE, EXIT_FAILED, EXIT_NOT_RIGHT, EXIT_REFUSED, EXIT_WRONG_CALL
from tools.firmware_build import BUILD, FIRMWARE, HAL_OF
from tools.release import APPLICATION_BYTES_MAX, checked, new_key, pack, public_of, read_key
from wire.package import ENTRY, PackageError, taken_apart


@pytest.fixture
def key(tmp_path):
    return new_key(tmp_path / "update.key")


def test_a_new_key_is_for_its_owner_alone_and_only_its_public_half_is_shown(tmp_path, capsys):
    file = tmp_path / "update.key"
    assert main(["release", "--new-key", "--key", str(file), "--json"]) == EXIT_DONE
    told = json.loads(capsys.readouterr().out)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert bytes.fromhex(told["public"]) == public_of(read_key(file))
    secret = read_key(file).private_bytes_raw().hex()
    assert secret not in json.dumps(told)


def test_a_key_is_never_written_over(tmp_path, capsys):
    file = tmp_path / "update.key"
    new_key(file)
    before = file.read_bytes()
    assert main(["release", "--new-key", "--key", str(file)]) == EXIT_FAILED
    assert "never written over" in capsys.readouterr().err
    assert file.read_bytes() == before


@pytest.mark.parametrize("chip", [chip for chip in HAL_OF if (FIRMWARE / f"{HAL_OF[chip]}.py").exists()])
def test_a_package_holds_the_files_of_its_class_and_is_signed(tmp_path, key, capsys, chip):
    out = tmp_path / "p.rpu"
    call = ["release", "--class", chip, "--counter", "12", "--key", str(tmp_path / "update.key"), "--out", str(out)]
    assert main([*call, "--json"]) == EXIT_DONE
    told = json.loads(capsys.readouterr().out)
    manifest = checked(out.read_bytes(), public_of(key))
    assert (manifest.chip, manifest.counter, manifest.version) == (chip, 12, release.version_of())
    paths = [path for path, _, _ in manifest.files]
    assert ENTRY in paths
    assert "start.mpy" not in paths
    assert any(path.startswith(HAL_OF[chip]) for path in paths)
    assert not any(path.startswith(other) for name, other in HAL_OF.items() if name != chip for path in paths)
    contents = taken_apart(out.read_bytes())[3]
    assert contents == [(BUILD / path).read_bytes() for path in paths]
    assert told["bytes"] == sum(map(len, contents)) <= APPLICATION_BYTES_MAX
    assert (told["files"], told["package_bytes"], told["written"]) == (len(paths), out.stat().st_size, True)
    assert told["public"] == public_of(key).hex()


def test_a_class_that_the_firmware_does_not_run_on_is_told(tmp_path, key, capsys, monkeypatch):
    monkeypatch.setitem(HAL_OF, "esp8266", "hal/esp8266")
    assert (
        main(["release", "--class", "esp8266", "--counter", "1", "--key", str(tmp_path / "update.key")])
        == EXIT_NOT_RIGHT
    )
    assert "no hal/esp8266 in it" in capsys.readouterr().err


def test_a_dry_run_writes_nothing(tmp_path, key, capsys):
    out = tmp_path / "p.rpu"
    call = ["release", "--class", "posix", "--counter", "1", "--key", str(tmp_path / "update.key"), "--out", str(out)]
    assert main([*call, "--dry-run"]) == EXIT_DONE
    assert "nothing was written" in capsys.readouterr().err
    assert not out.exists()


def test_a_changed_package_or_another_key_does_not_pass_the_check(key, tmp_path):
    package = pack("posix", 3, (0, 1, 0), {ENTRY: b"main", "a.mpy": b"a"}, key)
    assert checked(package, public_of(key)).counter == 3
    with pytest.raises(PackageError, match="not by this key"):
        checked(package, public_of(new_key(tmp_path / "other.key")))
    for at in range(len(package)):
        with pytest.raises(PackageError):
            checked(package[:at] + bytes([package[at] ^ 1]) + package[at + 1 :], public_of(key))


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o644, 0o660])
def test_a_key_that_others_can_read_signs_nothing(tmp_path, key, capsys, mode):
    file = tmp_path / "update.key"
    file.chmod(mode)
    assert main(["release", "--class", "posix", "--counter", "1", "--key", str(file)]) == EXIT_REFUSED
    told = capsys.readouterr().err
    assert f"mode {mode:03o}" in told
    assert "chmod 600" in told


def test_what_is_no_key_of_ours_is_told(tmp_path, capsys):
    file = tmp_path / "other.key"
    pem = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    for content in (b"", b"noise", generate_private_key(SECP256R1()).private_bytes(*pem)):
        file.write_bytes(content)
        file.chmod(0o600)
        assert main(["release", "--class", "posix", "--counter", "1", "--key", str(file)]) == EXIT_FAILED
        assert "There is no key to sign with" in capsys.readouterr().err
    assert main(["release", "--class", "posix", "--counter", "1", "--key", str(tmp_path / "none")]) == EXIT_FAILED


@pytest.mark.parametrize(
    "words",
    [
        ["--class", "posix"],
        ["--counter", "3"],
        ["--class", "posix", "--counter", "0"],
        ["--class", "posix", "--counter", "-1"],
        ["--class", "posix", "--counter", str(1 << 31)],
        ["--new-key", "--class", "posix"],
    ],
)
def test_a_call_that_is_not_whole_says_what_is_missing(tmp_path, key, capsys, words):
    assert main(["release", "--key", str(tmp_path / "update.key"), *words]) == EXIT_WRONG_CALL
    assert "FAIL" in capsys.readouterr().err


def test_an_application_that_is_too_large_is_not_packed(tmp_path, key, capsys, monkeypatch):
    monkeypatch.setattr(release, "APPLICATION_BYTES_MAX", 20_000)
    out = tmp_path / "p.rpu"
    call = ["release", "--class", "posix", "--counter", "1", "--key", str(tmp_path / "update.key"), "--out", str(out)]
    assert main(call) == EXIT_NOT_RIGHT
    assert "at most 20000" in capsys.readouterr().err
    assert not out.exists()


def test_a_place_that_cannot_be_written_is_told(tmp_path, key, capsys):
    call = ["release", "--class", "posix", "--counter", "1", "--key", str(tmp_path / "update.key")]
    assert main([*call, "--out", str(tmp_path / "no folder" / "p.rpu")]) == EXIT_FAILED
    assert "The package was not written" in capsys.readouterr().err


def test_help_comes_with_an_example():
    done = subprocess.run(
        [sys.executable, "-m", "tools", "release", "--help"], cwd=TOP, capture_output=True, text=True, check=False
    )
    assert "--new-key --key update.key" in done.stdout
