"""The station in mode "test" for as long as somebody works at its sensors, and back to what it was.

Rules of this file: the mode ends by itself, whatever happens to the check; it is put back before anything else is told,
also after Ctrl-C, and a second Ctrl-C does not keep it from that.
"""

import contextlib
import signal
import threading
from collections.abc import Iterator
from typing import Any

from tools.check.said import said
from tools.check.site import Site
from tools.failure import Failure
from tools.faults import fault
from wire.telemetry import MODES

TEST = MODES.index("test")
LASTS_MS = 1_800_000  # A check takes five to fifteen minutes.
RENEW_MS = 600_000  # Less than this left: it is prolonged.
SHOWN_S = 5.0  # Until the gateway's state shows an order that is done.


class TestMode:
    """`with mode.held():` the station is in mode test; `renew` now and then. `before`: what it was, for the report."""

    __test__ = False  # It is no test.

    def __init__(self, site: Site, siren: bool, lang: str) -> None:
        self._site = site
        self.siren = siren
        self._lang = lang
        began = site.began
        self.before: dict[str, Any] = {key: began[key] for key in ("mode", "mode_by", "mode_until_s", "mode_siren")}
        self.was_set = False
        self.after = began["mode"]  # What it is when all is over.
        self.left = False  # It could not be put back: it ends by itself.

    @contextlib.contextmanager
    def held(self) -> Iterator[None]:
        """`Failure` where the gateway refuses; nothing was changed then."""
        refused = ""
        try:
            refused = self._set_test()
            if not refused:
                self._site.until(lambda: self._site.latest["mode"] == MODES[TEST], SHOWN_S, lambda: said("looking"))
                self.was_set = True
                yield
        except Failure:
            with contextlib.suppress(Failure):  # What failed first is what is told; `left` says the rest.
                self.put_back()
            raise
        except BaseException:
            self.put_back()
            raise
        if refused:
            raise fault("check_mode", self._lang, seen=refused)
        self.put_back()

    def renew(self) -> None:
        """Prolong it, if it would end soon."""
        now = self._site.look()
        left_ms = (now["mode_until_s"] or 0) * 1000 - now["unix_ms"]
        if now["mode"] == MODES[TEST] and left_ms < RENEW_MS:
            self._set_test()

    def put_back(self) -> None:
        """The mode of before the check. `Failure` where the gateway is gone; then the mode ends by itself."""
        with undisturbed():
            try:
                now = self._site.look()
                if self.was_set and now["mode"] != MODES[TEST]:
                    self.after = now["mode"]  # Somebody has ended it meanwhile.
                else:
                    self._order_back(now["unix_ms"])
            except Failure:
                self.left = True
                raise

    def _order_back(self, unix_ms: int) -> None:
        mode, until_ms = self.before["mode"], (self.before["mode_until_s"] or 0) * 1000
        siren = self.before["mode_siren"]
        if until_ms and until_ms <= unix_ms:  # It would be over by now.
            mode, until_ms, siren = self._site.config.mode, 0, self._site.config.siren.in_exercise
        fields: dict[str, Any] = {"until_ms": until_ms} if until_ms else {}
        actor = self.before["mode_by"] or self._site.by
        refused = self._site.order_as(actor, "mode", mode=MODES.index(mode), siren=siren, **fields)
        self.after = mode
        if refused:
            raise fault("check_mode_stays", self._lang, seen=refused, mode=mode)

    def _set_test(self) -> str:
        return self._site.order("mode", mode=TEST, duration_ms=LASTS_MS, siren=self.siren)


@contextlib.contextmanager
def undisturbed() -> Iterator[None]:
    """No Ctrl-C in here: it takes a moment only."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    before = {number: signal.signal(number, signal.SIG_IGN) for number in numbers}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
