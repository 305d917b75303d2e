"""A broker of our own starts quickly, answers, and leaves nothing behind."""

import os
import select
import signal
import socket
import subprocess
import sys

import pytest

from tools.broker import Broker
from tools.failure import Failure


def connects(port):
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True


def test_a_broker_takes_connections_until_it_is_stopped_and_again_on_the_same_port(tmp_path):
    broker = Broker(tmp_path)
    broker.start()
    port = broker.port
    assert connects(port)
    broker.kill()
    assert not connects(port)
    broker.restart()
    assert broker.port == port
    assert connects(port)
    broker.stop()
    assert not connects(port)


def test_a_taken_port_is_a_failure_with_a_reason(tmp_path):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with pytest.raises(Failure, match="does not start"):
            Broker(tmp_path, port=taken.getsockname()[1]).start()


def test_a_broker_ends_when_its_starter_is_killed(tmp_path):
    code = (
        "import sys, pathlib; from tools.broker import Broker\n"
        "broker = Broker(pathlib.Path(sys.argv[1])); broker.start()\n"
        "print(broker.pid, flush=True); sys.stdin.read()"
    )
    starter = subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert starter.stdout is not None
    pid = int(starter.stdout.readline())
    descriptor = os.pidfd_open(pid)
    starter.send_signal(signal.SIGKILL)
    starter.wait(5)
    poller = select.poll()
    poller.register(descriptor, 1)
    assert poller.poll(5_000), "the broker outlived its starter"
    os.close(descriptor)
