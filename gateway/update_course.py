"""One package on its way to one board: what is to be done next, by what the board says of itself.

Rules of this file: no clock, disk or port; times are the station's and come in as arguments. All that outlives the
gateway is `progress`, which is in the note beside the package, and what the board's own registers say. An order to
install is given only when the note says so already: whoever comes after a kill knows that it was given. What has ended
has ended for good: only a new file makes the same package begin again.
"""

from typing import NamedTuple

from gateway.board_status import BoardStatus
from wire.modbus import BUSY, DEVICE_FAILURE, ILLEGAL_ADDRESS, ILLEGAL_FUNCTION, ILLEGAL_VALUE
from wire.registers import (
    RUNS_SAFE,
    UPDATE_CHUNK,
    UPDATE_IDLE,
    UPDATE_READY,
    UPDATE_RECEIVING,
    UPDATE_REFUSED,
    UPDATE_VERIFYING,
)

WAITING, SENDING, VERIFYING, READY = "waiting", "sending", "verifying", "ready"
INSTALLING, TRIAL = "installing", "trial"
CONFIRMED, ROLLED_BACK, REFUSED = "confirmed", "rolled back", "refused"
ENDS = (CONFIRMED, ROLLED_BACK, REFUSED)
UNDER_WAY = (WAITING, SENDING, VERIFYING, READY, INSTALLING, TRIAL)
STATES = (*UNDER_WAY, *ENDS)

DROP, CHUNK, INSTALL = "drop", "chunk", "install"  # Kinds of steps.

BUSY_MS = 2_000  # The board verifies, or is not ready to take more: so long it is let alone.
LATER_MS = 60_000  # Its flash or its supply does not allow it now.
LOST_MS = 3_000  # No answer: it may be writing, or starting.
RESTART_MS = 30_000  # Until an order to install shows.
WATCH_MS = 5_000  # A board that restarts is looked at so often.
STRIKES_MAX = 8  # Refusals one behind the other without a byte of progress.
LOSSES_MAX = 20  # Times that a board had less than before, and came no further since: its power, or somebody else.
ORDERS_MAX = 10  # Orders to install that a board did not seem to get.
BOOTS = 0xFFFF  # A board counts its starts from 1 to this, and from 1 again.
TRIED_STARTS = 2  # Into the package and back: who has started once only has lost its power.
STALLED_MS = 86_400_000  # Time in sight of the board without any progress.
SIGHT_MS = 120_000  # Longer between two looks is not "in sight".


class Order(NamedTuple):
    """A package that was dropped for `board` and found whole; `file` tells its file from any other."""

    board: str
    data: bytes
    version: tuple[int, int, int]
    counter: int
    file: tuple[int, int]

    @property
    def name(self) -> str:
        """As events call it: "0.2.0 (counter 8)"."""
        return f"{'.'.join(map(str, self.version))} (counter {self.counter})"


class Progress(NamedTuple):
    """What must outlive the gateway: of which board it is, and whether that was told to install."""

    state: str = WAITING
    serial: str = ""
    boot: int = 0  # of the board when it was told to install
    orders: int = 0  # to install; counted before each is given
    ordered: bool = False  # One of them was answered.
    begun: bool = False  # That it has begun was told.
    reason: str = ""  # of an end: a key of gateway.words.UPDATE_REASONS
    detail: str = ""


class Step(NamedTuple):
    """Something to ask of the board; a chunk is `data` from `offset` on."""

    kind: str
    offset: int = 0
    data: bytes = b""


