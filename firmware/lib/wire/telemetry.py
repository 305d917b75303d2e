"""Messages between a station and the center: topics, keys, and rows as positional segments with delta columns.

Rules of this file: plain Python structures of integers, None, bytes, text, lists and maps; the CBOR around them is the
caller's. A segment and its rows turn into each other without loss. The contract is `telemetry.cddl` beside this file;
keys are never reused, unknown keys are ignored."""

from wire.columns import STEP_MAX, TelemetryError, delta, is_int, need, undelta
from wire.reading import GOOD, MISSING, QUALITIES, SYNCED, TIME_QUALITIES
from wire.row import CHANNELS_MAX, DATA, Reading, Row, RowError, pack, unpack

MAJOR = 1
ROWS_MAX = 1_500  # Rows of one segment: a day of 1-minute rows, and room.
SEGMENTS_MAX = 256
MESSAGE_BYTES_MAX = 65_536  # Of a message as CBOR, so also of what a payload on /late inflates to.
DEFLATE_WBITS = -15  # Raw deflate (RFC 1951), in zlib's way of saying so: payloads on /late.

# Keys of a message map.
K_MAJOR = 0
K_CATALOGUE = 1
K_BASE_S = 2
K_SEGMENTS = 3
K_MODE = 4
K_SERIAL = 5
K_EPOCH = 6
K_SEQ = 7
K_EVENT = 8
K_PUBLISHED_MS = 9
K_STATION = 10
K_SOURCES = 11
K_GENERATION = 12
K_ACKS = 13
K_ALIVE = 14
K_LOGS = 15
K_ID = 16  # of a command, and of the reply to it
K_EXPIRES_MS = 17
K_AGAIN = 18  # [[serial, epoch, [first, last, ...]], ...]: rows that the center asks for
K_STATUS = 19  # place in STATUSES
K_REASON = 20
K_ACTION = 21  # of a command: what a person wants done, as a map with the keys A_*
K_CONFIG = 22  # CRC-32 of station.toml: of a state, the one that runs; of a command, the one it was meant for
K_OPERATING = 23  # [place in OPERATING, who set it, until (unix s, 0 = no end)]; absent = normal
K_SETS = -23  # of a catalogue: the threshold sets that alarms name
K_FUSIONS = -24  # of a catalogue: channels that are made of two others
K_MODE_BY = -1  # [who set the mode of K_MODE, until (unix s, 0 = no end)]; absent = actual

STATUSES = ("accepted", "done", "refused")  # of a command

# Keys of the flags map that may end a segment.
F_TIME_QUALITY = 0  # absent = synced
F_OFFSETS = 1  # ms off the regular stamps, delta-coded like a column; absent = regular
F_QUALITY = 2  # {column: [flag, run, flag, run ...]}; absent = every value good, every null missing
F_STATS = 3  # {column: [below, above, spread] columns, each beginning with its difference from 0}
F_TIPS = 4  # [row, age_s, count, ...]
F_GATEWAY_QUALITY = 5  # {column: [flag, run ...]} where the gateway judged otherwise than the board

