"""A network by hand for the board's MQTT client: what it writes is kept, what it reads a test says."""

from tests.firmware.fake_hal import FakeHal


class FakeNet:
    """`refuse`, `silent`: how connecting ends. Packets of the client come out of `packets()`."""

    def __init__(self, hal: FakeHal) -> None:
        self.attempts: list[int] = []  # When it tried to connect.
        self.refuse = False
        self.silent = False
        self.room = 1 << 20  # Bytes that the network still takes.
        self.open = False
        self.writing = False
        self.sent = b""
        self._hal = hal
        self._incoming = b""
        self._ended = False

    def ticks_ms(self) -> int:
        return self._hal.ticks_ms()

    def connect(self, host: str, port: int) -> None:
        self.attempts.append(self._hal.now)
        self.open = True
        self.sent = self._incoming = b""
        self._ended = False

    def connected(self) -> bool:
        if self.refuse:
            raise OSError("refused")
        return not self.silent

    def readinto(self, view) -> int:
        if not self._incoming and self._ended:
            raise OSError("closed")
        count = min(len(view), len(self._incoming))
        view[:count] = self._incoming[:count]
        self._incoming = self._incoming[count:]
        return count

    def write(self, view) -> int:
        count = min(self.room, len(view))
        self.room -= count
        self.sent += bytes(view[:count])
        return count

    def want_write(self, wanted: bool) -> None:
        self.writing = wanted

    def close(self) -> None:
        self.open = False

    # What a test says.

    def say(self, *parts: bytes) -> None:
        self._incoming += b"".join(parts)

    def end(self) -> None:
        self._ended = True

    def packets(self) -> list[tuple[int, bytes]]:
        """(first byte, what stands behind the length) of every packet since the last call."""
        found = []
        while self.sent:
            length, at = 0, 1
            while True:
                byte = self.sent[at]
                length |= (byte & 0x7F) << 7 * (at - 1)
                at += 1
                if byte < 0x80:
                    break
            assert len(self.sent) >= at + length, "half a packet"
            found.append((self.sent[0], self.sent[at : at + length]))
            self.sent = self.sent[at + length :]
        return found


CONNACK = b"\x20\x02\x00\x00"
SUBACK = b"\x90\x03\x00\x01\x00"
PINGRESP = b"\xd0\x00"


def puback(number: int) -> bytes:
    return b"\x40\x02" + number.to_bytes(2, "big")


def message(topic: bytes, payload: bytes) -> bytes:
    body = len(topic).to_bytes(2, "big") + topic + payload
    length = len(body)
    head = b"\x30"
    while length > 0x7F:
        head += bytes((length & 0x7F | 0x80,))
        length >>= 7
    return head + bytes((length,)) + body
