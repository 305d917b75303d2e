"""The arithmetic of the bench, and that its own stand-ins are what they say; nothing here is timed."""

import os
from argparse import Namespace
from types import SimpleNamespace

import pytest

import boards
from gateway.bought import plan
from gateway.load import load
from tools import bench
from tools.bench import (
    cost,
    engine,
    firmware,
    latency,
    lone_board,
    machine,
    recorded,
    siren,
    station,
    uplink_bytes,
    wire,
)
from tools.bench.figures import Figure, char_bits, exchange_s, kept, percentile, silence_s, wire_use
from tools.bench.start import BUS, NOWHERE
from tools.failure import Failure
from tools.firmware_build import build

LINES = [station.Line(9_600, "8N1"), station.Line(115_200, "8E1", prompt=True)]


# By hand: 9600 8N1, one register: (13 + 2)·10/9600 = 15.625 ms and 2·3.5·10/9600 = 7.2917 ms, together 22.9167 ms.
# 9600 8E1, twenty: (13 + 40)·11/9600 = 60.7292 ms and 2·3.5·11/9600 = 8.0208 ms, together 68.75 ms.
# 115200 8N1, twenty: 53·10/115200 = 4.6007 ms and 2·1.75 ms, since above 19200 baud t3.5 is fixed; 8.1007 ms.
# 115200 8E1, twenty: 53·11/115200 = 5.0608 ms and 3.5 ms, together 8.5608 ms.
# 19200 8N1, ten: 33·10/19200 = 17.1875 ms and 2·3.5·10/19200 = 3.6458 ms, together 20.8333 ms.
@pytest.mark.parametrize(
    ("registers", "baud", "framing", "ms"),
    [
        (1, 9_600, "8N1", 22.9167),
        (20, 9_600, "8E1", 68.75),
        (20, 115_200, "8N1", 8.1007),
        (20, 115_200, "8E1", 8.5608),
        (10, 19_200, "8N1", 20.8333),
    ],
)
def test_an_exchange_takes_what_it_takes_by_hand(registers, baud, framing, ms):
    assert exchange_s(registers, baud, char_bits(framing)) * 1000 == pytest.approx(ms, abs=0.0001)


def test_the_wire_is_used_whole_when_its_exchanges_fill_the_time():
    assert wire_use(1_000, 20, 115_200, "8N1", 8.1007) == pytest.approx(1.0, abs=0.00001)
    assert wire_use(500, 20, 115_200, "8N1", 8.1007) == pytest.approx(0.5, abs=0.00001)


def test_no_time_and_no_framing_give_no_figure():
    with pytest.raises(ValueError, match="no time"):
        wire_use(1, 20, 9_600, "8N1", 0.0)
    with pytest.raises(ValueError, match="7E1"):
        char_bits("7E1")


def test_prompt_units_answer_right_after_the_silence_and_others_later():
    assert station.Line(9_600, "8N1", prompt=True).turn_us == 3_646  # 3.5·10/9600 = 3645.8 us, never earlier
    assert station.Line(115_200, "8N2", prompt=True).turn_us >= silence_s(115_200, 11) * 1e6
    assert station.Line(115_200, "8N2").turn_us == 8_000


def test_a_figure_is_its_median_and_is_held_against_its_limit():
    least = Figure("use", "%", (93.0, 97.0, 94.9), 95.0, least=True)
    most = Figure("delay", "ms", (29.0, 31.0, 30.0, 35.0, 12.0), 30.0)
    assert (least.median, least.verdict) == (94.9, "look")
    assert (most.median, most.verdict) == (30.0, "ok")
    assert Figure("delay", "ms", (30.1,), 30.0).verdict == "look"
    assert Figure("use", "%", (95.0,), 95.0, least=True).verdict == "ok"
    assert Figure("start", "s", (99.0,)).verdict == "ok"


def test_a_figure_tells_limit_median_span_and_verdict_in_one_line():
    line = Figure("use", "%", (93.0, 97.0, 94.9), 95.0, least=True, note="quiet").text()
    assert line.split() == ["use", ">=", "95", "%", "94.9", "%", "93.0..97.0", "look", "quiet"]
    assert Figure("start", "s", (1.234,), decimals=2).text().split() == ["start", "-", "1.23", "s", "1.23..1.23", "ok"]


