"""Updates of boards over RS-485, from the dropped file to what the board confirms."""

import pytest
from msgspec.structs import replace

from gateway import words
from gateway.update_course import STATES
from gateway.update_shelf import Shelf
from tests.gateway.fake_update import FOREIGN, package
from tests.gateway.poll_rig import DEFINITION
from tests.gateway.update_rig import UpdateRig, run
from wire.package import REASONS


def test_a_dropped_package_is_sent_installed_and_confirmed(tmp_path):
    data = package()

    async def scenario(rig: UpdateRig):
        rig.drop("level", data)
        await rig.until(rig.ended)

    rig = run(tmp_path, scenario)
    board = rig.boards["level"].updates
    assert (rig.state(), board.installed, board.counter) == ("confirmed", [data], 8)
    assert rig.events == [
        ("update begun", f"level: 0.2.8 (counter 8), {len(data)} bytes"),
        ("update on trial", "level: 0.2.8 (counter 8), slot b"),
        ("update confirmed", "level: 0.2.8 (counter 8), slot b"),
    ]
    assert sorted(path.name for path in rig.folder.iterdir()) == ["level.json"]
    (told,) = rig.updates.document()
    assert (told["version"], told["version_counter"], told["slot"], told["trial"]) == ("0.2.8", 8, "b", False)
    assert (told["failed_starts"], told["last_words"], told["row_errors"], told["rows_withheld"]) == (0, "", 0, 0)
    assert told["update"]["state"] == "confirmed"
    assert told["definition"] == DEFINITION[:16]


