"""What hal/esp32 does at its pins, one check a function: line, pulses, converter, chips (fake_esp32/bench.py)."""

from bench import expect, hal_of, raises, run
from world import WORLD

TX, RX, DE, RAIN, LEVEL = 25, 26, 27, 33, 34
CHAR_US = 1_041


# The line


def bytes_come_in_order_and_nothing_is_waited_for():
    bus = hal_of().bus()
    buffer = bytearray(300)
    expect(bus.readinto(buffer), 0)
    bus.uart.feed(bytes(range(200)))
    WORLD.pass_us(100 * CHAR_US)
    expect(bus.readinto(buffer), 100)
    WORLD.pass_us(200 * CHAR_US)
    expect(bus.readinto(memoryview(buffer)[100:120]), 20)
    expect(bus.readinto(memoryview(buffer)[120:]), 80)
    expect(bytes(buffer[:200]), bytes(range(200)))
    expect(bus.uart.settings, (9_600, 8, None, 1, TX, RX))


def the_longest_frame_fits_while_the_flash_is_erased():
    hal = hal_of()
    flash, bus = hal.blocks("log", 16), hal.bus()
    bus.uart.feed(bytes(256))
    for block in range(7):  # 315 ms; 256 characters take 267.
        flash.erase(block)
    buffer = bytearray(512)
    expect((bus.readinto(buffer), bus.uart.dropped), (256, 0))


def the_driver_is_on_around_the_frame_and_no_longer():
    bus = hal_of().bus()
    for count in (1, 8, 255):
        WORLD.changes = []
        expect(bus.write(bytearray(300), count), count)
        (on_us, on_pin, on), (off_us, off_pin, off) = WORLD.changes
        expect((on_pin, on, off_pin, off), (DE, 1, DE, 0))
        if not (on_us <= bus.uart.done_us - count * CHAR_US and 0 <= off_us - bus.uart.done_us < CHAR_US):
            raise AssertionError(f"driven {on_us}..{off_us}, the frame ended at {bus.uart.done_us}")


def the_driver_is_off_from_the_start():
    hal_of()
    expect(WORLD.outputs[DE], 0)


def a_transceiver_that_finds_the_direction_needs_no_pin():
    bus = hal_of(ports={"bus 2": {"tx": TX, "rx": RX}}).bus()
    expect((bus.write(b"\x01\x02", 2), WORLD.changes), (2, []))


def a_line_that_takes_nothing_is_let_go_and_counted():
    bus = hal_of().bus()
    bus.uart.stuck = True
    expect((bus.write(bytes(8), 8), bus.errors, WORLD.outputs[DE]), (0, 1, 0))


def parity_and_baud_come_from_the_link():
    bus = hal_of(link={"baud": 19_200, "framing": "8E1"}).bus()
    expect(bus.uart.settings, (19_200, 8, 0, 1, TX, RX))


def silence_is_measured_from_the_last_byte_on():
    bus = hal_of().bus()
    bus.uart.feed(b"\x01")
    WORLD.pass_us(2_000)
    bus.readinto(bytearray(8))
    bus.await_silence(3_646)
    if not 3_646 <= bus.silent_us() < 3_800:
        raise AssertionError(bus.silent_us())


def a_wait_ends_when_bytes_come():
    hal = hal_of()
    begin = hal.ticks_ms()
    WORLD.at(30_000, lambda: hal.bus().uart.feed(b"\x01"))
    hal.wait(1_000)
    if not 30 <= hal.ticks_diff(hal.ticks_ms(), begin) <= 35:
        raise AssertionError(hal.ticks_diff(hal.ticks_ms(), begin))
    hal.bus().readinto(bytearray(8))
    begin = hal.ticks_ms()
    hal.wait(50)
    if not 50 <= hal.ticks_diff(hal.ticks_ms(), begin) <= 55:
        raise AssertionError(hal.ticks_diff(hal.ticks_ms(), begin))


# Pulses


def a_burst_of_200_edges_is_counted_each_with_its_time():
    hal = hal_of()
    counter = hal.counter(0)
    begin = hal.ticks_ms()
    for number in range(200):
        WORLD.falling_edge(RAIN, 5_000 * (number + 1))
    while WORLD.events:
        hal.ticks_ms()
    times = [hal.ticks_diff(edge, begin) for edge in counter.take()]
    expect((len(times), counter.dropped, WORLD.lost_edges), (200, 0, 0))
    if not all(0 <= times[i] - 5 * (i + 1) <= 1 for i in range(200)):
        raise AssertionError(times)
    expect(counter.take(), [])


def pulses_get_their_time_while_a_frame_leaves():
    hal = hal_of()
    counter, bus = hal.counter(0), hal.bus()
    begin = hal.ticks_ms()
    for at_us in range(20_000, 240_000, 20_000):  # Eleven: more than can wait.
        WORLD.falling_edge(RAIN, at_us)
    bus.write(bytes(256), 256)
    times = [hal.ticks_diff(edge, begin) for edge in counter.take()]
    expect((times, WORLD.lost_edges), (list(range(20, 240, 20)), 0))


