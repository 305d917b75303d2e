"""What surrounds an ESP32's hal where there is no ESP32: one clock, pins, a line, flash that is NOR, the radio.

Rules of this file: it stands where hardware would be and nowhere else, and does what a stock image's port does with it:
handlers of pins wait in a queue of eight until the interpreter has time; erasing flash takes that time away. Runs
under MicroPython and CPython.
"""

TICKS_PERIOD = 1 << 30
SCHEDULED_MAX = 8
ERASE_US = 45_000
PROGRAM_US = 300
INSTRUCTION_US = 10  # What a look at the clock or at the UART takes.
BLOCK_BYTES = 4096


class Restart(Exception):
    """The chip was told to restart."""


class World:
    """Everything, as it is now. `pass_us` lets time go on; `between_instructions` is where the interpreter looks up."""

    def __init__(self):
        self.now_us = (TICKS_PERIOD - 5_000) * 1_000  # Ticks of milliseconds wrap soon.
        self.events = []  # (at us, call), ordered.
        self.scheduled = []
        self.lost_edges = 0
        self.in_c = False
        self.in_handler = False
        self.levels = {}  # pin -> level that something outside gives it.
        self.outputs = {}  # pin -> level that the chip gives it.
        self.changes = []  # (us, pin, level) of outputs.
        self.handlers = {}  # pin -> (handler, trigger)
        self.uv = {}  # pin -> microvolt; None = the converter refuses.
        self.uarts = {}
        self.counts = {}  # pin -> clean pulses
        self.spi = []  # What was sent, with the level of each output.
        self.rtc = b""
        self.cause = 1  # PWRON_RESET
        self.registers = {0x3FF4_8034: 1}
        self.wdt = []  # Its time-outs and "feed"s.
        self.slept_ms = None
        self.partitions = {"log": bytearray(b"\xff" * 16 * BLOCK_BYTES)}
        self.flash = []  # What was done to it, by name.
        self.radio = []
        self.joins_at_us = None

    def at(self, us, call):
        """Let `call` happen `us` from now."""
        self.events.append((self.now_us + us, call))
        self.events.sort(key=lambda event: event[0])

    def pass_us(self, us):
        end = self.now_us + us
        while self.events and self.events[0][0] <= end:
            at, call = self.events.pop(0)
            self.now_us = max(self.now_us, at)
            call()
        self.now_us = max(self.now_us, end)

    def between_instructions(self):
        """Time goes on a little; handlers that wait are run, unless one is running."""
        self.pass_us(INSTRUCTION_US)
        if self.in_handler or self.in_c:
            return
        while self.scheduled:
            handler, pin = self.scheduled.pop(0)
            self.in_handler = True
            handler(pin)
            self.in_handler = False

    def in_one_call(self, us):
        """A call into the chip's library: nothing of ours runs meanwhile."""
        self.in_c = True
        self.pass_us(us)
        self.in_c = False

    def set_pin(self, pin, level):
        """Something outside changes the level at `pin`."""
        before = self.levels.get(pin, 1)
        self.levels[pin] = level
        if pin in self.handlers and before and not level:
            if len(self.scheduled) >= SCHEDULED_MAX:
                self.lost_edges += 1
            else:
                self.scheduled.append((self.handlers[pin][0], pin))

    def falling_edge(self, pin, us=0):
        """A contact at `pin` closes `us` from now and opens again 1 ms later."""
        self.at(us, lambda: self.set_pin(pin, 0))
        self.at(us + 1_000, lambda: self.set_pin(pin, 1))

    def drive(self, pin, level):
        if self.outputs.get(pin) != level:
            self.changes.append((self.now_us, pin, level))
        self.outputs[pin] = level


WORLD = World()