class Course:
    """`heard` and the answers to steps move it on; `next` says what to do. `saved` is the progress that is on disk."""

    def __init__(self, order: Order, progress: Progress = Progress()) -> None:  # noqa: B008 - it cannot change
        self.order = order
        self.progress = progress
        self.saved = progress
        self.offset: int | None = None  # What the board has; None = it has to be asked.
        self.ready_ms: int | None = None  # Since when it could be installed.
        self._dropping = False
        self._given = True  # The order that `progress` counts has gone out, as far as is known.
        self._hold_ms = 0
        self._look_ms = 0
        self._heard_ms: int | None = None
        self._still_ms = 0  # In sight without progress.
        self._furthest = 0  # That it ever had,
        self._reached = 0  # and has as far as is known.
        self._strikes = 0
        self._losses = 0
        self._drops = 0
        self._trouble = ""

    @property
    def ended(self) -> bool:
        return self.progress.state in ENDS

    def wants_status(self, now_ms: int) -> bool:
        """Should the board be asked what it says of itself?"""
        return not self.ended and now_ms >= self._look_ms

    def next(self, now_ms: int, chunk_max: int) -> Step | None:
        """What to ask of the board now; chunks of up to `chunk_max` bytes. None = nothing."""
        if self.ended or now_ms < self._hold_ms or self.offset is None:
            return None
        if self._dropping:
            return Step(DROP)
        if self.progress.state == SENDING and self.offset < len(self.order.data):
            return Step(CHUNK, self.offset, self.order.data[self.offset : self.offset + chunk_max])
        if self.progress.state == INSTALLING and not self._given and self.saved == self.progress:
            return Step(INSTALL)
        return None

    def install(self) -> None:
        """It is READY, and may restart now: `next` gives the order as soon as the note says so too."""
        orders = self.progress.orders + 1
        self.progress = self.progress._replace(state=INSTALLING, orders=orders, ordered=False)
        self._given = False

    # What the board says

    def heard(self, status: BoardStatus, now_ms: int) -> None:
        """The board has told its status."""
        if self.ended:
            return
        self._count_sight(now_ms)
        before = self.progress.state
        if self.progress.serial not in ("", status.serial.hex()):
            self.progress = Progress(begun=self.progress.begun)  # Another board hangs there now: it gets it anew.
            self._drops = 0
        self.offset = status.offset
        self._look_ms = now_ms + BUSY_MS
        self._dropping = False
        if self.progress.state in (INSTALLING, TRIAL):
            self._judge_install(status, now_ms)
        elif status.trial:
            self._look_ms = now_ms + WATCH_MS  # Another one than ours, which takes its time.
            self._hold_ms = self._look_ms
        elif status.counter >= self.order.counter:
            self._end(REFUSED, "counter", f"{status.version_text} (counter {status.counter}) runs")
        else:
            self._judge_sending(status, now_ms)
        if self.progress.state != before:
            self._still_ms = 0
        if not self.ended and self._still_ms >= STALLED_MS and self.progress.state not in (READY, TRIAL):
            self._end(REFUSED, "no progress", f"{self.offset} of {len(self.order.data)} bytes; {self._trouble}")

    def _judge_install(self, status: BoardStatus, now_ms: int) -> None:
        """It was told to restart into the package: has it, and what has become of it?"""
        progress = self.progress
        self._look_ms = now_ms + WATCH_MS
        if status.counter == self.order.counter and status.slot != RUNS_SAFE:
            if status.trial:
                self.progress = progress._replace(state=TRIAL)
            else:
                self._end(CONFIRMED)
            return
        starts = (status.boot - progress.boot) % BOOTS
        surely = progress.state == TRIAL or progress.ordered  # Else no answer came: it may never have got the order.
        if starts and (surely or (self._given and starts >= TRIED_STARTS)):
            words = f", last words: {status.last_words}" if status.last_words else ""
            runs = f"{status.version_text} (counter {status.counter}) runs, slot {status.slot}"
            self._end(ROLLED_BACK, "rolled back", runs + words)
        elif status.state == UPDATE_REFUSED:
            self._refused_by(status)
        elif status.state == UPDATE_READY:
            if now_ms < self._hold_ms or (not self._given and not starts):
                return
            if progress.orders >= ORDERS_MAX:
                self._end(REFUSED, "no restart", f"told {progress.orders} times")
            else:
                self._ready(status, now_ms)
        elif status.state != UPDATE_VERIFYING:  # It has lost what it had before the order came.
            self.progress = progress._replace(state=SENDING)
            self._judge_sending(status, now_ms)

    def _judge_sending(self, status: BoardStatus, now_ms: int) -> None:
        if self.progress.state == WAITING:
            self._prepare(status)
        elif status.state == UPDATE_REFUSED:
            self._refused_by(status)
        elif status.state == UPDATE_VERIFYING:
            self.progress = self.progress._replace(state=VERIFYING)
        elif status.state == UPDATE_READY:
            self._ready(status, now_ms)
        elif status.state in (UPDATE_IDLE, UPDATE_RECEIVING):
            self._go_on(status, now_ms)

    def _prepare(self, status: BoardStatus) -> None:
        """A package begins from nothing, by an order: what is there, or on its way, belongs to another one."""
        if self._drops and status.state == UPDATE_IDLE and status.offset == 0:
            self.progress = self.progress._replace(state=SENDING, serial=status.serial.hex(), begun=True)
            self._furthest = self._reached = 0
            return
        if self._drops >= STRIKES_MAX:
            self._end(REFUSED, "exception", f"it does not drop what it has; {self._trouble}")
        self._dropping = True

    def _go_on(self, status: BoardStatus, now_ms: int) -> None:
        """Send on from where the board is."""
        self.progress = self.progress._replace(state=SENDING)
        self.ready_ms = None
        self._look_ms = now_ms + LATER_MS  # As long as its answers say how far it is.
        if status.offset > self._furthest:
            self._moved(status.offset)
        elif status.offset < self._reached:
            self._losses += 1
            if self._losses > LOSSES_MAX:
                self._end(REFUSED, "losses", f"{self._losses} times")
        self._reached = status.offset
        size = len(self.order.data)
        if status.offset > size or (status.offset < size and status.offset % UPDATE_CHUNK):
            self.progress = self.progress._replace(state=WAITING)  # That is not ours.
            self._look_ms = now_ms
        elif status.offset == size:
            self._look_ms = now_ms + BUSY_MS  # It will verify now.

    def _ready(self, status: BoardStatus, now_ms: int) -> None:
        self.ready_ms = now_ms if self.ready_ms is None else self.ready_ms
        self.progress = self.progress._replace(state=READY, boot=status.boot, ordered=False)
        self._look_ms = now_ms + WATCH_MS

    def _refused_by(self, status: BoardStatus) -> None:
        self._end(REFUSED, f"board {status.reason}")

    # Answers to steps

    def took(self, step: Step, now_ms: int) -> None:
        """The board has done it."""
        if step.kind == CHUNK:
            self.offset = self._reached = step.offset + len(step.data)
            if self.offset > self._furthest:
                self._moved(self.offset)
            if self.offset >= len(self.order.data):
                self._look_ms = now_ms
        elif step.kind == DROP:
            self._drops += 1
            self._ask_again(now_ms, 0)
        else:
            self.progress = self.progress._replace(ordered=True)
            self._given = True
            self.ready_ms = None
            self._hold_ms = now_ms + RESTART_MS
            self._look_ms = now_ms + WATCH_MS

    def refused(self, step: Step, code: int, now_ms: int) -> None:
        """The board answered with exception `code`: its status says how to go on."""
        self._trouble = f"exception {code} to {step.kind} at {step.offset}"
        self._given = True
        if code in (ILLEGAL_FUNCTION, ILLEGAL_ADDRESS):
            self._end(REFUSED, "no updates", self._trouble)
            return
        self._strikes += code == ILLEGAL_VALUE
        if self._strikes > STRIKES_MAX:
            self._end(REFUSED, "exception", self._trouble)
        self._ask_again(now_ms, _PAUSES_MS.get(code, BUSY_MS))

    def lost(self, step: Step, now_ms: int) -> None:
        """No usable answer: what became of it, the board's status says."""
        self._trouble = f"no answer to {step.kind} at {step.offset}"
        if step.kind == INSTALL:
            self._given = True
            self._hold_ms = now_ms + RESTART_MS
            self._look_ms = now_ms + WATCH_MS
        else:
            self._ask_again(now_ms, LOST_MS)

    def replaced(self, why: str) -> None:
        """Another file, or none, stands in its place: it has ended as far as it has come."""
        self._end(REFUSED, why)

    def _ask_again(self, now_ms: int, pause_ms: int) -> None:
        self.offset = None
        self._look_ms = self._hold_ms = now_ms + pause_ms

    def _moved(self, offset: int) -> None:
        self._furthest = offset
        self._strikes = 0
        self._losses = 0
        self._still_ms = 0

    def _count_sight(self, now_ms: int) -> None:
        if self._heard_ms is not None:
            self._still_ms += min(now_ms - self._heard_ms, SIGHT_MS)
        self._heard_ms = now_ms

    def _end(self, state: str, reason: str = "", detail: str = "") -> None:
        if not self.ended:
            self.progress = self.progress._replace(state=state, reason=reason, detail=detail)


_PAUSES_MS = {ILLEGAL_VALUE: 0, DEVICE_FAILURE: LATER_MS, BUSY: BUSY_MS}  # Flash or supply; it verifies.
