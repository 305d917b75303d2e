"""An MQTT 3.1.1 client for a board: one broker, quality of service 1, clean sessions.

Rules of this file: nothing waits and nothing is queued beyond one buffer; every answer has a time in which it must
come, and whatever is late or against the standard ends the connection. The next one is tried after growing, jittered
pauses. What was under way then is lost here: the log is the queue. Times are the network's (net.ticks_ms), not the
station's.

Source: MQTT Version 3.1.1, OASIS Standard, 29 October 2014.
"""

OFF, CONNECTING, GREETING, SUBSCRIBING, UP = 0, 1, 2, 3, 4

CONNECT_MS = 10_000  # Until the broker has taken us, from the first packet on the wire.
ANSWER_MS = 10_000
KEEPALIVE_S = 20
BACKOFF_FIRST_MS = 500
BACKOFF_MAX_MS = 60_000
STEADY_MS = 30_000  # A connection that held so long starts the backoff anew.
IN_FLIGHT_MAX = 4
TX_BYTES = 2_048  # One message with rows; what the network has taken makes room for the next.
RX_BYTES = 704  # The longest packet that is taken, a piece of a package; a longer message is read away.
READS_MAX = 8  # Reads in one turn; the rest waits for the next.
CONTROL_BYTES = 64  # Of the buffer, kept for what keeps the connection alive.

_CONNECT, _CONNACK, _PUBLISH, _PUBACK = 0x10, 0x20, 0x30, 0x40
_SUBSCRIBE, _SUBACK, _PINGREQ, _PINGRESP, _DISCONNECT = 0x82, 0x90, 0xC0, 0xD0, 0xE0
_REFUSED = 0x80
_LENGTH_BYTES_MAX = 4