def test_a_figure_for_a_machine_carries_every_sample():
    document = Figure("use", "%", (93.0, 97.0, 94.9), 95.0, least=True).document()
    assert (document["median"], document["min"], document["max"]) == (94.9, 93.0, 97.0)
    assert (document["samples"], document["limit_is"], document["verdict"]) == ([93.0, 97.0, 94.9], "least", "look")


def test_the_schedule_kept_is_a_ratio_of_rates():
    # 30 polls in 20 s, then 27 in 18 s: the same rate. 30 in 20 s, then 18 in 18 s: two thirds of it.
    shares = kept({"a": 30, "b": 30, "c": 30}, {"a": 27, "b": 18}, 20.0, 18.0)
    assert shares == {"a": pytest.approx(1.0), "b": pytest.approx(2 / 3), "c": 0.0}


def test_a_unit_that_was_never_polled_cannot_keep_its_schedule():
    with pytest.raises(ValueError, match="b"):
        kept({"a": 3, "b": 0}, {"a": 3, "b": 0}, 1.0, 1.0)


def test_percentiles_are_samples_by_nearest_rank():
    samples = [float(n) for n in range(100, 0, -1)]
    assert [percentile(samples, p) for p in (50, 99, 100)] == [50.0, 99.0, 100.0]
    assert percentile([7.0], 50) == 7.0
    with pytest.raises(ValueError, match="no samples"):
        percentile([], 50)


def counted(answers, asked, master_bytes):
    """Stats of a line on which every unit gave `answers` answers."""
    ports = {name: {"frames": answers, "bytes": answers * 45} for name in station.ADDRESSES}
    return {"ports": {**ports, "master": {"frames": asked, "bytes": master_bytes}}}


def test_exchanges_are_what_the_line_saw_and_nothing_else_may_be_on_it():
    assert wire._exchanges(counted(10, 80, 640)) == 80
    assert wire._exchanges(counted(10, 81, 648)) == 80  # One was asked and not answered yet.
    with pytest.raises(Failure, match="something else"):
        wire._exchanges(counted(10, 90, 720))
    with pytest.raises(Failure, match="something else"):
        wire._exchanges(counted(10, 80, 740))


def test_a_unit_has_ten_channels_in_one_block_and_may_be_asked_at_once():
    profile = boards.load_profile(str(station.PROFILE))
    assert plan(profile) == [(3, 0, station.REGISTERS)]
    assert len(profile.points) == station.CHANNELS
    assert (profile.min_interval_ms, profile.settle_ms) == (0, 0)


@pytest.mark.parametrize("line", LINES)
@pytest.mark.parametrize(("scan", "row"), [("2 s", "60 s"), ("1 s", "1 s"), ("600 ms", "60 s")])
def test_the_benched_station_is_one_that_a_gateway_takes(tmp_path, line, scan, row):
    path = tmp_path / "station.toml"
    text = station.station_toml(line, scan=scan, row=row, rules=station.RULE)
    path.write_text(text.format(port="/dev/null", siren="siren", spool="spool", broker=1883))
    config = load(path)
    assert len(config.sources) == station.UNITS
    assert [len(source.channels) for source in config.sources] == [station.CHANNELS] * station.UNITS
    assert {source.name: source.address for source in config.sources} == station.ADDRESSES


@pytest.mark.parametrize("host", ["127.0.0.1", NOWHERE])
def test_the_station_that_is_started_is_one_that_a_gateway_takes(tmp_path, host):
    path = tmp_path / "station.toml"
    text = (station.HEAD + BUS.format(host=host)).format(port="/dev/null", siren="siren", spool="spool", broker=1883)
    path.write_text(text)
    assert load(path).center.host == host


def test_an_answer_is_above_or_below_the_threshold_by_its_first_two_registers():
    below, above = (bytes((11, 3, 40)) + value.to_bytes(4, "big", signed=True) + bytes(38) for value in (-1, 30_000))
    assert (latency._is_above(below), latency._is_above(above)) == (False, True)


