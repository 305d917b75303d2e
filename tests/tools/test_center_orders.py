"""What people order at the center: durable first, sent until answered, shown step by step; and kept apart by mode."""

import json
import sqlite3
import threading
from contextlib import closing

import cbor2
import pytest

from gateway.actions import NEEDS, Action
from gateway.commands import read_command
from tests.tools import center_messages as m
from tools.__main__ import main
from tools.center import orders
from tools.center.acting import ACTS
from tools.center.overview import overview
from tools.center.store import Store, now_ms
from tools.center.timeline import timeline
from wire.actions import ACTIONS
from wire.telemetry import (
    E_ACTOR,
    E_LATE,
    E_TIER,
    E_UNTIL_MS,
    EVENT_CODES,
    K_CONFIG,
    K_MODE,
    K_MODE_BY,
    K_OPERATING,
    STATUSES,
)

T = m.NOW_MS
ACK = Action("acknowledge", "07", "center", rule="flood", level=2)
MINUTE_MS = 60_000
LEVEL = 1


@pytest.fixture
def path(tmp_path):
    return tmp_path / "center.db"


@pytest.fixture
def store(path):
    with closing(Store(path)) as made:
        made.take([m.catalogue(), birth()])
        yield made


def birth(**keys):
    message = {0: 1, 14: True, 1: 7, 15: [], K_CONFIG: 0xABCD}
    return m.incoming("state", message | keys.get("keys", {}))


def put(path, action=ACK, expires_ms=T + 10 * MINUTE_MS, config=None):
    with closing(sqlite3.connect(path)) as db:
        return orders.put(db, m.STATION, action, T, expires_ms, config)


def steps(path, at_ms=T):
    with closing(sqlite3.connect(path)) as db:
        return [(one.action.kind, one.state, one.reason) for one in orders.progress(db, m.STATION, at_ms, 10)]


def reply(order, status, reason=""):
    return m.incoming("reply", {0: 1, 16: order.id, 19: STATUSES.index(status)} | ({20: reason} if reason else {}))


def event(seq, kind, mode=0, level=None, rule="flood", **more):
    codes = {"actor": E_ACTOR, "tier": E_TIER, "until_ms": E_UNTIL_MS, "late": E_LATE, "episode_ms": 16, "detail": 11}
    told = {0: EVENT_CODES[kind], 1: T + seq, 2: T + seq, 3: rule, 4: "river", 10: mode, 12: LEVEL}
    told |= {5: level} if level is not None else {}
    content = cbor2.dumps(told | {codes[name]: value for name, value in more.items()}, canonical=True)
    return m.incoming("event", {0: 1, 1: 7, 5: m.GATEWAY, 6: 1, 7: seq, 8: content, 9: T + seq})


def test_an_order_goes_out_as_a_command_that_a_station_reads_as_it_was_meant(store, path):
    order = put(path, config=0xABCD)
    (due,) = store.orders(T)
    command = read_command(orders.order_message(due))
    assert (command.number, command.expires_ms, command.action, command.config) == (
        order.id, T + 10 * MINUTE_MS, ACK, 0xABCD)  # fmt: skip


def test_an_order_is_sent_again_on_a_birth_and_after_a_while_until_it_is_answered(store, path):
    order = put(path)
    assert steps(path) == [("acknowledge", "stored", "")]
    store.sent(store.orders(T), T)
    assert steps(path) == [("acknowledge", "sent", "")]
    assert store.orders(T + 1) == []
    assert [one.id for one in store.orders(T + 1, {m.STATION})] == [order.id]
    assert [one.id for one in store.orders(T + orders.AGAIN_MS)] == [order.id]
    store.take([reply(order, "refused", "it has become red")])
    assert steps(path) == [("acknowledge", "refused", "it has become red")]
    assert store.orders(T + orders.AGAIN_MS, {m.STATION}) == []


def test_an_order_that_nobody_took_expires_and_stays_on_record(store, path):
    put(path)
    assert store.orders(T + 11 * MINUTE_MS, {m.STATION}) == []
    assert steps(path, T + 11 * MINUTE_MS) == [("acknowledge", "expired", "")]


def test_rows_that_are_asked_for_do_not_push_orders_out(store, path, monkeypatch):
    put(path)
    monkeypatch.setattr("tools.center.gaps.COMMANDS_MAX", 1)
    store.take([m.batch(m.rows(1, 3)), m.batch(m.rows(7, 2)), m.birth([[*m.KEY, 1, 20]])])
    assert store.asks(T, {m.STATION})
    assert steps(path) == [("acknowledge", "stored", "")]