class Client:
    """`up` while messages can be sent. Counters: `connects`, `losses`, `failures` (connections that ended, or never
    came about), `skipped` (messages too long), `refused`.

    `login` = {"username", "password"} or empty. `on_message(topic, payload)` gets bytes and a view.
    """

    def __init__(self, hal, net, address: tuple, identifier: str, login: dict):
        self.state = OFF
        self.connects = 0
        self.losses = 0
        self.failures = 0
        self.skipped = 0
        self.refused = 0
        self.on_message = _nobody
        self._net = net
        self._diff = hal.ticks_diff
        self._add = hal.ticks_add
        self._random = hal.random
        self._host, self._port = address
        self._identifier = identifier
        self._login = login
        self._will = (b"", b"")
        self._heard = []
        self._tx = bytearray(TX_BYTES)
        self._tx_view = memoryview(self._tx)
        self._start = self._end = 0
        self._rx = bytearray(RX_BYTES)
        self._rx_view = memoryview(self._rx)
        self._have = 0
        self._skip = 0
        self._flight = []  # (packet identifier, ticks) of what was not confirmed
        self._last_id = 0
        self._backoff_ms = 0
        self._due = net.ticks_ms()
        self._since = 0  # When this state was entered
        self._sent = 0  # and when something was sent last.
        self._pinged = None

    @property
    def up(self) -> bool:
        return self.state == UP

    def hear(self, topic: bytes, will_topic: bytes, will: bytes) -> None:
        """Subscribe to `topic` on each connection; leave the retained `will` when it breaks."""
        self._heard = [topic]
        self._will = (will_topic, will)

    def also_hear(self, topic: bytes) -> None:
        """Subscribe to `topic` too."""
        self._heard.append(topic)

    def poll(self) -> None:
        """Do what can be done now."""
        now = self._net.ticks_ms()
        try:
            if self.state == OFF:
                if self._diff(now, self._due) >= 0:
                    self._open(now)
            elif self.state == CONNECTING:
                self._greet(now)
            else:
                self._read(now)
                self._look_at_times(now)
                self._flush()
        except OSError:  # Whatever it was, the connection is no good any more; errors differ from port to port.
            self._lose(now)

    def room(self, size: int) -> bool:
        """Can a message of `size` bytes, its topic included, be sent now?"""
        free = len(self._tx) - CONTROL_BYTES - (self._end - self._start)
        return self.state == UP and len(self._flight) < IN_FLIGHT_MAX and size + 9 <= free

    def place(self, topic: bytes) -> memoryview:
        """Where the payload of a message of `topic` may be written, for `publish` to find it there: nothing is copied.
        Ask for `room` before.
        """
        self._make_room()
        return self._tx_view[self._end + 1 + _LENGTH_BYTES_MAX + 4 + len(topic) :]

    def publish(self, topic: bytes, size: int, retain: bool = False) -> bool:
        """Send the `size` bytes that stand in `place` at quality 1; False if there is no room now. Whether they arrived
        is for the other side to say.
        """
        if not self.room(len(topic) + size):
            return False
        payload = self.place(topic)[:size]
        self._last_id = self._last_id % 0xFFFF + 1
        self._flight.append((self._last_id, self._net.ticks_ms()))
        self._begin(_PUBLISH | 2 | retain, 2 + len(topic) + 2 + size)
        self._string(topic)
        self._word(self._last_id)
        self._raw(payload)  # Two or three bytes further to the front.
        try:
            self._flush()
        except OSError:
            self._lose(self._net.ticks_ms())
            return False
        return True

    def settled(self) -> bool:
        """Everything that was sent has left, and is confirmed."""
        return self._start == self._end and not self._flight

    def leave(self) -> None:
        """Take leave of the broker, so that it tells no will; whoever polls again connects anew."""
        if self.state == UP:
            try:
                self._begin(_DISCONNECT, 0)
                self._flush()
            except OSError:
                self.failures += 1  # It has gone by itself.
        self._net.close()
        self.state = OFF

    # Connecting

    def _open(self, now):
        self._have = self._skip = self._start = self._end = 0
        self._flight = []
        self._pinged = None
        self._enter(CONNECTING, now)
        self._net.connect(self._host, self._port)

    def _greet(self, now):
        if not self._net.connected():
            if self._diff(now, self._since) > CONNECT_MS:
                raise OSError("no connection")
            return
        parts = [self._identifier.encode(), self._will[0], self._will[1]]
        flags = 0x02 | 0x04 | 0x08 | 0x20  # Clean session; will, quality 1, retained.
        named = self._login.get("username")  # A password without a name is against the standard (3.1.2.9).
        for key, flag in (("username", 0x80), ("password", 0x40)):
            if named and self._login.get(key):
                parts.append(self._login[key].encode())
                flags |= flag
        self._begin(_CONNECT, 10 + sum([2 + len(part) for part in parts]))
        self._string(b"MQTT")
        self._raw(bytes((4, flags, KEEPALIVE_S >> 8, KEEPALIVE_S & 0xFF)))
        for part in parts:
            self._string(part)
        self._enter(GREETING, now)
        self._flush()

    def _subscribe(self, now):
        self._begin(_SUBSCRIBE, 2 + sum([2 + len(topic) + 1 for topic in self._heard]))
        self._last_id = self._last_id % 0xFFFF + 1
        self._word(self._last_id)
        for topic in self._heard:
            self._string(topic)
            self._raw(b"\0")
        self._enter(SUBSCRIBING, now)

    def _enter(self, state, now):
        self.state = state
        self._since = now

    def _lose(self, now):
        """Close, and set when to try again."""
        self._net.close()
        self.failures += 1
        if self.state == UP:
            self.losses += 1
            if self._diff(now, self._since) > STEADY_MS:
                self._backoff_ms = 0
        self._backoff_ms = min(max(2 * self._backoff_ms, BACKOFF_FIRST_MS), BACKOFF_MAX_MS)
        half = self._backoff_ms // 2
        jitter = int.from_bytes(self._random(2), "big") * half // 0xFFFF
        self._due = self._add(now, half + jitter)
        self.state = OFF

    def _look_at_times(self, now):
        """OSError where an answer is late; a ping where nothing was said for long."""
        if self.state != UP:
            if self._diff(now, self._since) > CONNECT_MS:
                raise OSError("the broker does not take us")
            return
        if self._flight and self._diff(now, self._flight[0][1]) > ANSWER_MS:
            raise OSError("no confirmation")
        if self._pinged is not None:
            if self._diff(now, self._pinged) > ANSWER_MS:
                raise OSError("no answer to a ping")
        elif self._diff(now, self._sent) > KEEPALIVE_S * 500:
            self._begin(_PINGREQ, 0)
            self._pinged = now

    # What comes

    def _read(self, now):
        for _ in range(READS_MAX):
            count = self._net.readinto(self._rx_view[self._have :])
            if not count:
                return
            self._have += count
            while self._take(now):
                pass

    def _take(self, now):
        """Take one packet from the front of the buffer; False if it is not whole yet."""
        if self._skip:
            count = min(self._skip, self._have)
            self._skip -= count
            self._consume(count)
            return self._have > 0
        length = at = 0
        while True:
            at += 1
            if at >= self._have:
                return False
            byte = self._rx[at]
            length |= (byte & 0x7F) << (7 * (at - 1))
            if not byte & 0x80:
                break
            if at >= _LENGTH_BYTES_MAX:
                raise OSError("length without end")
        at += 1
        end = at + length
        if end > len(self._rx):
            if self._rx[0] & 0xF0 != _PUBLISH or self._rx[0] & 0x06:
                raise OSError("a packet that long is none of ours")
            self.skipped += 1
            self._skip = end
            return True
        if end > self._have:
            return False
        self._obey(self._rx[0], at, end, now)
        self._consume(end)
        return True

    def _consume(self, count):
        left = self._have - count
        self._rx_view[:left] = self._rx_view[count : self._have]
        self._have = left

    def _obey(self, head, at, end, now):
        rx = self._rx
        size = end - at
        if head & 0xF0 == _PUBLISH and self.state >= SUBSCRIBING:
            self._deliver(head, at, end)
        elif head == _PUBACK and size == 2 and self.state == UP:
            number = rx[at] << 8 | rx[at + 1]
            self._flight = [one for one in self._flight if one[0] != number]
        elif head == _PINGRESP and not size:
            self._pinged = None
        elif head == _CONNACK and size == 2 and self.state == GREETING:
            if rx[at + 1]:
                self.refused += 1
                raise OSError("the broker refuses us: %d" % rx[at + 1])
            self._subscribe(now)
        elif head == _SUBACK and size == 2 + len(self._heard) and self.state == SUBSCRIBING:
            if any(code & _REFUSED for code in rx[at + 2 : end]):
                self.refused += 1
                raise OSError("the broker refuses the subscription")
            self.connects += 1
            self._enter(UP, now)
        else:
            raise OSError("packet %d out of place" % head)

    def _deliver(self, head, at, end):
        size = self._rx[at] << 8 | self._rx[at + 1] if end - at >= 2 else end
        if head & 0x06 or at + 2 + size > end:
            raise OSError("a message that we did not ask for")
        topic = bytes(self._rx_view[at + 2 : at + 2 + size])
        self.on_message(topic, self._rx_view[at + 2 + size : end])

    # What goes

    def _begin(self, head, length):
        """The fixed header of a packet; the caller has looked that it fits, or it is one of the small ones."""
        self._make_room()
        if self._end + length + 1 + _LENGTH_BYTES_MAX > len(self._tx):
            raise OSError("no room: the broker takes nothing")
        self._byte(head)
        while True:
            byte = length & 0x7F
            length >>= 7
            self._byte(byte | 0x80 if length else byte)
            if not length:
                return

    def _make_room(self):
        """Let what has not left yet begin at the front."""
        if self._start:
            left = self._end - self._start
            self._tx_view[:left] = self._tx_view[self._start : self._end]
            self._start, self._end = 0, left

    def _byte(self, byte):
        self._tx[self._end] = byte
        self._end += 1

    def _word(self, word):
        self._byte(word >> 8)
        self._byte(word & 0xFF)

    def _string(self, data):
        self._word(len(data))
        self._raw(data)

    def _raw(self, data):
        self._tx_view[self._end : self._end + len(data)] = data
        self._end += len(data)

    def _flush(self):
        if self._start < self._end:
            count = self._net.write(self._tx_view[self._start : self._end])
            if count:
                self._start += count
                self._sent = self._net.ticks_ms()
        self._net.want_write(self._start < self._end)


def _nobody(topic: bytes, payload) -> None:
    """Nobody listens."""
