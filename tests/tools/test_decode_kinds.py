"""What `riverpost decode` reads, against those who made it: pymodbus, cbor2, cryptography, and our own packers."""

import json

import cbor2
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from tests.tools import center_messages as center
from tests.tools.test_emulator_flash_dump import EPOCH, block
from tests.wire.strategies import anchor_rows, data_rows, epochs
from tests.wire.test_modbus import ANSWERS, PYMODBUS, PYMODBUS_SERVER, REQUESTS, published
from tests.wire.test_package import MAIN, manifest
from tools.decode import modbus_kind, registers_view, row_kind
from tools.decode.found import Ask, Found
from tools.decode.guess import guess
from tools.decode.telemetry_kind import read_catalogue
from tools.emulator.rtu import sealed
from wire import registers
from wire.package import head_of, signed_message
from wire.registers import CONTROL_BLOCK, NOW_HEADER, STATUS_BLOCK
from wire.row import pack

REQUEST = sealed(bytes.fromhex("0b0301240001"))
EN, ZH = Ask("en"), Ask("zh")


def only(data, ask=EN):
    """The one kind that fits `data` without a fault."""
    (found,) = guess(data, ask).fits
    assert found.wrong == "", found.wrong
    json.dumps(found.document)
    return found


def text_of(found):
    return "\n".join(
        [found.title, *(f"{name} {text}" for name, text in found.facts), *(one.text for one in found.lines)]
    )


@pytest.mark.parametrize("kind", REQUESTS)
@given(data=st.data())
def test_a_request_of_pymodbus_is_read_as_pymodbus_meant_it(kind, data):
    meant = data.draw(REQUESTS[kind])
    found = modbus_kind.read(PYMODBUS.buildFrame(meant), EN)
    document = found.document
    assert (document["address"], document["function"]) == (meant.dev_id, meant.function_code)
    assert document["crc_right"]
    assert document["side"] != "answer"
    if kind.startswith("read ") and kind != "read file":
        assert (document["register"], document["count"]) == (meant.address, meant.count)
    elif kind.startswith("write ") and kind != "write file":
        assert (document["register"], document["words"]) == (meant.address, meant.registers)
    elif kind == "identification":
        assert (document["code"], document["object"]) == (meant.read_code, meant.object_id)
    else:
        (record,) = meant.records
        assert (document["file"], document["record"]) == (record.file_number, record.record_number)
        if kind == "write file":
            assert document["data"] == record.record_data.hex()
        else:
            assert document["count"] == record.record_length


@pytest.mark.parametrize("kind", ANSWERS)
@given(data=st.data())
def test_an_answer_of_pymodbus_is_read_as_pymodbus_meant_it(kind, data):
    meant = data.draw(ANSWERS[kind])
    document = modbus_kind.read(PYMODBUS_SERVER.buildFrame(meant), EN).document
    assert document["address"] == meant.dev_id
    assert document["side"] != "request"
    if kind == "exception":
        assert document["exception"] == meant.exception_code
    elif kind.startswith("read ") and kind != "read file":
        assert document["words"] == meant.registers
    elif kind == "write multiple":
        assert (document["register"], document["count"]) == (meant.address, meant.count)


@pytest.mark.parametrize(("direction", "frame", "meaning"), published())
def test_a_published_frame_is_one_and_has_its_side(direction, frame, meaning):
    found = guess(frame, EN).fits
    assert [one.kind for one in found] == ["modbus"], meaning
    side = {"response": "answer"}.get(direction, "request")
    assert found[0].document["side"] in (side, "either")


def test_every_entry_of_the_map_is_shown_by_its_name_in_both_languages():
    for first, count, name in (*NOW_HEADER, *STATUS_BLOCK, *CONTROL_BLOCK):
        for fill in (0, 0x0101, 0xFFFF):
            for ask in (EN, ZH):
                ((shown, text, plain),) = registers_view.named(first, [fill] * count, ask)
                assert shown == name
                assert text
                json.dumps(plain)


@given(st.integers(0, 0xFFFF), st.lists(st.integers(0, 0xFFFF), min_size=1, max_size=125))
def test_no_register_is_left_out_or_told_twice(first, words):
    sizes = {name: size for _, size, name in registers_view.ENTRIES}
    shown = registers_view.named(first, words, EN)
    assert sum(sizes.get(name, 1) for name, _, _ in shown) == len(words)


