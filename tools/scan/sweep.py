"""One setting of the bus: listen, ask every address, look closer at whoever answers.

Rules of this file: nothing is asked where another master talks; who is expected and silent is asked again, patiently.
"""

from collections.abc import Callable

from tools.decode.modbus_kind import frames_at
from tools.scan.ask import Asker, first_question
from tools.scan.found import Device, Look
from tools.scan.identify import Identifier
from tools.scan.port import CannotSet, Errors, Port
from tools.scan.settings import BAUDS, Setting

LISTEN_S = 1.2  # A gateway of ours asks every second.
LISTEN_SHORTLY_S = 0.3  # Where the setting before heard nothing in all that time.
FOREIGN_FRAMES = 2  # One may be chance.
GARBLED_LEAST = 3  # Of Identifier's tries.
AGAIN = 3
AGAIN_WAIT_S = 0.5
CLOSER_WAIT_S = 0.5  # Who is known to be there may take its time.
CLOSER = 20  # What a look at one device counts in the bar, in addresses.

Shown = Callable[[int, int], None]


class ForeignMaster(Exception):
    """Somebody else asks on this line. `setting`: how."""

    def __init__(self, setting: Setting, frames: list[bytes]) -> None:
        super().__init__(f"{len(frames)} frames at {setting}")
        self.setting = setting
        self.frames = frames


def whole_frames(data: bytes) -> list[bytes]:
    """Requests and answers with a right CRC, wherever they stand in `data`."""
    frames, at = [], 0
    while at < len(data):
        here = frames_at(data, at)
        frames += [one.data for one in here[:1]]
        at += len(here[0].data) if here else 1
    return frames


class Sweep:
    """`wait_s`: how long a silent address is waited for. `expected`: addresses of the station on this bus."""

    def __init__(self, port: Port, wait_s: float, expected: tuple[int, ...], profiles: tuple[str, ...]) -> None:
        self._port = port
        self._wait_s = wait_s
        self._expected = expected
        self._profiles = profiles
        self._before: Errors | None = None
        self._is_quiet = False

    def run(self, look: Look, addresses: tuple[int, ...], show: Shown, *, patient: bool = True) -> None:
        """Fill `look`, also when it is stopped in the middle. PortLost, ForeignMaster.

        `patient`: who is expected and silent is asked again.
        """
        look.asked = len(addresses)
        try:
            self._port.use(look.setting)
        except CannotSet as reason:
            look.cannot = str(reason)
            return
        asker = Asker(self._port, look.setting, self._wait_s)
        self._before = self._port.errors()
        try:
            self._listen(look, asker)
            self._ask(look, asker, addresses, show, self._expected if patient else ())
        finally:
            look.counts, look.strays = asker.counts, len(asker.strays)
            after = self._port.errors()
            look.errors = after.since(self._before) if after and self._before else None

    def _listen(self, look: Look, asker: Asker) -> None:
        begin_s = self._port.now_s()
        listen_s = LISTEN_SHORTLY_S if self._is_quiet else LISTEN_S
        look.idle = asker.listen(listen_s)
        look.idle_s = max(self._port.now_s() - begin_s, listen_s)
        self._is_quiet = not look.idle
        if not look.idle.strip(b"\0"):
            return
        self._stop_if_foreign(look.setting, look.idle)
        for baud in BAUDS:  # Frames at another rate look like noise at this one.
            other = Setting(baud, "8N1")
            if baud != look.setting.baud:
                self._hear_at(other)
        self._port.use(look.setting)
        self._before = self._port.errors()

    def _hear_at(self, setting: Setting) -> None:
        try:
            self._port.use(setting)
        except CannotSet:
            return
        self._stop_if_foreign(setting, Asker(self._port, setting).listen(LISTEN_S))

    def _stop_if_foreign(self, setting: Setting, heard: bytes) -> None:
        frames = whole_frames(heard)
        if len(frames) >= FOREIGN_FRAMES:
            raise ForeignMaster(setting, frames)

    def _ask(self, look: Look, asker: Asker, addresses: tuple[int, ...], show: Shown, again: tuple[int, ...]) -> None:
        """Everybody once, those `again` that were silent, and then closely who answered."""
        wanted = [*(one for one in addresses if one in self._expected)]
        order = [*wanted, *(one for one in addresses if one not in self._expected)]
        there = look.answering
        for done, address in enumerate(order):
            show(done, len(order) + CLOSER * len(there))
            heard = asker.ask(first_question(address))
            there |= {frame[0] for frame in heard.frames} & set(addresses)
            if heard.garbled and (not look.noisy or address in wanted):
                there.add(address)
        there |= {frame[0] for frame in asker.late} & set(addresses)
        late = (one for one in wanted if one in again and one not in there)
        there |= {one for one in late if self._answers_late(asker, one)}
        asker.wait_s = max(asker.wait_s, CLOSER_WAIT_S)
        identifier = Identifier(asker, self._profiles)
        for done, address in enumerate(sorted(there)):
            show(len(order) + CLOSER * done, len(order) + CLOSER * len(there))
            device = identifier.look(address)
            there.discard(address)
            if device.tries.whole or (device.tries.garbled >= GARBLED_LEAST and not look.noisy):
                look.devices[address] = device
        show(1, 1)

    def _answers_late(self, asker: Asker, address: int) -> bool:
        """Does it answer when it is given time?"""
        return any(asker.ask(first_question(address), wait_s=AGAIN_WAIT_S).of(address) for _ in range(AGAIN))


def merged(looks: list[Look]) -> list[tuple[Device, tuple[Setting, ...]]]:
    """Each device once, with the other settings at which it answers as well.

    What is only garbled at one setting and whole at another is that same device; at one rate a receiver that does not
    heed parity or a second stop bit answers at several framings.
    """
    kept: dict[tuple[int, int], tuple[Device, tuple[Setting, ...]]] = {}
    whole = {device.address for look in looks for device in look.whole}
    for look in looks:
        for device in look.devices.values():
            key = device.address, device.setting.baud
            if device.garbled_only and device.address in whole:
                continue
            if key in kept:
                first, also = kept[key]
                kept[key] = first, (*also, device.setting)
            else:
                kept[key] = device, ()
    return sorted(kept.values(), key=lambda pair: (pair[0].address, pair[0].setting))
