"""Provisioning an emulated board: what is shown, written, refused; and that once more changes nothing."""

import json
import re

import pytest

from gateway.load import load
from tests.tools.flash_inputs import station_file
from tests.tools.running_board import running_board
from tools.__main__ import main
from tools.emulator import flash_image
from tools.image.files import unpack, unpack_twin
from wire.reading import SYNCED
from wire.row import Reading, Row

pytestmark = pytest.mark.long

LOG_AT = 0x400000
VFS_AT, VFS_BYTES = 0x200000, 0x200000
SERIAL = "0000a0b765123456"
OTHER_MAC, OTHER_SERIAL = "a0b765abcdef", "0000a0b765abcdef"
EPOCH = 0xA1B2C3D4


@pytest.fixture
def station(tmp_path):
    path = station_file(tmp_path)
    path.write_text(
        path.read_text().replace('board_host = "192.168.4.1"\n', 'board_host = "192.168.4.1"\nssid = "rp"\n')
    )
    return path


@pytest.fixture
def board(tmp_path):
    with running_board(tmp_path / "board") as board:
        board.plug(boot_held=False)
        yield board


def provision(board, station, name, *more):
    words = ["provision", name, "--station", station, "--port", board.port, "--yes", *more]
    return main([str(word) for word in words])


def settings(board):
    """The copies of board.json in the flash of a board that was switched off, whole ones by their number."""
    board.switch_off()
    held = unpack("esp32", board.chip.read(VFS_AT, VFS_BYTES))
    copies = {int.from_bytes(held[name][:4]): unpack_twin(held[name]) for name in held if name.startswith("board.")}
    return [json.loads(copies[number] or b"{}") for number in sorted(copies)]


def put_log(board, rows):
    """A log on the board, which is switched off, as the firmware writes it."""
    file = board.chip.path.with_name("log")
    flash_image.write(file, EPOCH, [Row(0, 1, SYNCED, t_s, readings=[Reading(0, t_s)]) for t_s in range(1, rows + 1)])
    board.chip.erase(LOG_AT, 0x400000)
    assert board.chip.program(LOG_AT, file.read_bytes())


def starts(board):
    return len(board.program.starts)


def test_a_new_board_gets_the_settings_of_the_station_and_once_more_changes_nothing(board, station, capsys):
    assert provision(board, station, "level", "--by", "07", "--label", station.parent / "l.svg") == 0
    out, err = capsys.readouterr()
    assert "the board has no settings yet" in out
    assert f"{SERIAL}, goes into station.toml" in out
    assert f"serial {SERIAL}" in (station.parent / "l.svg").read_text()
    assert [line.split()[1] for line in err.splitlines()[2:]] == ["write", "verify", "test", "start"]
    assert re.search(r"Pressure head +look +5.00 m  not evaluated", out)
    (record,) = (station.parent / "provisioned.jsonl").read_text().splitlines()
    assert (json.loads(record)["by"], json.loads(record)["serial"]) == ("07", SERIAL)
    text = station.read_text()
    source = next(one for bus in load(station).buses for one in bus.sources if one.name == "level")
    assert source.serial == SERIAL
    assert text.replace(f'serial = "{SERIAL}"\n', "") == station.with_name("station.toml.before").read_text()
    assert provision(board, station, "level", "--json", station.parent / "out.json") == 0
    assert "nothing was written" in capsys.readouterr().out
    told = json.loads((station.parent / "out.json").read_text())
    assert (told["written"], told["changes"], told["definition"]) == (False, [], source.definition)
    assert told["label"] == f"RP1;CYB01;level;11;{SERIAL};;{source.definition[:12]}"
    assert station.read_text() == text
    (held,) = settings(board)
    assert held == {**json.loads(source.board_json), "link": {**held["link"], "station": "CYB01"}}
    assert board.program.bites == 0


def test_what_changes_is_shown_key_by_key_and_the_copy_before_stays(board, station, capsys):
    assert provision(board, station, "level") == 0
    station.write_text(station.read_text().replace("19200", "9600").replace("4_001_000", "4_002_000"))
    capsys.readouterr()
    assert provision(board, station, "level", "--dry-run") == 0
    out = capsys.readouterr().out
    assert "link.baud: 19200 → 9600" in out
    assert "sensors.pressure_420.zero_na: 4001000 → 4002000" in out
    assert "Nothing was written (--dry-run); the board runs again" in out
    assert provision(board, station, "level") == 0
    old, new = settings(board)
    assert (old["link"]["baud"], new["link"]["baud"]) == (19_200, 9_600)


