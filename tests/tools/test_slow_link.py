"""The slow line itself: it carries what it should, as fast as it should, one after the other, and ends when told."""

import socket
import threading
import time
from contextlib import closing, suppress

import pytest

from tools.slow_link import HEAD_BYTES, PACKET_BYTES, SlowLink


@pytest.fixture
def echo():
    """Port of a server that sends back whatever it gets."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve():
            while True:
                try:
                    end, _ = server.accept()
                except OSError:
                    return
                threading.Thread(target=reflect, args=(end,), daemon=True).start()

        def reflect(end):
            with end:
                while piece := end.recv(65_536):
                    end.sendall(piece)

        threading.Thread(target=serve, daemon=True).start()
        yield server.getsockname()[1]


def call(port):
    end = socket.create_connection(("127.0.0.1", port), timeout=10)
    end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return closing(end)


def receive(end, count):
    got = b""
    while len(got) < count and (piece := end.recv(65_536)):
        got += piece
    return got


def test_bytes_pass_whole_and_take_the_time_of_the_line_with_their_heads(echo):
    sent = bytes(range(256)) * 8  # 2,048 bytes: two packets.
    with SlowLink(echo, 400_000) as line, call(line.port) as end:
        began_s = time.monotonic()
        end.sendall(sent)
        assert receive(end, len(sent)) == sent
        took_s = time.monotonic() - began_s
    assert line.bytes_up == line.bytes_down == len(sent)
    assert took_s >= 8 * (len(sent) + 2 * HEAD_BYTES + min(len(sent), PACKET_BYTES)) / 400_000


def test_what_comes_behind_a_heap_waits_for_it_also_on_another_connection(echo):
    with SlowLink(echo, 200_000) as line, call(line.port) as first, call(line.port) as second:
        first.sendall(bytes(5_000))
        receive(first, 1)  # The heap is on the line.
        began_s = time.monotonic()
        second.sendall(b"x")
        assert receive(second, 1) == b"x"
        assert time.monotonic() - began_s > 0.05


def test_its_rate_may_change_what_comes_back_be_altered_and_the_line_be_cut(echo):
    with SlowLink(echo, 100.0, bytes.upper) as line, call(line.port) as end:
        line.bits_per_s = 1e9
        end.sendall(b"water")
        assert receive(end, 5) == b"WATER"
        line.cut()
        with suppress(ConnectionResetError):
            assert receive(end, 1) == b""


def test_nobody_at_the_far_end_closes_the_near_one():
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    with SlowLink(port, 1e9) as line, call(line.port) as end:
        assert receive(end, 1) == b""
