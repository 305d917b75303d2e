import socket
import threading

import pytest

from tools.emulator.keeper import Keeper


@pytest.fixture
def keeper():
    keeper = Keeper()
    keeper.start()
    yield keeper
    keeper.stop()


def test_what_is_called_runs_in_the_keepers_own_thread(keeper):
    assert keeper.call(threading.current_thread) is keeper
    assert keeper.call(lambda: keeper.call(threading.current_thread)) is keeper


def test_an_error_belongs_to_the_caller_and_the_keeper_goes_on(keeper):
    with pytest.raises(ZeroDivisionError):
        keeper.call(lambda: 1 // 0)
    assert keeper.call(max, 1, 2) == 2


def test_a_watched_socket_is_listened_to_until_it_is_forgotten(keeper):
    near, far = socket.socketpair()
    heard = threading.Event()
    keeper.call(keeper.watch, near, lambda: (near.recv(16), heard.set()))
    far.send(b"x")
    assert heard.wait(10)
    keeper.call(keeper.forget, near)
    heard.clear()
    far.send(b"y")
    keeper.call(int)
    keeper.call(int)
    assert not heard.is_set()
    near.close()
    far.close()


def test_a_tick_is_called_again_when_it_asked_to_be(keeper):
    times = []
    done = threading.Event()

    def tick(now_s):
        times.append(now_s)
        if len(times) == 3:
            done.set()
        return now_s + 0.001

    keeper.call(keeper.every, tick)
    assert done.wait(10)
    assert times[0] < times[1] < times[2]


def test_a_keeper_that_failed_says_why_to_whoever_calls(keeper):
    def tick(_):
        raise OSError("the disk is on fire")

    keeper.call(keeper.every, tick)
    keeper.join(10)
    with pytest.raises(RuntimeError, match="on fire"):
        keeper.call(int)


def test_a_keeper_that_was_stopped_takes_no_calls(keeper):
    keeper.stop()
    keeper.stop()
    with pytest.raises(RuntimeError, match="stopped"):
        keeper.call(int)