def test_a_board_that_moves_keeps_its_rows_until_they_are_given_up_by_their_number(board, station, capsys):
    assert provision(board, station, "level") == 0
    board.switch_off()
    put_log(board, 412)
    board.plug(boot_held=False)
    other = station.parent / "other"
    other.mkdir()
    moved = station_file(other)
    moved.write_text(moved.read_text().replace("CYB01", "CTM02").replace("[local]", '[local]\nssid = "rp"'))
    capsys.readouterr()
    for more in ([], ["--discard", "411"]):
        assert provision(board, moved, "level", *more) == 5
        err = capsys.readouterr().err
        assert "412 rows nobody has stored" in err
        assert "--discard 412" in err
        assert "put it back to CYB01" in err
    assert provision(board, moved, "level", "--discard", "412") == 0
    out = capsys.readouterr().out
    assert "moves from CYB01 to CTM02: 412 rows go" in out
    assert settings(board)[-1]["link"]["station"] == "CTM02"
    epochs = {board.chip.read(at, 8)[4:] for at in range(LOG_AT, LOG_AT + 8 * 4096, 4096)}
    assert EPOCH.to_bytes(4) not in epochs
    board.plug(boot_held=False)
    assert provision(board, moved, "level") == 0


def test_rows_of_the_same_station_stay(board, station, capsys):
    assert provision(board, station, "level") == 0
    board.switch_off()
    put_log(board, 50)
    station.write_text(station.read_text().replace("19200", "9600"))
    board.plug(boot_held=False)
    capsys.readouterr()
    assert provision(board, station, "level") == 0
    assert "50 rows, 50 stored by nobody; they stay" in capsys.readouterr().out
    board.switch_off()
    assert board.chip.read(LOG_AT, 8)[4:] == EPOCH.to_bytes(4)


def test_the_wrong_board_gets_nothing(board, station, capsys):
    assert provision(board, station, "rain") == 5
    assert "The wrong chip: rp2040-rs485 has an RP2040" in capsys.readouterr().err
    assert provision(board, station, "absent") == 2
    assert "level" in capsys.readouterr().err
    text = station.read_text().replace('serial = "0123456789abcdef"', f'serial = "{SERIAL}"')
    station.write_text(text)
    assert provision(board, station, "level") == 2
    assert 'This board is "slope"' in capsys.readouterr().err
    assert station.read_text() == text
    assert settings(board) == []


def test_nobody_is_asked_where_no_terminal_is_and_a_wrong_file_is_named_first(board, station, capsys):
    words = ["provision", "level", "--station", str(station), "--port", str(board.port)]
    assert main(words) == 5
    assert "--yes" in capsys.readouterr().err
    station.write_text(station.read_text().replace("address = 11", "address = 300"))
    before = starts(board)
    assert main([*words, "--yes"]) == 2
    assert "station.toml:" in capsys.readouterr().err
    assert starts(board) == before
    assert settings(board) == []


def test_a_board_that_is_not_ready_afterwards_is_not_right_and_all_is_entered(board, station, capsys, monkeypatch):
    monkeypatch.setattr("tools.provision.course.Console.restart", lambda *_, **__: False)
    assert provision(board, station, "level") == 1
    err = capsys.readouterr().err
    assert "the settings are on the board and read back equal" in err
    assert f'serial = "{SERIAL}"' in station.read_text()


def test_a_part_that_fails_its_self_test_is_not_right(board, station, capsys, monkeypatch):
    bad = [{"name": "flash", "state": "FAIL", "error": "OSError(5,)"}]
    monkeypatch.setattr("tools.self_test.run", lambda *_: bad)
    assert provision(board, station, "level") == 1
    out, err = capsys.readouterr()
    assert re.search(r"Flash +FAIL +OSError", out)
    assert "failed its self-test" in err


def test_another_unit_on_wifi_gets_secrets_of_its_own_and_the_old_ones_go(tmp_path, station, capsys):
    links = []
    for mac in ("a0b765123456", OTHER_MAC):
        with running_board(tmp_path / mac, board_type="esp32-wifi", mac=mac) as board:
            board.plug(boot_held=False)
            assert provision(board, station, "slope") == 0
            out, err = capsys.readouterr()
            links.append(settings(board)[-1]["link"])
            assert provision_again(board, station) == 0
            again = capsys.readouterr().out
            assert "its own, as they were (not shown)" in again
        for secret in (links[-1]["password"], links[-1]["wifi_key"]):
            assert secret not in out + err + again
            assert secret not in station.read_text()
    old, new = links
    assert (old["username"], new["username"]) == (SERIAL, OTHER_SERIAL)
    assert not {old["password"], old["wifi_key"]} & {new["password"], new["wifi_key"]}
    assert f"{OTHER_SERIAL}; station.toml has {SERIAL}, which this one replaces" in out
    assert f"those of {SERIAL} are withdrawn" in out
    folder = station.parent / "secrets"
    assert [path.name for path in folder.glob("*.json")] == [f"{OTHER_SERIAL}.json"]
    assert (folder / "broker" / "wpa_psk").read_text() == f"a0:b7:65:ab:cd:ef {new['wifi_key']}\n"
    assert SERIAL not in (folder / "broker" / "passwords").read_text()
    source = load(station).local
    assert source is not None
    assert source.sources[0].serial == OTHER_SERIAL


def provision_again(board, station):
    board.plug(boot_held=False)
    return provision(board, station, "slope")


def test_a_station_that_names_no_wifi_is_told_to(board, station, capsys):
    station.write_text(station.read_text().replace('ssid = "rp"\n', ""))
    assert provision(board, station, "slope") == 2
    assert 'ssid = "riverpost-CYB01"' in capsys.readouterr().err
