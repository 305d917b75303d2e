"""What a broker says is believed: refusals, limits, nobody there; a real mosquitto, altered where it never says so."""

import asyncio

import aiomqtt
import cbor2
import pytest

from tests.gateway.chain import Chain, center, listener, running, stored, until
from tests.gateway.small_station import BOARD, EPOCH
from tools.broker import Broker
from tools.slow_link import SlowLink
from wire.telemetry import K_AGAIN, K_EXPIRES_MS, K_ID, K_MAJOR, K_STATUS, STATUSES

pytestmark = pytest.mark.usefixtures("quick")
FAST = 1e9  # bits a second
PUBACK, QUOTA = 0x40, 0x97


def with_code(code):
    """Every PUBACK of a piece gets this reason code (MQTT 5, 3.4)."""

    def alter(piece):
        out, at = b"", 0
        while at < len(piece):
            length = piece[at + 1]  # Only short packets come from the broker here.
            packet = piece[at : at + 2 + length]
            out += bytes((PUBACK, 3)) + packet[2:4] + bytes((code,)) if packet[0] == PUBACK else packet
            at += 2 + length
        return out

    return alter


def test_where_only_events_are_allowed_events_arrive_and_what_is_refused_is_told(tmp_path):
    rules = tmp_path / "acl"
    allowed = "".join(f"topic write rp/1/CYB01/{leaf}\n" for leaf in ("event", "state", "catalogue"))
    rules.write_text(f"{allowed}topic read rp/1/CYB01/ack\nuser center\ntopic readwrite rp/#\n")
    rules.chmod(0o700)

    async def main():
        with Broker(tmp_path / "broker", extra=f"acl_file {rules}\n") as broker:
            async with running(Chain(tmp_path, broker.port, ack="broker")) as chain:
                async with aiomqtt.Client("127.0.0.1", broker.port, username="center") as hearer:
                    await hearer.subscribe("rp/#", qos=1)
                    await chain.append(3, minutes_ago=900)
                    await chain.append()
                    await chain.alarm()
                    await until(lambda: {"live", "late"} <= set(chain.uplink.refusals))
                    await chain.alarm()
                    await until(lambda: chain.spool.depth() == 16)
                assert chain.uplink.refusals["late"] == "not authorised (0x87)"
                assert chain.spool.center_has(BOARD, EPOCH) == 0
                assert chain.uplink.counters["refused_live"] <= 2, "it is left alone for seconds"

    asyncio.run(main())


def test_an_exceeded_quota_makes_the_station_wait_and_loses_nothing(tmp_path, broker, monkeypatch):
    monkeypatch.setattr("gateway.refusals.FIRST_S", 0.2)

    async def main():
        with SlowLink(broker.port, FAST, with_code(QUOTA)) as line:
            async with center(tmp_path, broker.port), running(Chain(tmp_path, line.port)) as chain:
                await chain.append()
                await chain.alarm()
                await until(lambda: chain.uplink.refusals == {"all": "quota exceeded (0x97)"})
                sent = chain.uplink.counters["event"]
                line.alter_down = None
                await chain.settled()
                assert chain.uplink.refusals == {}
                assert sent <= 8
        assert stored(tmp_path / "center.db") == chain.made()

    asyncio.run(main())


@pytest.mark.parametrize("extra", ["max_inflight_messages 1\n", "max_packet_size 400\n"])
def test_no_more_at_once_and_no_larger_packet_than_the_broker_takes(tmp_path, extra):
    async def main():
        with Broker(tmp_path / "broker", extra=extra) as broker:
            async with center(tmp_path, broker.port), running(Chain(tmp_path, broker.port)) as chain:
                await chain.append(300, minutes_ago=10_000)
                await chain.append(9, minutes_ago=9)
                await chain.alarm()
                await until(lambda: chain.spool.depth() <= chain.uplink.counters["unfit"])
                assert chain.uplink.counters["connects"] == 1
                return chain.uplink.counters, chain.made() - stored(tmp_path / "center.db")

    counters, missing = asyncio.run(main())
    if "size" in extra:
        assert counters["unfit"] == len(missing) <= 1, "the copy of the catalogue in the log of events"
        assert counters["too_big"] == counters["unfit"]
    else:
        assert not missing


def test_a_broker_that_lets_nobody_in_is_left_alone_and_health_says_why(tmp_path, monkeypatch):
    passwords = tmp_path / "passwords"
    passwords.touch(0o600)
    monkeypatch.setattr("gateway.uplink.CREDENTIALS_S", 3_600.0)

    async def main():
        extra = f"allow_anonymous false\npassword_file {passwords}\n"
        with Broker(tmp_path / "broker", extra=extra) as broker:
            async with running(Chain(tmp_path, broker.port)) as chain:
                await until(lambda: chain.uplink.refusals)
                assert "Not authorized" in chain.uplink.refusals["connection"]
                await chain.append()
                assert chain.uplink.counters["connect_failures"] == chain.uplink.counters["connect_refused"] == 1

    asyncio.run(main())


def test_with_ack_broker_what_nobody_subscribes_to_is_not_taken_for_stored(tmp_path, broker, monkeypatch):
    monkeypatch.setattr("gateway.refusals.FIRST_S", 0.2)

    async def main():
        async with running(Chain(tmp_path, broker.port, ack="broker")) as chain:
            await chain.append()
            await chain.alarm()
            await until(lambda: chain.uplink.refusals.get("live") == "nobody subscribes (0x10)")
            assert chain.spool.center_has(BOARD, EPOCH) == 0
            async with listener(broker.port) as heard:
                await chain.settled()
                await until(lambda: {"event", "live"} <= {leaf for leaf, *_ in heard})
            assert chain.uplink.refusals == {}

    asyncio.run(main())


def test_rows_that_the_center_asks_for_are_sent_again_and_the_command_is_answered_once(tmp_path, broker):
    async def main():
        async with center(tmp_path, broker.port), running(Chain(tmp_path, broker.port)) as chain:
            await chain.append(9, minutes_ago=2_000)
            await chain.settled()
            async with listener(broker.port, "rp/1/CYB01/late", "rp/1/CYB01/reply") as heard:
                again = [[BOARD, EPOCH, [2, 4, 7, 7]], [b"unknown.", 1, [1, 5]]]
                late_ms = chain.clock.unix_ms() + 1_000
                command = {K_MAJOR: 1, K_ID: 9, K_EXPIRES_MS: late_ms, K_AGAIN: again}
                async with aiomqtt.Client("127.0.0.1", broker.port) as client:
                    for payload in (b"nonsense", *[cbor2.dumps(command, canonical=True)] * 2):
                        await client.publish("rp/1/CYB01/command", payload, qos=1)
                await until(lambda: [leaf for leaf, *_ in heard].count("reply") == 2)
                await until(lambda: "late" in [leaf for leaf, *_ in heard])
                await chain.settled()
            replies = [cbor2.loads(payload) for leaf, payload, _ in heard if leaf == "reply"]
            assert [(reply[K_ID], STATUSES[reply[K_STATUS]]) for reply in replies] == [(9, "accepted")] * 2
            assert (chain.uplink.counters["commands"], chain.uplink.counters["bad_commands"]) == (2, 1)
            assert chain.spool.center_has(BOARD, EPOCH) == 9
        assert stored(tmp_path / "center.db") == chain.made()

    asyncio.run(main())
