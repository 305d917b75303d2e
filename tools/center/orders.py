"""What people want done at a station: durable in the center's database first, then sent until the station has answered.

Rules of this file: an order is stored before anybody says so, and sent as often as it takes: the station carries it out
once by its id. One that has expired unanswered stays as a record of what was asked.
"""

import secrets
import sqlite3
from collections.abc import Collection, Sequence
from typing import Any, NamedTuple

import cbor2

from gateway.actions import Action, ActionError, action_map, read_action
from tools.center.schema import Order
from wire.telemetry import K_ACTION, K_CONFIG, K_EXPIRES_MS, K_ID, K_MAJOR, MAJOR, STATUSES

AGAIN_MS = 15_000  # An unanswered order is sent again so often, beside each birth.
AT_ONCE_MAX = 100
ORDERS_MAX = 100_000  # The newest that are kept, of all stations.

_OPEN = "action IS NOT NULL AND status IS NULL AND expires_ms >= ?"


class Progress(NamedTuple):
    """How far an order is: stored, sent, then "accepted", "done" or "refused" with a reason; or "expired"."""

    station: str
    id: int
    action: Action
    made_ms: int
    sent_ms: int | None
    replied_ms: int | None
    state: str
    reason: str


def put(
    db: sqlite3.Connection, station: str, action: Action, now_ms: int, expires_ms: int, config: int | None
) -> Order:
    """Store an order and commit; after that it is on its way. sqlite3.Error: nothing was stored."""
    order = Order(station, secrets.randbits(32), expires_ms, cbor2.dumps(action_map(action), canonical=True), config)
    with db:
        db.execute(
            "INSERT INTO commands (station, id, made_ms, expires_ms, rows, action, config)"
            " VALUES (?, ?, ?, ?, 0, ?, ?)",
            (station, order.id, now_ms, expires_ms, order.action, config),
        )
        db.execute(
            "DELETE FROM commands WHERE action IS NOT NULL AND status IS NOT NULL AND (station, id) NOT IN"
            " (SELECT station, id FROM commands WHERE action IS NOT NULL ORDER BY made_ms DESC LIMIT ?)",
            (ORDERS_MAX,),
        )
    return order


def due(db: sqlite3.Connection, now_ms: int, born: Collection[str]) -> list[Order]:
    """The orders that are to be sent now, oldest first."""
    found = db.execute(
        f"SELECT station, id, expires_ms, action, config, sent_ms FROM commands WHERE {_OPEN} ORDER BY made_ms LIMIT ?",
        (now_ms, AT_ONCE_MAX),
    )
    return [
        Order(station, number, expires_ms, action, config)
        for station, number, expires_ms, action, config, sent_ms in found
        if sent_ms is None or station in born or not 0 <= now_ms - sent_ms < AGAIN_MS
    ]


def mark_sent(db: sqlite3.Connection, sent: Sequence[Order], now_ms: int) -> None:
    """Note that the broker has them; inside a transaction."""
    db.executemany(
        "UPDATE commands SET sent_ms = ? WHERE station = ? AND id = ?",
        [(now_ms, order.station, order.id) for order in sent],
    )


def order_message(order: Order) -> bytes:
    """The command as a station reads it."""
    message: dict[int, Any] = {K_MAJOR: MAJOR, K_ID: order.id, K_EXPIRES_MS: order.expires_ms}
    message[K_ACTION] = cbor2.loads(order.action)
    return cbor2.dumps(message | ({} if order.config is None else {K_CONFIG: order.config}), canonical=True)


def progress(db: sqlite3.Connection, station: str, at_ms: int, limit: int, number: int | None = None) -> list[Progress]:
    """How far the newest orders of a station are (or the one of that id), newest first."""
    found = db.execute(
        "SELECT id, action, made_ms, expires_ms, sent_ms, replied_ms, status, reason FROM commands"
        " WHERE action IS NOT NULL AND station = ? AND id = coalesce(?, id) ORDER BY made_ms DESC, id LIMIT ?",
        (station, number, limit),
    )
    told = []
    for order, content, made_ms, expires_ms, sent_ms, replied_ms, status, reason in found:
        try:
            action = read_action(cbor2.loads(content))
        except (ActionError, cbor2.CBORDecodeError):
            continue  # Of a later version of this program.
        if status is not None:
            state = STATUSES[status]
        else:
            state = "expired" if expires_ms < at_ms else "stored" if sent_ms is None else "sent"
        told.append(Progress(station, order, action, made_ms, sent_ms, replied_ms, state, reason or ""))
    return told