def test_now_values_have_their_quantity_unit_quality_and_age():
    words = [1, 2, 0, 60, 0, 9, 0x0002, 0xB3F7, 0x0102, 250]
    request = sealed(bytes((11, 3, 0, 4, 0, len(words))))
    answer = sealed(bytes((11, 3, 2 * len(words))) + b"".join(word.to_bytes(2, "big") for word in words))
    parts = only(request + answer).parts
    assert "slot_0 Pressure head 177.143 m, 0 s" in text_of(parts[1])
    assert "压力水头 177.143 m" in text_of(only(request + answer, ZH).parts[1])


@given(st.one_of(data_rows(), anchor_rows()), epochs)
def test_a_row_names_the_one_epoch_that_it_fits_and_all_of_its_numbers(row, epoch):
    packed = pack(row, epoch)
    assert row_kind.epoch_of(packed) == epoch
    document = row_kind.read(packed, EN).document
    assert (document["epoch"], document["seq"], document["boot"]) == (epoch, row.seq, row.boot)
    assert not document["proved"]
    if row.anchor is None:
        assert [(one["channel"], one["value"], one["quality"]) for one in document["readings"]] == [
            (one.channel, one.value, one.quality) for one in row.readings
        ]
    assert row_kind.read(packed, Ask("en", epoch=epoch)).document["proved"]
    other = row_kind.read(packed, Ask("en", epoch=epoch ^ 1))
    assert other.wrong == f"does not fit epoch {epoch ^ 1}, fits {epoch}"


def test_two_rows_prove_their_epoch_and_one_of_another_log_is_found():
    rows = center.rows(1, 2)
    assert only(b"".join(pack(row, 9) for row in rows)).document["proved"]
    (mixed,) = guess(pack(rows[0], 9) + pack(rows[1], 10), EN).fits
    assert "different epochs: 9, 10" in mixed.wrong


def test_an_answer_of_function_20_shows_its_rows_and_a_row_of_another_log_in_it():
    def answer(epoch):
        data = b"".join(one.to_bytes(4, "big") for one in (7, 1)) + pack(center.rows(1, 1)[0], epoch)
        data += bytes(len(data) % 2)
        return sealed(bytes((11, 20, len(data) + 2, len(data) + 1, 6)) + data)

    assert "20.001" not in text_of(only(answer(7)))
    assert "channel 0 20,001" in text_of(only(answer(7)))
    (found,) = guess(answer(8), EN).fits
    assert "row 1: CRC of the row does not fit" in found.wrong


def test_rows_of_a_batch_are_those_that_went_in_named_by_the_catalogue():
    ask = Ask("en", catalogue=read_catalogue(center.catalogue_content()))
    rows = center.rows(1, 40)
    for leaf in ("live", "late"):
        found = only(center.batch(rows, leaf=leaf).payload, ask)
        assert found.document["message"] == leaf
        assert [one.document["seq"] for one in found.lines] == [row.seq for row in rows]
        assert [one.document["crc"] for one in found.lines] == [pack(row, center.EPOCH)[-4:].hex() for row in rows]
        assert "river 20.040 m" in found.lines[-1].text
    assert "--catalogue" in text_of(only(center.batch(rows).payload))
    (other,) = guess(center.batch(rows, version=8).payload, ask).fits
    assert other.wrong == "needs catalogue 8, was given 7"


def test_a_catalogue_may_come_as_the_event_that_carries_its_copy():
    assert read_catalogue(center.catalogue_event(1, 9).payload).version == 9


SERIAL = b"\x01\x02\x03\x04\x05\x06\x07\x08"
MESSAGES = {
    "event": {0: 1, 1: 5, 5: SERIAL, 6: 1, 7: 1, 8: cbor2.dumps({0: 1, 1: 2, 2: 3, 5: 4, 6: 5, 12: 2}), 9: 1},
    "catalogue": {0: 1, 1: 7, 10: "CYB01", 11: [[SERIAL, 12, "level", 0, 60, [["river", 2, 160_000, "wusong"]]]]},
    "state": {0: 1, 1: 7, 14: True, 15: [[SERIAL, 1, 2, 3]], 22: 9},
    "ack": {0: 1, 12: 3, 13: [[SERIAL, 1, 2, [4, 5]]]},
    "command": {0: 1, 16: 4, 17: 1_591_063_500_000, 21: {0: 0, 1: "07", 3: "flood", 5: 4}},
    "reply": {0: 1, 16: 4, 19: 2, 20: "no rule"},
}
LOCAL = {
    "rows": {0: 1, 1: 7, 2: 5_000, 4: 2, 5: 1, 6: 9, 7: [[2, 1, 177_143, 250], [10, 9, None, 65_535]]},
    "ack": {0: 1, 1: 7, 12: 8, 13: 5},
    "birth": {0: 1, 1: 7, 5: 1, 6: 9, 10: 3, 11: SERIAL, 14: True},
    "chunk": {0: 1, 15: 512, 16: b"\x01\x02"},
    "order": {0: 1, 17: 2},
    "at": {0: 1, 10: 3, 15: 512, 18: 0x0304, 19: 0, 20: 7, 21: 0x0101, 22: [0, 4, 1]},
}


