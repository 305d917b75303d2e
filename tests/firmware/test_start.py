"""How a board starts, from /main.py on: whatever slots and configuration hold, something runs and can be asked."""

import json

import pytest

from tests.firmware.started_board import POWER_CUT, WIFI, StartedBoard, held
from tools.emulator.board_files import EXIT_WATCHDOG, files_image
from tools.firmware_build import build
from tools.image.files import pack_twin

pytestmark = pytest.mark.long

STATE = ("boot.0", "boot.1")
CUTS_PERMIL = (0, 500, 1_000)


@pytest.fixture(scope="module")
def flashed():
    """The files of a board as it is flashed."""
    build()
    return held(files_image(WIFI))


def with_b(content):
    """Slot b holds an application as well."""
    return content | {"b" + name[1:]: data for name, data in content.items() if name.startswith("a/")}


def state(content, packed, seq=5):
    """`packed` is the newest boot state."""
    return content | {STATE[0]: pack_twin(seq, packed)}


def compiled(folder, text):
    """A main.mpy of that text."""
    (folder / "source").mkdir()
    (folder / "source" / "main.py").write_text(text)
    (made,) = build(folder / "compiled", source=folder / "source")
    return made.read_bytes()


def starts(board, count, **how):
    return [board.slot(**how) for _ in range(count)]


def test_a_board_as_it_was_flashed_runs_slot_a_and_writes_no_file(flashed, tmp_path):
    board = StartedBoard(tmp_path, flashed)
    before = (tmp_path / "files").read_bytes()
    for _ in range(3):
        stats = board.run("stats")
        assert stats["slot"] == "a"
        assert stats["flash_ops"] == stats["erases"] + stats["programs"]
    assert (tmp_path / "files").read_bytes() == before


def test_a_trial_that_fails_at_its_import_makes_way(flashed, tmp_path):
    board = StartedBoard(tmp_path, state(with_b(flashed) | {"b/main.mpy": b"no program"}, b"b\1\0\0\0"))
    assert starts(board, 3, power=False) == ["", "", ""]
    assert board.run("stats", power=False)["slot"] == "a"
    assert set(board.codes[:3]) == {10}


def test_a_trial_that_loses_its_power_three_times_makes_way(flashed, tmp_path):
    board = StartedBoard(tmp_path, state(with_b(flashed), b"b\1\0\0\0"))
    assert starts(board, 4) == ["b", "b", "b", "a"]


def test_a_trial_that_hangs_is_bitten_and_makes_way(flashed, tmp_path):
    board = StartedBoard(tmp_path, state(with_b(flashed), b"b\1\0\0\0"))
    for _ in range(3):
        board.run(power=False, hang="loop")
    assert board.codes == [11, 11, 11]
    assert board.slot(power=False) == "a"


def test_a_trial_that_hangs_in_an_import_before_it_has_a_hal_is_bitten_and_makes_way(flashed, tmp_path):
    board = StartedBoard(
        tmp_path, state(with_b(flashed) | {"b/main.mpy": compiled(tmp_path, "while True: pass")}, b"b\1\0\0\0")
    )
    board.watchdog_limit_s = 1
    assert starts(board, 3, power=False) == ["", "", ""]
    assert board.codes == [EXIT_WATCHDOG] * 3
    stats = board.run("stats", power=False)
    assert (stats["slot"], stats["bites"]) == ("a", 1)  # Three bites, of which an application lived to count the last.


def test_two_broken_slots_end_in_the_safe_application_which_has_log_and_status(flashed, tmp_path):
    broken = dict.fromkeys(("a/main.mpy", "b/main.mpy"), b"broken")
    board = StartedBoard(tmp_path, with_b(flashed) | broken)
    seen = [board.run("stats", power=False) for _ in range(8)]
    assert seen[:7] == [{}] * 7  # Power-on, and three starts behind a crash for each slot.
    assert (seen[7]["slot"], seen[7]["sensor_errors"], seen[7]["row_errors"]) == ("safe", 0, 0)
    assert board.slot() == ""  # Switched off and on: slot a gets one more start ...
    assert board.slot(power=False) == "safe"  # ... and no more than one.


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (None, "board board.json"),
        (b"no json", "board board.json"),
        (b"[1]", "board board.json"),
        (json.dumps({**WIFI, "scan_ms": "x"}).encode(), "board scan_ms"),
        (json.dumps({**WIFI, "log_blocks": 2}).encode(), "board log_blocks"),
        (json.dumps({**WIFI, "link": {"kind": "smoke"}}).encode(), "board link.kind"),
        (json.dumps({**WIFI, "sensors": [{"driver": "x"}]}).encode(), "board sensors.dr"),
    ],
)
def test_a_configuration_that_cannot_be_obeyed_leads_to_the_safe_application_which_says_why(
    flashed, tmp_path, content, words
):
    files = {name: data for name, data in flashed.items() if not name.startswith("board.")}
    if content is not None:
        files |= {"board.0": pack_twin(1, content), "board.1": pack_twin(2, content)}
    board = StartedBoard(tmp_path, files)
    assert board.slot() == ""
    stats = board.run("stats", power=False)
    assert (stats["slot"], stats["last_words"][:16]) == ("safe", words)
    assert board.slot(power=False) == ""  # The next start tries again, and no state was written for it.
    assert not set(STATE) & set(board.files())


def test_the_copy_before_is_obeyed_where_the_newest_cannot_be(flashed, tmp_path):
    bad = json.dumps({**WIFI, "row_s": 0}).encode()
    board = StartedBoard(tmp_path, flashed | {"board.0": pack_twin(3, bad)})
    stats = board.run("stats")
    assert (stats["slot"], stats["last_words"]) == ("a", "board row_s")


def test_a_trial_that_cannot_obey_the_newest_copy_fails(flashed, tmp_path):
    bad = json.dumps({**WIFI, "row_s": 0}).encode()
    board = StartedBoard(tmp_path, state(with_b(flashed) | {"board.0": pack_twin(3, bad)}, b"b\1\0\0\0"))
    assert starts(board, 4, power=False) == ["", "", "", "a"]


def test_a_damaged_safe_copy_does_not_keep_slot_a_from_running(flashed, tmp_path):
    board = StartedBoard(tmp_path, flashed | {"safe/slots.mpy": b"?"})
    assert board.slot() == "a"


@pytest.mark.parametrize("part_permil", CUTS_PERMIL)
def test_a_cut_at_every_flash_operation_of_counting_a_start_leaves_a_board_that_starts(flashed, tmp_path, part_permil):
    content = state(with_b(flashed), b"b\1\0\0\0")
    ops = 0
    while True:
        ops += 1
        board = StartedBoard(tmp_path, content)
        (tmp_path / "flash").unlink(missing_ok=True)
        seen = board.slot(cut=f"{ops}:{part_permil}")
        cut = board.codes[-1] == POWER_CUT
        assert board.slot() == "b", f"operation {ops}"
        if not cut or seen:
            break
    assert ops > 3
    print(f"\n{ops} operations cut at {part_permil} permil")
