"""The board on the station's Wi-Fi: now-values with each scan, rows from the log, over the station's own broker.

Rules of this file: the log is the queue. What is sent stays in it until a gateway has said that it stored it; what is
not acknowledged in time is sent again from the acknowledged watermark on. Nothing waits for the network.
"""

from bank import VERSION

from links.mqtt_client import Client
from wire import local
from wire.cbor import DecodeError, Encoder, decode
from wire.reading import NEVER

WINDOW = 8  # Messages with rows that no gateway has acknowledged yet.
RESEND_MS = 5_000  # Time of the network, as all link time-outs; doubled each time that nothing comes of it.
RESEND_MAX_MS = 60_000
LESS_MS = 1_000  # So soon where a gateway says that it has less than was known: a new card, or a second gateway.
WAY_MS_MAX = 3_000  # A time that was longer under way (there and back) is not taken.
DEATH_BYTES = 16  # The encoder's own buffer; all other messages are written where they are sent from.
STATE_BYTES_MAX = 80
NOW_BYTES_MAX = 400  # Of a message without its rows.
AT_BYTES_MAX = 48
UPDATE_PAUSE_MS = 10_000  # A gateway that sends a package asks for no longer pause than this.
SENDS_MAX = 4  # Messages in one turn.
_UPDATE_KEYS = (local.K_UPDATE_ORDER, local.K_UPDATE_OFFSET, local.K_UPDATE_BYTES)