def test_what_is_actual_and_what_is_an_exercise_are_two_episodes_and_counted_apart(store, path):
    store.take([event(1, "alarm raised", 1, 3, episode_ms=T), event(2, "alarm raised", 0, 2, episode_ms=T + 5)])
    store.take([event(3, "alarm acknowledged", 1, 3, actor="07", tier="center")])
    (station,) = overview(path, T)["stations"]
    told = [(alarm["mode"], alarm["level"], alarm["state"], alarm["acknowledged_by"]) for alarm in station["alarms"]]
    assert told == [("actual", 2, "unacknowledged", ""), ("exercise", 3, "acknowledged", "07")]
    counts = station["counts"]
    assert (counts["actual"]["yellow"], counts["actual"]["orange"], counts["exercise"]["orange"]) == (1, 0, 1)
    assert (counts["actual"]["unacknowledged"], counts["exercise"]["unacknowledged"]) == (1, 0)
    store.take([event(4, "alarm cleared", 1, 0)])
    (station,) = overview(path, T)["stations"]
    assert [alarm["mode"] for alarm in station["alarms"]] == ["actual"]


def test_a_higher_level_asks_for_another_acknowledgement(store, path):
    store.take([event(1, "alarm raised", 0, 2), event(2, "alarm acknowledged", 0, 2, actor="07")])
    store.take([event(3, "alarm escalated", 0, 4)])
    ((alarm,),) = [station["alarms"] for station in overview(path, T)["stations"]]
    assert (alarm["level"], alarm["state"]) == (4, "unacknowledged")


def test_a_shelf_and_out_of_service_are_shown_with_who_and_until_and_end(store, path):
    store.take([event(1, "alarm raised", 0, 2)])
    store.take([event(2, "alarm shelved", 0, 2, actor="07", until_ms=T + MINUTE_MS, detail="works")])
    store.take([event(3, "alarm out of service", 0, 0, rule="rain", actor="08", detail="broken")])
    (station,) = overview(path, T)["stations"]
    shelved, out = station["alarms"]
    assert (shelved["rule"], shelved["state"], shelved["aside"]["by"]) == ("flood", "shelved", "07")
    assert (shelved["aside"]["until_ms"], shelved["aside"]["reason"]) == (T + MINUTE_MS, "works")
    assert (out["rule"], out["state"], out["level"]) == ("rain", "out of service", 0)
    assert station["counts"]["aside"] == {"shelved": 1, "out of service": 1}
    store.take([event(4, "alarm in service", 0, 0, rule="rain")])
    (station,) = overview(path, T + 2 * MINUTE_MS)["stations"]
    assert [(alarm["rule"], alarm["state"]) for alarm in station["alarms"]] == [("flood", "unacknowledged")]


def test_late_episodes_are_on_record_and_change_nothing_that_stands(store, path):
    store.take([event(1, "alarm raised", 0, 2, late=1, episode_ms=T - 9), event(2, "alarm escalated", 0, 4, late=1,
                episode_ms=T - 9), event(3, "alarm cleared", 0, 0, late=1, episode_ms=T - 9)])  # fmt: skip
    (station,) = overview(path, T)["stations"]
    assert station["alarms"] == []
    assert station["late_episodes"] == [
        {"rule": "flood", "channel": "river", "mode": "actual", "highest": 4, "since_ms": T - 9, "end_ms": T + 3}
    ]


def test_modes_come_with_who_set_them_and_a_last_will_takes_nothing_back(store, path):
    store.take([birth(keys={K_MODE: 1, K_MODE_BY: ["07", 9], K_OPERATING: [2, "calendar", 7]})])
    store.take([m.incoming("state", {0: 1, 14: False})])
    (station,) = overview(path, T)["stations"]
    assert (station["mode"], station["mode_by"], station["mode_until_ms"]) == ("exercise", "07", 9_000)
    assert (station["operating"], station["operating_by"], station["alive"]) == ("flood season", "calendar", False)
    assert station["config"] == "0000abcd"


@pytest.mark.parametrize("keys", [{K_MODE_BY: ["07"]}, {K_OPERATING: [9, "", 0]}, {K_OPERATING: 5}, {K_CONFIG: -1}])
def test_a_state_with_modes_that_are_none_is_set_aside(store, path, keys):
    store.take([birth(keys=keys)])
    assert overview(path, T)["quarantined"] == 1


def test_a_manual_observation_stands_in_the_timeline_between_the_rows(store, path):
    store.take([m.batch(m.rows(1, 3))])
    at_ms = (m.START_S + 150) * 1000
    told = {0: EVENT_CODES["manual observation"], 1: at_ms, 2: T, 4: "river", 6: 193_020, 12: LEVEL, E_ACTOR: "07"}
    content = cbor2.dumps(told, canonical=True)
    store.take([m.incoming("event", {0: 1, 1: 7, 5: m.GATEWAY, 6: 1, 7: 1, 8: content, 9: T})])
    lines = timeline(path, m.STATION, "river", "actual", 10)
    assert [(line["what"], line["value"]) for line in lines] == [
        ("reading", 180_001), ("reading", 180_002), ("manual", 193_020), ("reading", 180_003)]  # fmt: skip
    assert lines[2]["who"] == "07"
    assert timeline(path, m.STATION, "river", "exercise", 10) == []
    assert len(timeline(path, m.STATION, "river", "actual", 2)) == 2