def test_the_machine_is_busy_by_other_work_or_by_stolen_time():
    load_now = machine.Load().end()
    for others, stolen, busy in ((0.0, 0.0, False), (0.05, 0.01, False), (0.06, 0.0, True), (0.0, 0.02, True)):
        load_now.others, load_now.stolen = others, stolen
        assert load_now.busy is busy
        assert load_now.words().startswith("machine busy" if busy else "machine quiet")


def test_the_typical_load_is_the_middle_one():
    loads = [SimpleNamespace(others=share, stolen=0.0) for share in (0.9, 0.0, 0.1)]
    assert machine.typical(loads).others == 0.1  # type: ignore[arg-type]


def test_what_a_process_used_is_read_for_this_one():
    spent = os.times()
    assert machine.cpu_s(os.getpid()) == pytest.approx(spent.user + spent.system, abs=0.5)
    assert 5 < machine.peak_rss_mib(os.getpid()) < 4_096


def test_peers_are_named_with_their_figures():
    assert cost.PEERS == {"modpoll, nothing durable": 0.14, "Node-RED": 0.32, "ThingsBoard gateway": 2.1}


def test_the_recorded_week_is_one_row_a_minute_of_four_sources_and_six_channels():
    rows = recorded.week(uplink_bytes.START_S, 1)
    assert list(rows) == list(recorded.SOURCES)
    assert recorded.CHANNELS == 6
    for name, of_source in rows.items():
        assert len(of_source) == recorded.DAY_ROWS
        assert [row.seq for row in of_source] == list(range(of_source[0].seq, of_source[0].seq + recorded.DAY_ROWS))
        assert [row.t_s - uplink_bytes.START_S for row in of_source] == list(range(60, 86_401, 60))
        assert {len(row.readings) for row in of_source} == {len(recorded.SOURCES[name])}
    tips = sum(count for row in rows["rain"] for _, count in row.tips)
    assert rows["rain"][-1].readings[0].value == recorded.RAIN_BEFORE_UM + 200 * tips > recorded.RAIN_BEFORE_UM
    assert recorded.week(uplink_bytes.START_S, 1) == rows
    with pytest.raises(ValueError, match="1 to 7 days"):
        recorded.week(uplink_bytes.START_S, 8)


def test_a_reading_costs_no_more_bytes_than_it_may_in_any_layout():
    figures = uplink_bytes.table(days=1)
    assert len(figures) == 8
    assert [figure.name for figure in figures if not figure.good] == []
    assert all(0.1 < figure.median < 4.5 for figure in figures)


def arguments(tmp_path, *pages, seconds=1.0, repeat=1, keep="new", trials=1):
    places = {"json": tmp_path / "b.json", "keep": tmp_path / keep}
    return Namespace(pages=list(pages), seconds=seconds, repeat=repeat, trials=trials, **places)


@pytest.mark.parametrize(("pages", "seconds", "repeat"), [(("wires",), 1.0, 1), ((), 0.5, 1), ((), 1.0, 0)])
def test_a_wrong_call_is_refused_before_anything_starts(tmp_path, pages, seconds, repeat):
    with pytest.raises(Failure) as told:
        bench.run(arguments(tmp_path, *pages, seconds=seconds, repeat=repeat))
    assert told.value.exit_code == 2


def test_a_folder_that_keeps_an_earlier_bench_is_left_alone(tmp_path):
    kept_file = tmp_path / "kept" / "gateway.log"
    kept_file.parent.mkdir()
    kept_file.write_text("earlier")
    with pytest.raises(Failure, match="not empty") as told:
        bench.run(arguments(tmp_path, "wire", keep="kept"))
    assert told.value.exit_code == 2
    assert kept_file.read_text() == "earlier"


@pytest.mark.parametrize(("share", "code", "last"), [(96.0, 0, "ok"), (94.0, 1, "look")])
def test_a_missed_limit_is_the_exit_code_and_the_last_line(tmp_path, monkeypatch, capsys, share, code, last):
    figure = Figure("use", "%", (share,), 95.0, least=True)
    monkeypatch.setattr(wire, "measure", lambda plan: [figure])
    assert bench.run(arguments(tmp_path, "wire")) == code
    assert capsys.readouterr().out.splitlines()[-1].split()[0] == last
    assert f'"verdict": "{last}"' in (tmp_path / "b.json").read_text()


