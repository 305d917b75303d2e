"""Who answers at an address: a board of ours, a bought sensor that fits a profile, or somebody we do not know.

Rules of this file: it only reads. A profile fits when every one of its reads is answered with the right count, twice,
and every value is in its range, no code, its status good.
"""

from boards import Profile, load_profile, names
from gateway.board_status import STATUS_COUNT, identity_of, read_status
from gateway.bought import Read, plan, reading
from tools.scan.ask import Asker, first_question, identify_request, read
from tools.scan.found import BOUGHT, OURS, Device, Tries
from wire.modbus import READ_HOLDING
from wire.reading import GOOD
from wire.registers import ID_PRODUCT, ID_SERIAL, ID_VENDOR, STATUS, field

VENDOR = "Riverpost"
EXTENDED, BASIC = 3, 1  # Read device id codes, V1.1b3 6.21.
TRIES = 6
LONG_TRIES = 4
READ_TRIES = 3
PAUSE_S = 0.02  # A board of ours needs none; a bought sensor may need what its profile says, and this much more.
IDENTIFICATION_CHARS = 80  # Of ours; who tells more takes longer, and is heard all the same.
HEADER_BYTES = 8  # Of an answer of 43/14: up to the number of objects.


class Identifier:
    """Looks at devices through `asker`; profiles are those of boards/ and `more` (names or files)."""

    def __init__(self, asker: Asker, more: tuple[str, ...] = ()) -> None:
        self._asker = asker
        known = dict.fromkeys((*names("profile"), *more))
        self._profiles = [load_profile(name) for name in known]
        self._slow_s = PAUSE_S + max((one.min_interval_ms for one in self._profiles), default=0) / 1000
        self._pause_s = self._slow_s

    def look(self, address: int) -> Device:
        """Everything about who is at `address`. PortLost."""
        device = Device(address, self._asker.setting)
        self._pause_s = self._slow_s
        self._identify(device)
        ours = device.said.get(ID_VENDOR) == VENDOR
        self._pause_s = PAUSE_S if ours else self._slow_s
        device.tries = self._try(address, device)
        if ours:
            self._look_at_board(device)
        elif not device.garbled_only:
            self._look_at_profiles(device)
        return device

    def _pause(self) -> None:
        self._asker.pause(self._pause_s)

    def _try(self, address: int, device: Device) -> Tries:
        """The first question again and again, listening for a second answer."""
        tries = Tries()
        for _ in range(TRIES):
            self._pause()
            heard = self._asker.ask(first_question(address), linger=True)
            own = [frame for frame in heard.of(address) if frame[1] & 0x7F == READ_HOLDING]
            tries.whole += bool(own)
            tries.second += len(own) > 1
            tries.garbled += not own and heard.garbled
            tries.silent += not own and not heard.garbled
        return tries

    def _identify(self, device: Device) -> None:
        """Function 43/14, as much as the device tells."""
        for code in (EXTENDED, BASIC):
            for _ in range(READ_TRIES):
                self._pause()
                heard = self._asker.ask(identify_request(device.address, code), IDENTIFICATION_CHARS)
                for frame in heard.of(device.address):
                    if not frame[1] & 0x80:
                        device.said = objects(frame)
                        return
                if heard.frames or heard.silent:
                    break  # Refused, or not known to it: asking again does not help.

    def _look_at_board(self, device: Device) -> None:
        device.kind = OURS
        serial = device.said.get(ID_SERIAL, "")
        if serial:
            device.serials.add(serial)
        first_twins = None
        for _ in range(LONG_TRIES):
            self._pause()
            reply = read(self._asker, device.address, READ_HOLDING, STATUS, STATUS_COUNT, linger=True)
            if reply.words is None:
                device.long_tries.garbled += reply.heard.garbled
                device.long_tries.silent += reply.heard.silent
                continue
            device.long_tries.whole += 1
            device.long_tries.second += len(reply.heard.of(device.address)) > 1
            who = identity_of(reply.words)
            device.serials.add(who.serial.hex())
            twins = field(reply.words, STATUS, "bus_twins")
            first_twins = twins if first_twins is None else first_twins
            if device.status is None:
                device.status, device.definition = read_status(reply.words), who.definition
            elif len(device.serials) == 1:
                device.heard_twin = (twins - first_twins) & 0xFFFF

    def _look_at_profiles(self, device: Device) -> None:
        fits, values = [], {}
        for profile in self._profiles:
            first = self._values(device, profile)
            if first is None or self._values(device, profile) is None:
                continue
            fits.append(profile)
            values[profile.name] = first
        # Of several, the one whose default address this is comes first.
        fits.sort(key=lambda profile: profile.default_address != device.address)
        device.profiles = tuple(profile.name for profile in fits)
        if fits:
            device.kind = BOUGHT
            device.values = values[fits[0].name]

    def _values(self, device: Device, profile: Profile) -> dict[str, int | None] | None:
        """The values if it answers as `profile` says, else None."""
        answers: dict[Read, list[int]] = {}
        for one in plan(profile):
            words = self._words(device, profile, *one)
            if words is None:
                return None
            answers[one] = words
        found = {point.quantity: reading(point, answers) for point in profile.points}
        if any(quality != GOOD for _, quality in found.values()):
            return None
        return {quantity: value for quantity, (value, _) in found.items()}

    def _words(self, device: Device, profile: Profile, function: int, register: int, count: int) -> list[int] | None:
        for _ in range(READ_TRIES):
            self._pause()
            reply = read(self._asker, device.address, function, register, count)
            if reply.words is not None:
                return reply.words
            if reply.code:
                device.refusals[profile.name] = reply.code
                return None
        return None


def objects(frame: bytes) -> dict[int, str]:
    """The objects of an answer of 43/14, as printable ASCII."""
    found, at = {}, HEADER_BYTES
    for _ in range(frame[HEADER_BYTES - 1]):
        number, size = frame[at], frame[at + 1]
        value = frame[at + 2 : at + 2 + size]
        found[number] = "".join(chr(byte) if 32 <= byte < 127 else "?" for byte in value)
        at += 2 + size
    return found


def product(device: Device) -> str:
    """The type of a board of ours."""
    return device.said.get(ID_PRODUCT, "")
