"""Parts that are replaced: another board, a gateway without its data, a center of yesterday. All that any log still
holds arrives, each row once, and nothing of the old part is taken for the new one's.
"""

import shutil
import subprocess
import sys

from hil_tests.station_text import GATEWAY_SERIAL
from hil_tests.test_alarms import CALM_MM, events
from tools.center.overview import overview
from tools.center.store import now_ms
from tools.demo import account
from tools.emulator.whole import ROOT
from tools.soak.kills import settle
from wire.telemetry import EVENT_CODES

MINUTE_MS = 60_000
LEAVES = ("event", "state", "catalogue", "ack", "command", "reply")  # all but live and late


def test_another_board_at_the_address_is_another_source_and_the_old_ones_rows_come_when_it_is_back(quick_rig):
    rig = quick_rig
    rig.need("exchange", "line-off", "flash-dump")
    rig.set("level", "head_mm", CALM_MM)
    rig.wait_for_values()
    rig.wait_for_value("river", CALM_MM, 5)
    old = rig.boards["level"]
    rig.station.wait_for(lambda: at_center(rig, old) >= 5, rig.real_s(120, 20), "rows of the old board at the center")
    rig.line.pause()  # The last rows of the old one stay in it.
    rows = old.rows_made
    rig.wait_for(lambda: old.rows_made >= rows + 5, rig.real_s(60), "rows that nobody reads")
    old.kill()
    rig.line.resume()

    new = rig.exchange("level", 2)
    assert new.serial != old.serial
    rig.station.wait_for(lambda: at_center(rig, new) >= 5, rig.real_s(300, 20), "rows of the new board at the center")
    sql = "SELECT detail FROM events WHERE kind = ?"
    changed = rig.station.center_query(sql, EVENT_CODES["source changed"])
    assert [detail for (detail,) in changed] == [f"level: {old.serial.hex()} -> {new.serial.hex()}"]
    assert at_center(rig, old) <= old.rows_made - 5
    rig.wait_for_value("river", CALM_MM, 5)

    rig.exchange("level", 1)
    rig.wait_for_value("river", CALM_MM, 5)
    sums = settle(rig.station)
    assert sums.duplicated == 0
    # The second board took with it what nobody had read when it was taken away.
    assert {source for source, *_ in sums.made - sums.stored} <= {new.serial}
    for board in (old, new):
        epochs = {epoch for epoch, _, _ in board.ledger}
        sql = "SELECT DISTINCT epoch FROM rows WHERE source = ?"
        assert {epoch for (epoch,) in rig.station.center_query(sql, board.serial)} == epochs
    assert events(rig, "flood", "alarm raised") == []


def test_a_gateway_whose_data_are_gone_brings_all_that_a_log_still_holds_and_the_rest_is_a_gap(quick_rig):
    rig = quick_rig
    rig.need("flash-dump", "power")
    station = rig.prepare()
    rights = station.folder / "acl"  # Somebody forgot two rights: the center hears how far logs reach, but no row.
    rights.write_text("".join(f"topic readwrite rp/1/+/{leaf}\n" for leaf in LEAVES))
    station.broker.extra = f"acl_file {rights}\n"
    station.start()
    rig.wait_for_values()
    station.wait_for(lambda: len(born_here(rig)) >= 8, rig.real_s(60, 10), "rows of the bought sensor")
    station.broker.restart()
    told = station.wait_for(lambda: heads(rig, born_here(rig)), 20, "what the gateway says of its logs")
    station.gateway.kill()
    lost = account.in_spool(station.spool_file)
    shutil.rmtree(station.data_folder)
    station.broker.stop()
    station.broker.extra = ""
    station.broker.start()
    station.gateway.start()
    rig.wait_for_values()
    settle(station)
    rows = station.center_rows()
    held = account.made_by_boards(rig) | account.in_spool(station.spool_file)
    assert held - set(rows) == set()
    assert set(rows) - held <= lost
    assert len(rows) == len(set(rows))
    listed = gaps(station, later_ms=2 * MINUTE_MS)
    ((source, epoch), head), *others = told.items()
    assert others == []
    assert head >= 6
    assert listed.pop((source, epoch)) == [(1, head, "final")]
    assert all(name == GATEWAY_SERIAL for name, _ in listed)  # Its events that were under way.


