"""What a technician wants done at the station, handed to its running gateway and answered (gateway/orders.py).

Rules of this file: the same actions as the center's, with who wants it; an order has an end, and one that nobody took
is taken back.
"""

import os
import secrets
import time

import cbor2

from gateway.actions import Action, action_map
from gateway.orders import ORDER, PART, REPLY
from tools.faults import fault
from tools.station_now import StationNow
from wire.telemetry import K_ACTION, K_CONFIG, K_EXPIRES_MS, K_ID, K_MAJOR, K_REASON, K_STATUS, MAJOR, STATUSES

WAIT_S = 10.0
LASTS_S = 60.0  # An order that nobody took back ends by itself: a tool that died wants nothing any more.
POLL_S = 0.05
TIER = "station"


def carry_out(now: StationNow, action: Action, lang: str, wait_s: float = WAIT_S) -> str:
    """Have the gateway do it: "" when it is done, else why it refuses. `Failure` where no answer comes in `wait_s`.

    `action.tier` should be TIER. An order is taken back when the wait is over; one for a station.toml that the gateway
    does not run is refused.
    """
    folder = now.config.order_folder
    expires_ms = int(now.read()["unix_ms"] + max(wait_s, LASTS_S) * 1000)
    number = secrets.randbits(32)
    message = {K_MAJOR: MAJOR, K_ID: number, K_EXPIRES_MS: expires_ms, K_ACTION: action_map(action)}
    content = cbor2.dumps(message | {K_CONFIG: now.config.version}, canonical=True)
    path = folder / f"{time.time_ns():020d}-{number:08x}{ORDER}"
    reply = path.with_suffix(REPLY)
    try:
        partial = path.with_suffix(f"{PART}-order")
        descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with open(descriptor, "wb") as file:
            file.write(content)
        partial.replace(path)
        end_s = time.monotonic() + wait_s
        while not reply.exists():
            if time.monotonic() > end_s:
                path.unlink(missing_ok=True)
                raise fault("order_unanswered", lang, seen=f"{wait_s:.0f} s", folder=folder)
            time.sleep(POLL_S)
        answer = cbor2.loads(reply.read_bytes())
        reply.unlink()
    except OSError as error:
        raise fault("order_folder", lang, seen=error.strerror or str(error), folder=folder) from None
    return "" if STATUSES[answer[K_STATUS]] == "done" else str(answer.get(K_REASON, ""))