def test_the_benched_station_has_every_channel_of_its_weather_and_records_the_record_rain():
    config = load(engine.STATION)
    assert {rule.kind for rule in config.rules} >= {
        "high", "low", "rise", "rain_sum", "storm", "tilt", "tilt_rate", "smoke", "lost", "fault", "storage",
    }  # fmt: skip
    assert sum(rule.kind == "rain_sum" for rule in config.rules) >= 6
    calm, storm = engine.calm(), engine.storm(1_000)
    for channel in config.channels:
        assert channel.quantity in calm(7)
        assert channel.quantity in storm(1_007)
    ends = 1_000 + engine.RECORD_H * 3_600
    assert storm(1_000)["rain_um"] == 0
    assert storm(ends)["rain_um"] == engine.RECORD_MM * 1_000
    assert max(storm(scan + 1)["rain_um"] - storm(scan)["rain_um"] for scan in range(1_000, 5_000)) == engine.TIP_UM


def test_the_benched_engine_judges_every_reading_and_weighs_its_state():
    one = engine.Engine(load(engine.STATION))
    assert one.run(engine.PIECE_SCANS + 20, engine.calm()) > 0
    assert one.readings == (engine.PIECE_SCANS + 20) * 11
    assert one.sink.alarms == 0
    took_ms, size = one.keep()
    assert took_ms > 0
    assert 500 < size < 100_000
    one.run(2_400, engine.storm(one.scan))
    assert one.sink.alarms > 0
    assert one.keep()[1] > size


def test_the_benched_siren_has_the_limits_of_the_design_and_stimuli_on_both_sides_of_the_rate(tmp_path):
    text = siren.STATION.read_text().format(port="/dev/null", siren="siren", spool="spool.db", broker=1883)
    (tmp_path / "station.toml").write_text(text)
    config = load(tmp_path / "station.toml")
    (step,) = next(rule.steps for rule in config.rules if rule.name == "flood")
    assert (step.on_delay_ms, step.off_delay_ms) == (0, 0)
    river = next(channel for channel in config.channels if channel.name == "river")
    assert siren.CALM_MM < step.at - step.deadband < siren.NEAR_MM < step.at <= siren.RISEN_MM < siren.JUMP_MM
    assert river.rate_per_min is not None
    assert siren.RISEN_MM - siren.NEAR_MM <= river.rate_per_min < siren.JUMP_MM - siren.CALM_MM
    assert config.buses[0].scan_ms == siren.SCAN_MS == siren.POLL_MS
    assert (siren.LIMIT_MS, siren.CONFIRMED_MS) == (2_100, 3_100)


@pytest.mark.skipif(not lone_board.USUAL.exists(), reason="no MicroPython in .cache/micropython")
def test_a_board_comes_up_in_a_large_heap_and_not_in_a_small_one(tmp_path):
    build()
    assert firmware.comes_up("esp32-rs485", tmp_path, firmware.HEAP_KIB_MOST)
    assert not firmware.comes_up("esp32-rs485", tmp_path, firmware.HEAP_KIB_LEAST)


@pytest.mark.skipif(not lone_board.USUAL.exists(), reason="no MicroPython in .cache/micropython")
def test_a_board_is_asked_over_a_pty_and_an_echo_is_no_answer(tmp_path, monkeypatch):
    monkeypatch.setattr(firmware, "WARM_UP", 1)
    build()
    line = lone_board.Pty()
    try:
        processor = min(os.sched_getaffinity(0))
        middle_us, tail_us = firmware._board_us(line, tmp_path, 1.0, processor, 5)
        assert 1_750 <= middle_us <= tail_us
        os.write(line.board_end, bytes(firmware.ANSWER_BYTES))
        with pytest.raises(lone_board.NotUp, match="is no answer"):
            firmware._exchanges_us(line, firmware.ANSWER_BYTES, 1)
    finally:
        line.close()