def test_a_center_that_is_put_back_by_copying_a_file_asks_for_what_it_lacks_and_gets_it(quick_rig):
    rig = quick_rig
    rig.need("flash-dump", "power")
    station, copy = backed_up(rig)
    station.center.stop()
    for suffix in ("-wal", "-shm"):
        station.center_db.with_name(station.center_db.name + suffix).unlink(missing_ok=True)
    shutil.copy(copy, station.center_db)
    newest = max(seq for _, _, seq, _ in station.center_rows())
    station.center.start()
    # Nobody said that it was put back: what comes from now on makes the hole, and a birth the question.
    station.wait_for(
        lambda: max(seq for _, _, seq, _ in station.center_rows()) > newest, rig.real_s(120, 20), "newer rows"
    )
    station.broker.restart()
    sums = settle(station)
    assert (sums.lost, sums.duplicated) == (0, 0)
    assert gaps(station) == {}


def test_a_restored_center_gets_from_the_boards_what_a_new_gateway_has_not(quick_rig):
    rig = quick_rig
    rig.need("flash-dump", "power")
    station, copy = backed_up(rig)
    station.gateway.kill()
    shutil.rmtree(station.data_folder)
    station.center.stop()
    lacking = len(station.center_rows())
    center(station, "restore", "--from", str(copy))
    assert len(station.center_rows()) < lacking
    station.center.start()
    station.gateway.start()
    settle(station)
    made = account.made_by_boards(rig)
    rows = station.center_rows()
    assert len(made) > lacking
    assert made - set(rows) == set()
    assert len(rows) == len(set(rows))


def backed_up(rig):
    """(running station, backup of its center's database), with many rows at the center that came after the backup."""
    station = rig.station
    rig.wait_for_values()
    station.wait_for(lambda: len(station.center_rows()) >= 20, rig.real_s(120, 20), "rows at the center")
    copy = station.folder / "backup.db"
    center(station, "backup", "--to", str(copy))
    count = len(station.center_rows())
    station.wait_for(lambda: len(station.center_rows()) >= count + 60, rig.real_s(300, 20), "rows behind the backup")
    return station, copy


def at_center(rig, board):
    """How many rows of this board's log the center has."""
    return rig.station.center_query("SELECT count(*) FROM rows WHERE source = ?", board.serial)[0][0]


def born_here(rig):
    """Rows of bought sensors in the gateway's spool."""
    kept = account.made_by_gateway(rig.station.spool_file, rig)
    return {row for row in kept if row[0].hex() != GATEWAY_SERIAL}


def heads(rig, rows):
    """{log: head that the center heard of} of the logs of `rows`; {} until it heard of each."""
    found = {}
    for source, epoch in {row[:2] for row in rows}:
        told = rig.station.center_query("SELECT head FROM logs WHERE source = ? AND epoch = ?", source, epoch)
        if not told or told[0][0] < 6:
            return {}
        found[source.hex(), epoch] = told[0][0]
    return found


def gaps(station, later_ms=0):
    """{(source, epoch): [(first, last, state)]} of the gaps that the center will list in `later_ms`."""
    seen = overview(station.center_db, now_ms() + later_ms)
    sources = seen["stations"][0]["sources"]
    return {
        (source["serial"], source["epoch"]): [(gap["first"], gap["last"], gap["state"]) for gap in source["gaps"]]
        for source in sources
        if source["gaps"]
    }


def center(station, *words):
    """`riverpost center ...` on the station's database; it has to succeed."""
    command = [sys.executable, "-m", "tools", "center", words[0], "--db", str(station.center_db), *words[1:]]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
