"""Writes a board's settings, and voids its log where it moves to another station."""

HEADER_BYTES = 20
FEED_EACH = 16


def save(names: dict, payload: bytes) -> dict:
    """Write `payload` over the older copy; what the newest reads back as."""
    import twin

    feed()
    twin.save(names["board"], payload)
    answer_words()
    feed()
    found = twin.newest_first(names["board"])
    return {"sha256": digest(found[0]) if found else ""}


def answer_words() -> None:
    """What the last start said of the settings before (unfit.py: "board …") is answered by new ones, and no fault."""
    import health

    keep = HAL[0].keep
    if health._get(keep)[0].startswith("board "):
        health.leave_words(keep, "")


def void_log(blocks: int) -> dict:
    """Take the headers of all blocks, so that the next start finds no log and begins one with an epoch of its own.

    The newest goes first: what a power cut leaves is an older part of the same log.
    """
    log = open_log(blocks)
    flash = HAL[0].blocks("log", blocks)
    count = flash.size // flash.block
    newest = log._block if log.epoch else 0
    header, voided = bytearray(HEADER_BYTES), 0
    for back in range(count):
        if back % FEED_EACH == 0:
            feed()
        at = (newest - back) % count * flash.block
        flash.read(at, header)
        if header != b"\xff" * HEADER_BYTES and header != bytes(HEADER_BYTES):
            flash.program(at, bytes(HEADER_BYTES))
            voided += 1
    return {"voided": voided, "epoch": open_log(blocks).epoch}
