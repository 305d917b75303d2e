"""An RP2040 board gets its settings by a technician's command, over MicroPython's own raw REPL, and tests itself."""

import json

from hil_tests.bare_metal.line import ADDRESS, read, read_named
from tools.__main__ import main
from wire.registers import find

SERIAL = "e6616408432a5b21"  # The flash's own number (tools/bare_metal/chip.mjs).
OTHER = 23
SUPPLY_STEPS = 1_400
RUN_MS = 12_000
STATION = f"""
[station]
id = "CYB01"
name = "菜园坝"
time_zone = "Asia/Shanghai"

[center]
host = "10.1.2.3"

[spool]
path = "spool.db"
cap = "1 GiB"

[[bus]]
name = "main"
port = "/dev/ttyAMA1"
baud = 9600
framing = "8N1"
scan = "1 s"

[[bus.board]]
name = "level"
address = {OTHER}
type = "rp2040-rs485"
fit = ["level", "rain"]
"""


def test_settings_go_over_the_console_of_a_bare_board_and_once_more_changes_nothing(board, tmp_path, capfd):
    board.set_adc(c0=1_489, c2=SUPPLY_STEPS)
    board.run(3_000)
    assert read_named(board, "boot") == 1
    station = tmp_path / "station.toml"
    station.write_text(STATION)
    with board.listening():
        port = f"socket://127.0.0.1:{board.console_port}"
        words = ["provision", "level", "--station", str(station), "--port", port, "--yes", "--lang", "en"]
        code = main([*words, "--json", str(tmp_path / "first.json")])
        shown = capfd.readouterr()
        assert code == 0, shown.err
        again = main([*words, "--json", str(tmp_path / "second.json")])
        assert again == 0, capfd.readouterr().err
    first, second = [json.loads((tmp_path / name).read_text()) for name in ("first.json", "second.json")]
    with capfd.disabled():
        print("\n" + "\n".join(line for line in shown.out.splitlines() if "  ok  " in line or "look" in line))
    assert (first["serial"], first["written"], first["ready"]) == (SERIAL, True, True)
    assert {"key": "link.address", "before": str(ADDRESS), "after": str(OTHER)} in first["changes"]
    states = {one.get("quantity", one["name"]): one["state"] for one in first["self_test"]}
    assert set(states.values()) == {"ok"}, states
    assert (second["written"], second["changes"]) == (False, [])
    board.run(RUN_MS)
    register, count = find("definition")
    hashed = b"".join(word.to_bytes(2) for word in read(board, register, count, address=OTHER))
    assert hashed == bytes.fromhex(first["definition"])[:8]
    assert read_named(board, "watchdog_bites", address=OTHER) == 0
    assert read_named(board, "reset_cause", address=OTHER) == 1