def test_a_killed_gateway_goes_on_where_the_board_is(tmp_path):
    data = package(size=12_000)

    async def scenario(rig: UpdateRig):
        board = rig.boards["level"].updates
        rig.drop("level", data)
        for done in (20, 50, 80):
            await rig.until(lambda done=done: len(board.chunks) >= done)
            await rig.kill()
            rig.start()
        await rig.until(rig.ended)

    rig = run(tmp_path, scenario)
    board = rig.boards["level"].updates
    assert (rig.state(), board.installed) == ("confirmed", [data])
    assert board.chunks == [128 * n for n in range(-(-len(data) // 128))]
    assert (board.drops, rig.told().count("update begun")) == (1, 1)


def test_a_gateway_that_is_killed_after_the_order_to_install_knows_what_became_of_it(tmp_path):
    async def scenario(rig: UpdateRig):
        board = rig.boards["level"].updates
        rig.drop("level", package(broken=True))
        await rig.until(lambda: board.installed)
        await rig.kill()
        await rig.until(lambda: not board.away and not board.trial)
        rig.start()
        await rig.until(rig.ended)

    rig = run(tmp_path, scenario)
    assert rig.state() == "rolled back"
    assert len(rig.boards["level"].updates.installed) == 1


def test_what_was_rolled_back_is_told_and_never_tried_again_by_itself(tmp_path):
    data = package(broken=True)

    async def scenario(rig: UpdateRig):
        rig.drop("level", data)
        await rig.until(rig.ended)
        before = len(rig.line.asked)
        await rig.kill()
        rig.start()
        await rig.until(lambda: rig.poller.scans > 600)
        assert len(rig.boards["level"].updates.installed) == 1, before
        rig.drop("level", data)
        await rig.until(lambda: len(rig.boards["level"].updates.installed) == 2)

    rig = run(tmp_path, scenario)
    assert rig.told()[:3] == ["update begun", "update on trial", "update rolled back"]
    why = "it did not pass its trial: 0.1.0 (counter 7) runs, slot a, last words: not confirmed"
    assert rig.events[2][1] == f"level: 0.2.8 (counter 8): {why}"
    assert (rig.folder / "level.refused").read_bytes() == data


def test_another_package_takes_the_place_of_one_under_way_from_its_beginning(tmp_path):
    first, second = package(8, size=9_000), package(9)

    async def scenario(rig: UpdateRig):
        board = rig.boards["level"].updates
        rig.drop("level", first)
        await rig.until(lambda: len(board.chunks) > 30)
        rig.drop("level", second)
        await rig.until(lambda: board.drops == 2)
        await rig.until(rig.ended)

    rig = run(tmp_path, scenario)
    assert rig.boards["level"].updates.installed == [second]
    assert [kind for kind, detail in rig.events if "another package took its place" in detail] == ["update refused"]
    assert rig.events[-1] == ("update confirmed", "level: 0.2.9 (counter 9), slot b")


def test_a_package_that_is_taken_back_is_sent_no_further(tmp_path):
    async def scenario(rig: UpdateRig):
        board = rig.boards["level"].updates
        rig.drop("level", package(size=9_000))
        await rig.until(lambda: len(board.chunks) > 10)
        (rig.folder / "level.rpu").unlink()
        await rig.until(lambda: rig.state() == "refused")
        sent = len(board.chunks)
        await rig.until(lambda: rig.poller.scans > 100)
        assert len(board.chunks) == sent

    assert run(tmp_path, scenario).note()["reason"] == "withdrawn"


def test_a_package_that_is_taken_back_while_no_gateway_runs_is_told_as_that(tmp_path):
    async def scenario(rig: UpdateRig):
        rig.drop("level", package(size=9_000))
        await rig.until(lambda: rig.state() == "sending")
        await rig.kill()
        (rig.folder / "level.rpu").unlink()
        rig.start()
        await rig.until(lambda: rig.state() == "refused")
        rig.kept = rig.poller.scans
        await rig.until(lambda: rig.poller.scans > rig.kept + 10)

    rig = run(tmp_path, scenario)
    assert (rig.note()["reason"], rig.note()["counter"]) == ("withdrawn", 8)
    assert rig.told() == ["update begun", "update refused"]
    assert rig.updates.document()[0]["update"]["state"] == "refused"


@pytest.mark.parametrize(
    ("name", "data", "reason"),
    [
        ("level", b"", "no package"),
        ("level", package()[:-1], "no package"),
        ("level", package()[:-1] + b"+", "no package"),
        ("level", bytes(200_000), "no package"),
        ("level", package(key=FOREIGN), "signature"),
        ("level", package(chip="rp2040"), "chip"),
        ("level", package(counter=7), "counter"),
        ("tower", package(), "no board"),
    ],
)
def test_what_cannot_be_installed_is_refused_with_its_reason_and_kept_aside(tmp_path, name, data, reason):
    async def scenario(rig: UpdateRig):
        rig.drop(name, data)
        await rig.until(lambda: rig.ended(name))

    rig = run(tmp_path, scenario)
    assert (rig.note(name)["reason"], rig.told()) == (reason, ["update refused"])
    assert (rig.folder / f"{name}.refused").read_bytes() == data
    assert rig.boards["level"].updates.chunks == []
    assert rig.note(name)["why"] in rig.events[0][1]


def test_a_bus_without_a_gap_for_a_chunk_says_so_at_once(tmp_path):
    async def scenario(rig: UpdateRig):
        rig.drop("level", package())
        await rig.until(rig.ended)

    rig = run(tmp_path, scenario, "level", "b", "c", scan_ms=500)
    assert rig.note()["reason"] == "no gap"
    assert "give bus main a scan of 0.6 s for that time" in rig.note()["why"]


@pytest.mark.parametrize(
    ("code", "reason"), [(1, "no updates"), (2, "no updates"), (3, "exception"), (4, "no progress"), (6, "no progress")]
)
def test_a_board_that_takes_nothing_ends_it_with_what_it_said(tmp_path, monkeypatch, code, reason):
    monkeypatch.setattr("gateway.update_course.STALLED_MS", 3_600_000)

    async def scenario(rig: UpdateRig):
        rig.boards["level"].updates.code = code
        rig.drop("level", package())
        await rig.until(rig.ended, limit_s=3_800)

    rig = run(tmp_path, scenario, scan_ms=10_000)
    assert rig.note()["reason"] == reason
    assert f"exception {code} to drop" in rig.note()["detail"]


def test_a_board_that_finds_the_signature_wrong_is_believed(tmp_path):
    async def scenario(rig: UpdateRig):
        rig.updates._config = replace(rig.config, update_key="")  # A station without a key.
        rig.drop("level", package(key=FOREIGN))
        await rig.until(rig.ended)

    rig = run(tmp_path, scenario)
    assert (rig.note()["reason"], rig.boards["level"].updates.installed) == ("board 3", [])
    assert rig.events[-1] == (
        "update refused",
        "level: 0.2.8 (counter 8): its signature is not by the board's key",
    )


def standing(channel: str, kind: str = "high") -> list[dict[str, object]]:
    return [{"channel": channel, "kind": kind, "level": 2}]


def waits(rig: UpdateRig) -> list[str]:
    """For what packages that are ready wait, as the status says."""
    return [told["update"]["waits"] for told in rig.updates.document() if told["update"]]


@pytest.mark.parametrize(("kind", "after_s"), [("high", 3_600), ("lost", 0)])
def test_a_standing_alarm_keeps_a_board_from_restarting_until_its_limit(tmp_path, monkeypatch, kind, after_s):
    monkeypatch.setattr("gateway.updates.ALARM_WAIT_MS", 3_600_000)

    async def scenario(rig: UpdateRig):
        board = rig.boards["level"].updates
        rig.judge.standing = standing("level.head_mm", kind)
        rig.drop("level", package())
        await rig.until(lambda: board.state == 3)
        ready_s = rig.loop.now_s
        await rig.until(lambda: board.installed, limit_s=3_800)
        assert after_s - 10 <= rig.loop.now_s - ready_s <= after_s + 40

    assert run(tmp_path, scenario, scan_ms=10_000).told()[0] == "update begun"


def test_it_restarts_as_soon_as_the_alarm_is_over(tmp_path):
    async def scenario(rig: UpdateRig):
        board = rig.boards["level"].updates
        rig.judge.standing = standing("level.head_mm") + standing("other.head_mm")
        rig.drop("level", package())
        await rig.until(lambda: board.state == 3)
        await rig.until(lambda: rig.poller.scans > 300)
        assert (board.installed, waits(rig)) == ([], ["alarm"])
        rig.judge.standing = standing("other.head_mm")
        await rig.until(lambda: board.installed, limit_s=10)
        assert waits(rig) == [""]

    run(tmp_path, scenario)


def test_one_board_of_a_station_restarts_at_a_time(tmp_path):
    away: list[int] = []
    told: set[str] = set()

    async def scenario(rig: UpdateRig):
        boards = [board.updates for board in rig.boards.values()]
        for name in rig.boards:
            rig.drop(name, package())

        def seen():
            away.append(sum(board.trial for board in boards))
            told.update(waits(rig))
            return all(rig.ended(name) for name in rig.boards)

        await rig.until(seen)

    rig = run(tmp_path, scenario, "a", "b", "c", baud=19_200)
    assert max(away) == 1
    assert told == {"", "turn"}
    assert rig.told().count("update confirmed") == 3


def test_an_order_to_install_is_given_only_when_its_note_is_on_the_disk(tmp_path, monkeypatch):
    async def scenario(rig: UpdateRig):
        board = rig.boards["level"].updates
        rig.drop("level", package())
        await rig.until(lambda: board.state == 3)
        with monkeypatch.context() as patch:
            patch.setattr("gateway.update_shelf.os.fsync", _refuse)
            await rig.until(lambda: rig.poller.scans > 200)
            assert board.installed == []
        await rig.until(rig.ended)

    assert run(tmp_path, scenario).told() == ["update begun", "update on trial", "update confirmed"]


def _refuse(_: int) -> None:
    raise OSError(28, "No space left on device")


def test_a_gateway_killed_between_the_end_and_putting_away_does_only_the_rest(tmp_path, monkeypatch):
    async def scenario(rig: UpdateRig):
        with monkeypatch.context() as patch:
            patch.setattr("gateway.update_shelf.Shelf.put_away", _refuse_more)
            rig.drop("level", package())
            await rig.until(lambda: rig.state() == "confirmed")
            await rig.kill()
        rig.start()
        await rig.until(rig.ended)

    rig = run(tmp_path, scenario)
    assert rig.told() == ["update begun", "update on trial", "update confirmed"]
    assert len(rig.boards["level"].updates.installed) == 1


def _refuse_more(*_: object, **__: object) -> None:
    raise OSError(28, "No space left on device")


def test_a_note_that_anybody_may_have_written_only_makes_it_begin_anew(tmp_path):
    for note in (b"", b"{", b"[]", b'{"state": 7}', b"[" * 5_000, b'{"state": "trial", "file": [1, 2], "boot": "x"}'):
        folder = tmp_path / str(len(note))
        folder.mkdir()

        async def scenario(rig: UpdateRig, note=note):
            (rig.folder / "level.json").write_bytes(note)
            rig.drop("level", package())
            await rig.until(rig.ended)

        assert run(folder, scenario).state() == "confirmed"


def test_another_board_at_the_place_gets_the_package_from_its_beginning(tmp_path):
    data = package(size=9_000)

    async def scenario(rig: UpdateRig):
        board = rig.boards["level"]
        rig.drop("level", data)
        await rig.until(lambda: len(board.updates.chunks) > 20)
        board.serial = bytes(7) + b"\x63"
        board.scans = 0
        board.updates.spare.clear()
        board.updates.state = 0
        await rig.until(rig.ended)

    rig = run(tmp_path, scenario)
    assert (rig.state(), rig.boards["level"].updates.installed) == ("confirmed", [data])
    assert rig.boards["level"].updates.drops == 2


def test_a_board_in_its_safe_application_is_a_fault_at_once_with_its_last_words(tmp_path):
    async def scenario(rig: UpdateRig):
        await rig.until(lambda: rig.poller.scans > 3)
        assert not rig.station.has("sensor fault")
        board = rig.boards["level"]
        board.updates.slot, board.updates.last_words = 0, b"sampler"
        board.updates.power_cut()
        board.scans = 0
        board.codes, board.values = [0, 0], [(-0x80000000, 9)] * 2  # It measures nothing.
        await rig.until(lambda: rig.station.has("sensor fault"))
        await rig.until(lambda: rig.poller.scans > 200)

    rig = run(tmp_path, scenario)
    faults = [told[2] for told in rig.station.told if told[0] == "sensor fault" and "clock" not in told[2]]
    assert faults == ["runs its safe application: sampler"]


def test_every_state_and_reason_has_its_words_in_both_languages():
    assert set(words.UPDATE_STATES) == set(STATES)
    assert {f"board {reason}" for reason in REASONS} <= set(words.UPDATE_REASONS)
    for table in (words.UPDATE_STATES, words.UPDATE_REASONS):
        assert all(zh and en and zh != en for zh, en in table.values())
    assert words.update_reason("counter", "9 runs", "zh") == "计数不大于现有版本：9 runs"
    assert words.update_reason("board 77") == "board 77"


def test_a_package_is_laid_down_whole_and_taken_back(tmp_path):
    (tmp_path / "updates").mkdir()
    shelf = Shelf(tmp_path / "updates")
    file = shelf.drop("level", b"package")
    assert shelf.packages() == {"level": file}
    assert (tmp_path / "updates" / "level.rpu").stat().st_mode & 0o777 == 0o644
    other = shelf.drop("level", b"package")
    assert other != file
    assert shelf.packages() == {"level": other}
    shelf.withdraw("level")
    assert list((tmp_path / "updates").iterdir()) == []
