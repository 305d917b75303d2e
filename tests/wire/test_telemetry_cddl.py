"""telemetry.cddl against an independent validator: what we make fits it, what is wrong does not."""

from pathlib import Path

import cbor2
import pytest
from cddl_verifier import Validator
from hypothesis import given
from hypothesis import strategies as st

from tests.wire.strategies import epochs, logs
from wire import telemetry as t
from wire.cbor import Encoder
from wire.reading import FAIL
from wire.short import lengthen, shorten
from wire.telemetry import MESSAGE_BYTES_MAX, rows_of, segments_of

CONTRACT = Validator(Path(t.__file__).parent / "telemetry.cddl")
SERIAL = bytes.fromhex("0000a1b2c3d4e5f6")
u32 = st.integers(0, 0xFFFFFFFF)
ms = st.integers(0, 1 << 43)
texts = st.text(max_size=12)


def fits(message) -> bool:
    return CONTRACT.validate(cbor2.dumps(message, canonical=True)).valid


def batch(segments, **more):
    return {t.K_MAJOR: t.MAJOR, t.K_CATALOGUE: 5, t.K_BASE_S: 1_528_063_500, t.K_SEGMENTS: segments} | more


@given(
    st.integers(1, 8).flatmap(lambda n: st.tuples(st.just(n), logs(n))),
    epochs,
    u32,
    st.sampled_from([None, 0, 1, 2]),
    st.booleans(),
)
def test_every_batch_that_rows_can_make_fits_the_contract_and_comes_back_through_cbor(log, epoch, base_s, mode, judged):
    channels, rows = log
    segments = segments_of(2, 60, epoch, rows, base_s, channels) * 2  # Of two sources that do the same.
    if judged and len(segments[0]) == 6:
        segments[0].append({t.F_GATEWAY_QUALITY: {0: [FAIL, segments[0][4]]}})
    message = {t.K_MAJOR: t.MAJOR, t.K_CATALOGUE: 5, t.K_BASE_S: base_s, t.K_SEGMENTS: shorten(segments)}
    if mode is not None:
        message[t.K_MODE] = mode
    ours = bytes(Encoder(MESSAGE_BYTES_MAX).encode(message))
    assert CONTRACT.validate(ours).errors == ()
    received = cbor2.loads(ours)
    whole = lengthen(received[t.K_SEGMENTS])
    again = [row for segment in whole for row in rows_of(segment, 60, epoch, base_s, channels)]
    assert again == rows * 2


events = st.fixed_dictionaries(
    {t.E_KIND: st.sampled_from(sorted(t.EVENT_KINDS)), t.E_AT_MS: ms, t.E_DETECTED_MS: ms},
    optional={
        t.E_RULE: texts,
        t.E_CHANNEL: texts,
        t.E_LEVEL: st.integers(0, 4),
        t.E_VALUE: st.integers(-(1 << 31), 1 << 31),
        t.E_THRESHOLD: st.integers(-(1 << 31), 1 << 31),
        t.E_THRESHOLD_SET: texts,
        t.E_DATUM: texts,
        t.E_MODE: st.integers(0, 2),
        t.E_DETAIL: texts,
        t.E_QUANTITY: st.integers(1, 13),
        t.E_SIREN_MS: ms,
        t.E_SOURCE: st.just(SERIAL),
        t.E_LATE: st.just(1),
        t.E_OPERATING: st.integers(0, 4),
        t.E_ACTOR: texts,
        t.E_COMMAND: u32,
        t.E_RANGE: st.tuples(u32, u32).map(list),
        t.E_NUMBER: u32,
        t.E_UNTIL_MS: ms,
        t.E_TIER: texts,
        t.E_ACTOR: texts,
        t.E_SUPPRESSED: st.integers(1, 2),
    },
)


@given(events, u32, st.integers(1, 0xFFFFFFFF))
def test_every_event_fits_the_contract(event, epoch, seq):
    stored = cbor2.dumps(event, canonical=True)
    head = {t.K_MAJOR: 1, t.K_CATALOGUE: 5, t.K_SERIAL: SERIAL, t.K_EPOCH: epoch, t.K_SEQ: seq}
    assert fits(head | {t.K_EVENT: stored, t.K_PUBLISHED_MS: 9})