def test_an_observation_that_the_station_has_not_confirmed_is_in_the_timeline_as_such(store, path):
    put(
        path,
        Action("observe", "07", channel="river", quantity=LEVEL, value=193_020, at_ms=T),
        expires_ms=now_ms() + MINUTE_MS,
    )
    ((what, value, text),) = [
        (line["what"], line["value"], line["text"]) for line in timeline(path, m.STATION, "river", "actual", 10)
    ]
    assert (what, value, text) == ("manual", 193_020, "stored")


def test_whatever_a_station_can_be_asked_for_can_be_ordered_here():
    assert {act.kind for act in ACTS.values()} == set(ACTIONS) == set(NEEDS)


def call(path, *arguments):
    return main(["center", *arguments, "--db", str(path), "--station", m.STATION, "--by", "07", "--lang", "en"])


def answering(path, status, reason=""):
    """A center and a station in a thread: the first order is sent and answered."""

    def run():
        with closing(Store(path)) as store:
            for _ in range(2_000):
                due = store.orders(now_ms())
                if due:
                    store.sent(due, now_ms())
                    store.take([reply(due[0], status, reason)])
                    return
                threading.Event().wait(0.005)

    thread = threading.Thread(target=run)
    thread.start()
    return thread


@pytest.mark.parametrize(
    ("status", "reason", "code", "said"),
    [("done", "", 0, "Done."), ("refused", "it has become red", 5, "The station refused: it has become red")],
)
def test_the_three_steps_of_an_order_are_shown_in_their_order(path, capsys, status, reason, code, said):
    with closing(Store(path)) as store:
        store.take([m.catalogue(), birth(), event(1, "alarm raised", 0, 2)])
    thread = answering(path, status, reason)
    assert call(path, "ack", "--rule", "flood", "--wait", "20 s") == code
    thread.join()
    out = capsys.readouterr().out
    places = [out.index(text) for text in ("1/3 stored", "2/3 sent", "3/3 confirmed", said)]
    assert places == sorted(places)
    assert "▲Y flood" in out
    with closing(sqlite3.connect(path)) as db:
        (found,) = orders.progress(db, m.STATION, T, 10)
        (config,) = db.execute("SELECT config FROM commands WHERE action IS NOT NULL").fetchone()
    assert (found.action.level, found.action.actor, found.action.tier) == (2, "07", "center")
    assert config == 0xABCD, "meant for the station.toml that the station last reported"


def test_an_order_without_an_answer_says_that_it_is_stored_and_goes_on(store, path, capsys):
    assert call(path, "silence", "--wait", "0 s", "--json") == 1
    told = json.loads(capsys.readouterr().out)
    assert (told["state"], told["confirmed_ms"]) == ("stored", None)
    assert steps(path) == [("silence", "stored", "")]


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["ack", "--rule", "flood"], 3, "no alarm flood stands"),
        (["mode", "exercise"], 2, "exercise needs an end"),
        (["operate", "emergency"], 2, "emergency needs an end"),
        (["observe", "--channel", "lake", "--value", "1 m"], 3, "has no channel lake"),
        (["observe", "--channel", "river", "--value", "193"], 2, 'has no unit; write "193 m"'),
        (["observe", "--value", "193 m"], 2, "neither channel nor quantity"),
        (["observe", "--channel", "river", "--value", "1 m", "--at", "2026-07-01T08:00"], 2, "in which zone"),
        (["observe", "--channel", "river", "--value", "1 m", "--at", "2999-01-01T00:00Z"], 2, "in the future"),
        (["observe", "--channel", "river", "--value", "1 m", "--at", "noon"], 2, "is no time"),
        (["silence", "--for", "soon"], 2, "--for"),
        (["shelve", "--rule", "flood", "--reason", " ", "--for", "1 h"], 2, "reason"),
    ],
)
def test_a_wrong_order_is_told_with_what_to_do_and_nothing_is_stored(store, path, capsys, arguments, code, said):
    assert call(path, *arguments) == code
    err = capsys.readouterr().err
    assert said in err
    assert "State   nothing was changed" in err
    assert steps(path) == []


def test_of_a_station_or_database_that_is_not_there_nothing_is_ordered(store, path, tmp_path, capsys):
    assert main(["center", "sound", "--db", str(path), "--station", "XXX", "--by", "07"]) == 3
    assert main(["center", "sound", "--db", str(tmp_path / "no.db"), "--station", "XXX", "--by", "07"]) == 3
    assert "no station XXX has reported" in capsys.readouterr().err
