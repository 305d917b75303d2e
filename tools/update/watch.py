"""An update as a person watches it, from the gateway's note and state, to its end.

Rules of this file: it only reads. A gateway that is away for a moment, as one that starts anew, ends no watch.
"""

from time import monotonic, sleep
from typing import Any

from gateway.update_course import (
    CONFIRMED,
    ENDS,
    INSTALLING,
    READY,
    REFUSED,
    ROLLED_BACK,
    SENDING,
    TRIAL,
    VERIFYING,
    WAITING,
)
from gateway.updates import ALARM
from tools.failure import Failure
from tools.faults import fault
from tools.steps import Steps
from tools.update.phrases import phrase
from tools.update.plan import Plan, board_in, folder_fault, why

LOOK_S = 0.25
TAKEN_S = 5.0  # The gateway takes a file at its second look.
AWAY_S = 60.0  # So long a gateway may be away.
STEPS = ("send", "verify", "install", "trial")
_STEP_OF = {WAITING: 0, SENDING: 0, VERIFYING: 1, READY: 2, INSTALLING: 2, TRIAL: 3, ROLLED_BACK: 3, CONFIRMED: 4}


class Watch:
    """Of the package that `plan` has dropped or found. `state` is the last that was seen."""

    def __init__(self, plan: Plan, lang: str) -> None:
        self.state = WAITING
        self._plan = plan
        self._lang = lang
        self._steps = Steps(len(STEPS), lang)
        self._taken = False  # The gateway has written a note of it.
        self._document: dict[str, Any] = {}
        self._began_s = self._seen_s = monotonic()
        self._first = plan.size  # Bytes that were there when its sending was first seen.

    def follow(self) -> None:
        """Until the board has confirmed it. `Failure` for every other end."""
        for number, name in enumerate(STEPS):
            with self._steps.step(name, phrase(name, self._lang)):
                while True:
                    self._look()
                    if self.state == REFUSED or (self.state == ROLLED_BACK and number == _STEP_OF[ROLLED_BACK]):
                        raise self._failure()
                    if _STEP_OF[self.state] > number:
                        break
                    self._show()
                    sleep(LOOK_S)

    def _look(self) -> None:
        plan = self._plan
        try:
            lies = plan.shelf.packages().get(plan.name) == plan.file  # Before the note: it is put away behind it.
            note = plan.shelf.note(plan.name)
        except OSError as error:
            raise folder_fault(plan.config, error, self._lang) from None
        if note.get("file") == list(plan.file or ()):
            self._taken = True
            plan.note = note
            self.state = note["state"] if note.get("state") in _STEP_OF or note.get("state") == REFUSED else WAITING
        elif not lies:
            plan.note = {**plan.note, "reason": "replaced", "detail": ""}
            self.state = REFUSED
        if self.state not in ENDS:
            self._ask_gateway()

    def _ask_gateway(self) -> None:
        try:
            self._document = self._plan.now.read()
            self._seen_s = monotonic()
        except Failure as failure:
            away_s = monotonic() - self._seen_s
            if away_s > AWAY_S:
                raise fault("update_gateway_gone", self._lang, seen=failure.seen, board=self._plan.name) from None

    def _show(self) -> None:
        told = board_in(self._document, self._plan.name)
        offset = (told.get("update") or {}).get("offset")
        if self.state == SENDING and offset is not None:
            self._first = min(self._first, offset)
            self._steps.show(offset, self._plan.size, self._first)
        waits = self._waits(told)
        self._steps.say(phrase(waits, self._lang) if waits else "")

    def _waits(self, told: dict[str, Any]) -> str:
        """The phrase that says for what it waits; "" = it goes on."""
        if monotonic() - self._seen_s > 1.0:
            return "wait_away"
        if not self._taken:
            return "wait_gateway" if monotonic() - self._began_s > TAKEN_S else ""
        if self.state == READY:
            for_what = (told.get("update") or {}).get("waits")
            return ("wait_alarm" if for_what == ALARM else "wait_turn") if for_what else ""
        if self.state in (WAITING, SENDING, VERIFYING):
            link = self._link()
            return "wait_asleep" if link.get("asleep") else "wait_lost" if link.get("lost") else ""
        return ""

    def _link(self) -> dict[str, Any]:
        """What the gateway's state says of the board's link."""
        links = [source for bus in self._document.get("buses", []) for source in bus.get("sources", [])]
        links += (self._document.get("local") or {}).get("boards", [])
        return next((link for link in links if link.get("name") == self._plan.name), {})

    def _failure(self) -> Failure:
        note = self._plan.note
        key = "update_rolled_back" if self.state == ROLLED_BACK else "update_refused"
        told = {"board": self._plan.name, "folder": self._plan.config.update_folder}
        return fault(key, self._lang, seen=why(note, self._lang), **told)
