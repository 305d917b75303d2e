"""A slow line between two programs on this machine: a TCP proxy on loopback that lets pass so many bits a second.

Rules of this file: one line for all connections, each direction for itself, first come first served; what waits for the
line waits in the proxy, as it does in a modem. Every packet of up to PACKET_BYTES costs its IP and TCP heads too.
"""

import asyncio
import contextlib
import threading
from collections.abc import Callable
from typing import Self

PACKET_BYTES = 1_448  # What a packet of 1,500 bytes carries, with TCP time stamps.
HEAD_BYTES = 52  # IPv4 20, TCP 20, time stamps 12.
READY_S = 10.0


class SlowLink:
    """Use as a context manager; connect to `port` what should reach `target_port`. It runs in a thread of its own.

    `bits_per_s` and `alter_down` (what becomes of a piece of bytes on its way back) may be changed while it runs.
    """

    host = "127.0.0.1"

    def __init__(self, target_port: int, bits_per_s: float, alter_down: Callable[[bytes], bytes] | None = None) -> None:
        self.target_port = target_port
        self.bits_per_s = bits_per_s
        self.port = 0
        self.bytes_up = 0  # Heads not counted.
        self.bytes_down = 0
        self.alter_down = alter_down
        self._loop = asyncio.new_event_loop()
        self._ready = threading.Event()
        self._ended: asyncio.Event | None = None
        self._free_s = [0.0, 0.0]  # When the line up, and down, has done with what it was given.
        self._turns = [asyncio.Lock(), asyncio.Lock()]
        self._writers: set[asyncio.StreamWriter] = set()
        self._ways: set[asyncio.Task[None]] = set()
        self._takers: set[asyncio.Task[None]] = set()
        self._thread = threading.Thread(target=self._run, name="slow link", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        if not self._ready.wait(READY_S):
            raise TimeoutError("the slow link does not start")
        return self

    def __exit__(self, *_: object) -> None:
        if self._ended is not None:
            self._loop.call_soon_threadsafe(self._ended.set)
        self._thread.join(READY_S)

    def cut(self) -> None:
        """Close every connection; new ones are taken."""
        self._loop.call_soon_threadsafe(self._close_all)

    def _close_all(self) -> None:
        for writer in self._writers:
            writer.transport.abort()

    def _run(self) -> None:
        with asyncio.Runner(loop_factory=lambda: self._loop) as runner:
            runner.run(self._serve())

    async def _serve(self) -> None:
        self._ended = asyncio.Event()
        server = await asyncio.start_server(self._take, self.host, 0)
        self.port = server.sockets[0].getsockname()[1]
        self._ready.set()
        await self._ended.wait()
        server.close()
        self._close_all()
        for way in self._ways:
            way.cancel()
        if self._takers:
            await asyncio.wait(self._takers)

    def _take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        taker = self._loop.create_task(self._carry(reader, writer))
        self._takers.add(taker)
        taker.add_done_callback(self._takers.discard)

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            far_reader, far_writer = await asyncio.open_connection(self.host, self.target_port)
        except OSError:
            writer.close()
            return
        self._writers |= {writer, far_writer}
        ways = {
            asyncio.create_task(self._pass(reader, far_writer, 0)),
            asyncio.create_task(self._pass(far_reader, writer, 1)),
        }
        self._ways |= ways
        await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        for end in (writer, far_writer):
            end.close()
        for way in ways:
            way.cancel()  # What still waits for the line reaches nobody.
        await asyncio.gather(*ways, return_exceptions=True)
        self._ways -= ways
        self._writers -= {writer, far_writer}

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, way: int) -> None:
        with contextlib.suppress(OSError):
            while piece := await reader.read(PACKET_BYTES):
                await self._wait_turn(len(piece) + HEAD_BYTES, way)
                if way == 0:
                    self.bytes_up += len(piece)
                else:
                    self.bytes_down += len(piece)
                    piece = self.alter_down(piece) if self.alter_down else piece
                writer.write(piece)
                await writer.drain()

    async def _wait_turn(self, count: int, way: int) -> None:
        """Until the last bit of `count` bytes has passed the line."""
        async with self._turns[way]:
            now_s = self._loop.time()
            self._free_s[way] = max(self._free_s[way], now_s) + 8 * count / self.bits_per_s
            await asyncio.sleep(self._free_s[way] - now_s)
