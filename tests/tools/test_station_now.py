"""What a technician's command sees of a running gateway, and how it hands over an order."""

import asyncio
import json
import os
import threading
import time

import pytest

from gateway.actions import Action
from gateway.clock import Clock
from gateway.commands import Commands
from gateway.orders import Orders
from tests.gateway.small_station import small_station
from tools import orders
from tools.failure import Failure
from tools.station_now import StationNow

ACTION = Action("self-test", "07", orders.TIER)


@pytest.fixture
def now(tmp_path):
    station = StationNow(small_station(tmp_path), tmp_path / "status.json", "en")
    write(station, {"station": "CYB01", "unix_ms": Clock().unix_ms()})
    return station


def write(now, document):
    now.path.write_text(document if isinstance(document, str) else json.dumps(document))


def failure(now):
    with pytest.raises(Failure) as caught:
        now.read()
    return caught.value


def test_the_state_is_what_the_gateway_wrote(now):
    assert now.read()["station"] == "CYB01"


def test_a_gateway_that_does_not_run_is_told_with_what_starts_it(now):
    now.path.unlink()
    error = failure(now)
    assert error.exit_code == 3
    assert "--status" in error.text()


def test_a_state_that_nobody_renews_is_not_shown_as_the_present(now):
    old_s = time.time() - 60
    os.utime(now.path, (old_s, old_s))
    assert failure(now).exit_code == 4


@pytest.mark.parametrize("document", ["", "{", "[]", '{"station": "OTHER"}', "\x00"])
def test_what_is_no_state_of_this_station_is_refused(now, document):
    write(now, document)
    assert failure(now).exit_code == 2


@pytest.fixture
def gateway(now):
    """Carries out orders as a gateway does, until the test is over; gives what was done."""
    done = []
    over = threading.Event()
    commands = Commands(lambda asked: None, Clock().unix_ms, now.config.version)
    commands.act = lambda number, action: (
        done.append(action),
        ("refused", "no siren") if len(done) > 1 else ("done", ""),
    )[1]

    async def serve():
        looker = Orders(now.config.order_folder, commands)
        while not over.is_set():
            await looker.look()
            await asyncio.sleep(0.01)

    now.config.order_folder.mkdir()
    thread = threading.Thread(target=lambda: asyncio.run(serve()))
    thread.start()
    yield done
    over.set()
    thread.join()


def test_an_order_is_done_or_refused_in_the_gateways_words(now, gateway):
    assert orders.carry_out(now, ACTION, "en") == ""
    assert orders.carry_out(now, ACTION, "en") == "no siren"
    assert gateway == [ACTION, ACTION]
    assert list(now.config.order_folder.iterdir()) == []


def test_an_order_that_nobody_takes_is_taken_back(now):
    now.config.order_folder.mkdir()
    with pytest.raises(Failure) as caught:
        orders.carry_out(now, ACTION, "en", wait_s=0.2)
    assert caught.value.exit_code == 4
    assert list(now.config.order_folder.iterdir()) == []


def test_without_the_gateways_folder_the_order_is_not_given(now):
    with pytest.raises(Failure) as caught:
        orders.carry_out(now, ACTION, "zh")
    assert "网关" in caught.value.text()
