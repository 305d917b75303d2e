"""What a board holds: its settings, newest first, without their secrets; and its log."""

import json
from binascii import hexlify
from hashlib import sha256


def digest(data: bytes) -> str:
    return hexlify(sha256(data).digest()).decode()


def look(names: dict, secrets: list, salt: str, blocks: int) -> dict:
    """`secrets`: keys of a link whose values stay here; their salted hashes are told. `blocks`: of a log where no
    settings say it.
    """
    import twin

    copies, newest = [], None
    for payload in twin.newest_first(names["board"]):
        feed()
        definition = parsed(payload)
        newest = newest or definition
        hidden = {}
        if definition:
            link = definition["link"]
            hidden = {key: digest((salt + str(link.pop(key))).encode()) for key in secrets if key in link}
        copies.append({"sha256": digest(payload), "definition": definition, "hidden": hidden})
    return {"copies": copies, "log": log((newest or {}).get("log_blocks", blocks))}


def parsed(payload: bytes) -> "dict | None":
    try:
        found = json.loads(payload)
    except ValueError:
        return None
    return found if isinstance(found, dict) and isinstance(found.get("link"), dict) else None


def log(blocks: int) -> dict:
    """What the log holds. An "error" where it cannot be read."""
    try:
        opened = open_log(blocks)
    except (OSError, ValueError) as error:
        return {"rows": 0, "unsent": 0, "error": repr(error)}
    rows = opened.head - opened.tail + 1 if opened.head else 0
    unsent = min(rows, opened.head - opened.gateway_has) if rows else 0
    return {"rows": rows, "unsent": unsent, "epoch": opened.epoch}


def open_log(blocks: int):
    """The log, which is not formatted by this, with the watermarks that memory has kept. OSError, ValueError."""
    from board_log import BoardLog
    from health import Kept

    class Peek(Kept):
        """Reads what was kept, and keeps nothing anew."""

        def __init__(self, keep, log):
            self._keep = keep
            self._log = log
            self.boot = log.boot
            self.fits = self._load()

    hal = HAL[0]
    opened = BoardLog(hal.blocks("log", blocks), 0, False, feed)
    if opened.epoch:
        Peek(hal.keep, opened)
    return opened
