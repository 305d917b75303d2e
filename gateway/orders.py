"""Commands of a technician at the station, from a folder: the way of the center's, for whoever stands beside it.

Rules of this file: an order is the bytes of a command (telemetry.cddl), as a file `<name>.order` that appears whole
(written under another name, then renamed); the answer stands beside it as `<name>.reply` before the order is removed. A
gateway that is killed between the two answers again, and carries out once. Who may write here is who may stop the
gateway: nobody else is let in.
"""

import asyncio
import contextlib
import logging
from pathlib import Path

from gateway.commands import CommandError, Commands

log = logging.getLogger("gateway.orders")

ORDER, REPLY, REFUSED, PART = ".order", ".reply", ".refused", ".part"
ORDER_BYTES_MAX = 4_096
ORDERS_MAX = 64  # Of one look.
LOOK_S = 0.25


class Orders:
    """The folder `folder`, and who carries out what lies in it."""

    def __init__(self, folder: Path, commands: Commands) -> None:
        self._folder = folder
        self._commands = commands
        self._failed = ""

    async def run(self) -> None:
        """Look after the folder until cancelled. A disk that refuses is told once, and tried again."""
        while True:
            try:
                await self.look()
                self._failed = ""
            except OSError as error:
                if str(error) != self._failed:
                    log.error("orders: %s", error)
                self._failed = str(error)
            await asyncio.sleep(LOOK_S)

    async def look(self) -> None:
        """Carry out what lies there, oldest name first. OSError."""
        for path, payload in await asyncio.to_thread(self._take):
            answered: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
            try:
                self._commands.answer(payload, answered.set_result)
            except CommandError as error:
                log.error("orders: %s: %s", path.name, error)
                await asyncio.to_thread(path.replace, path.with_suffix(REFUSED))
                continue
            await asyncio.to_thread(_answer, path, await answered)

    def _take(self) -> list[tuple[Path, bytes]]:
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        found = []
        for path in sorted(self._folder.glob("*" + ORDER))[:ORDERS_MAX]:
            with contextlib.suppress(FileNotFoundError), path.open("rb") as file:
                found.append((path, file.read(ORDER_BYTES_MAX + 1)))
        return found


def _answer(path: Path, reply: bytes) -> None:
    partial = path.with_suffix(PART)
    partial.write_bytes(reply)
    partial.replace(path.with_suffix(REPLY))
    path.unlink(missing_ok=True)
