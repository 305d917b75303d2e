"""Bought sensors on the line."""

import struct
from collections.abc import Callable

from gateway.config import Source
from tests.gateway.fake_bus import exception, registers
from tests.gateway.poll_rig import RATE, Rig, radar, run
from wire.reading import FAIL, GOOD, MISSING


def _radar(words: dict[int, int], asked: list[int]) -> Callable[[bytes], bytes | None]:
    def answer(request: bytes) -> bytes | None:
        register, count = struct.unpack(">HH", request[2:6])
        asked.append(count)
        if register not in words:
            return exception(request, 2)
        return registers(request[0], [words[register]] * count)

    return answer


def test_a_bought_sensor_is_read_by_its_profile_register_by_register(tmp_path):
    counts: list[int] = []
    words = {0x0001: 4_321, 0x0010: 0}

    async def scenario(rig: Rig):
        await rig.station.until(lambda: any(v[0].quality == GOOD for v in rig.station.now.get("radar", [])))
        words[0x0001] = 0xFFFF
        await rig.looks("radar", 2)
        rig.kept.invalid = rig.station.now["radar"][-1][0]
        words[0x0001], words[0x0010] = 4_321, 3
        await rig.looks("radar", 2)
        rig.kept.bad_status = rig.station.now["radar"][-1][0]
        words[0x0001], words[0x0010] = 30_000, 0
        await rig.looks("radar", 2)
        rig.kept.beyond = rig.station.now["radar"][-1][0]
        del words[0x0001]
        await rig.looks("radar", 2)
        rig.kept.refused = rig.station.now["radar"][-1][0]

    def connect(rig: Rig):
        rig.fake.devices[21] = _radar(words, counts)

    rig = run(tmp_path, (radar(21),), scenario, before=connect)
    first = rig.station.now["radar"][0][0]
    assert (first.value, first.quality) == (None, MISSING)  # It settles for 2 s.
    good = next(values[0] for values in rig.station.now["radar"] if values[0].quality == GOOD)
    assert good.value == 4_321
    for absent in (rig.kept.invalid, rig.kept.bad_status, rig.kept.refused):
        assert (absent.value, absent.quality) == (None, MISSING)
    assert (rig.kept.beyond.value, rig.kept.beyond.quality) == (30_000, FAIL)
    assert set(counts) == {1}
    times = [at_s for at_s, request in rig.fake.requests if request[0] == 21]
    assert min(b - a for a, b in zip(times, times[1:], strict=False)) >= 0.100 / RATE
    assert not rig.station.has("lost")


def test_a_bought_sensors_rows_are_made_on_the_full_minute(tmp_path):
    words = {0x0001: 4_000, 0x0010: 0}

    async def scenario(rig: Rig):
        await rig.station.until(lambda: len(rig.store.made.get("radar", [])) >= 2)

    def connect(rig: Rig):
        rig.fake.devices[21] = _radar(words, [])

    source = Source("radar", "main", 21, profile="radar-60ghz", channels=radar(21).channels, row_s=5)
    rig = run(tmp_path, (source,), scenario, before=connect)
    (t_s, ms, quality, readings), second = rig.store.made["radar"][:2]
    assert (t_s % 5, ms, quality) == (0, 0, 2)
    assert second[0] == t_s + 5
    assert (readings[0].channel, readings[0].value, readings[0].quality) == (0, 4_000, GOOD)
    assert (readings[0].low, readings[0].high, readings[0].spread) == (4_000, 4_000, 0)


def test_in_an_intensified_mode_it_is_asked_more_often_and_its_rows_are_shorter(tmp_path):
    words = {0x0001: 4_000, 0x0010: 0}

    async def scenario(rig: Rig):
        await rig.looks("radar", 2)
        rig.poller.measure_every(1_000, 5)
        await rig.station.until(lambda: len(rig.store.made.get("radar", [])) >= 3)
        rig.kept.looks = rig.station.looks("radar")
        rig.poller.measure_every(0, 0)
        rig.kept.usual = (rig.poller._scan_us, rig.poller._sensors[0].row_s)

    def connect(rig: Rig):
        rig.fake.devices[21] = _radar(words, [])

    source = Source("radar", "main", 21, profile="radar-60ghz", channels=radar(21).channels, row_s=60)
    rig = run(tmp_path, (source,), scenario, scan_ms=4_000, before=connect)
    first, second, third = [t_s for t_s, *_ in rig.store.made["radar"][:3]]
    assert (second - first, third - second) == (5, 5)
    assert rig.kept.looks >= 8, "a look a second, not one in four"
    assert rig.kept.usual == (4_000_000, 60)
