"""One connection to the center's broker: MQTT 5 or 3.1.1, quality of service 1, clean start.

Rules of this file: a PUBACK says that the broker took a message, and its reason code is believed; it never says that
the center has it. What was under way when the connection ended is not waited for.
"""

import asyncio
import socket
from pathlib import Path

import aiomqtt
from paho.mqtt import client as paho
from paho.mqtt.reasoncodes import ReasonCode

from gateway.config import Center

HEARD_MAX = 256  # Messages of the center that may wait to be read; more are dropped, the center repeats them.
REFUSED = 0x80  # Reason codes from here on are errors (MQTT 5, 2.4).
UNHEARD = 0x10  # "No matching subscribers" (MQTT 5, 3.4.2.1): taken, and given to nobody.
CONNECT_S = 10.0
RECEIVE_MAX = 20  # Unconfirmed messages that a broker takes if it says nothing else: what most are set to.
PACKET_BYTES_MAX = 268_435_455  # The most that MQTT can carry; a broker may say less.
PACKET_HEAD_BYTES = 12  # Fixed header 5, length of the topic 2, packet identifier 2, properties 1; and two to spare.
BAD_CREDENTIALS = (0x86, 0x87, 0x8C)  # Reason codes of a CONNACK: trying again soon does not help.
LOST = (0x80, 0x8D)  # So paho names a connection that broke ("unspecified") or went silent ("keep alive timeout").

LinkError = aiomqtt.MqttError


def code_of(error: Exception) -> int:
    """The reason code with which a broker refused or ended a connection (MQTT 5, 2.4); 0 where it was just lost."""
    code = getattr(getattr(error, "rc", None), "value", 0)  # Errors of the network have a plain number of paho's.
    return 0 if code in LOST else code


class Link(aiomqtt.Client):
    """Use as an async context manager. LinkError when it cannot connect; `messages` ends with it when it is lost.

    Without a `will_topic` it leaves no will. `receive_max`, `packet_bytes_max`: what the broker said that it takes at
    once, and in one packet.
    """

    def __init__(self, center: Center, identifier: str, will_topic: str, will: bytes) -> None:
        new = center.mqtt == 5
        super().__init__(
            center.host,
            center.port,
            username=center.username or None,
            password=Path(center.password_file).read_text().strip() if center.password_file else None,
            identifier=identifier,
            protocol=aiomqtt.ProtocolVersion.V5 if new else aiomqtt.ProtocolVersion.V311,
            will=aiomqtt.Will(will_topic, will, qos=1, retain=True) if will_topic else None,
            clean_session=None if new else True,
            clean_start=True if new else paho.MQTT_CLEAN_START_FIRST_ONLY,
            keepalive=center.keepalive_s,
            timeout=CONNECT_S,
            max_queued_incoming_messages=HEARD_MAX,
            max_inflight_messages=0,  # The uplink has its own window: what it gives goes out at once.
            # A message of 100 bytes must not wait for the acknowledgement of the one before.
            socket_options=[(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)],
        )
        self._sent: dict[int, asyncio.Future[int]] = {}
        self._asked: list[asyncio.Future[int]] = []
        self.receive_max = RECEIVE_MAX
        self.packet_bytes_max = PACKET_BYTES_MAX

    @property
    def room(self) -> int:
        """How many more messages the broker takes before it confirms one."""
        return self.receive_max - len(self._sent)

    def payload_max(self, topic: str) -> int:
        """The most bytes that a message on `topic` may carry."""
        return self.packet_bytes_max - PACKET_HEAD_BYTES - len(topic.encode())

    async def __aenter__(self) -> "Link":
        try:
            return await super().__aenter__()
        except LinkError:
            self._client.disconnect()  # A broker that took the connection and then said nothing.
            raise

    def send(self, topic: str, payload: bytes, *, retain: bool = False) -> asyncio.Future[int]:
        """Publish now; the future gives the PUBACK's reason code, and is cancelled with the link. LinkError."""
        info = self._client.publish(topic, payload, 1, retain)
        if info.rc != paho.MQTT_ERR_SUCCESS:
            raise aiomqtt.MqttCodeError(info.rc, "could not publish")
        future: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self._sent[info.mid] = future
        return future

    async def hear(self, topic: str) -> None:
        """Subscribe. LinkError where the broker does not allow it."""
        codes = await self.subscribe(topic, qos=1)
        numbers = [code if isinstance(code, int) else code.value for code in codes]
        if any(number >= REFUSED for number in numbers):
            raise aiomqtt.MqttError(f"the broker refuses to let us hear {topic}: {numbers}")

    def ask_to_hear(self, topic: str) -> asyncio.Future[int]:
        """Subscribe, before anything that is sent from now on; the future gives the reason code. LinkError.

        Not waited for: on a slow link that would be a second in which nothing is sent.
        """
        error, number = self._client.subscribe(topic, 1)
        if error != paho.MQTT_ERR_SUCCESS or number is None:
            raise aiomqtt.MqttCodeError(error, "could not subscribe")
        loop = asyncio.get_running_loop()
        answered: asyncio.Future[tuple[int, ...] | list[ReasonCode]] = loop.create_future()
        self._pending_subscribes[number] = answered
        code: asyncio.Future[int] = loop.create_future()
        answered.add_done_callback(lambda done: code.done() or code.set_result(_worst(done.result())))
        self._asked.append(code)
        return code

    def forget(self) -> None:
        """Cancel the futures of what was not confirmed: the link is gone."""
        for future in self._sent.values():
            future.cancel()
        self._sent.clear()
        for asked in self._asked:
            asked.cancel()

    def _on_connect(self, client, userdata, flags, reason_code, properties=None) -> None:
        self.receive_max = min(getattr(properties, "ReceiveMaximum", RECEIVE_MAX), RECEIVE_MAX)
        self.packet_bytes_max = getattr(properties, "MaximumPacketSize", PACKET_BYTES_MAX)
        super()._on_connect(client, userdata, flags, reason_code, properties)

    def _on_publish(self, client, userdata, mid, reason_code, properties=None) -> None:
        """aiomqtt drops the reason code of a PUBACK; we need it."""
        future = self._sent.pop(mid, None)
        if future is None:
            super()._on_publish(client, userdata, mid, reason_code, properties)
        elif not future.done():
            future.set_result(reason_code.value)


def _worst(codes: tuple[int, ...] | list[ReasonCode]) -> int:
    return max(code if isinstance(code, int) else code.value for code in codes)
