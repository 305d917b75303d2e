"""A board's counters, for a rig: no real board loads this."""


def stats_of(board) -> dict:
    """What is counted, by its name."""
    sampler, log, slots, kept = board.sampler, board.log, board.slots, board.kept
    stats = link_stats(board.link)
    own = {
        "scans": sampler.scans,
        "scans_skipped": sampler.scans_skipped,
        "scan_ms_max": sampler.scan_ms_max,
        "row_errors": sampler.row_errors,
        "rows_withheld": sampler.rows_withheld,
        "last_words": kept.words,
        "slot": slots.running,
        "trial": slots.trial,
        "sensor_errors": board.counters.sensor_errors(),
        "tail": log.tail,
        "head": log.head,
        "gateway_has": log.gateway_has,
        "center_has": log.center_has,
        "overwritten": log.overwritten,
        "damaged": log.damaged,
        "boot": kept.boot,
        "bites": log.bites,
        "clock_steps": board.clock.steps,
        "heap_low": board.counters.heap_low_bytes,
    }
    stats.update(own)
    if board.sleeper is not None:
        stats["reports"] = board.sleeper.reports
        stats["given_up"] = board.sleeper.given_up
    return stats


def link_stats(link) -> dict:
    """The same of a board's link alone."""
    return _of_line(link) if hasattr(link, "receiver") else _of_net(link)


def _of_line(link):
    receiver = link.receiver
    return {
        "requests": link.requests,
        "exceptions": link.exceptions,
        "crc_errors": receiver.crc_errors,
        "dropped": receiver.dropped,
        "twins": receiver.twins,
        "reopened": link.reopened,
    }


def _of_net(link):
    client = link.client
    return {
        "messages": link.messages,
        "acks": link.acks,
        "acks_refused": link.refused,
        "resent": link.resent,
        "connects": client.connects,
        "losses": client.losses,
        "broker_refused": client.refused,
        "skipped": client.skipped,
        "up": client.up,
    }