class Mqtt:
    """Serves `bank`, `log` and `clock` over `net`. `link` = {"host", "port", "station"} of board.json, and "username"
    and "password" where the broker asks for them. Counters: `messages`, `acks`, `refused` (what came and was no
    message for us, or an acknowledgement that cannot be), `resent`.
    """

    def __init__(self, hal, link: dict, bank, log, clock):
        self.messages = 0
        self.acks = 0
        self.refused = 0
        self.resent = 0
        self._net = hal.net()
        self._diff = hal.ticks_diff
        self._bank = bank
        self._log = log
        self._clock = clock
        self.on_acknowledge = _nobody
        serial = hal.unique_id().hex()
        leaves = (local.ROWS, local.STATE, local.ACK, local.UPDATE, local.UPDATE_AT)
        topics = [local.topic(link["station"], serial, leaf).encode() for leaf in leaves]
        self._rows_topic, self._state_topic, self._ack_topic, self._update_topic, self._at_topic = topics
        self._definition = b""
        self._boot = 0
        self._encoder = Encoder(DEATH_BYTES)
        address = (link["host"], link["port"])
        self.client = Client(hal, self._net, address, "rp-" + serial, link)
        self.client.on_message = self._heard
        death = bytes(self._encoder.encode({local.K_MAJOR: local.MAJOR, local.K_ALIVE: False}))
        self.client.hear(self._ack_topic, self._state_topic, death)
        self._update: "Update" = None  # noqa: F821  # pyright: ignore
        self._at_code = 0  # What is to be answered to what came of a package; None = nothing.
        self._at_told = None
        self._update_ms = None  # When something came for the update.
        self._born = False
        self._scan = False  # Now-values that nobody was told yet.
        self._next = 1  # The next seq to send,
        self._sent = []  # (first, last) of the messages with rows that nobody has acknowledged,
        self._since = 0  # and when that last changed.
        self._resend_ms = RESEND_MS
        self._lacked = 0  # A seq that one gateway lacks, though another has it; 0 = none,
        self._lacked_since = 0  # and since when that is known.
        self._repeat_to = 0  # What is sent for such a gateway is not cut short by the other's acknowledgements.

    def serve_update(self, update) -> None:
        """Take packages and orders for `update` (update.Update)."""
        self._update = update
        self.client.also_hear(self._update_topic)

    def identify_as(self, definition: bytes, boot: int) -> None:
        """What the birth tells: the first 8 bytes of the definition's hash, and the count of starts."""
        self._definition = definition
        self._boot = boot

    def heard(self) -> bool:
        """Has a gateway acknowledged anything since the start?"""
        return self.acks > 0

    def scanned(self) -> None:
        """The bank holds new now-values."""
        self._scan = True

    def poll(self, now: int) -> None:
        """Take what came by ticks `now`, and send what there is."""
        client = self.client
        client.poll()
        if not client.up:
            self._born = False
            self._scan = False  # Nobody saw them; what comes later is sent later.
            return
        if not self._born:
            self._born = self._say_state()
            self._at_told = None
            self._go_back()
            return
        self._look_at_time()
        self._say_at()
        for _ in range(SENDS_MAX):
            if not self._send(now):
                return

    def wait_ms(self) -> int:
        """0 while something is to be told; else -1: bytes wake the loop, and each scan looks at the time-outs."""
        return 0 if self.client.room(NOW_BYTES_MAX) and (self._scan or not self._born) else -1

    def fill(self, bank) -> None:
        """The bank has no counters of this link: nobody reads it but this."""

    # For a board that sleeps

    @property
    def born(self) -> bool:
        """The broker has taken it, and it has said that it is there."""
        return self._born

    @property
    def failures(self) -> int:
        """Connections that ended, or never came about."""
        return self.client.failures

    def handed_over(self) -> bool:
        """A gateway has every row, and the now-values are said."""
        return self._born and not self._scan and self._log.gateway_has >= self._log.head

    def is_updated(self) -> bool:
        """A package is on its way here: its last piece came a moment ago."""
        since = self._update_ms
        return since is not None and self._diff(self._net.ticks_ms(), since) <= UPDATE_PAUSE_MS

    def say_asleep(self, next_ms: int) -> bool:
        """Say that it sleeps, and comes back in `next_ms`; False if there is no room now."""
        return self._say_state(next_ms)

    def settled(self) -> bool:
        """All that was said is at the broker."""
        return self.client.settled()

    def leave(self) -> None:
        """Take leave of the broker: it is not lost."""
        self.client.leave()
        self._born = False

    # What goes

    def _publish(self, topic, message, retain):
        """Send `message`; False if there is no room now."""
        if not self.client.room(len(topic) + STATE_BYTES_MAX):
            return False
        self._encoder.use(self.client.place(topic))
        return self.client.publish(topic, len(self._encoder.encode(message)), retain)

    def _say_state(self, next_ms=0):
        log = self._log
        message = {
            local.K_MAJOR: local.MAJOR,
            local.K_EPOCH: log.epoch,
            local.K_TAIL: log.tail,
            local.K_HEAD: log.head,
            local.K_BOOT: self._boot,
            local.K_DEFINITION: self._definition,
            local.K_ALIVE: True,
        }
        if next_ms:
            message[local.K_NEXT_MS] = min(next_ms, local.NEXT_MS_MAX)
        return self._publish(self._state_topic, message, True)

    def _say_at(self):
        """Where a package is, if that is not what was told last, or something was asked."""
        update = self._update
        if update is None or not self.client.room(len(self._at_topic) + AT_BYTES_MAX):
            return
        at = (update.offset, update.word, update.slot_word)
        if self._at_code is None and at == self._at_told:
            return
        message = {
            local.K_MAJOR: local.MAJOR,
            local.K_BOOT: self._boot,
            local.K_UPDATE_OFFSET: at[0],
            local.K_UPDATE_STATE: at[1],
            local.K_UPDATE_CODE: self._at_code or 0,
            local.K_COUNTER: update.counter,
            local.K_SLOT: at[2],
            local.K_VERSION: VERSION,
        }
        if self._publish(self._at_topic, message, True):
            self._at_code = None
            self._at_told = at

    def _send(self, now):
        """One message, if there is something to say and room for it; False when not."""
        log = self._log
        rows = len(self._sent) < WINDOW and 0 < self._next <= log.head
        if not (rows or self._scan):
            return False
        size = len(self._rows_topic) + NOW_BYTES_MAX + (local.ROWS_BYTES_MAX if rows else 0)
        if not self.client.room(size):
            return False
        clock = self._clock
        message = {
            local.K_MAJOR: local.MAJOR,
            local.K_EPOCH: log.epoch,
            local.K_UP_MS: clock.up_s * 1000 + clock.up_ms,
            local.K_TIME_QUALITY: clock.quality(),
            local.K_TAIL: log.tail,
            local.K_HEAD: log.head,
        }
        if clock.quality() != NEVER:
            message[local.K_UNIX_MS] = clock.unix_s * 1000 + clock.unix_ms
        if self._scan:
            message[local.K_NOW] = self._bank.slots(now)
        last = 0
        if rows:  # They are read to the end of the place, from where the message takes them to where they belong.
            last = self._add_rows(message, self.client.place(self._rows_topic)[-local.ROWS_BYTES_MAX :])
        if not self._publish(self._rows_topic, message, False):
            return False
        self._scan = False
        self.messages += 1
        if last:
            if not self._sent:
                self._since = self._net.ticks_ms()
            self._sent.append((self._next, last))
            self._next = last + 1
        return True

    def _add_rows(self, message, view):
        """Put the rows from `_next` on into `view` and `message`; the last seq that it then speaks of."""
        _, used = self._log.read(self._next, view, 0, len(view))
        message[local.K_FIRST] = self._next
        message[local.K_ROWS] = view[:used]
        last = self._log.head
        at = 0
        while at < used:
            last = int.from_bytes(view[at + 2 : at + 6], "big")
            at += view[at]
        return last

    def _go_back(self):
        """Send again what no gateway has acknowledged."""
        self._next = self._log.gateway_has + 1
        self._lacked = self._repeat_to = 0
        self._sent = []
        self._since = self._net.ticks_ms()

    def _look_at_time(self):
        now = self._net.ticks_ms()
        if self._lacked and self._diff(now, self._lacked_since) > LESS_MS:
            self._repeat_to = self._next - 1
            self._next = self._lacked
            self._lacked = 0
            self._sent = []
            self._since = now
        waiting = self._next - 1 > self._log.gateway_has
        if waiting and self._diff(now, self._since) > self._resend_ms:
            self._resend_ms = min(2 * self._resend_ms, RESEND_MAX_MS)
            self.resent += 1
            self._go_back()

    # What comes

    def _heard(self, topic, payload):
        """An acknowledgement, or something for the update; anybody may have sent it."""
        try:
            message = decode(payload)
        except DecodeError:
            message = None
        if not isinstance(message, dict) or message.get(local.K_MAJOR) != local.MAJOR:
            self.refused += 1
        elif topic == self._ack_topic:
            self._heard_ack(message)
        elif topic != self._update_topic or not self._heard_update(message):
            self.refused += 1

    def _heard_update(self, message):
        """False if it is neither a piece nor an order."""
        order, offset, data = [message.get(key) for key in _UPDATE_KEYS]
        self._update_ms = self._net.ticks_ms()
        if _is_number(order):
            self._at_code = self._update.order(order)
        elif _is_number(offset) and isinstance(data, memoryview) and 0 < len(data) <= local.UPDATE_BYTES_MAX:
            self._at_code = self._update.take(offset, data)
        else:
            return False
        return True

    def _heard_ack(self, message):
        numbers = [message.get(key) for key in (local.K_EPOCH, local.K_GATEWAY_HAS, local.K_CENTER_HAS)]
        if not all(_is_number(number) for number in numbers) or not self._acknowledge(*numbers):
            self.refused += 1
            return
        self.acks += 1
        up_ms, unix_ms = message.get(local.K_UP_MS), message.get(local.K_UNIX_MS)
        if _is_number(up_ms) and _is_number(unix_ms):
            self._take_time(up_ms, unix_ms)

    def _acknowledge(self, epoch, gateway, center):
        log = self._log
        before = log.gateway_has
        if not log.acknowledge(epoch, gateway, center):
            return False
        self.on_acknowledge()
        now = self._net.ticks_ms()
        begun = self._sent[0][0] if self._sent else self._next
        left = [one for one in self._sent if one[1] > gateway]
        if gateway > before or len(left) < len(self._sent):
            self._resend_ms = RESEND_MS
            self._since = now
        self._sent = left
        if gateway >= before:
            if self._next > self._repeat_to:
                self._next = max(self._next, gateway + 1)
        elif gateway + 1 < begun:
            # A new card, or the slower one of two gateways. Not at once: it may have it a moment later.
            if not self._lacked:
                self._lacked = gateway + 1
                self._lacked_since = now
            self._lacked = min(self._lacked, gateway + 1)
        return True

    def _take_time(self, up_ms, unix_ms):
        clock = self._clock
        way_ms = clock.up_s * 1000 + clock.up_ms - up_ms
        if 0 <= way_ms <= WAY_MS_MAX:
            unix_ms += way_ms // 2
            clock.set(unix_ms // 1000, unix_ms % 1000)


def _nobody():
    """Nobody wants to hear of acknowledgements."""


def _is_number(value):
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0
