"""A second, independent listener at the broker: counts payload bytes and notes when an event was acknowledged."""

import threading
import time
from dataclasses import dataclass, field

import cbor2
import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion

from wire.telemetry import K_ACKS, K_EPOCH, K_EVENT, K_SEQ, K_SERIAL


@dataclass
class SeenEvent:
    """An event as it passed the broker; times are the world's monotonic seconds."""

    key: tuple[bytes, int, int]
    event: dict[int, object]
    published_s: float
    acknowledged_s: float | None = None


@dataclass
class Tap:
    """Listens to rp/1/# from `start()` to `stop()`."""

    port: int
    payload_bytes: dict[str, int] = field(default_factory=dict)
    messages: dict[str, int] = field(default_factory=dict)
    events: dict[tuple[bytes, int, int], SeenEvent] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._lock = threading.Lock()
        self._client = mqtt.Client(CallbackAPIVersion.VERSION2, client_id="tap")
        self._client.on_connect = self._on_connect
        self._client.on_message = self._on_message

    def start(self) -> None:
        self._client.connect("127.0.0.1", self.port)
        self._client.loop_start()

    def stop(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()

    def bytes_of(self, *leaves: str) -> int:
        """Payload bytes that passed on these topics (live, late, event …), retained repeats included."""
        with self._lock:
            return sum(self.payload_bytes.get(leaf, 0) for leaf in leaves)

    def seen(self) -> list[SeenEvent]:
        with self._lock:
            return list(self.events.values())

    def _on_connect(self, client: mqtt.Client, *_: object) -> None:
        client.subscribe("rp/1/#", qos=0)

    def _on_message(self, _client: object, _userdata: object, message: mqtt.MQTTMessage) -> None:
        now_s = time.monotonic()
        leaf = message.topic.rsplit("/", 1)[-1]
        with self._lock:
            self.payload_bytes[leaf] = self.payload_bytes.get(leaf, 0) + len(message.payload)
            self.messages[leaf] = self.messages.get(leaf, 0) + 1
            if leaf == "event":
                body = cbor2.loads(message.payload)
                key = (body[K_SERIAL], body[K_EPOCH], body[K_SEQ])
                self.events.setdefault(key, SeenEvent(key, cbor2.loads(body[K_EVENT]), now_s))
            elif leaf == "ack":
                self._acknowledge(cbor2.loads(message.payload)[K_ACKS], now_s)

    def _acknowledge(self, statements: list[list], now_s: float) -> None:
        for serial, epoch, watermark, ranges in statements:
            spans = [(1, watermark), *zip(ranges[::2], ranges[1::2], strict=True)]
            for (source, of, seq), seen in self.events.items():
                named = source == serial and of == epoch and any(first <= seq <= last for first, last in spans)
                if named and seen.acknowledged_s is None:
                    seen.acknowledged_s = now_s