GOOD = {
    "rows": batch([[0, 1, 5, 2, 3, [[1, 2], []]]]),
    "rows of which only what is other is said": batch(
        [[0, 1, 5, 2, 3, [[1]]], [1, -1, 0, [1, [3]], []], [2, 1, 9, [], {0: 0}]]
    ),
    "rows with every flag": batch(
        [[0, 1, -5, 2, 2, [[1]], {0: 0, 1: [5], 2: {0: [3, 2]}, 3: {0: [[1], [2], [3]]}, 4: [0, 1, 1], 5: {0: [4, 2]}}]]
    ),
    "catalogue": {
        t.K_MAJOR: 1,
        t.K_CATALOGUE: 7,
        t.K_STATION: "CYB01",
        t.K_SOURCES: [
            [SERIAL, 12, "level", t.SOURCE_BOARD, 60, [["river", 2, 160_000, "wusong"], ["level.supply", 10]]],
            [SERIAL, 12, "events", t.SOURCE_EVENTS, 0, []],
        ],
    },
    "catalogue with threshold sets, a fused channel, two datums and a gap by sound": {
        t.K_MAJOR: 1,
        t.K_CATALOGUE: 8,
        t.K_STATION: "CYB01",
        t.K_SOURCES: [
            [SERIAL, 12, "l", 0, 60, [["low", 2, 1, "wusong", {t.C_OVER: ["huanghai", -1_490]}]]],
            [SERIAL, 13, "h", 0, 60, [["high", 1, 9, "wusong", {t.C_OVER: ["cn1985", 1], t.C_SOUND_CDEG: 2_000}]]],
        ],
        t.K_SETS: [["CYB", 2, "river", "wusong", "2022-05-01", "plan", ["guard", 1, 180_000, "100-year", 4, 195_000]]],
        t.K_FUSIONS: [["river", "low", "high", "wusong", 183_000, 186_000]],
    },
    "event": {0: 1, 1: 5, 5: SERIAL, 6: 1, 7: 1, 8: cbor2.dumps({0: 1, 1: 2, 2: 3}), 9: 1},
    "birth": {t.K_MAJOR: 1, t.K_ALIVE: True, t.K_CATALOGUE: 7, t.K_LOGS: [[SERIAL, 12, 1, 90]], t.K_MODE: 0},
    "birth in an exercise of the flood season": {
        t.K_MAJOR: 1,
        t.K_ALIVE: True,
        t.K_MODE: 1,
        t.K_MODE_BY: ["07", 1_800_000_000],
        t.K_OPERATING: [2, "calendar", 0],
        t.K_CONFIG: 0xFFFFFFFF,
    },
    "batch of an exercise": batch([[0, 1, 5, 2, 3, [[1]]]]) | {t.K_MODE: 1, t.K_MODE_BY: ["07", 0]},
    "death": {t.K_MAJOR: 1, t.K_ALIVE: False},
    "ack": {t.K_MAJOR: 1, t.K_GENERATION: 3, t.K_ACKS: [[SERIAL, 12, 90, [93, 95]], [SERIAL, 13, 0, []]]},
}


@pytest.mark.parametrize("name", GOOD)
def test_a_message_of_each_kind_fits_the_contract(name):
    assert fits(GOOD[name])