@pytest.mark.parametrize("name", MESSAGES)
def test_a_message_that_cbor2_makes_is_of_its_kind_only(name):
    found = only(cbor2.dumps(MESSAGES[name], canonical=True))
    assert (found.kind, found.document["message"]) == ("telemetry", name)
    assert text_of(only(cbor2.dumps(MESSAGES[name], canonical=True), ZH)) != text_of(found)


@pytest.mark.parametrize("name", LOCAL)
def test_a_message_of_a_board_that_cbor2_makes_is_of_its_kind_only(name):
    found = only(cbor2.dumps(LOCAL[name], canonical=True))
    assert (found.kind, found.document["message"]) == ("local", name)


def test_what_messages_say_is_told_in_words():
    def said(message, ask=EN):
        return text_of(only(cbor2.dumps(message, canonical=True), ask))

    assert "Pressure head 177.143 m, 0 s" in said(LOCAL["rows"])
    assert "— (missing), ≥ 65 s" in said(LOCAL["rows"])
    assert "a, on trial" in said(LOCAL["at"])
    assert "refused: not signed by the board's key" in said(LOCAL["at"] | {18: 0x0304})
    assert "restart into it" in said(LOCAL["order"])
    assert "Level ⯃R Red" in said(MESSAGES["event"])
    assert "事件 告警发生" in said(MESSAGES["event"], ZH)
    assert "all up to 2, 4–5" in said(MESSAGES["ack"])
    assert "要做的事 确认告警" in said(MESSAGES["command"], ZH)


def test_a_key_of_a_later_version_is_let_pass_only_where_the_kind_was_named():
    message = cbor2.dumps(LOCAL["order"] | {23: 1}, canonical=True)
    assert guess(message, EN).fits == []
    assert "keys that the contract has not: 23" in guess(message, EN).reasons["local"].reason
    assert guess(message, Ask("en", forced=True), "local").fits[0].document["order"] == registers.ORDER_INSTALL


def test_a_package_is_checked_by_its_key():
    key, other = (Ed25519PrivateKey.from_private_bytes(bytes([n]) * 32) for n in (1, 2))
    head = head_of(manifest())
    data = head + key.sign(signed_message(head)) + MAIN
    assert only(data).document["signed"] is None
    assert only(data, Ask("en", key=key.public_key().public_bytes_raw())).document["signed"] is True
    (found,) = guess(data, Ask("en", key=other.public_key().public_bytes_raw())).fits
    assert found.wrong == "not by that key"
    (reason,) = [one for one in guess(data[:-1] + b"!", EN).reasons.values() if one.near]
    assert "main.mpy is not the file of the manifest" in reason.reason


@pytest.mark.parametrize("frame", ["13030415080d904900", "a10404012800a65a00"])
def test_an_answer_that_begins_like_a_whole_request_is_an_answer(frame):
    found = only(bytes.fromhex(frame))
    assert (found.document["side"], len(found.document["words"])) == ("answer", 2)
    parts = only(REQUEST + bytes.fromhex(frame) + REQUEST).parts
    assert [part.document["side"] for part in parts] == ["request", "answer", "request"]


def test_what_fits_without_a_fault_goes_before_what_fits_with_one(monkeypatch):
    right, wrong = only(REQUEST), Found("row", "a row", [], {}, "its CRC")
    monkeypatch.setattr(
        "tools.decode.guess.READERS", {"row": lambda data, ask: wrong, "modbus": lambda data, ask: right}
    )
    assert guess(b"", EN).fits == [right]
    monkeypatch.setattr("tools.decode.guess.READERS", {"row": lambda data, ask: wrong})
    assert guess(b"", EN).fits == [wrong]


def test_a_dump_tells_how_far_it_is_read_block_by_block(monkeypatch):
    told = []
    monkeypatch.setattr("tools.steps.Steps.show", lambda self, done, total: told.append((done, total)))
    only(block(pack(center.rows(1, 1)[0], EPOCH), epoch=EPOCH) * 64)
    assert told == [(4_096 * number, 4_096 * 64) for number in range(1, 65)]