# Keys of an event map.
E_KIND = 0
E_AT_MS = 1  # unix ms of what happened (t_event): of an alarm, the crossing that this event tells of
E_DETECTED_MS = 2
E_RULE = 3
E_CHANNEL = 4
E_LEVEL = 5
E_VALUE = 6
E_THRESHOLD = 7
E_THRESHOLD_SET = 8
E_DATUM = 9
E_MODE = 10
E_DETAIL = 11  # text for people, and for kinds without a field of their own
E_QUANTITY = 12
E_SIREN_MS = 13  # unix ms at which the siren's output had changed
E_SOURCE = 14
E_RANGE = 15  # [first, last] seq of a dropped range
E_EPISODE_MS = 16  # t_event of the episode's first crossing: (rule, channel, this) is the identity of an episode
E_EPOCH = 17  # of the log that E_SOURCE and E_RANGE speak of
E_NUMBER = 18  # of the episode, counted per rule from 1
E_UNTIL_MS = 19  # unix ms until which it holds: shelved, silenced, a mode
E_TIER = 20  # where the person sits who did it: station, district, city ...
E_LATE = 21  # 1: judged for the record from rows that came late; no siren, no change of the present state
E_OPERATING = 22  # place in OPERATING at the time of detection; absent = normal
E_ACTOR = 23  # who did it: of what a person did or observed
E_COMMAND = -1  # id of the command that caused it
E_SUPPRESSED = -2  # the siren did not sound for it: 1 shelved, 2 out of service
E_DIFFERENCE = -3  # of a staff reading: sensor minus staff, mm
E_BASELINE = -20  # [version, [value of each axis]]: what a tilt is measured from, now
E_BASELINE_BEFORE = -21  # and before it was taken anew

EVENT_KINDS = {
    1: "alarm raised",
    2: "alarm escalated",
    3: "alarm lowered",
    4: "alarm cleared",
    5: "alarm acknowledged",
    6: "alarm rebased",
    7: "alarm shelved",
    8: "alarm unshelved",
    9: "alarm out of service",
    10: "sensor fault",
    11: "sensor back",
    12: "source lost",
    13: "source back",
    14: "duplicate address",
    15: "source changed",
    16: "staff reading",
    17: "sensors disagree",
    18: "sensors agree",
    19: "level source",
    20: "mode changed",
    21: "operator action",
    22: "clock stepped",
    23: "operating mode changed",
    24: "late rows judged",
    25: "manual observation",
    30: "rows dropped",
    31: "epoch begun",
    32: "catalogue",
    33: "store failed",
    34: "store back",
    40: "gateway started",
    41: "gateway stopped",
    42: "siren failed",
    50: "alarm in service",
    51: "alarm latched",
    52: "siren silenced",
    53: "siren sounds again",
    54: "siren tested",
    55: "siren back",
    64: "smoke fault",
    65: "smoke back",
    66: "smoke muted",
    67: "smoke test",
    60: "baseline taken",
    61: "baseline re-zeroed",
    62: "re-zero undone",
    63: "temperature beyond fit",
    68: "sensor suspect",
    69: "calibration due",
    70: "update begun",
    71: "update on trial",
    72: "update confirmed",
    73: "update rolled back",
    74: "update refused",
}
EVENT_CODES = {name: code for code, name in EVENT_KINDS.items()}

MODES = ("actual", "exercise", "test")
OPERATING = ("normal", "holiday", "flood season", "fire danger", "emergency")  # How densely it measures and reports.

# Kinds of source in a catalogue.
SOURCE_BOARD = 0
SOURCE_SENSOR = 1
SOURCE_EVENTS = 2

# Keys of the map that may end a channel in a catalogue.
C_OVER = 0  # [datum, mm to add, ...]: the same height over other datums
C_SOUND_CDEG = 1  # of a gap by sound: the temperature that the sensor assumes; the row's own corrects it


def topic(station: str, leaf: str) -> str:
    """Topic of `leaf` (event, live, late, state, catalogue, ack, command, reply) of a station."""
    return "rp/1/%s/%s" % (station, leaf)


def segments_of(index: int, cadence_s: int, epoch: int, rows: list, base_s: int, channels: int) -> list:
    """Segments for `rows` (ascending seq, one source at place `index` of its catalogue, `channels` columns).

    A segment is cut where seq skips, or boot, time quality change, or after ROWS_MAX rows. A row that has not exactly
    the catalogue's channels, and an anchor row, travel packed: [index, seq, bytes].
    """
    out = []
    run = []
    for row in rows:
        if row.kind != DATA or [r.channel for r in row.readings] != list(range(channels)):
            _close(out, run, index, cadence_s, base_s)
            run = []
            out.append([index, row.seq, pack(row, epoch)])
            continue
        if run and (
            len(run) >= ROWS_MAX
            or row.seq != run[-1].seq + 1
            or row.boot != run[-1].boot
            or row.time_quality != run[-1].time_quality
        ):
            _close(out, run, index, cadence_s, base_s)
            run = []
        run.append(row)
    _close(out, run, index, cadence_s, base_s)
    return out


