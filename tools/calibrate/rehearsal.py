"""While known states are put to a sensor the station is in test: what is raised then is marked so, and nobody is woken.

Rules of this file: a person agrees first, and no alarm of a real event may stand; the test ends by itself, whatever
happens to this command, and Ctrl-C does not keep it from being ended.
"""

import contextlib
from collections.abc import Iterator

from gateway.actions import Action
from tools.calibrate.talk import Declined, Session, refused
from tools.check.mode import undisturbed
from tools.failure import Failure
from tools.orders import TIER, carry_out
from tools.station_now import real_alarms
from wire.telemetry import MODES

ACTUAL, TEST = "actual", "test"
TEST_MS = 3_600_000


@contextlib.contextmanager
def in_test(session: Session, *, back: bool = True) -> Iterator[None]:
    """The station in test; `back`: actual again at the end, if it was. `Declined`, `Failure`."""
    document = session.now.read()
    if document["mode"] != ACTUAL:
        yield
        return
    if seen := real_alarms(document):
        raise session.fault("check_alarm", seen=seen)
    if not session.agree(session.say("ask_test")):
        raise Declined
    if reason := _order(session, TEST, TEST_MS):
        raise refused(session, reason)
    try:
        yield
    finally:
        with undisturbed():
            session.tell(session.say("actual_again" if back and _ended(session) else "test_goes_on"))


def _ended(session: Session) -> bool:
    """Is the station in actual mode again? Where the gateway is gone it ends the test by itself."""
    with contextlib.suppress(Failure):
        return not _order(session, ACTUAL, None)
    return False


def _order(session: Session, mode: str, duration_ms: int | None) -> str:
    action = Action("mode", session.who(), TIER, mode=MODES.index(mode), duration_ms=duration_ms)
    return carry_out(session.now, action, session.lang)
