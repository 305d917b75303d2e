"""Orders of a technician at the station: files that are carried out once, and answered beside them."""

import asyncio

import cbor2
import pytest

from gateway.actions import Action, action_map
from gateway.commands import Commands
from gateway.orders import ORDERS_MAX, Orders
from wire.telemetry import K_ACTION, K_EXPIRES_MS, K_ID, K_MAJOR, K_REASON, K_STATUS, STATUSES

NOW_MS = 1_591_000_000_000


def order(number=5, expires_ms=NOW_MS + 1):
    action = action_map(Action("self-test", "07", "station"))
    return cbor2.dumps({K_MAJOR: 1, K_ID: number, K_EXPIRES_MS: expires_ms, K_ACTION: action}, canonical=True)


@pytest.fixture
def done():
    return []


@pytest.fixture
def commands(done):
    made = Commands(lambda asked: None, lambda: NOW_MS)
    made.act = lambda number, action: (done.append((number, action.kind)), ("done", ""))[1]
    return made


@pytest.fixture
def folder(tmp_path, commands):
    place = tmp_path / "orders"
    asyncio.run(Orders(place, commands).look())
    return place


def look(folder, commands):
    asyncio.run(Orders(folder, commands).look())


def reply(folder, name):
    message = cbor2.loads((folder / f"{name}.reply").read_bytes())
    return message[K_ID], STATUSES[message[K_STATUS]], message.get(K_REASON, "")


def test_an_order_is_carried_out_answered_and_removed(folder, commands, done):
    (folder / "a.order").write_bytes(order())
    look(folder, commands)
    assert done == [(5, "self-test")]
    assert reply(folder, "a") == (5, "done", "")
    assert not (folder / "a.order").exists()


def test_an_order_that_lies_there_again_after_a_kill_is_answered_again_and_carried_out_once(folder, commands, done):
    (folder / "a.order").write_bytes(order())
    look(folder, commands)
    (folder / "a.reply").unlink()
    (folder / "a.order").write_bytes(order())
    look(folder, commands)
    assert reply(folder, "a") == (5, "done", "")
    assert len(done) == 1


def test_an_order_that_has_expired_is_refused_with_the_reason(folder, commands, done):
    (folder / "a.order").write_bytes(order(expires_ms=NOW_MS - 1))
    look(folder, commands)
    assert reply(folder, "a") == (5, "refused", "expired")
    assert done == []


@pytest.mark.parametrize(
    "content", [b"", b"\xff", order() + b"\0", b"\x00" * 1_000_000], ids=["empty", "torn", "more", "long"]
)
def test_what_is_no_order_is_put_aside_and_the_next_one_is_carried_out(folder, commands, done, content):
    (folder / "a.order").write_bytes(content)
    (folder / "b.order").write_bytes(order(6))
    look(folder, commands)
    assert done == [(6, "self-test")]
    assert sorted(path.name for path in folder.iterdir()) == ["a.refused", "b.reply"]


def test_a_file_that_is_still_being_written_is_left_alone(folder, commands, done):
    (folder / "a.part-order").write_bytes(order()[:5])
    look(folder, commands)
    assert [path.name for path in folder.iterdir()] == ["a.part-order"]


def test_nobody_but_the_gateways_user_may_leave_orders(folder):
    assert folder.stat().st_mode & 0o777 == 0o700


def test_of_many_orders_a_look_takes_some_and_the_next_one_the_rest(folder, commands, done):
    for number in range(ORDERS_MAX + 3):
        (folder / f"{number:03}.order").write_bytes(order(number))
    look(folder, commands)
    assert len(done) == ORDERS_MAX
    look(folder, commands)
    assert [number for number, _ in done] == list(range(ORDERS_MAX + 3))