def a_tip_while_the_flash_is_erased_is_one_tip():
    hal = hal_of()
    from drivers.tipping_bucket import TippingBucket

    gauge = TippingBucket(hal.counter(0), hal.ticks_diff, 200)
    flash = hal.blocks("log", 16)
    for bounce_us in (10_000, 12_000, 15_000):
        WORLD.falling_edge(RAIN, bounce_us)
    flash.erase(3)
    expect((gauge.read(hal.ticks_ms())[0][0], WORLD.lost_edges), (200, 0))


def more_edges_than_a_scan_can_hold_are_counted_as_dropped():
    hal = hal_of()
    counter = hal.counter(0)
    for number in range(300):
        WORLD.falling_edge(RAIN, 2_000 * (number + 1))
    while WORLD.events:
        hal.ticks_ms()
    expect((len(counter.take()), counter.dropped), (255, 45))


def clean_pulses_are_counted_by_the_chip_whatever_the_program_does():
    hal = hal_of(ports={"counter 0": {"in": RAIN, "clean": 1}})
    counter = hal.counter(0)
    flash = hal.blocks("log", 16)
    begin = hal.ticks_ms()
    for block in range(10):
        WORLD.counts[RAIN] = WORLD.counts.get(RAIN, 0) + 10
        flash.erase(block)
    times = [hal.ticks_diff(edge, begin) for edge in counter.take()]
    end = hal.ticks_diff(hal.ticks_ms(), begin)
    expect(len(times), 100)
    if not (times == sorted(times) and 0 <= times[0] <= 10 and times[-1] <= end and times[-1] > end - 10):
        raise AssertionError(times)
    expect((counter.take(), WORLD.handlers), ([], {}))
    WORLD.counts[RAIN] += 1_000
    expect((len(counter.take()), counter.dropped), (256, 744))


# Pins, converter, chips


def the_converter_reaches_21_mA_over_100_ohm_and_says_when_it_gives_nothing():
    hal = hal_of()
    WORLD.uv[LEVEL] = 2_100_400
    expect(hal.adc(0).read_uv(), 2_100_000)
    WORLD.uv[LEVEL] = None
    expect(hal.adc(0).read_uv(), None)


def a_chip_on_the_bus_is_selected_while_it_is_talked_to_and_no_longer():
    hal = hal_of()
    spi = hal.spi(0)
    expect(WORLD.outputs[4], 1)
    expect(spi.transfer(b"\x01\x02\x03\x04"), b"\xfe\xfd\xfc\xfb")
    (number, sent, outputs), *others = WORLD.spi
    expect((number, sent, outputs[4], WORLD.outputs[4], others), (2, b"\x01\x02\x03\x04", 0, 1, []))


def an_open_contact_reads_1_and_a_closed_one_0():
    contact = hal_of().pin_in("smoke")
    expect(contact.value(), 1)
    WORLD.set_pin(32, 0)
    expect(contact.value(), 0)


def a_port_that_board_json_has_not_is_named():
    hal = hal_of(without=("bus 2",))
    for call, argument in ((hal.adc, 5), (hal.uart, 0), (hal.counter, 3), (hal.spi, 1), (hal.pin_in, "door")):
        expect(raises(KeyError, call, argument), True)
    expect(raises(KeyError, hal.bus), True)
    expect(raises(KeyError, hal.blocks, "files", 4), True)


def a_sensor_on_a_second_uart_is_read_without_waiting():
    hal = hal_of()
    uart = hal.uart(1)
    expect((uart.any(), uart.readinto(bytearray(4))), (0, 0))
    WORLD.uarts[1].feed(b"\xff\x01\x02\x02")
    WORLD.pass_us(5_000)
    buffer = bytearray(8)
    expect((uart.readinto(buffer), bytes(buffer[:4])), (4, b"\xff\x01\x02\x02"))
    expect(uart.write(b"\x55"), 1)


if __name__ == "__main__":
    run(
        [
            bytes_come_in_order_and_nothing_is_waited_for,
            the_longest_frame_fits_while_the_flash_is_erased,
            the_driver_is_on_around_the_frame_and_no_longer,
            the_driver_is_off_from_the_start,
            a_transceiver_that_finds_the_direction_needs_no_pin,
            a_line_that_takes_nothing_is_let_go_and_counted,
            parity_and_baud_come_from_the_link,
            silence_is_measured_from_the_last_byte_on,
            a_wait_ends_when_bytes_come,
            a_burst_of_200_edges_is_counted_each_with_its_time,
            pulses_get_their_time_while_a_frame_leaves,
            a_tip_while_the_flash_is_erased_is_one_tip,
            more_edges_than_a_scan_can_hold_are_counted_as_dropped,
            clean_pulses_are_counted_by_the_chip_whatever_the_program_does,
            the_converter_reaches_21_mA_over_100_ohm_and_says_when_it_gives_nothing,
            a_chip_on_the_bus_is_selected_while_it_is_talked_to_and_no_longer,
            an_open_contact_reads_1_and_a_closed_one_0,
            a_port_that_board_json_has_not_is_named,
            a_sensor_on_a_second_uart_is_read_without_waiting,
        ]
    )
