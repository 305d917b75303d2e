"""The gateway's side of an update against the board's own: the firmware's link, update and slots, in this process."""

from types import SimpleNamespace

import pytest
from bank import Bank
from board_log import BoardLog
from clock import Clock
from links.rs485 import Rs485

from tests.firmware.nor_flash import NorFlash
from tests.firmware.test_rs485_bytes import Line
from tests.firmware.update_board import FILES, Board, Hal, package_of
from tests.gateway.fake_update import KEY, PUBLIC
from tests.gateway.poll_rig import COLUMNS
from tests.gateway.update_rig import UpdateRig, run
from wire.reading import QUANTITY_CODES
from wire.registers import BOOT, SERIAL, SLOT

TURNS = 40  # Of the board's loop between two requests.


class FirmwareBoard:
    """A board at an address of the rig's line: whole in all that updates need, a restart is a new link on old files."""

    def __init__(self, rig: UpdateRig, folder, cut_every: int) -> None:
        self.address = 11
        self.updates = SimpleNamespace(away=False, length=0)
        self.requests = 0
        self.cuts = 0
        self._cut_every = cut_every
        self._line = Line()
        self._board = Board(folder, PUBLIC)
        self._board_boot = 0
        self.start("a")
        rig.devices[self.address] = self  # pyright: ignore[reportArgumentType]

    def start(self, slot: str) -> None:
        self._board_boot += 1
        hal = Hal()
        clock = Clock(hal)
        self.bank = self._board.bank = Bank([QUANTITY_CODES[c] for c in COLUMNS], {}, 1000, clock, hal.ticks_diff)
        self._board.restart(slot)
        self._link = Rs485(self._line, {"address": self.address}, self.bank, BoardLog(NorFlash(4), 7), clock)
        self._link.serve_update(self._board.update)
        self.bank.put(BOOT, self._board_boot)
        self.bank.put_text(SERIAL, 4, bytes(7) + b"\x0b")
        self.bank.put(SLOT, {"a": 1, "b": 2}[slot] | 0x100 * self._board.slots.trial)

    def __call__(self, frame: bytes) -> bytes | None:
        self.requests += 1
        if self._cut_every and self.requests % self._cut_every == 0:
            self.cuts += 1
            self.start("a")  # Its power was away for a moment.
            return None
        self._line.pieces, self._line.answers, self._line.silent = [frame], [], True
        self._link.poll(0)
        for _ in range(TURNS):
            self._board.update.work()
        return self._line.answers[0] if self._line.answers else None

    @property
    def wants_restart(self) -> bool:
        return self._board.update.restart_due

    def spare(self) -> dict[str, bytes]:
        return self._board.spare()


@pytest.mark.parametrize("cut_every", [0, 97])
def test_the_firmware_takes_a_package_from_the_gateway_whole(tmp_path, monkeypatch, cut_every):
    monkeypatch.setattr("tests.firmware.update_board.CHIP", "esp32")
    boards = []

    async def scenario(rig: UpdateRig):
        boards.append(FirmwareBoard(rig, tmp_path / "board", cut_every))
        rig.drop("level", package_of(chip="esp32", counter=9, secret=KEY))
        await rig.until(lambda: boards[0].wants_restart)

    rig = run(tmp_path, scenario)
    (board,) = boards
    held = board.spare()
    assert {path: held[path] for path in FILES} == FILES
    assert (rig.told(), rig.state()) == (["update begun"], "installing")
    assert (board.cuts > 0) == (cut_every > 0)