def rows_of(segment: list, cadence_s: int, epoch: int, base_s: int, channels: int) -> list:
    """The rows of one segment. TelemetryError for anything that `segments_of` cannot have made."""
    return [row for row, _ in packed_rows_of(segment, cadence_s, epoch, base_s, channels)]


def packed_rows_of(segment: list, cadence_s: int, epoch: int, base_s: int, channels: int) -> list:
    """As `rows_of`: (row, its packed bytes) of each."""
    need(isinstance(segment, (list, tuple)) and len(segment) >= 3, "segment is not an array of 3 or more")
    if len(segment) == 3:
        need(isinstance(segment[2], bytes), "segment of three needs packed bytes")
        try:
            row = unpack(segment[2], epoch)
        except RowError as error:
            raise TelemetryError("packed row: " + error.reason) from None
        need(is_int(segment[1]) and row.seq == segment[1], "packed row has another seq")
        return [(row, bytes(segment[2]))]
    need(6 <= len(segment) <= 7, "segment is not 3, 6 or 7 long")
    columns = segment[5]
    flags = _flags(segment)
    need(is_int(channels) and 1 <= channels <= CHANNELS_MAX, "catalogue with no channel or too many")
    need(isinstance(columns, (list, tuple)) and len(columns) == channels, "segment has not the catalogue's columns")
    _, seq, start_s, boot, count = segment[:5]
    for number in (seq, start_s, boot, count, base_s, cadence_s):
        need(is_int(number) and -STEP_MAX <= number <= STEP_MAX, "segment head holds integers")
    need(1 <= count <= ROWS_MAX, "rows per segment: 1..%d" % ROWS_MAX)
    time_quality = flags.get(F_TIME_QUALITY, SYNCED)
    need(is_int(time_quality) and time_quality in TIME_QUALITIES, "no such time quality")
    offsets = undelta(flags.get(F_OFFSETS, [0]), count, "offsets")
    values = [undelta(column, count, "column") for column in columns]
    qualities = _qualities(values, _by_column(flags, F_QUALITY, channels), count)
    stats = _stats(values, _by_column(flags, F_STATS, channels), count)
    tips = _tips(flags.get(F_TIPS, []), count)
    rows = []
    for i in range(count):
        need(offsets[i] is not None, "a row needs its time")
        at_ms = (base_s + start_s + i * cadence_s) * 1000 + offsets[i]
        readings = []
        try:
            for c in range(channels):
                low, high, spread = stats[c][i] if c in stats else (None, None, None)
                readings.append(Reading(c, values[c][i], qualities[c][i], low, high, spread))
            row = Row(seq + i, boot, time_quality, at_ms // 1000, at_ms % 1000, readings, tips[i])
            rows.append((row, pack(row, epoch)))  # Packing checks the range of every field.
        except RowError as error:
            raise TelemetryError(error.reason) from None
    return rows


def gateway_qualities(segment: list, count: int) -> dict:
    """{column: [flag of each row]} where the gateway judged otherwise than the board; {} if nowhere."""
    need(isinstance(segment, (list, tuple)) and is_int(count) and 1 <= count <= ROWS_MAX, "segment without rows")
    out = {}
    for column, runs in _by_column(_flags(segment), F_GATEWAY_QUALITY, CHANNELS_MAX).items():
        out[column] = _expand(runs, count)
    return out


def run_lengths(flags: list) -> list:
    """[flag, run, flag, run ...] of a list of flags."""
    out = []
    for flag in flags:
        if out and out[-2] == flag:
            out[-1] += 1
        else:
            out += [flag, 1]
    return out


def _flags(segment):
    return _map(segment[6], "flags") if len(segment) == 7 else {}


def _by_column(flags, key, channels):
    columns = _map(flags.get(key, {}), "a flag of columns")
    for column in columns:
        need(is_int(column) and 0 <= column < channels, "flag of no column")
    return columns


def _map(value, what):
    # A decoder may give an immutable map that is no dict: what counts is that it has items.
    need(callable(getattr(value, "items", None)), what + " are a map")
    return dict(value.items())


def _close(out, run, index, cadence_s, base_s):
    if not run:
        return
    first = run[0]
    segment = [index, first.seq, first.t_s - base_s, first.boot, len(run), []]
    flags = {}
    if first.time_quality != SYNCED:
        flags[F_TIME_QUALITY] = first.time_quality
    offsets = [(r.t_s - first.t_s - i * cadence_s) * 1000 + r.ms for i, r in enumerate(run)]
    if any(offsets):
        flags[F_OFFSETS] = delta(offsets)
    qualities = {}
    stats = {}
    for c in range(len(first.readings)):
        column = [r.readings[c] for r in run]
        segment[5].append(delta([r.value for r in column]))
        if any(r.quality not in (GOOD, MISSING) for r in column):
            qualities[c] = run_lengths([r.quality for r in column])
        if any(r.low is not None for r in column):
            stats[c] = [delta([_stat(r, which) for r in column], 0) for which in range(3)]
    if qualities:
        flags[F_QUALITY] = qualities
    if stats:
        flags[F_STATS] = stats
    tips = []
    for i, row in enumerate(run):
        for age_s, tip_count in row.tips:
            tips += [i, age_s, tip_count]
    if tips:
        flags[F_TIPS] = tips
    if flags:
        segment.append(flags)
    out.append(segment)


def _stat(reading, which):
    if reading.low is None:
        return None
    value = reading.value or 0
    return (value - reading.low, reading.high - value, reading.spread)[which]


def _stats(values, packed, count):
    out = {}
    for c, columns in packed.items():
        need(isinstance(columns, (list, tuple)) and len(columns) == 3, "stats are three columns")
        below, above, spread = [undelta(column, count, "stats", 0) for column in columns]
        rows = []
        for i in range(count):
            if below[i] is None or above[i] is None or spread[i] is None:
                rows.append((None, None, None))
            else:
                value = values[c][i] or 0
                rows.append((value - below[i], value + above[i], spread[i]))
        out[c] = rows
    return out


def _qualities(values, packed, count):
    out = []
    for c, column in enumerate(values):
        flags = _expand(packed[c], count) if c in packed else [MISSING if v is None else GOOD for v in column]
        for i, flag in enumerate(flags):
            need((flag == MISSING) == (column[i] is None), "null and quality 9 belong together")
        out.append(flags)
    return out


def _expand(runs, count):
    need(isinstance(runs, (list, tuple)) and len(runs) % 2 == 0, "quality is pairs of flag and run")
    out = []
    for i in range(0, len(runs), 2):
        need(is_int(runs[i]) and runs[i] in QUALITIES, "no such quality")
        need(is_int(runs[i + 1]) and 1 <= runs[i + 1] <= count - len(out), "quality runs past its rows")
        out += [runs[i]] * runs[i + 1]
    need(len(out) == count, "quality covers not all rows")
    return out


def _tips(flat, count):
    need(isinstance(flat, (list, tuple)) and len(flat) % 3 == 0, "tips are triples")
    out = [[] for _ in range(count)]
    for i in range(0, len(flat), 3):
        need(is_int(flat[i]) and 0 <= flat[i] < count, "tips of no row")
        need(is_int(flat[i + 1]) and is_int(flat[i + 2]), "tips hold integers")
        out[flat[i]].append((flat[i + 1], flat[i + 2]))
    return out
