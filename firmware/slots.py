"""Which application starts: slot a, slot b, or the safe one; and what is kept of how starts went.

Rules of this file: a state is a tuple of five, and `after_start` a pure function of it. Nothing is written when a slot
that has proved itself starts as it should; what cannot be written is no reason not to start. A slot holds an
application if it has MAIN: whoever fills a slot calls `clear` first and writes MAIN last.

Starts: a slot that never proved itself is on trial; each of its starts counts, and it has STARTS_MAX of them to be
confirmed. Of a slot that did, only those count that follow a crash or a bite of the watchdog, until it is healthy
again. Behind the last comes the other slot, behind the other's last the safe application: then the first slot gets one
more start with each start that is no crash.
"""

import os

import twin

STARTS_MAX = 3
MAIN = "main.mpy"
SAFE = "safe"
NAMES = ("a", "b")
STATE = "/boot"
MASKS = {"a": 1, "b": 2}
# active slot, mask of the slots that proved themselves, starts that counted, has the other slot failed before it?, mask
# of the columns that gave nothing when the active slot was put in its place
FRESH = ("a", 1, 0, False, 0)


def other_than(name: str) -> str:
    """The other slot."""
    return "b" if name == "a" else "a"


def after_start(state: tuple, crashed: bool, held: str) -> tuple:
    """(state from now on, what is to run). `crashed`: the run before ended by a crash or the watchdog; `held`: names
    of the slots that hold an application."""
    active, proved, starts, fallen, bad = state
    if active in held:
        if proved & MASKS[active] and not crashed:
            return state, active
        if starts < STARTS_MAX:
            return (active, proved, starts + 1, fallen, bad), active
    other = other_than(active)
    if fallen:
        # Both have failed. The one that is to be tried again is one that proved itself once, if there is any.
        again = active if proved & MASKS[active] or not proved & MASKS[other] else other
        return (again, proved, STARTS_MAX, True, bad), SAFE
    if other not in held:
        return state, SAFE
    if not proved & MASKS[active] and proved & MASKS[other]:
        return (other, proved, 0, False, bad), other  # A trial has failed, and all is as it was before.
    return (other, proved, 1, True, bad), other


def pack_state(state: tuple) -> bytes:
    active, proved, starts, fallen, bad = state
    return active.encode() + bytes([proved, starts, fallen, bad])


def unpack_state(data: "bytes | None") -> tuple:
    """The state in `data`; FRESH where there is none."""
    if data is None or len(data) != 5 or data[:1] not in (b"a", b"b"):
        return FRESH
    _, proved, starts, fallen, bad = data
    if proved > 3 or starts > STARTS_MAX or fallen > 1:
        return FRESH
    return data[:1].decode(), proved, starts, bool(fallen), bad


def choose(root: str, crashed: bool) -> str:
    """For the start, once: the name of what is to run, "a", "b" or SAFE; counts the start."""
    state = unpack_state(twin.load(root + STATE))
    after, name = after_start(state, crashed, _held(root))
    if after != state:
        try:
            twin.save(root + STATE, pack_state(after))
        except OSError as error:
            print("boot state:", error)
    return name


class Slots:
    """The application's view: `running` is what choose() gave it. All that writes raises OSError if it cannot.

    `bad`: mask of the columns that give nothing now; while on trial at first of those that gave nothing before.
    """

    def __init__(self, root: str, running: str):
        self.running = running
        self._root = root
        self._state = unpack_state(twin.load(root + STATE))
        self.bad = self._state[4]

    @property
    def trial(self) -> bool:
        """Has this application still to be confirmed?"""
        return self.running != SAFE and not self._state[1] & MASKS[self.running]

    @property
    def failed_starts(self) -> int:
        """Counted starts before this one, since the active slot was healthy."""
        starts = self._state[2]
        return starts if self.running == SAFE or not starts else starts - 1

    @property
    def spare(self) -> "str | None":
        """The slot that may be filled; None while the one that runs is on trial and may need the other."""
        if self.trial:
            return None
        if self.running != SAFE:
            return other_than(self.running)
        return self._state[0] if self._ordered() else other_than(self._state[0])

    def another_start(self) -> bool:
        """Would another application than this safe one be tried, if the board were switched off and on?"""
        return after_start(self._state, False, _held(self._root))[1] != SAFE

    def path(self, name: str) -> str:
        """The folder of `name`, "a", "b" or SAFE."""
        return "%s/%s" % (self._root, name)

    def clear(self, name: str) -> None:
        """`name`, the spare slot, holds no application from now on. ValueError for another."""
        if name != self.spare:
            raise ValueError("slot %s is in use" % name)
        active, proved, starts, fallen, bad = self._state
        if active == name:  # An order to start it, which is taken back.
            active = other_than(name)
            starts, fallen = (STARTS_MAX, True) if self.running == SAFE else (0, False)
        self._save((active, proved & ~MASKS[name], starts, fallen, bad))
        main = "%s/%s" % (self.path(name), MAIN)
        if is_there(main):
            os.remove(main)

    def switch(self, name: str) -> None:
        """The next start tries `name`, the spare slot. ValueError for another, or where there is no application."""
        if name != self.spare or not is_there("%s/%s" % (self.path(name), MAIN)):
            raise ValueError("slot %s cannot be started" % name)
        self._save((name, self._state[1] & ~MASKS[name], 0, False, self.bad))

    def confirm(self) -> None:
        """This application has proved itself: it starts from now on."""
        if self.running != SAFE:
            self._save((self.running, self._state[1] | MASKS[self.running], 0, False, 0))

    def healthy(self) -> None:
        """It runs well: starts that counted are forgotten. Nothing while it is on trial: see confirm."""
        active, proved, starts, _, bad = self._state
        if not self.trial and self.running == active and starts:
            self._save((active, proved, 0, False, bad))

    def give_up(self) -> None:
        """This application, which is on trial, failed: the next start is the other's, or as after its last start."""
        if not self.trial:
            return
        active, proved, _, fallen, bad = self._state
        self._save((other_than(active), proved, STARTS_MAX if fallen else 0, fallen, bad))

    def _ordered(self):
        """Is the active slot one that has not been started yet?"""
        return not self._state[1] & MASKS[self._state[0]] and not self._state[2]

    def _save(self, state):
        if state != self._state:
            twin.save(self._root + STATE, pack_state(state))
            self._state = state


def _held(root):
    """Names of the slots that hold an application."""
    return "".join([name for name in NAMES if is_there("%s/%s/%s" % (root, name, MAIN))])


def is_there(path: str) -> bool:
    """Is there a file or folder `path`?"""
    try:
        os.stat(path)
    except OSError:
        return False
    return True