BAD = {
    "another major version": batch([[0, 1, 5, 2, 3, [[1]]]]) | {t.K_MAJOR: 2},
    "no catalogue": {t.K_MAJOR: 1, t.K_BASE_S: 0, t.K_SEGMENTS: [[0, 1, 5, 2, 3, [[1]]]]},
    "mode 3": batch([[0, 1, 5, 2, 3, [[1]]]]) | {t.K_MODE: 3},
    "operating mode 5": batch([[0, 1, 5, 2, 3, [[1]]]]) | {t.K_OPERATING: [5, "07", 0]},
    "operating mode of nobody": batch([[0, 1, 5, 2, 3, [[1]]]]) | {t.K_OPERATING: [1]},
    "negative base time": batch([[0, 1, 5, 2, 3, [[1]]]]) | {t.K_BASE_S: -1},
    "a key of nothing": batch([[0, 1, 5, 2, 3, [[1]]]]) | {20: 1},
    "no segments": batch([]),
    "segment of five": batch([[0, 1, 5, 2, 3]]),
    "segment of eight": batch([[0, 1, 5, 2, 3, [[1]], {0: 1}, 1]]),
    "segment of four numbers": batch([[0, 1, 5, 2]]),
    "no columns": batch([[0, 1, 5, 2, 3, []]]),
    "seq of zero": batch([[0, 0, 5, 2, 3, [[1]]]]),
    "no rows": batch([[0, 1, 5, 2, 0, [[1]]]]),
    "1,501 rows": batch([[0, 1, 5, 2, 1_501, [[1]]]]),
    "a column with a fraction": batch([[0, 1, 5, 2, 3, [[1.5]]]]),
    "short of its columns": batch([[0, 1, 5, 2, 3, [[1]]], [1, 1, 0]]),
    "short, with a number behind its columns": batch([[0, 1, 5, 2, 3, [[1]]], [1, 1, 0, [1], 7]]),
    "short, with its columns in an array": batch([[0, 1, 5, 2, 3, [[1]]], [1, 1, 0, [[[1]]]]]),
    "a count of no zeros": batch([[0, 1, 5, 2, 3, [[1, [0]]]]]),
    "two counts of zeros": batch([[0, 1, 5, 2, 3, [[1, [1, 1]]]]]),
    "a column with text": batch([[0, 1, 5, 2, 3, [["1"]]]]),
    "packed row too short": batch([[0, 1, bytes(18)]]),
    "packed row too long": batch([[0, 1, bytes(235)]]),
    "time quality 3": batch([[0, 1, 5, 2, 3, [[1]], {0: 3}]]),
    "negative flag": batch([[0, 1, 5, 2, 3, [[1]], {2: {0: [-1, 3]}}]]),
    "a flag of nothing": batch([[0, 1, 5, 2, 3, [[1]], {2: {0: [5, 3]}}]]),
    "a flag without its run": batch([[0, 1, 5, 2, 3, [[1]], {2: {0: [3, 1, 4]}}]]),
    "flags of no map": batch([[0, 1, 5, 2, 3, [[1]], 1]]),
    "flags in an array": batch([[0, 1, 5, 2, 3, [[1]], [1]]]),
    "stats of no map": batch([[0, 1, 5, 2, 3, [[1]], {3: 1}]]),
    "two stats": batch([[0, 1, 5, 2, 3, [[1]], {3: {0: [[1], [2]]}}]]),
    "tips without their count": batch([[0, 1, 5, 2, 3, [[1]], {4: [0, 1, 1, 1, 5]}]]),
    "event that is no bytes": {0: 1, 1: 5, 5: SERIAL, 6: 1, 7: 1, 8: {0: 1, 1: 2, 2: 3}, 9: 1},
    "event that is no event": {0: 1, 1: 5, 5: SERIAL, 6: 1, 7: 1, 8: cbor2.dumps({0: 1}), 9: 1},
    "event with bytes behind its end": GOOD["event"] | {t.K_EVENT: GOOD["event"][t.K_EVENT] + b"\0"},
    "short serial": {0: 1, 1: 5, 5: SERIAL[:7], 6: 1, 7: 1, 8: cbor2.dumps({0: 1, 1: 2, 2: 3}), 9: 1},
    "alarm level 5": {0: 1, 1: 5, 5: SERIAL, 6: 1, 7: 1, 8: cbor2.dumps({0: 1, 1: 2, 2: 3, 5: 5}), 9: 1},
    "source of five": GOOD["catalogue"] | {t.K_SOURCES: [[SERIAL, 12, "level", 0, 60]]},
    "source of kind 3": GOOD["catalogue"] | {t.K_SOURCES: [[SERIAL, 12, "level", 3, 60, []]]},
    "channel without quantity": GOOD["catalogue"] | {t.K_SOURCES: [[SERIAL, 12, "level", 0, 60, [["river"]]]]},
    "level without datum": GOOD["catalogue"] | {t.K_SOURCES: [[SERIAL, 12, "level", 0, 60, [["river", 2, 160_000]]]]},
    "alive by number": {t.K_MAJOR: 1, t.K_ALIVE: 1},
    "ack without ranges": {t.K_MAJOR: 1, t.K_GENERATION: 3, t.K_ACKS: [[SERIAL, 12, 90]]},
    "ack with half a range": {t.K_MAJOR: 1, t.K_GENERATION: 3, t.K_ACKS: [[SERIAL, 12, 90, [93]]]},
    "nothing": {},
    "text": "text",
}


@pytest.mark.parametrize("name", BAD)
def test_a_message_that_breaks_the_contract_is_refused(name):
    assert not fits(BAD[name])


wanted = st.lists(
    st.tuples(
        st.just(SERIAL),
        u32,
        st.lists(st.tuples(u32, u32), min_size=1, max_size=3).map(lambda pairs: [n for pair in pairs for n in pair]),
    ).map(list),
    min_size=1,
    max_size=3,
)


@given(u32, ms, wanted)
def test_every_command_to_send_again_fits_the_contract(number, expires_ms, again):
    command = {t.K_MAJOR: t.MAJOR, t.K_ID: number, t.K_EXPIRES_MS: expires_ms, t.K_AGAIN: again}
    assert fits(command)
    assert not fits(command | {t.K_AGAIN: [[SERIAL, 1, [7]]]})
    assert not fits(command | {t.K_AGAIN: []})


@given(u32, st.sampled_from(range(len(t.STATUSES))), texts)
def test_every_reply_fits_the_contract(number, status, reason):
    reply = {t.K_MAJOR: t.MAJOR, t.K_ID: number, t.K_STATUS: status}
    assert fits(reply)
    assert fits(reply | {t.K_REASON: reason})
    assert not fits(reply | {t.K_STATUS: len(t.STATUSES)})
